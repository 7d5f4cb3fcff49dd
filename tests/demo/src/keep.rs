//! What to type next, when the world is kept.

use alcove_tests::world::{Server, Staff, World};
use std::{fs, os::unix::fs::PermissionsExt};

/// Leaves the server running and says how to go on and how to end it.
pub(crate) fn hand_over(world: &World, server: Server, case: &str, people: &[(&str, &Staff)]) {
    let bin = alcove_tests::process::program("alcove");
    let bin = bin.parent().expect("a program lies in a folder").display().to_string();
    let mut lines = String::from("# Sets the shell up as one of the people: . env NAME\n");
    lines.push_str(&format!("PATH={bin}:$PATH; export PATH\ncase \"$1\" in\n"));
    for (name, staff) in people {
        lines.push_str(&format!("  {name}) ALCOVE_HOME={}; ", quoted(&staff.home.display().to_string())));
        lines.push_str(&format!(
            "ALCOVE_PASSPHRASE_FILE={};;\n",
            quoted(&staff.passphrase_file.display().to_string())
        ));
    }
    lines.push_str("  *) echo 'which person?' ;;\nesac\nexport ALCOVE_HOME ALCOVE_PASSPHRASE_FILE\n");
    let env = world.path("env.sh");
    fs::write(&env, lines).expect("env.sh can be written");
    fs::set_permissions(&env, fs::Permissions::from_mode(0o600)).expect("permissions can be set");
    let process = server.leave_running();
    println!("\nThe world goes on in {}. Next, for example in bash:", world.folder().display());
    println!("  set -- {}; . {}", people[0].0, quoted(&env.display().to_string()));
    println!(
        "  alcove status\n  alcove case list\n  alcove note list {case}\n  echo 'Court date moved.' | alcove note add {case}"
    );
    println!(
        "  alcove note watch {case}      # in a second terminal, after: set -- {}; . …/env.sh",
        people[1].0
    );
    println!("To end it: kill {process}; rm -r {}", quoted(&world.folder().display().to_string()));
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}
