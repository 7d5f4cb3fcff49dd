//! Onto a device by an invitation: what is believed, what is refused, what is done twice.

use super::desk::{DAY_MS, Opened, TestDesk, World, now_ms};
use super::test_agency::{self, ServerCa, answer, charter_with, next_charter, sealed};
use crate::{
    session::enrol::{Begun, EnrolError, Enrolment, HandedIn, Invited, Purpose, device},
    session::{Passphrase, ServerError},
};
use alcove_charter::{Invitation, InvitationCode, TrustError};
use alcove_proto::v1::{self, Reason};
use alcove_tests::laptop::{Laptop, PASSPHRASE};
use std::{fs, path::Path};
use tempfile::TempDir;

fn passphrase() -> Passphrase {
    Passphrase::new(PASSPHRASE.to_owned())
}

/// One run of `alcove enrol accept`, as far as the vault and the desk go.
fn accept(world: &World, home: &Path, invitation: &Invitation) -> Result<HandedIn, EnrolError> {
    match Invited::accept(home, &passphrase(), invitation, now_ms())? {
        Begun::Invited(invited) => world.desk.runtime.block_on(invited.hand_in(now_ms())),
        Begun::Enrolled(_) => panic!("it is enrolled already"),
    }
}

/// One run of `alcove enrol finish`.
fn collect(world: &World, home: &Path) -> Result<Option<Enrolment>, EnrolError> {
    match Invited::resume(home, &passphrase())? {
        Begun::Invited(invited) => world.desk.runtime.block_on(invited.collect(now_ms())),
        Begun::Enrolled(enrolment) => Ok(Some(*enrolment)),
    }
}

/// A device that has handed in.
fn handed_in() -> (World, TempDir, Invitation) {
    let (world, home) = (World::new(), tempfile::tempdir().unwrap());
    let invitation = world.invite(&world.rosa());
    accept(&world, home.path(), &invitation).unwrap();
    (world, home, invitation)
}

/// Changes what the desk knows of Rosa's invitation.
fn change_opened(world: &World, change: impl FnOnce(&mut Opened)) {
    let rosa = world.rosa().to_string();
    change(world.desk.state().invitations.get_mut(&rosa).unwrap());
}

fn reason<T>(result: Result<T, EnrolError>) -> Option<Reason> {
    match result {
        Err(EnrolError::Server(error)) => error.reason(),
        Err(error) => panic!("{error}"),
        Ok(_) => None,
    }
}

#[test]
fn an_invitation_leads_to_a_device_and_may_be_accepted_again_at_every_step() {
    let (world, home) = (World::new(), tempfile::tempdir().unwrap());
    let (rosa, home) = (world.rosa(), home.path());
    let invitation = world.invite(&rosa);
    let first = accept(&world, home, &invitation).unwrap();
    assert_eq!(first.words, alcove_charter::request_words(&world.request(&rosa)));
    assert!(collect(&world, home).unwrap().is_none(), "nobody has answered");
    assert_eq!(accept(&world, home, &invitation).unwrap(), first, "the same keys, the same request");

    world.answer(&rosa, 90);
    let enrolment = collect(&world, home).unwrap().unwrap();
    assert_eq!(enrolment.identity, rosa);
    assert_eq!(enrolment.server_address, "127.0.0.1:1", "of the invitation, since the answer names none");
    assert_eq!(enrolment.desk_address, world.desk.address.to_string());
    assert_eq!(*enrolment.directory_key, test_agency::DIRECTORY_KEY);
    // Killed before it was shown: both commands show it again, and the desk is not asked.
    let calls = world.desk.state().calls;
    assert_eq!(collect(&world, home).unwrap().unwrap().tls_chain, enrolment.tls_chain);
    match Invited::accept(home, &passphrase(), &invitation, now_ms()).unwrap() {
        Begun::Enrolled(again) => assert_eq!(again.mls_chain, enrolment.mls_chain),
        Begun::Invited(_) => panic!("it is enrolled"),
    }
    assert_eq!(world.desk.state().calls, calls);
}

#[test]
fn killed_after_the_desk_took_it_and_before_that_was_noted_the_same_request_goes_in_again() {
    let (world, home) = (World::new(), tempfile::tempdir().unwrap());
    let rosa = world.rosa();
    let invitation = world.invite(&rosa);
    // Killed between acceptance and keys: only the invitation is there.
    drop(Invited::accept(home.path(), &passphrase(), &invitation, now_ms()).unwrap());
    // Killed between keys and the desk: the keys are there.
    world.desk.state().refuses = Some(Reason::Internal);
    assert_eq!(reason(accept(&world, home.path(), &invitation)), Some(Reason::Internal));
    let pending = device::request(home.path(), &passphrase()).unwrap();
    world.desk.state().refuses = None;
    // The desk takes it, and the device does not hear of it.
    change_opened(&world, |opened| opened.used = Some(pending.request.clone()));
    assert_eq!(accept(&world, home.path(), &invitation).unwrap().words, pending.words());
}

#[test]
fn what_the_desk_has_lost_it_is_given_again() {
    let (world, home, _) = handed_in();
    let request = world.request(&world.rosa());
    world.desk.state().requests.clear();
    change_opened(&world, |opened| opened.used = None);
    assert!(collect(&world, home.path()).unwrap().is_none());
    assert_eq!(world.request(&world.rosa()), request);
}

#[test]
fn every_refusal_of_the_desk_is_told_by_its_reason() {
    let (world, home) = (World::new(), tempfile::tempdir().unwrap());
    let rosa = world.rosa();
    let good = world.invite(&rosa);
    let wrong_code = Invitation { code: InvitationCode::new([9; 16]), ..good.clone() };
    assert_eq!(reason(accept(&world, home.path(), &wrong_code)), Some(Reason::InvitationUnknown));
    let nobody = Invitation { identity: world.harborlight.identity(7, 1), ..good.clone() };
    assert_eq!(reason(accept(&world, home.path(), &nobody)), Some(Reason::InvitationUnknown));
    change_opened(&world, |opened| opened.not_after_ms = now_ms() - 1);
    assert_eq!(reason(accept(&world, home.path(), &good)), Some(Reason::InvitationExpired));
    let good = world.invite(&rosa);
    change_opened(&world, |opened| opened.used = Some(b"another".to_vec()));
    assert_eq!(reason(accept(&world, home.path(), &good)), Some(Reason::InvitationUsed));
    // The control: another invitation takes the place of those that were not answered.
    let good = world.invite(&rosa);
    accept(&world, home.path(), &good).unwrap();
    world.refuse(&rosa);
    assert!(matches!(collect(&world, home.path()), Err(EnrolError::Refused)));
    let again = world.invite_with(&rosa, InvitationCode::new([77; 16]));
    accept(&world, home.path(), &again).unwrap();
    world.answer(&rosa, 90);
    assert!(collect(&world, home.path()).unwrap().is_some());
}

#[test]
fn an_invitation_that_has_ended_makes_no_vault() {
    let (world, home) = (World::new(), tempfile::tempdir().unwrap());
    let invitation = Invitation { not_after_ms: now_ms() - 1, ..world.invite(&world.rosa()) };
    assert!(matches!(accept(&world, home.path(), &invitation), Err(EnrolError::InvitationEnded { .. })));
    assert!(!device::has_vault(home.path()));
    assert_eq!(world.desk.state().calls, 0);
}

#[test]
fn one_that_was_handed_in_in_time_is_collected_after_its_end() {
    let (world, home, invitation) = handed_in();
    let later = invitation.not_after_ms + 1;
    let begun = Invited::accept(home.path(), &passphrase(), &invitation, later).unwrap();
    assert!(matches!(begun, Begun::Invited(_)));
    world.answer(&world.rosa(), 90);
    assert!(collect(&world, home.path()).unwrap().is_some());
}

#[test]
fn an_enrolled_device_is_not_invited_again() {
    let (world, home, _) = handed_in();
    world.answer(&world.rosa(), 90);
    collect(&world, home.path()).unwrap().unwrap();
    let other = world.invite_with(&world.rosa(), InvitationCode::new([78; 16]));
    assert!(matches!(accept(&world, home.path(), &other), Err(EnrolError::InvitedAgain(_))));
    let fresh = tempfile::tempdir().unwrap();
    assert!(matches!(collect(&world, fresh.path()), Err(EnrolError::NoInvitation)));
}

#[test]
fn a_desk_of_another_ca_is_told_nothing() {
    let (world, home) = (World::new(), tempfile::tempdir().unwrap());
    let impostor = TestDesk::start(&ServerCa::new(now_ms()));
    impostor.state().charters.push(world.charter.clone());
    let invitation = Invitation { desk_address: impostor.address.to_string(), ..world.invite(&world.rosa()) };
    let refused = accept(&world, home.path(), &invitation);
    assert!(matches!(refused, Err(EnrolError::Server(ServerError::ServerCertificate(_)))));
    assert_eq!(impostor.state().calls, 0, "not even what was asked");
}

#[test]
fn a_history_without_the_pinned_charter_is_refused_before_keys_are_made() {
    let (world, home) = (World::new(), tempfile::tempdir().unwrap());
    let both = [&world.elmgate, &world.harborlight];
    let invitation = world.invite(&world.rosa());
    // Another collaborative's, or the same agencies' under other terms.
    let other = charter_with(&both, &both, &ServerCa::new(now_ms()));
    world.desk.state().charters = vec![other];
    assert!(matches!(accept(&world, home.path(), &invitation), Err(EnrolError::ForeignCharter)));
    // None at all.
    world.desk.state().charters.clear();
    assert!(matches!(accept(&world, home.path(), &invitation), Err(EnrolError::Charter(_))));
    // One that not all have signed.
    world.desk.state().charters = vec![charter_with(&both, &[&world.harborlight], &world.server_ca)];
    assert!(matches!(accept(&world, home.path(), &invitation), Err(EnrolError::Charter(_))));
    assert!(world.desk.state().requests.is_empty(), "nothing was handed in");
    world.desk.state().charters = vec![world.charter.clone()];
    accept(&world, home.path(), &invitation).unwrap();
}

#[test]
fn a_charter_that_does_not_list_the_pinned_ca_is_refused() {
    let (mut world, home) = (World::new(), tempfile::tempdir().unwrap());
    let both = [&world.elmgate, &world.harborlight];
    // The invitation names this version, and a CA that only an earlier version lists.
    let other_ca = ServerCa::new(now_ms()).certificate;
    let next = next_charter(&world.charter, &both, |charter| charter.server_ca_certificates = vec![other_ca]);
    world.desk.state().charters.push(next.clone());
    world.charter = next;
    let invitation = world.invite(&world.rosa());
    assert!(matches!(accept(&world, home.path(), &invitation), Err(EnrolError::ForeignServerCa)));
}

#[test]
fn an_older_history_than_the_one_that_was_verified_takes_nothing_back() {
    let (mut world, home) = (World::new(), tempfile::tempdir().unwrap());
    let both = [&world.elmgate, &world.harborlight];
    let first = world.charter.clone();
    let next = next_charter(&first, &both, |charter| charter.not_after_ms += DAY_MS);
    world.desk.state().charters.push(next.clone());
    world.charter = next;
    let invitation = world.invite(&world.rosa());
    accept(&world, home.path(), &invitation).unwrap();
    world.answer(&world.rosa(), 90);
    world.desk.state().charters = vec![first.clone()];
    let enrolment = collect(&world, home.path()).unwrap().unwrap();
    assert_eq!(enrolment.charters.newest().version, 2);

    // And an older one from the start lacks the charter of the invitation.
    let fresh = tempfile::tempdir().unwrap();
    let invitation = world.invite(&world.harborlight.identity(1, 2));
    assert!(matches!(accept(&world, fresh.path(), &invitation), Err(EnrolError::ForeignCharter)));
}

#[test]
fn the_answer_is_believed_by_the_newest_charter() {
    let (world, home, _) = handed_in();
    let both = [&world.elmgate, &world.harborlight];
    world.answer(&world.rosa(), 90);
    let entry = world.harborlight.trust_domain.clone();
    let next = next_charter(&world.charter, &both, |charter| {
        let agency = charter.agencies.iter_mut().find(|agency| agency.trust_domain == entry).unwrap();
        test_agency::change_ca(agency, now_ms());
    });
    world.desk.state().charters.push(next);
    let refused = collect(&world, home.path());
    let expected = |error: &EnrolError| {
        matches!(error, EnrolError::Certificate(Purpose::Tls, TrustError::UnknownIssuer(..)))
    };
    assert!(refused.is_err_and(|error| expected(&error)));
}

#[test]
fn another_devices_answer_and_one_for_other_keys_are_refused() {
    let (world, home, _) = handed_in();
    let rosa = world.rosa();
    let other = world.harborlight.identity(2, 1);
    let fresh = tempfile::tempdir().unwrap();
    accept(&world, fresh.path(), &world.invite(&other)).unwrap();
    world.answer(&other, 90);
    let others = world.desk.state().requests[&other.to_string()].1.clone();
    world.desk.state().lies = Some(others);
    assert!(matches!(collect(&world, home.path()), Err(EnrolError::SealedAnswer)));
    world.desk.state().lies = None;

    // Sealed to this device, by whoever knows its request, and about another one.
    let request = world.request(&rosa);
    let about_other = answer(&world.harborlight, &world.charter, &request, &other, 90);
    world.give(&rosa, sealed(&about_other, &request, &rosa));
    assert!(matches!(collect(&world, home.path()), Err(EnrolError::OtherDevice(_))));
    // For the keys of another request.
    let for_other = answer(&world.harborlight, &world.charter, &world.request(&other), &rosa, 90);
    world.give(&rosa, sealed(&for_other, &request, &rosa));
    assert!(matches!(collect(&world, home.path()), Err(EnrolError::OtherKey(Purpose::Tls))));
    // A card is left out for renewals alone.
    world.answer_with(&rosa, 90, |answer| answer.card.clear());
    assert!(matches!(collect(&world, home.path()), Err(EnrolError::Card(_))));
    for bytes in [&b""[..], b"no answer", &vec![0; 40 * 1024]] {
        world.give(&rosa, bytes.to_vec());
        assert!(collect(&world, home.path()).is_err());
    }
    world.answer(&rosa, 90);
    assert!(collect(&world, home.path()).unwrap().is_some(), "the control: the right one is taken");
}

/// Runs of the program.
mod by_program {
    use super::*;

    fn write_invitation(device: &Laptop, invitation: &Invitation) {
        fs::write(device.path("invitation"), invitation.to_text() + "\n").unwrap();
    }

    #[test]
    fn accept_tells_the_words_and_finish_takes_the_answer_in() {
        let (world, device) = (World::new(), Laptop::new());
        write_invitation(&device, &world.invite(&world.rosa()));
        let asked = device.alcove(&["enrol", "accept", "invitation", "--json"]).outcome().success().json();
        assert_eq!(asked["schema"], "alcove.enrolment-state.v1");
        assert_eq!(asked["state"], "waiting");
        assert_eq!(asked["words"], alcove_charter::request_words(&world.request(&world.rosa())));
        let again = device.alcove(&["enrol", "accept", "invitation", "--json"]).outcome().success().json();
        assert_eq!(again, asked);
        let shown = device.alcove(&["enrol", "accept", "invitation"]).outcome();
        assert_eq!(shown.code, 0, "{}", shown.stderr);
        assert!(
            alcove_charter::same_words(asked["words"].as_str().unwrap(), &shown.stdout),
            "{}",
            shown.stdout
        );
        assert!(shown.stderr.contains("will call you and compare the six words"), "{}", shown.stderr);

        let early = device.alcove(&["enrol", "finish", "--json"]).outcome();
        assert_eq!(early.code, 7, "{}", early.stderr);
        assert!(early.stdout.contains(r#""state":"waiting""#), "{}", early.stdout);
        world.answer(&world.rosa(), 90);
        let enrolled = device.alcove(&["enrol", "finish", "--json"]).outcome().success().json();
        assert_eq!(enrolled["state"], "enrolled");
        assert_eq!(enrolled["identity"], world.rosa().to_string());
        let status = device.alcove(&["status", "--offline", "--json"]).outcome().success().json();
        assert_eq!(status["renewal"], serde_json::json!({ "state": "none", "since": null, "words": null }));
    }

    #[test]
    fn the_answer_is_waited_for_as_long_as_is_said() {
        let (world, device) = (World::new(), Laptop::new());
        write_invitation(&device, &world.invite(&world.rosa()));
        let rosa = world.rosa();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !world.desk.state().requests.contains_key(&rosa.to_string()) {
                    std::thread::yield_now();
                }
                world.answer(&rosa, 90);
            });
            let run = device.alcove(&["enrol", "accept", "invitation", "--wait", "120"]).outcome();
            assert_eq!(run.code, 0, "{}", run.stderr);
            assert!(run.stdout.contains("This device is Rosa Iglesias-Peña"), "{}", run.stdout);
        });
    }

    #[cfg(unix)]
    #[test]
    fn stopped_while_it_waits_it_goes_on_with_the_same_request() {
        let (world, device) = (World::new(), Laptop::new());
        write_invitation(&device, &world.invite(&world.rosa()));
        let waiting =
            device.alcove(&["enrol", "accept", "invitation", "--wait", "600"]).start(&device.path("log"));
        while world.desk.state().asked == 0 {
            std::thread::yield_now();
        }
        let request = world.request(&world.rosa());
        waiting.signal("INT");
        assert_eq!(waiting.join(std::time::Duration::from_secs(60)), 130);
        assert_eq!(device.alcove(&["enrol", "accept", "invitation"]).outcome().code, 0);
        assert_eq!(world.request(&world.rosa()), request);
        world.answer(&world.rosa(), 90);
        assert_eq!(
            device.alcove(&["enrol", "finish", "--json"]).outcome().success().json()["state"],
            "enrolled"
        );
    }

    #[test]
    fn what_is_no_invitation_is_told_apart() {
        let (world, device) = (World::new(), Laptop::new());
        let good = world.invite(&world.rosa()).to_text();
        let cut = good[..good.len() - 9].to_owned();
        for (text, code, words) in [
            ("hello", 12, "not an invitation"),
            ("", 12, "not an invitation"),
            (cut.as_str(), 12, "A piece of"),
        ] {
            fs::write(device.path("invitation"), text).unwrap();
            let run = device.alcove(&["enrol", "accept", "invitation"]).outcome();
            assert_eq!(run.code, code, "{text}: {}", run.stderr);
            assert!(run.stderr.contains(words), "{}", run.stderr);
        }
        let ended = Invitation { not_after_ms: 1, ..world.invite(&world.rosa()) };
        write_invitation(&device, &ended);
        let run = device.alcove(&["enrol", "accept", "invitation"]).outcome();
        assert_eq!(run.code, 8, "{}", run.stderr);
        assert!(!device.home().exists(), "no vault was made for it");
        let nobody = device.alcove(&["enrol", "accept"]).outcome();
        assert_eq!(nobody.code, 2, "{}", nobody.stderr);
        assert!(device.alcove(&["enrol", "accept", &good]).outcome().code != 0, "never as an argument");
        assert_eq!(world.desk.state().calls, 0);
        assert_eq!(device.alcove(&["enrol", "finish"]).outcome().code, 3, "nothing was accepted");
    }

    #[test]
    fn refusals_have_their_words_and_codes() {
        let (world, device) = (World::new(), Laptop::new());
        let rosa = world.rosa();
        write_invitation(&device, &world.invite(&rosa));
        let accept = || device.alcove(&["enrol", "accept", "invitation"]).outcome();
        for (reason, code, words) in [
            (Reason::InvitationUnknown, 3, "knows no such invitation"),
            (Reason::InvitationUsed, 9, "tell your agency's admin at once"),
            (Reason::InvitationExpired, 8, "The invitation has ended"),
        ] {
            world.desk.state().refuses = Some(reason);
            let run = accept();
            assert_eq!(run.code, code, "{}", run.stderr);
            assert!(run.stderr.contains(words), "{}", run.stderr);
        }
        world.desk.state().refuses = None;
        assert_eq!(accept().code, 0);
        world.refuse(&rosa);
        let run = accept();
        assert_eq!(run.code, 3, "{}", run.stderr);
        assert!(run.stderr.contains("has refused this device's request"), "{}", run.stderr);
        let offline = device.alcove(&["enrol", "accept", "invitation", "--offline"]).outcome();
        assert_eq!(offline.code, 7, "{}", offline.stderr);
    }

    #[test]
    fn neither_invitation_nor_keys_lie_beside_the_vault_in_clear() {
        let (world, device) = (World::new(), Laptop::new());
        let invitation = world.invite(&world.rosa());
        write_invitation(&device, &invitation);
        device.alcove(&["enrol", "accept", "invitation", "--json"]).outcome().success().json();
        let finds = |canary: &[u8]| {
            alcove_tests::laptop::files(&device.home())
                .iter()
                .any(|file| fs::read(file).unwrap().windows(canary.len()).any(|window| window == canary))
        };
        assert!(!finds(&invitation.to_text().as_bytes()[..60]));
        assert!(!finds(invitation.code.as_bytes()));
        assert!(finds(b"SQLite format 3"), "the control");
    }

    #[test]
    fn an_answer_by_file_ends_the_waiting_too() {
        let (world, device) = (World::new(), Laptop::new());
        write_invitation(&device, &world.invite(&world.rosa()));
        device.alcove(&["enrol", "accept", "invitation", "--json"]).outcome().success().json();
        let request = world.request(&world.rosa());
        let answer: v1::EnrolmentCertificate =
            answer(&world.harborlight, &world.charter, &request, &world.rosa(), 90);
        fs::write(device.path("device.cert"), prost::Message::encode_to_vec(&answer)).unwrap();
        device.alcove(&["enrol", "finish", "device.cert", "--offline", "--json"]).outcome().success().json();
        let calls = world.desk.state().calls;
        assert_eq!(
            device.alcove(&["enrol", "finish", "--offline", "--json"]).outcome().success().json()["state"],
            "enrolled"
        );
        assert_eq!(world.desk.state().calls, calls);
    }
}
