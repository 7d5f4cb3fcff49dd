//! `alcove manual`: a page for each command, made of the same words as the help.

use crate::{args::Cli, context::Context, failure::Failure, output};
use alcove_client::telling::files;
use alcove_programs::exit::Exit;
use clap::CommandFactory;
use directories::BaseDirs;
use std::{fs, path::Path};

pub(crate) fn run(context: &Context, install: bool, to: Option<&Path>) -> Result<(), Failure> {
    if !install {
        let mut page = Vec::new();
        // Cannot fail: memory takes what is written to it.
        let _written = clap_mangen::Man::new(Cli::command()).render(&mut page);
        return output::raw(&page);
    }
    let own = BaseDirs::new().map(|folders| folders.data_dir().join("man/man1"));
    let Some(folder) = to.map(Path::to_owned).or(own) else {
        return Err(Failure::new(
            Exit::Usage,
            "This system names no folder for the data of programs.",
            "Name a folder with --to DIR.",
        ));
    };
    fs::create_dir_all(&folder)
        .and_then(|()| clap_mangen::generate_to(Cli::command(), &folder))
        .map_err(|error| files::file(context.language, &folder, &error))?;
    context.output.acted();
    let path = folder.display().to_string();
    context.output.object("alcove.installed.v1", serde_json::json!({ "path": path }))?;
    context.output.line(&path)?;
    context.output.say(
        "The pages are there: `man alcove`, `man alcove-note-add`. If `man` does not find them, add the folder above man1 \
         to MANPATH.",
    );
    Ok(())
}
