//! What a person types at a terminal: whole, or refused with the reason; and never lost.

use crate::{
    lying_answers::lied_to,
    scene::{CASE, Scene, texts, write},
    support::liar::{Call, Lie},
};
use alcove_proto::v1::Reason;
use alcove_tests::{needs::skip_unless, process::wait_for, terminal, world::path};
use bytes::Bytes;
use std::{fs, os::unix::fs::PermissionsExt, path::Path, time::Duration};

const END: &str = "\x04";

/// A script that stands for an editor: gets the file as its only argument.
fn editor(scene: &Scene, script: &str) -> String {
    let file = scene.world.path("an editor");
    fs::write(&file, format!("#!/bin/sh\n{script}\n")).expect("a script can be written");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o700)).expect("and made to run");
    // As a shell reads it, with an argument of its own.
    format!("'{}' -x", path(&file))
}

/// Whether a program runs on this vault.
fn is_in_use(home: &Path) -> bool {
    let wanted = format!("ALCOVE_HOME={}\0", home.display());
    let processes = fs::read_dir("/proc").expect("proc(5) is there").flatten();
    processes
        .filter_map(|process| fs::read(process.path().join("environ")).ok())
        .any(|environment| environment.windows(wanted.len()).any(|part| part == wanted.as_bytes()))
}

#[test]
fn a_page_that_is_pasted_as_one_line_is_whole() {
    if skip_unless(terminal::can_be_made(), "a pasted page", "script(1)") {
        return;
    }
    let scene = Scene::with_case();
    let page = "Зустріч о пʼятій, señora Peña. ".repeat(300);
    let mut terminal = scene.rosa.command(["note", "add", CASE]).at_terminal();
    terminal.wait_for("Ctrl-D on an empty line sends it");
    terminal.types(format!("{page}\rand a second line, mistaken\x17\x7f\x7f.\r{END}"));
    terminal.end().success();
    assert_eq!(texts(&scene.leon), [format!("{page}\nand a second line.")]);

    // Pasted before it was asked for: the line is whole all the same.
    let mut terminal = scene.rosa.command(["note", "add", CASE]).at_terminal();
    terminal.wait_for("will be read by");
    terminal.types(format!("{}\r{END}", "b".repeat(6_001)));
    terminal.end().success();
    assert_eq!(texts(&scene.leon)[1].len(), 6_001);
}

#[test]
fn what_was_typed_outlives_ctrl_c_and_a_closed_terminal_and_is_offered_again() {
    if skip_unless(terminal::can_be_made(), "a draft", "script(1)") {
        return;
    }
    let scene = Scene::with_case();
    let mut terminal = scene.rosa.command(["note", "add", CASE]).at_terminal();
    terminal.wait_for("Ctrl-D");
    terminal.types("She called at noon.\rThe number was");
    terminal.wait_for("The number was");
    terminal.types("\x03");
    let outcome = terminal.end().code(130);
    assert!(outcome.stdout.contains("kept on this device"), "{}", outcome.stdout);

    let mut terminal = scene.rosa.command(["note", "add", CASE]).at_terminal();
    terminal.wait_for("The number was");
    terminal.wait_for("Go on with it?");
    terminal.types("y\r");
    terminal.wait_for("Ctrl-D");
    terminal.types(" withheld");
    terminal.wait_for("withheld");
    terminal.close();
    wait_for("the program to notice", Duration::from_secs(30), || {
        (!is_in_use(&scene.rosa.home)).then_some(())
    });

    let mut terminal = scene.rosa.command(["note", "add", CASE]).at_terminal();
    terminal.wait_for("Go on with it?");
    terminal.types("y\r");
    terminal.wait_for("Ctrl-D");
    terminal.types(format!(".\r{END}"));
    terminal.end().success();
    assert_eq!(texts(&scene.leon), ["She called at noon.\nThe number was withheld."]);

    let mut terminal = scene.rosa.command(["note", "add", CASE]).at_terminal();
    terminal.wait_for("Type the note");
    assert!(!terminal.shown().contains("noon"), "what became a note is no draft any more");
    terminal.types("nothing\x15\x04");
    terminal.end().code(12);
}

#[test]
fn an_editor_writes_and_corrects_a_note_and_leaves_nothing_behind() {
    if skip_unless(terminal::can_be_made(), "an editor", "script(1)") {
        return;
    }
    let scene = Scene::with_case();
    let places = scene.world.path("places");
    // What an editor leaves: a backup and a swap file, beside the file and where TMPDIR says.
    let writes = editor(
        &scene,
        &format!(
            "stat -c '%a' \"$(dirname \"$2\")\" \"$2\" > '{0}.modes'; dirname \"$2\" > '{0}'; cp \"$2\" \"$2~\"; \
             touch \"$TMPDIR/.swp\"; cat \"$2\" > '{0}.before'; test -s \"$2\" && more=', corrected'; \
             printf \"by the editor\\n\\nas it stands$more\\n\" > \"$2\"",
            path(&places)
        ),
    );
    let edit = |arguments: &[&str]| {
        let run = scene.rosa.command(arguments).env("VISUAL", &writes).env("EDITOR", "false");
        run.at_terminal().end()
    };
    edit(&["note", "add", CASE, "-e"]).success();
    assert_eq!(texts(&scene.leon), ["by the editor\n\nas it stands"]);
    let id = scene.rosa.json_lines(["note", "list", CASE])[0]["id"].as_str().expect("an id").to_owned();
    edit(&["note", "correct", CASE, &id, "--edit"]).success();
    assert_eq!(texts(&scene.leon)[1], "by the editor\n\nas it stands, corrected");
    let before = fs::read_to_string(scene.world.path("places.before")).expect("the editor has looked");
    assert_eq!(before, "by the editor\n\nas it stands", "a correction begins with what there is");
    let modes = fs::read_to_string(scene.world.path("places.modes")).expect("the editor has looked");
    assert_eq!(modes, "700\n600\n");
    let place = fs::read_to_string(&places).expect("the editor has looked");
    assert!(!Path::new(place.trim()).exists(), "{place}");
}

#[test]
fn a_text_that_is_too_long_is_not_lost_and_an_editor_that_fails_loses_nothing() {
    if skip_unless(terminal::can_be_made(), "a long text", "script(1)") {
        return;
    }
    let scene = Scene::with_case();
    let shortens = editor(&scene, "head -c 12 \"$2\" > \"$2.new\"; mv \"$2.new\" \"$2\"");
    let mut terminal = scene.rosa.command(["note", "add", CASE]).env("EDITOR", &shortens).at_terminal();
    terminal.wait_for("Ctrl-D");
    terminal.types(format!("{}\r{END}", "0123456789 ".repeat(3_200)));
    terminal.wait_for("Shorten it in your editor?");
    terminal.types("y\r");
    terminal.end().success();
    assert_eq!(texts(&scene.leon), ["0123456789 0"]);

    let fails = editor(&scene, "echo 'half a thought' > \"$2\"; exit 3");
    let failed = scene.rosa.command(["note", "add", CASE, "-e"]).env("EDITOR", &fails).at_terminal().end();
    failed.code(12);
    let mut terminal = scene.rosa.command(["note", "add", CASE]).at_terminal();
    terminal.wait_for("half a thought");
    terminal.wait_for("Go on with it?");
    terminal.types("n\r");
    terminal.wait_for("Throw it away?");
    terminal.types("y\r");
    terminal.wait_for("Type the note");
    terminal.types(format!("another\r{END}"));
    terminal.end().success();
    assert_eq!(texts(&scene.leon), ["0123456789 0", "another"]);
}

/// Types this and is stopped, so that it is a draft.
#[track_caller]
fn leave_a_draft(scene: &Scene, text: &str, key: &str) {
    let mut terminal = scene.rosa.command(["note", "add", CASE, "--yes"]).at_terminal();
    terminal.wait_for("Type the note");
    terminal.types(text);
    terminal.wait_for(text);
    terminal.types(key);
    let outcome = terminal.end().code(130);
    assert!(outcome.stdout.contains("kept on this device"), "{}", outcome.stdout);
}

#[test]
fn a_draft_that_nobody_threw_away_outlives_every_other_note() {
    if skip_unless(terminal::can_be_made(), "several drafts", "script(1)") {
        return;
    }
    let scene = Scene::with_case();
    leave_a_draft(&scene, "a page of two hours", "\x03");
    // Ctrl-\ is heard like Ctrl-C; and --yes neither offers a draft nor writes over it.
    leave_a_draft(&scene, "a second thought", "\x1c");
    let run = scene.rosa.command(["note", "add", CASE, "--yes"]);
    let mut terminal = run.at_terminal();
    terminal.wait_for("kept for another time");
    terminal.wait_for("Type the note");
    terminal.types(format!("in a hurry\r{END}"));
    terminal.end().success();

    // What is pasted before anybody was asked is a note, and answers no question.
    let mut terminal = scene.rosa.command(["note", "add", CASE]).at_terminal();
    terminal.types("y\rpasted ahead\r");
    terminal.wait_for("kept for another time");
    terminal.wait_for("Type the note");
    terminal.types(END);
    terminal.end().success();

    // No to both questions of the newest, and on with the other; what is pasted at a question is no answer to the next.
    let mut terminal = scene.rosa.command(["note", "add", CASE]).at_terminal();
    terminal.wait_for("a second thought");
    terminal.wait_for("Go on with it?");
    terminal.types("a pasted page\r\ry\ry\r");
    terminal.wait_for("That is no answer");
    terminal.wait_for("Go on with it?");
    terminal.types("n\r");
    terminal.wait_for("Throw it away?");
    terminal.types("n\r");
    terminal.wait_for("a page of two hours");
    terminal.wait_for("Go on with it?");
    terminal.types("y\r");
    terminal.wait_for("Go on after the text above");
    terminal.types(format!(", whole\r{END}"));
    terminal.end().success();
    assert_eq!(texts(&scene.leon), ["in a hurry", "y\npasted ahead", "a page of two hours, whole"]);

    let mut terminal = scene.rosa.command(["note", "add", CASE]).at_terminal();
    terminal.wait_for("a second thought");
    terminal.wait_for("Go on with it?");
    assert!(!terminal.shown().contains("two hours"), "what became a note is no draft any more");
    terminal.types("y\r");
    terminal.wait_for("Go on after the text above");
    terminal.types(format!("\r{END}"));
    terminal.end().success();
}

/// Refuses every record for good.
struct NotUnderstood;

impl Lie for NotUnderstood {
    fn instead(&self, call: &Call<'_>) -> Option<Result<Vec<Bytes>, Reason>> {
        (call.method == "AppendRecord").then_some(Err(Reason::Malformed))
    }
}

#[test]
fn what_the_server_refuses_is_in_the_outbox_and_no_draft() {
    if skip_unless(terminal::can_be_made(), "a refused note", "script(1)") {
        return;
    }
    let (scene, liar) = lied_to();
    leave_a_draft(&scene, "to be refused", "\x03");
    liar.tell(NotUnderstood);
    let mut terminal = scene.rosa.command(["note", "add", CASE]).at_terminal();
    terminal.wait_for("Go on with it?");
    terminal.types("y\r");
    terminal.wait_for("Go on after the text above");
    terminal.types(format!("\r{END}"));
    let refused = terminal.end();
    assert_ne!(refused.code, 0, "{}", refused.stdout);
    assert!(!refused.stdout.contains("kept on this device"), "{}", refused.stdout);
    assert_eq!(scene.rosa.json(["outbox", "list"])["delivery"], "refused");
    let mut terminal = scene.rosa.command(["note", "add", CASE]).at_terminal();
    terminal.wait_for("Type the note");
    assert!(!terminal.shown().contains("to be refused"), "{}", terminal.shown());
    terminal.types("\x03");
    terminal.end().code(130);
}

#[test]
fn a_text_that_the_editor_left_as_it_was_is_not_sent() {
    if skip_unless(terminal::can_be_made(), "an editor left without saving", "script(1)") {
        return;
    }
    let scene = Scene::with_case();
    let id = write(&scene.rosa, "as it was");
    let unchanged = |arguments: &[&str], script: &str| {
        let run = scene.rosa.command(arguments).env("VISUAL", editor(&scene, script));
        let ended = run.at_terminal().end().code(12);
        assert!(ended.stdout.contains("--wait"), "{}", ended.stdout);
        assert!(!ended.stdout.contains("kept on this device"), "there is nothing to keep: {}", ended.stdout);
    };
    unchanged(&["note", "correct", CASE, &id, "-e"], "true");
    unchanged(&["note", "correct", CASE, &id, "-e"], "echo >> \"$2\"");
    unchanged(&["note", "add", CASE, "-e"], "true");

    leave_a_draft(&scene, "not meant for anybody yet", "\x03");
    for (answer, code) in [("n\r", 12), ("y\r", 0)] {
        let run = scene.rosa.command(["note", "add", CASE, "-e"]).env("VISUAL", editor(&scene, "true"));
        let mut terminal = run.at_terminal();
        terminal.wait_for("Go on with it?");
        terminal.types("y\r");
        terminal.wait_for("Send it as it is?");
        terminal.types(answer);
        terminal.end().code(code);
    }
    assert_eq!(texts(&scene.leon), ["as it was", "not meant for anybody yet"]);
}

#[test]
fn keys_and_a_closed_terminal_are_the_editors_while_it_runs() {
    if skip_unless(terminal::can_be_made(), "an editor that is interrupted", "script(1)") {
        return;
    }
    let scene = Scene::with_case();
    let waits = "trap : INT QUIT; echo it is open; until read -r line; do :; done; echo \"$line\" > \"$2\"";
    let run = scene.rosa.command(["note", "add", CASE, "-e"]).env("VISUAL", editor(&scene, waits));
    let mut terminal = run.at_terminal();
    terminal.wait_for("it is open");
    terminal.types("\x03\x1c");
    terminal.wait_for("^\\");
    terminal.types("written after Ctrl-C\r");
    terminal.end().success();
    assert_eq!(texts(&scene.leon), ["written after Ctrl-C"]);

    let saves = "trap 'echo saved when the window closed > \"$2\"; exit' HUP; echo it is open; while true; do sleep 0.1; done";
    let run = scene.rosa.command(["note", "add", CASE, "-e"]).env("VISUAL", editor(&scene, saves));
    let mut terminal = run.at_terminal();
    terminal.wait_for("it is open");
    terminal.close();
    wait_for("the program to notice", Duration::from_secs(30), || {
        (!is_in_use(&scene.rosa.home)).then_some(())
    });
    assert_eq!(texts(&scene.leon).len(), 1, "nobody has said that it is to be sent");
    let mut terminal = scene.rosa.command(["note", "add", CASE]).at_terminal();
    terminal.wait_for("saved when the window closed");
    terminal.wait_for("Go on with it?");
    terminal.types("\x03");
    terminal.end().code(130);
}
