//! A device renews its certificates by itself: in time, at once when its CA goes, after its end; and what it refuses.

use super::desk::{DAY_MS, door::Door, now_ms};
use super::renewal_scene::{Scene, change_renewal, own, passphrase, vault};
use super::test_agency::{DIRECTORY_KEY, answer, next_charter, sealed};
use crate::{
    session::enrol::device,
    session::{AlarmKind, Error, RenewalState, RenewalView},
    vault::{
        Durability, VaultError,
        rows::{EnrolmentRow, FormerKeyRow, KeyPackageRow, UpkeepRow},
    },
};
use alcove_charter::{CharterHistory, TrustView, VerifiedRenewal, sha256};
use alcove_e2ee::{cards, keys::DirectoryKey};
use alcove_proto::v1::Reason;
use prost::Message;
use std::{path::Path, sync::atomic::Ordering};

#[track_caller]
fn words_of(view: &RenewalView) -> String {
    match &view.state {
        RenewalState::Waiting { words, .. } => words.clone(),
        RenewalState::None | RenewalState::Refused { .. } => panic!("{view:?}"),
    }
}

#[test]
fn what_is_not_due_is_not_asked_for() {
    let scene = Scene::made_days_ago(55);
    let session = scene.session();
    let calls = scene.calls();
    let view = scene.renew(&session);
    assert_eq!(view.state, RenewalState::None);
    assert!(view.desk_known && view.due_at_ms > now_ms() && view.due_at_ms < now_ms() + 15 * DAY_MS);
    assert_eq!(scene.calls(), calls);
    // The control: by another clock it is due.
    scene.ahead_ms.store(15 * DAY_MS, Ordering::SeqCst);
    words_of(&scene.renew(&session));
}

#[test]
fn a_renewal_is_handed_in_with_the_old_key_and_taken_in_one_act() {
    let scene = Scene::made_days_ago(80);
    let (session, rosa, home) = (scene.session(), scene.world.rosa(), scene.home());
    let (old_keys, old, _) = own(&home);
    let view = scene.renew(&session);
    let signed = scene.world.desk.state().renewals[0].clone();
    let charters = scene.world.desk.state().charters.iter().map(Message::encode_to_vec).collect::<Vec<_>>();
    let trust = TrustView::new(CharterHistory::from_versions(charters).unwrap());
    let verified = VerifiedRenewal::verify(&signed, &trust).unwrap();
    assert_eq!(verified.identity, rosa);
    assert_eq!(verified.certificate.certificate_hash.to_vec(), sha256(&[&old.mls_chain[0]]));
    assert_eq!(words_of(&view), alcove_charter::request_words(&verified.request));
    assert_ne!(verified.request, old_keys.request, "new keys of all three kinds");
    assert!(own(&home).0 == old_keys, "the old ones stay until the answer");
    assert_eq!(scene.renew(&session), view, "asked again, it still waits");
    assert_eq!(scene.world.desk.state().renewals.len(), 1);

    scene.world.answer_with(&rosa, 200, |answer| answer.card.clear());
    // The session goes on without being opened anew.
    assert_eq!(scene.renew(&session).state, RenewalState::None);
    let (keys, new, waiting) = own(&home);
    assert_eq!(keys.request, verified.request);
    assert_ne!(keys.mls_key, old_keys.mls_key);
    assert_eq!(new.card, old.card, "an empty card stands for the one that is held");
    assert_eq!(new.desk_address, old.desk_address);
    assert!(waiting.is_none());
    let ends_ms = session.status().unwrap().tls_not_after_ms;
    assert!(ends_ms > now_ms() + 100 * DAY_MS, "{ends_ms}");

    // The admin answers a second time: nobody asks.
    let collected = scene.world.desk.state().collected;
    scene.world.answer(&rosa, 210);
    scene.renew(&session);
    assert_eq!(scene.world.desk.state().collected, collected);
    assert!(own(&home).1 == new);
}

#[test]
fn killed_anywhere_the_next_run_goes_on_with_the_same_keys() {
    let scene = Scene::made_days_ago(80);
    let rosa = scene.world.rosa();
    // Killed between the keys and the desk.
    scene.world.desk.state().refuses = Some(Reason::Internal);
    let view = scene.renew(&scene.session());
    assert_eq!(view.state, RenewalState::None);
    assert!(view.desk_silent);
    let request = own(&scene.home()).2.unwrap().device.clone().unwrap().request.clone();
    scene.world.desk.state().refuses = None;
    let view = scene.renew(&scene.session());
    assert_eq!(words_of(&view), alcove_charter::request_words(&request));
    // Killed after the desk took it and before that was noted.
    change_renewal(&scene.home(), |row| row.handed_in_at_ms = 0);
    assert_eq!(words_of(&scene.renew(&scene.session())), words_of(&view));
    assert_eq!(scene.world.request(&rosa), request);
    // Collected, and killed before the act: the desk gives it again.
    scene.world.answer(&rosa, 200);
    let given = scene.world.desk.state().requests[&rosa.to_string()].1.clone();
    assert_eq!(scene.renew(&scene.session()).state, RenewalState::None);
    assert_eq!(scene.world.desk.state().requests[&rosa.to_string()].1, given);
    assert_eq!(own(&scene.home()).0.request, request);
}

#[test]
fn what_the_desk_has_lost_is_handed_in_again() {
    let scene = Scene::made_days_ago(80);
    let session = scene.session();
    let words = words_of(&scene.renew(&session));
    scene.world.desk.state().requests.clear();
    assert_eq!(words_of(&scene.renew(&session)), words);
    assert_eq!(alcove_charter::request_words(&scene.world.request(&scene.world.rosa())), words);
}

#[test]
fn an_answer_that_is_not_this_requests_changes_nothing_and_is_told() {
    let scene = Scene::made_days_ago(80);
    let (session, rosa) = (scene.session(), scene.world.rosa());
    let before = own(&scene.home());
    words_of(&scene.renew(&session));
    let request = scene.world.request(&rosa);
    let world = &scene.world;
    let other = world.harborlight.identity(2, 1);
    let about_other = answer(&world.harborlight, &world.charter, &request, &other, 200);
    // For the keys that are in force: their certificates would be longer, and the renewal would be for nothing.
    let for_old = answer(&world.harborlight, &world.charter, &before.0.request, &rosa, 200);
    let by_elmgate = answer(&world.elmgate, &world.charter, &request, &rosa, 200);
    for wrong in [
        sealed(&about_other, &request, &other),
        sealed(&about_other, &request, &rosa),
        sealed(&for_old, &before.0.request, &rosa),
        sealed(&for_old, &request, &rosa),
        sealed(&by_elmgate, &request, &rosa),
        b"no answer".to_vec(),
    ] {
        world.give(&rosa, wrong);
        let view = scene.renew(&session);
        assert!(view.bad_answer && matches!(view.state, RenewalState::Waiting { .. }), "{view:?}");
        let (keys, enrolment, _) = own(&scene.home());
        assert!((&keys, &enrolment) == (&before.0, &before.1));
    }
    world.answer(&rosa, 200);
    assert_eq!(scene.renew(&session).state, RenewalState::None, "the control");
    assert!(own(&scene.home()).0 != before.0);
}

#[test]
fn a_renewal_that_was_refused_is_told_and_begun_anew_after_a_day() {
    let scene = Scene::made_days_ago(80);
    let (session, rosa) = (scene.session(), scene.world.rosa());
    let first = words_of(&scene.renew(&session));
    scene.world.refuse(&rosa);
    assert!(matches!(scene.renew(&session).state, RenewalState::Refused { .. }));
    let calls = scene.calls();
    scene.renew(&session);
    assert_eq!(scene.calls(), calls, "the admin is left in peace");
    scene.ahead_ms.store(DAY_MS, Ordering::SeqCst);
    assert_ne!(words_of(&scene.renew(&session)), first);
}

#[test]
fn a_renewal_that_the_desk_itself_refuses_is_told_as_refused() {
    // Revoked, or of an agency that has left: the server knows before the device does.
    let scene = Scene::made_days_ago(80);
    let session = scene.session();
    scene.world.desk.state().refuses_renewals = Some(Reason::NotAuthorised);
    assert!(matches!(scene.renew(&session).state, RenewalState::Refused { .. }));
    let calls = scene.calls();
    assert!(matches!(scene.renew(&session).state, RenewalState::Refused { .. }));
    assert_eq!(scene.calls(), calls);
    // Files are the way round it, with the keys there are, and then there is nothing left to tell.
    let by_file = answer(
        &scene.world.harborlight,
        &scene.world.charter,
        &own(&scene.home()).0.request,
        &scene.world.rosa(),
        200,
    );
    device::finish(&scene.home(), &passphrase(), &by_file.encode_to_vec(), None, now_ms()).unwrap();
    assert_eq!(scene.renew(&session).state, RenewalState::None);
    assert_eq!(scene.calls(), calls);
}

#[test]
fn a_ca_that_is_about_to_go_is_left_at_once() {
    let mut scene = Scene::made_days_ago(1);
    let rosa = scene.world.rosa();
    assert_eq!(scene.renew(&scene.session()).state, RenewalState::None, "nothing is due");
    scene.world.harborlight.roll_ca();
    let next = scene.next_cas(0..2);
    scene.follow(&next, 2);
    let session = scene.session();
    words_of(&scene.renew(&session));
    // Before it is answered the old CA goes: the desk has the charter that says so, and the device believes it there.
    scene.next_cas(1..2);
    scene.world.answer(&rosa, 90);
    assert_eq!(scene.renew(&session).state, RenewalState::None);
    let status = session.status().unwrap();
    assert_eq!(status.charter_version, 3);
    assert!(!status.not_of_charter);
    let calls = scene.calls();
    scene.renew(&session);
    assert_eq!(scene.calls(), calls, "and it is not due again");
}

/// Its admin's charter file had somebody's own key beside it, while no charter stated which one it is.
#[test]
fn a_device_that_was_given_another_directory_key_than_the_charter_states_renews_at_once() {
    let scene = Scene::made_days_ago(1);
    let rosa = scene.world.rosa();
    assert_eq!(scene.renew(&scene.session()).state, RenewalState::None, "the control: it has the charter's");
    change_enrolment(&scene.home(), |row| row.directory_key = vec![0x66; 32]);
    let session = scene.session();
    words_of(&scene.renew(&session));
    scene.world.answer(&rosa, 90);
    assert_eq!(scene.renew(&session).state, RenewalState::None);
    assert_eq!(own(&scene.home()).1.directory_key, DIRECTORY_KEY);
    let upkeep: UpkeepRow = vault(&scene.home()).read::<_, VaultError>(|act| act.expect(&[])).unwrap();
    let opened = |key| cards::open(&DirectoryKey::from_bytes(key), &rosa.person, &upkeep.sealed_card).is_ok();
    assert!(opened(DIRECTORY_KEY) && !opened([0x66; 32]), "and its card is sealed anew");
    let calls = scene.calls();
    scene.renew(&session);
    assert_eq!(scene.calls(), calls, "it is not due again");
}

#[test]
fn a_device_whose_ca_was_retired_while_it_was_asleep_comes_back() {
    let mut scene = Scene::made_days_ago(1);
    scene.world.harborlight.roll_ca();
    let next = scene.next_cas(1..2);
    scene.follow(&next, 2);
    let refused = scene.laptop.alcove(&["status"]).outcome();
    assert_eq!(refused.code, 8, "{}", refused.stderr);
    let words = alcove_charter::request_words(&scene.world.request(&scene.world.rosa()));
    assert!(refused.stderr.contains("no longer lists the CA"), "{}", refused.stderr);
    assert!(refused.stderr.contains(&words), "{}", refused.stderr);
    scene.world.answer(&scene.world.rosa(), 90);
    let back = scene.laptop.alcove(&["status", "--json"]).outcome();
    assert_eq!(back.code, 0, "the server is away, and that is all: {}", back.stderr);
}

#[test]
fn a_device_whose_certificate_has_ended_says_what_it_waits_for_and_comes_back() {
    let scene = Scene::made_days_ago(100);
    let ended = scene.laptop.alcove(&["status", "--json"]).outcome();
    assert_eq!(ended.code, 8, "{}", ended.stderr);
    let words = alcove_charter::request_words(&scene.world.request(&scene.world.rosa()));
    let status: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(status["renewal"]["state"], "waiting");
    assert_eq!(status["renewal"]["words"], words.as_str());
    for command in [&["status"][..], &["case", "list"], &["doctor"]] {
        let told = scene.laptop.alcove(command).outcome();
        assert_eq!(told.code, 8, "{command:?}: {}", told.stderr);
        let said = told.stdout + &told.stderr;
        assert!(said.contains("Your certificate end") && said.contains(&words), "{command:?}: {said}");
    }
    scene.world.answer(&scene.world.rosa(), 200);
    // Any command that looks at the server takes it in, not status alone.
    change_renewal(&scene.home(), |row| row.asked_at_ms = 1);
    let back = scene.laptop.alcove(&["case", "list", "--json"]).outcome();
    assert_eq!(back.code, 0, "{}", back.stderr);
    let status = scene.laptop.alcove(&["status", "--json"]).outcome().success().json();
    assert_eq!(status["renewal"]["state"], "none");
    assert!(status["certificate"]["days_left"].as_i64().unwrap() > 90);
}

#[test]
fn a_desk_that_is_away_stops_nothing_and_is_told_when_it_matters() {
    let scene = Scene::made_days_ago(80);
    change_desk(&scene.home(), "127.0.0.1:1");
    let status = scene.laptop.alcove(&["status", "--json"]).outcome().success().json();
    assert_eq!(status["renewal"]["state"], "none");
    let warning = status["warnings"][0].as_str().unwrap();
    assert!(warning.contains("within two weeks") && warning.contains("desk cannot be reached"), "{warning}");
    // Without a desk, files are the way, as ever.
    change_desk(&scene.home(), "");
    let status = scene.laptop.alcove(&["status", "--json"]).outcome().success().json();
    let warning = status["warnings"][0].as_str().unwrap();
    assert!(warning.contains("Run `alcove enrol request`"), "{warning}");
}

fn change_desk(home: &Path, address: &str) {
    change_enrolment(home, |row| row.desk_address = address.to_owned());
}

fn change_enrolment(home: &Path, change: impl FnOnce(&mut EnrolmentRow)) {
    vault(home)
        .act::<_, VaultError>(Durability::OnDisk, |act| {
            let mut row: EnrolmentRow = act.expect(&[])?;
            change(&mut row);
            act.put(&[], &row)
        })
        .unwrap();
}

#[test]
fn a_running_session_moves_over_to_its_new_certificate_and_publishes_under_it() {
    let scene = Scene::made_days_ago(80);
    let door = Door::open(&scene.world);
    change_enrolment(&scene.home(), |row| row.server_address = door.address.to_string());
    let session = scene.session();
    let sync = || scene.world.desk.runtime.block_on(session.sync()).unwrap();
    let tls = |home: &Path| sha256(&[&own(home).1.tls_chain[0]]);
    let mls = |home: &Path| own(home).1.mls_chain[0].clone();
    let (old_tls, old_mls) = (tls(&scene.home()), mls(&scene.home()));
    // The renewal goes in, and life goes on under the old certificate.
    sync();
    words_of(&session.renewal().unwrap());
    let under = |package: &[u8], certificate: &[u8]| {
        package.windows(certificate.len()).any(|window| window == certificate)
    };
    {
        let mut seen = door.seen();
        assert!(seen.certificates.iter().all(|shown| *shown == old_tls));
        assert_eq!(seen.one_time.len(), 30);
        assert!(seen.one_time.iter().all(|package| under(package, &old_mls)));
        assert!(under(&seen.last_resort, &old_mls));
        seen.certificates.clear();
    }
    scene.world.answer(&scene.world.rosa(), 200);
    scene.ahead_ms.store(61_000, Ordering::SeqCst);
    sync();
    let (new_tls, new_mls) = (tls(&scene.home()), mls(&scene.home()));
    assert_ne!(new_tls, old_tls);
    {
        let mut seen = door.seen();
        assert!(seen.certificates.iter().all(|shown| *shown == new_tls), "from the first call on");
        // A whole delivery under the new certificate beside what is there, and another last one.
        assert_eq!(seen.one_time.len(), 60);
        assert!(seen.one_time[30..].iter().all(|package| under(package, &new_mls)));
        assert!(under(&seen.last_resort, &new_mls));
        seen.certificates.clear();
    }
    let former = |home: &Path| {
        vault(home)
            .read::<_, VaultError>(|act| {
                let mut packages = act.scan::<KeyPackageRow>(&[])?;
                packages.retain(|(_, row)| !row.former_certificate.is_empty());
                Ok((packages, act.scan::<FormerKeyRow>(&[])?.len()))
            })
            .unwrap()
    };
    let (packages, keys) = former(&scene.home());
    assert_eq!((packages.len(), keys), (31, 1), "welcomes to the old ones still open");
    // Once is enough.
    sync();
    assert_eq!(door.seen().one_time.len(), 60);
    // When the old ones have ended, so has the key that is kept for them.
    vault(&scene.home())
        .act::<_, VaultError>(Durability::OnDisk, |act| {
            for (key, mut row) in packages {
                row.not_after_ms = now_ms() - 1;
                act.put(&key, &row)?;
            }
            Ok(())
        })
        .unwrap();
    sync();
    let (packages, keys) = former(&scene.home());
    assert_eq!((packages.len(), keys), (0, 0));
}

#[test]
fn the_desk_is_asked_in_passing_once_a_minute() {
    let scene = Scene::made_days_ago(80);
    let session = scene.session();
    let sync = || {
        let synced = scene.world.desk.runtime.block_on(session.sync());
        // The server itself is away; that is not what is tried here.
        assert!(matches!(synced, Err(Error::Server(_))));
        scene.calls()
    };
    let first = sync();
    words_of(&session.renewal().unwrap());
    assert_eq!(sync(), first);
    scene.ahead_ms.store(61_000, Ordering::SeqCst);
    assert!(sync() > first);
}

#[test]
fn two_sessions_of_one_vault_are_one_device() {
    let scene = Scene::made_days_ago(80);
    let (one, other) = (scene.session(), scene.session());
    words_of(&scene.renew(&one));
    scene.world.answer(&scene.world.rosa(), 200);
    assert_eq!(scene.renew(&other).state, RenewalState::None);
    // The first one has not asked: it finds the other's certificates in the vault.
    let calls = scene.calls();
    scene.renew(&one);
    assert_eq!(scene.calls(), calls);
    assert_eq!(one.status().unwrap().tls_not_after_ms, other.status().unwrap().tls_not_after_ms);
}

#[test]
fn a_forked_charter_at_the_desk_is_an_alarm_and_no_answer_is_taken() {
    let scene = Scene::made_days_ago(80);
    let session = scene.session();
    words_of(&scene.renew(&session));
    scene.world.answer(&scene.world.rosa(), 200);
    // A second version that follows another first one.
    let both = [&scene.world.elmgate, &scene.world.harborlight];
    let elsewhere = next_charter(&scene.world.charter, &both, |charter| {
        charter.version = 1;
        charter.previous_hash.clear();
        charter.not_after_ms += DAY_MS;
    });
    let fork = next_charter(&elsewhere, &both, |_| {});
    scene.world.desk.state().charters.push(fork);
    let before = own(&scene.home());
    let asked = scene.world.desk.runtime.block_on(session.renew_now());
    assert!(matches!(asked, Err(Error::Alarm { case: None, kind: AlarmKind::CharterFork, .. })), "{asked:?}");
    assert!(own(&scene.home()).0 == before.0);
}

#[test]
fn key_packages_under_the_old_certificate_keep_their_key_and_new_ones_are_due() {
    let scene = Scene::made_days_ago(80);
    let session = scene.session();
    let (old_keys, old, _) = own(&scene.home());
    let certificate = sha256(&[&old.mls_chain[0]]);
    let unacknowledged = || {
        let mut row = KeyPackageRow::default();
        row.secret = vec![1];
        row.unpublished = vec![2];
        row.not_after_ms = now_ms() + DAY_MS;
        row
    };
    vault(&scene.home())
        .act::<_, VaultError>(Durability::OnDisk, |act| act.put(&[7; 32], &unacknowledged()))
        .unwrap();
    words_of(&scene.renew(&session));
    scene.world.answer(&scene.world.rosa(), 200);
    assert_eq!(scene.renew(&session).state, RenewalState::None);
    let (package, former, upkeep) = vault(&scene.home())
        .read::<_, VaultError>(|act| {
            let package: KeyPackageRow = act.expect(&[7; 32])?;
            let former: FormerKeyRow = act.expect(&certificate)?;
            Ok((package, former, act.expect::<UpkeepRow>(&[])?))
        })
        .unwrap();
    assert_eq!(package.former_certificate, certificate);
    assert!(package.unpublished.is_empty(), "it is not sent under the old certificate any more");
    assert_eq!(former.mls_key, old_keys.mls_key);
    assert_eq!(former.mls_chain, old.mls_chain);
    assert!(upkeep.key_packages_due);
}
