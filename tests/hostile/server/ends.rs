//! A server and the end of a log, which it has to sign where it is.

use crate::{
    lying_answers::{add, alarms, is_leon, lied_to_with_leon},
    scene::{texts, write},
    support::liar::{Call, Honest, Lie, rewritten},
};
use alcove_proto::v1::{ReadLogResponse, SignedHead};
use bytes::Bytes;

/// Ends a page of two entries and more with the head that was signed at the first of them.
struct SignedTooEarly {
    heads: Vec<SignedHead>,
}

impl Lie for SignedTooEarly {
    fn told(&self, call: &Call<'_>, message: Bytes) -> Bytes {
        if !is_leon(call) || call.method != "ReadLog" {
            return message;
        }
        rewritten(&message, |page: &mut ReadLogResponse| {
            let (Some(first), true) = (page.entries.first(), page.entries.len() > 1) else { return };
            let earlier = self.heads.iter().find(|signed| signed.position == first.position);
            page.signed_head = Some(earlier.expect("Rosa's receipts came this way").clone());
        })
    }
}

/// The server signs its log up to a place before the end that it shows, so that what stands behind can be taken back.
/// Who: server
/// Sees: the alarm `bad-signature`; nothing is sent to that case before somebody has looked
/// Step: 9, "MUST carry a signed head at its last entry"
#[test]
fn entries_behind_the_head_that_was_signed_are_told() {
    let (scene, liar) = lied_to_with_leon();
    for text in ["two", "three"] {
        write(&scene.rosa, text);
    }
    liar.tell(SignedTooEarly { heads: liar.heads() });
    scene.leon.run(["status", "--json"]).code(6);
    assert_eq!(alarms(&scene.leon), ["bad-signature"]);
    assert_eq!(add(&scene.leon, "not while it stands").0, 6);
    // The control: the same entries under a head at the last of them.
    liar.tell(Honest);
    scene.leon.run(["status", "--acknowledge-alarms", "--json"]).success();
    write(&scene.leon, "four");
    assert!(texts(&scene.leon).starts_with(&["one", "two", "three"].map(str::to_owned)));
}
