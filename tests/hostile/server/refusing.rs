//! A server that refuses whatever is asked of one case, or puts one member's changes of it off.

use crate::{
    lying_answers::{is_leon, lied_to_with_leon},
    scene::{CASE, texts, write},
    support::liar::{Call, Honest, Lie},
};
use alcove_proto::v1::{ReadLogRequest, Reason};
use alcove_tests::world::Staff;
use bytes::Bytes;
use prost::Message;

const OTHER: &str = "QUIET-MAPLE-08";

/// Refuses Leon the log of one case.
struct Refuses {
    case: Vec<u8>,
}

impl Lie for Refuses {
    fn instead(&self, call: &Call<'_>) -> Option<Result<Vec<Bytes>, Reason>> {
        let is_it = || ReadLogRequest::decode(call.request).is_ok_and(|asked| asked.group_id == self.case);
        (is_leon(call) && call.method == "ReadLog" && is_it()).then_some(Err(Reason::QuotaExceeded))
    }
}

fn texts_of(staff: &Staff, case: &str) -> Vec<String> {
    let notes = staff.json_lines(["note", "list", case, "--offline"]);
    notes.iter().filter_map(|note| note["text"].as_str()).map(str::to_owned).collect()
}

/// The server refuses the log of one case, as often as it is asked.
/// Who: server
/// Sees: that this case is held up, and why; the others go on
/// Step: 9, "keeps nothing from the other groups"
#[test]
fn one_case_that_is_refused_keeps_nothing_from_the_others() {
    let (scene, liar) = lied_to_with_leon();
    scene.rosa.run(["case", "new", OTHER, "--json"]).success();
    scene.rosa.run(["member", "add", OTHER, "Leon Baptiste", "--yes", "--json"]).success();
    scene.leon.run(["status", "--json"]).success();
    let add = |case: &str, text: &str| {
        let add = ["note", "add", case, "-", "--yes", "--json"];
        scene.rosa.command(add).stdin(text).outcome().success();
    };
    // Each of the two in its turn: one of them is asked about first.
    for (refused, served, text) in [(CASE, OTHER, "two"), (OTHER, CASE, "three")] {
        let id = scene.leon.json(["case", "show", refused, "--offline"])["id"].clone();
        let id: alcove_proto::ids::GroupId = id.as_str().expect("an id").parse().expect("a case's id");
        liar.tell(Refuses { case: id.to_vec() });
        add(served, text);
        add(refused, text);
        let told = scene.leon.run(["status"]);
        assert!(told.stderr.contains(&format!("Case {:.8}: ", id.to_string())), "{}", told.stderr);
        assert!(texts_of(&scene.leon, served).contains(&text.to_owned()));
        assert!(!texts_of(&scene.leon, refused).contains(&text.to_owned()), "the control: it is refused");
    }
    write(&scene.leon, "and writes");
}

/// Has no time for the digests of any log.
struct NoDigests;

impl Lie for NoDigests {
    fn instead(&self, call: &Call<'_>) -> Option<Result<Vec<Bytes>, Reason>> {
        (call.method == "ReadDigests").then_some(Err(Reason::Internal))
    }
}

/// The server refuses for the moment what a yes needs, so that the request is used up and its welcome with it.
/// Who: server
/// Sees: what the server said; the request waits as before, and the same yes joins later
/// Step: 8, "ends no request"
#[test]
fn a_yes_that_the_server_has_no_time_for_ends_no_request() {
    let (scene, liar) = lied_to_with_leon();
    scene.leon.run(["case", "leave", CASE, "--yes", "--json"]).success();
    scene.rosa.run(["status", "--json"]).success();
    write(&scene.rosa, "without him");
    assert_eq!(scene.leon.json(["case", "show", CASE])["closed"], true);
    scene.rosa.run(["member", "add", CASE, "Leon Baptiste", "--yes", "--json"]).success();
    let asked = scene.leon.json(["case", "requests"]);
    assert_eq!(asked["leads_on"], true, "{asked}");

    liar.tell(NoDigests);
    let accept = ["case", "accept", "--from", &scene.rosa.name, "--yes", "--json"];
    let refused = scene.leon.run(accept);
    assert!(refused.code != 0 && refused.code != 6, "{}{}", refused.code, refused.stderr);
    assert_eq!(scene.leon.json(["case", "requests"]), asked, "it waits as before");
    assert_eq!(scene.leon.json(["case", "show", CASE])["closed"], true);
    // The control: the same yes, when the server has time.
    liar.tell(Honest);
    scene.leon.run(accept).success();
    write(&scene.leon, "back again");
    assert!(texts(&scene.rosa).contains(&"back again".to_owned()));
}

/// Takes no commit of Rosa's.
struct NoCommit;

impl Lie for NoCommit {
    fn instead(&self, call: &Call<'_>) -> Option<Result<Vec<Bytes>, Reason>> {
        let hers = call.caller.contains("harborlight") && call.method == "SubmitCommit";
        hers.then_some(Err(Reason::Unavailable))
    }
}

/// The server takes no commit of Rosa's while she adds Hannah, until another owner has added and removed Hannah: Rosa's
/// program would make the change anew.
/// Who: server
/// Sees: that Hannah was removed meanwhile and is not added, and how to add her all the same
/// Step: 8, "What was begun before brings nobody back"
#[test]
fn an_addition_that_is_put_off_does_not_bring_back_whoever_was_removed_meanwhile() {
    let (scene, liar) = lied_to_with_leon();
    let _hannah = scene.hannah();
    let add = ["member", "add", CASE, "Hannah Kessler", "--yes", "--json"];
    let readers = || scene.rosa.json_lines(["member", "list", CASE, "--offline"]).len();
    scene.rosa.run(["member", "add", CASE, "Leon Baptiste", "--owner", "--yes", "--json"]).success();
    scene.leon.run(["status", "--json"]).success();

    liar.tell(NoCommit);
    scene.rosa.run(add).code(7);
    scene.leon.run(add).success();
    scene.leon.run(["member", "remove", CASE, "Hannah Kessler", "--yes", "--json"]).success();
    liar.tell(Honest);
    let told = scene.rosa.run(["status"]).success();
    assert!(
        told.stderr.contains("was not added, because another member has removed them"),
        "{}",
        told.stderr
    );
    assert_eq!(readers(), 2, "Hannah stays away");
    let again = scene.rosa.run(["status"]).success();
    assert!(!again.stderr.contains("not added"), "it is given up: {}", again.stderr);
    write(&scene.rosa, "without her");

    // The control: put off as before, and nobody removes her.
    liar.tell(NoCommit);
    scene.rosa.run(add).code(7);
    liar.tell(Honest);
    scene.rosa.run(["status"]).success();
    assert_eq!(readers(), 3);
}
