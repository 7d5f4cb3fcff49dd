//! Renewals by keys that were left behind: a copy of a vault, a backup, a wish of long ago. PROTOCOL.md section 6, steps 10
//! and 11.

use crate::{
    desk::{DAY_MS, Device, open_answer},
    renewals::{renewal, renewal_made},
    scene::{Scene, clock_ms},
};
use alcove_charter::RenewalError;
use alcove_issuer::{AnswerError, IssuerError, Judged};
use alcove_proto::names::Identity;

const MINUTE_MS: i64 = 60 * 1000;

/// The MLS certificate in the answer that lies at the desk for `device`.
fn certified_at_desk(scene: &Scene, device: &Device, identity: &Identity) -> Vec<u8> {
    let sealed = scene.server.answer_of(&identity.to_string()).unwrap();
    open_answer(&device.sealing, identity, &sealed).unwrap().mls_chain[0].clone()
}

fn is_superseded(judged: &Judged) -> bool {
    !judged.is_due() && matches!(judged.fault, Some(IssuerError::Answer(AnswerError::RenewalSuperseded(..))))
}

#[test]
fn no_key_but_the_newest_renews() {
    let mut scene = Scene::new();
    let (first, first_certificate, identity) = scene.certified(0);
    let second = Device::new();
    scene.server.put_renewal(&renewal(&first, &first_certificate, &identity, &second));
    assert!(scene.judged().is_due(), "the control: the newest key");
    scene.renew(&scene.judged()).unwrap();
    let second_certificate = certified_at_desk(&scene, &second, &identity);

    // A copy of the vault from before: the same key, other new keys.
    let copy = Device::new();
    scene.server.put_renewal(&renewal(&first, &first_certificate, &identity, &copy));
    let judged = scene.judged();
    assert!(is_superseded(&judged), "{:?}", judged.fault);
    assert!(
        matches!(scene.renew(&judged), Err(IssuerError::Answer(AnswerError::RenewalSuperseded(..)))),
        "whoever judged it"
    );
    assert_eq!(scene.room.harborlight.issued().len(), 4, "nothing was certified");

    // The device itself goes on; then its key before the last counts no more for anything, its own last request included.
    let third = Device::new();
    scene.server.put_renewal(&renewal(&second, &second_certificate, &identity, &third));
    scene.renew(&scene.judged()).unwrap();
    for request in [third.request_file(), second.request_file(), first.request_file()] {
        let by_first = renewal_made(clock_ms(), &first, &first_certificate, &identity, &request);
        scene.server.put_renewal(&by_first);
        assert!(is_superseded(&scene.judged()));
    }
    // Nor does the second one, for what is not the last request: not even the keys that it has itself.
    let again = renewal_made(clock_ms(), &second, &second_certificate, &identity, &second.request_file());
    scene.server.put_renewal(&again);
    assert!(is_superseded(&scene.judged()));
}

#[test]
fn a_renewal_is_of_these_days() {
    let mut scene = Scene::new();
    let (old, certificate, identity) = scene.certified(0);
    let new = Device::new().request_file();
    let judged_when_made = |scene: &Scene, time_ms| {
        scene.server.put_renewal(&renewal_made(time_ms, &old, &certificate, &identity, &new));
        scene.judged()
    };
    let now_ms = clock_ms();
    for time_ms in [0, now_ms - 14 * DAY_MS - MINUTE_MS, now_ms + 11 * MINUTE_MS, i64::MAX, i64::MIN] {
        let judged = judged_when_made(&scene, time_ms);
        let expected = RenewalError::Time { made_at_ms: time_ms };
        assert!(
            matches!(&judged.fault, Some(IssuerError::Answer(AnswerError::RenewalRefused { fault, .. })) if *fault == expected),
            "{:?}",
            judged.fault
        );
        assert!(!judged.is_due());
    }
    for time_ms in [now_ms, now_ms - 14 * DAY_MS + MINUTE_MS, now_ms + 9 * MINUTE_MS] {
        assert!(judged_when_made(&scene, time_ms).is_due(), "{}", time_ms - now_ms);
    }
    let kept = judged_when_made(&scene, 0);
    assert!(scene.renew(&kept).is_err());
    assert_eq!(scene.room.harborlight.issued().len(), 2);
}

#[test]
fn the_same_request_again_gets_the_same_answer_and_a_lost_one_locks_nobody_out() {
    let mut scene = Scene::new();
    let (old, certificate, identity) = scene.certified(0);
    let new = Device::new();
    let request = new.request_file();
    // Certified, and the answer never came to the desk: the device asks again, signed for by the key it has.
    let answers = |scene: &mut Scene| {
        scene.server.put_renewal(&renewal_made(clock_ms(), &old, &certificate, &identity, &request));
        let judged = scene.judged();
        assert!(judged.is_due(), "{:?}", judged.fault);
        let made = scene.room.harborlight.renew_all(&[&judged], &scene.charter, 90, clock_ms()).unwrap();
        made.into_iter().next().unwrap().unwrap()
    };
    let first = answers(&mut scene);
    let again = answers(&mut scene);
    assert!(first == again);
    assert_eq!(scene.room.harborlight.issued().len(), 4, "and is certified once");
    let opened = open_answer(&new.sealing, &identity, &again.sealed_answer).unwrap();

    // Killed between the ledger and the answer: the same keys, certified anew.
    let kept = scene.room.harborlight.kept_request_path(&identity).with_extension("answer");
    std::fs::remove_file(&kept).unwrap();
    let anew = answers(&mut scene);
    assert_eq!(scene.room.harborlight.issued().len(), 6);
    let reopened = open_answer(&new.sealing, &identity, &anew.sealed_answer).unwrap();
    assert_ne!(reopened.mls_chain, opened.mls_chain);
    // Whichever of the two reached the device, it renews by it: the key is the newest in both.
    for certificate in [&opened.mls_chain[0], &reopened.mls_chain[0]] {
        scene.server.put_renewal(&renewal(&new, certificate, &identity, &Device::new()));
        assert!(scene.judged().is_due());
    }
    // A kept answer that was damaged is none.
    std::fs::write(&kept, b"damaged").unwrap();
    let after = answers(&mut scene);
    assert!(open_answer(&new.sealing, &identity, &after.sealed_answer).is_some());
}
