//! What is said of a device, and when.

use super::{json::RenewalJson, *};
use crate::session::AgencyView;
use alcove_programs::exit::Exit;
use alcove_proto::v1::Side;

fn status(days_left: f64) -> StatusView {
    let identity: alcove_proto::names::Identity =
        "spiffe://harborlight.northmark.example/staff/aaaaaaaaaaaaaaaa/device/1".parse().unwrap();
    let ends = (days_left * DAY_MS as f64) as i64;
    StatusView {
        agency: AgencyView {
            trust_domain: identity.person.trust_domain.clone(),
            name: "Harborlight Immigrant Services".to_owned(),
            side: Side::Provider,
            has_recovery: false,
        },
        identity,
        name: "Rosa Iglesias-Peña".to_owned(),
        role: "case manager".to_owned(),
        collaborative: "northmark.example".to_owned(),
        charter_version: 1,
        charter_hash: [0; 32],
        charter_not_after_ms: 700 * DAY_MS,
        server_address: "127.0.0.1:1".to_owned(),
        tls_not_after_ms: ends,
        mls_not_after_ms: ends + 1,
        now_ms: 0,
        revoked: false,
        not_of_charter: false,
        renewal: renewal(RenewalState::None),
        queued: 0,
        refused: 0,
        unfinished_uploads: 0,
        cases: 0,
        requests: 0,
        leaders: 0,
        unsealed: 0,
        recoveries: vec![],
        ledger: None,
        lists: vec![],
        alarms: vec![],
    }
}

fn renewal(state: RenewalState) -> RenewalView {
    RenewalView { state, due_at_ms: 0, desk_known: false, desk_silent: false, bad_answer: false }
}

fn waiting() -> RenewalState {
    RenewalState::Waiting { since_ms: 0, words: "erase entry write avocado case prison".to_owned() }
}

#[test]
fn the_warning_says_what_is_true_of_the_renewal() {
    let told = |state, change: fn(&mut RenewalView)| {
        let mut status = StatusView { renewal: renewal(state), ..status(6.5) };
        change(&mut status.renewal);
        let warnings = warnings(Language::English, &status, Some(&server(0)));
        assert_eq!(warnings.len(), 1, "{warnings:?}");
        warnings[0].clone()
    };
    let by_files = told(RenewalState::None, |_| {});
    assert!(by_files.contains("renew it today. Run `alcove enrol request`"), "{by_files}");
    let waits = told(waiting(), |_| {});
    assert!(waits.contains("within a week. A renewal has been waiting"), "nothing is left to do: {waits}");
    assert!(waits.contains("1970-01-01 00:00 UTC; its words are: erase entry"), "{waits}");
    let silent = told(RenewalState::None, |renewal| {
        renewal.desk_known = true;
        renewal.desk_silent = true;
    });
    assert!(silent.contains("desk cannot be reached or has no room for it"), "{silent}");
    assert!(silent.contains("tell your agency's admin") && silent.contains("enrol request"), "{silent}");
    let refused = RenewalState::Refused { since_ms: 0, words: String::new() };
    let refused = told(refused, |renewal| renewal.desk_known = true);
    assert!(refused.contains("was refused on 1970-01-01 00:00 UTC"), "{refused}");
    let wrong = told(waiting(), |renewal| renewal.bad_answer = true);
    assert!(wrong.contains("is not for this device"), "{wrong}");
}

#[test]
fn a_renewal_that_waits_is_spoken_of_only_when_it_matters_and_always_in_json() {
    let status = StatusView { renewal: renewal(waiting()), ..status(31.0) };
    assert_eq!(warnings(Language::English, &status, Some(&server(0))), Vec::<String>::new());
    let json = serde_json::to_value(RenewalJson::new(&status.renewal)).unwrap();
    assert_eq!(json["state"], "waiting");
    assert_eq!(json["since"], "1970-01-01T00:00:00Z");
    assert_eq!(json["words"], "erase entry write avocado case prison");
    let none = serde_json::to_value(RenewalJson::new(&renewal(RenewalState::None))).unwrap();
    assert_eq!(none, serde_json::json!({ "state": "none", "since": null, "words": null }));
    let ended = StatusView { renewal: renewal(waiting()), ..super::tests::status(-1.0) };
    let failure = own_certificate(Language::English, &ended).unwrap_err();
    assert!(failure.remedy.contains("its words are: erase"), "{}", failure.remedy);
}

fn server(clock_difference_ms: i64) -> ServerView {
    ServerView { version: "0.1.0".to_owned(), clock_difference_ms, round_trip_us: 60 }
}

#[test]
fn the_warning_gets_more_urgent_as_the_end_comes_near() {
    for (days, words) in [
        (31.0, None),
        (29.0, Some("within a month")),
        (13.5, Some("within two weeks")),
        (6.5, Some("within a week")),
        (0.5, Some("NOW")),
    ] {
        let warnings = warnings(Language::English, &status(days), Some(&server(0)));
        match words {
            None => assert_eq!(warnings, Vec::<String>::new(), "{days}"),
            Some(words) => {
                assert!(warnings.len() == 1 && warnings[0].contains(words), "{days}: {warnings:?}")
            }
        }
    }
}

#[test]
fn an_expired_or_revoked_certificate_ends_with_its_own_exit_code() {
    assert!(own_certificate(Language::English, &status(1.0)).is_ok());
    assert_eq!(own_certificate(Language::English, &status(-1.0)).unwrap_err().exit, Exit::Certificate);
    let revoked = StatusView { revoked: true, ..status(1.0) };
    assert_eq!(own_certificate(Language::English, &revoked).unwrap_err().exit, Exit::Certificate);
}

#[test]
fn a_clock_that_is_off_is_told_with_its_direction() {
    assert!(warnings(Language::English, &status(90.0), Some(&server(60_000))).is_empty());
    let ahead = warnings(Language::English, &status(90.0), Some(&server(3_600_000)));
    assert!(ahead[0].contains("60 minutes ahead of"), "{ahead:?}");
    let behind = warnings(Language::English, &status(90.0), Some(&server(-3_600_000)));
    assert!(behind[0].contains("60 minutes behind"), "{behind:?}");
}
