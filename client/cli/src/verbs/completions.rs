//! `alcove completions`.

use crate::{args::Cli, context::Context, failure::Failure, output};
use alcove_client::telling::files;
use alcove_programs::exit::Exit;
use clap::CommandFactory;
use clap_complete::Shell;
use directories::BaseDirs;
use std::{fs, path::PathBuf};

pub(crate) fn run(context: &Context, shell: Shell, install: bool) -> Result<(), Failure> {
    // Rendered first: writing into a pipe that has gone would panic inside.
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "alcove", &mut script);
    if !install {
        return output::raw(&script);
    }
    let place = BaseDirs::new().and_then(|folders| place(shell, &folders)).ok_or_else(|| {
        Failure::new(
            Exit::Usage,
            format!("There is no known place for completions of {shell}."),
            format!("Have {shell} read what `alcove completions {shell}` prints, from its own start file."),
        )
    })?;
    let folder = place.parent().unwrap_or(&place);
    fs::create_dir_all(folder)
        .and_then(|()| fs::write(&place, &script))
        .map_err(|error| files::file(context.language, &place, &error))?;
    context.output.acted();
    let path = place.display().to_string();
    context.output.object("alcove.installed.v1", serde_json::json!({ "path": path }))?;
    context.output.line(&path)?;
    context.output.say("It works in shells that you open from now on.");
    if shell == Shell::Zsh {
        context
            .output
            .say("zsh looks there only if the folder is in its fpath, before compinit in ~/.zshrc.");
    }
    Ok(())
}

/// Where a shell looks for completions that a person has put there for themselves.
fn place(shell: Shell, folders: &BaseDirs) -> Option<PathBuf> {
    match shell {
        Shell::Bash => Some(folders.data_dir().join("bash-completion/completions/alcove")),
        Shell::Fish => Some(folders.config_dir().join("fish/completions/alcove.fish")),
        Shell::Zsh => Some(folders.data_dir().join("zsh/site-functions/_alcove")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::ValueEnum;

    #[test]
    fn every_shell_gets_a_script_that_knows_the_verbs() {
        for shell in Shell::value_variants() {
            let mut script = Vec::new();
            clap_complete::generate(*shell, &mut Cli::command(), "alcove", &mut script);
            let script = String::from_utf8(script).unwrap();
            for verb in ["enrol", "member", "completions", "passphrase-file"] {
                assert!(script.contains(verb), "{shell}: {verb}");
            }
        }
    }
}
