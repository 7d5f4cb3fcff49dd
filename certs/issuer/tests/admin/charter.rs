//! Drafting and signing: nobody signs blindly, nobody is added without being asked.

use crate::desk::{DAY_MS, Desk, NOW_MS, elmgate, harborlight, passphrase, profile};
use alcove_charter::{CharterError, CharterFile};
use alcove_issuer::{
    AgencyCa, DraftError, IssuerError,
    drafting::{CHARTER_DAYS, Changes, FirstCharter, Signed, draft_first, draft_next},
    parse_agency_file,
};
use alcove_proto::v1::{self, Side};
use prost::Message;
use std::fs;

fn changes() -> Changes {
    Changes { days: CHARTER_DAYS, ..Changes::default() }
}

#[test]
fn agencies_sign_one_after_the_other_and_twice_is_once() {
    let desk = Desk::new();
    let mut file = desk.draft();
    assert!(matches!(file.complete(), Err(CharterError::NotSignedByAll(..))));
    assert_eq!(desk.harborlight.sign_charter(&mut file, NOW_MS).unwrap(), Signed::Now);
    let once = file.encode();
    assert_eq!(desk.harborlight.sign_charter(&mut file, NOW_MS).unwrap(), Signed::Before);
    assert_eq!(file.encode(), once);
    assert_eq!(desk.elmgate.sign_charter(&mut file, NOW_MS).unwrap(), Signed::Now);

    let read = CharterFile::parse(&file.encode()).unwrap();
    let history = read.complete().unwrap();
    assert_eq!(history.newest().quorum, 2);
    assert_eq!(history.newest().agencies.len(), 2);
}

#[test]
fn a_charter_that_misstates_the_agency_is_not_signed() {
    let desk = Desk::new();
    let impostor = AgencyCa::init(&desk.path("impostor"), harborlight(), &passphrase(), NOW_MS).unwrap();
    let refused = |change: &dyn Fn(&mut v1::Agency)| {
        let mut entry = desk.harborlight.entry();
        change(&mut entry);
        let mut file = desk.draft_with(|first| first.agencies[0] = entry);
        match desk.harborlight.sign_charter(&mut file, NOW_MS) {
            Err(IssuerError::Draft(DraftError::Misstates { what, .. })) => what,
            other => panic!("expected a refusal, got {other:?}"),
        }
    };
    let other = impostor.entry();
    assert_eq!(
        refused(&|entry| {
            entry.ca_certificates = other.ca_certificates.clone();
            entry.ca_claims = other.ca_claims.clone();
        }),
        "the CA certificate"
    );
    assert_eq!(
        refused(&|entry| {
            entry.ca_certificates.extend(other.ca_certificates.clone());
            entry.ca_claims.extend(other.ca_claims.clone());
        }),
        "the number of keys",
        "a second CA beside its own would be somebody else's"
    );
    assert_eq!(refused(&|entry| entry.charter_key = other.charter_key.clone()), "the charter key");
    assert_eq!(refused(&|entry| entry.sealing_key = other.sealing_key.clone()), "the sealing key");
    assert_eq!(refused(&|entry| entry.recovery_key = other.sealing_key.clone()), "the recovery key");
    assert_eq!(refused(&|entry| entry.display_name = "Harborlight".to_owned()), "the display name");
    assert_eq!(refused(&|entry| entry.side = Side::Prosecution.into()), "the side");
}

#[test]
fn nobody_signs_what_does_not_concern_them_or_does_not_hold() {
    let desk = Desk::new();
    let stranger =
        AgencyCa::init(&desk.path("stranger"), profile("stranger", "A Stranger"), &passphrase(), NOW_MS)
            .unwrap();
    let mut file = desk.draft();
    let refused = stranger.sign_charter(&mut file, NOW_MS);
    assert!(matches!(refused, Err(IssuerError::Draft(DraftError::NotInCharter(..)))));

    let over = desk.harborlight.sign_charter(&mut file, NOW_MS + 731 * DAY_MS);
    assert!(matches!(over, Err(IssuerError::Charter(CharterError::Expired { .. }))));

    // A bad signature of somebody else's is noticed before one's own is added.
    let trust_domain = elmgate().trust_domain;
    file.offered.insert_signature(trust_domain.clone(), vec![0x30, 0]);
    let beside = desk.harborlight.sign_charter(&mut file, NOW_MS);
    assert!(matches!(
        beside,
        Err(IssuerError::Charter(CharterError::BadSignature(bad))) if bad == trust_domain
    ));

    // A directory key that is not for this agency.
    let mut file = desk.draft();
    file.directory_keys[1].ciphertext = file.directory_keys[0].ciphertext.clone();
    let unopened = desk.harborlight.sign_charter(&mut file, NOW_MS);
    assert!(matches!(unopened, Err(IssuerError::Draft(DraftError::DirectoryKey))));
}

#[test]
fn a_draft_that_breaks_a_rule_is_not_made() {
    let desk = Desk::new();
    let draft = |change: &dyn Fn(&mut FirstCharter)| {
        let mut first = FirstCharter {
            collaborative: "northmark.example".parse().unwrap(),
            server_name: "alcove.northmark.example".to_owned(),
            server_cas: vec![desk.server.ca_certificate().to_vec()],
            agencies: vec![desk.harborlight.entry(), desk.elmgate.entry()],
            quorum: None,
            days: CHARTER_DAYS,
        };
        change(&mut first);
        draft_first(first, NOW_MS)
    };
    let charter_error = |change: &dyn Fn(&mut FirstCharter)| match draft(change) {
        Err(IssuerError::Charter(error)) => error,
        other => panic!("expected a refused charter, got {:?}", other.map(drop)),
    };
    assert!(draft(&|_| {}).is_ok());
    assert!(matches!(charter_error(&|first| first.agencies.clear()), CharterError::AgencyCount { .. }));
    assert!(matches!(
        charter_error(&|first| first.agencies[1] = first.agencies[0].clone()),
        CharterError::AgencyOrder(..)
    ));
    assert!(matches!(
        charter_error(&|first| first.collaborative = "southmark.example".parse().unwrap()),
        CharterError::OutsideCollaborative(..)
    ));
    assert!(matches!(charter_error(&|first| first.quorum = Some(1)), CharterError::Quorum { .. }));
    assert!(matches!(charter_error(&|first| first.server_name.clear()), CharterError::ServerName));
    assert!(matches!(
        charter_error(&|first| first.server_cas = vec![desk.elmgate.ca_certificate().to_vec()]),
        CharterError::ServerCaShared
    ));
    for days in [0, 3653] {
        assert!(matches!(draft(&|first| first.days = days), Err(IssuerError::Days { .. })));
    }
}

#[test]
fn a_later_version_adds_and_removes_by_quorum() {
    let mut desk = Desk::new();
    let first = desk.charter();
    let prosecution = AgencyCa::init(
        &desk.path("prosecution"),
        profile("prosecution", "Northmark Federal Prosecution Office"),
        &passphrase(),
        NOW_MS,
    )
    .unwrap();

    let add = Changes { entries: vec![prosecution.entry()], ..changes() };
    let mut second = draft_next(&first, add, &desk.harborlight, NOW_MS + DAY_MS).unwrap();
    for agency in [&desk.harborlight, &desk.elmgate] {
        assert_eq!(agency.sign_charter(&mut second, NOW_MS + DAY_MS).unwrap(), Signed::Now);
    }
    assert!(matches!(second.complete(), Err(CharterError::EntryNotSigned(..))), "it was not asked yet");
    prosecution.sign_charter(&mut second, NOW_MS + DAY_MS).unwrap();
    let second = CharterFile::parse(&second.encode()).unwrap();
    assert_eq!(second.complete().unwrap().newest().agencies.len(), 3);
    assert_eq!(
        prosecution.directory_key(&second).unwrap().as_bytes(),
        desk.harborlight.directory_key(&first).unwrap().as_bytes(),
        "who joins gets the directory key"
    );

    let remove = Changes { remove: vec![elmgate().trust_domain], ..changes() };
    let mut third = draft_next(&second, remove, &prosecution, NOW_MS + 2 * DAY_MS).unwrap();
    desk.harborlight.sign_charter(&mut third, NOW_MS + 2 * DAY_MS).unwrap();
    assert!(matches!(third.complete(), Err(CharterError::BelowQuorum { signed: 1, quorum: 2 })));
    // The one that leaves may agree too, and then its voice counts.
    desk.elmgate.sign_charter(&mut third, NOW_MS + 2 * DAY_MS).unwrap();
    let history = third.complete().unwrap();
    assert_eq!((history.newest().version, history.newest().agencies.len()), (3, 2));
    assert!(desk.elmgate.directory_key(&third).is_err());

    // And certificates go on under it, for those who are still in.
    let request = crate::desk::Device::new().request_file();
    let order = alcove_issuer::DeviceOrder::new("Rosa", "case manager");
    let issued = desk.harborlight.issue_device(&request, &third, &order, NOW_MS + 3 * DAY_MS).unwrap();
    let file = v1::EnrolmentCertificate::decode(issued.file.as_slice()).unwrap();
    assert_eq!(file.charters.len(), 3, "all versions travel");
    let left = desk.elmgate.issue_device(&request, &third, &order, NOW_MS + 3 * DAY_MS);
    assert!(matches!(left, Err(IssuerError::Draft(DraftError::NotInCharter(..)))));
}

#[test]
fn only_members_are_removed_and_only_a_charter_in_force_is_followed() {
    let desk = Desk::new();
    let stranger = Changes { remove: vec![profile("stranger", "x").trust_domain], ..changes() };
    let refused = draft_next(&desk.charter(), stranger, &desk.harborlight, NOW_MS);
    assert!(matches!(refused, Err(IssuerError::Draft(DraftError::NotAMember(..)))));
    let unsigned = draft_next(&desk.draft(), changes(), &desk.harborlight, NOW_MS);
    assert!(matches!(unsigned, Err(IssuerError::Charter(CharterError::NotSignedByAll(..)))));
}

#[test]
fn an_agency_file_is_read_strictly() {
    let desk = Desk::new();
    let file = fs::read(desk.path("harborlight").join("agency.pub")).unwrap();
    assert_eq!(parse_agency_file(&file).unwrap(), desk.harborlight.entry());
    for length in 0..file.len() {
        assert!(parse_agency_file(&file[..length]).is_err(), "{length} bytes");
    }
    let other = |change: &dyn Fn(&mut v1::AgencyFile)| {
        let mut message = v1::AgencyFile::decode(file.as_slice()).unwrap();
        change(&mut message);
        parse_agency_file(&message.encode_to_vec())
    };
    assert!(matches!(other(&|file| file.format = 2), Err(IssuerError::Draft(DraftError::AgencyFile))));
    assert!(matches!(other(&|file| file.agency = None), Err(IssuerError::Draft(DraftError::AgencyFile))));
    assert!(matches!(
        other(&|file| file.agency.as_mut().unwrap().ca_certificates.clear()),
        Err(IssuerError::Charter(CharterError::CaCount { .. }))
    ));
}

#[test]
fn an_agency_changes_its_name_and_side_with_the_next_charter_and_goes_on_until_then() {
    let mut desk = Desk::new();
    let first = desk.charter();
    let order = alcove_issuer::DeviceOrder::new("Rosa", "case manager");
    let request = || crate::desk::Device::new().request_file();
    let refused = desk.harborlight.rename(Some("two\nlines".to_owned()), None, &passphrase());
    assert!(matches!(refused, Err(IssuerError::Charter(_))), "no charter would take that name");
    desk.harborlight
        .rename(Some("Harborlight Survivor Services".to_owned()), Some(v1::Side::TrainingOnly), &passphrase())
        .unwrap();
    // Under the charter in force nothing stops, and others' drafts are signed as they are.
    desk.harborlight.issue_device(&request(), &first, &order, NOW_MS).unwrap();
    let mut unrelated = draft_next(&first, changes(), &desk.elmgate, NOW_MS).unwrap();
    assert_eq!(desk.harborlight.sign_charter(&mut unrelated, NOW_MS).unwrap(), Signed::Now);

    let rename = Changes { entries: vec![desk.harborlight.entry()], ..changes() };
    let mut next = draft_next(&first, rename, &desk.elmgate, NOW_MS).unwrap();
    desk.elmgate.sign_charter(&mut next, NOW_MS).unwrap();
    assert!(matches!(next.complete(), Err(CharterError::EntryNotSigned(..))), "nobody renames it without it");
    desk.harborlight.sign_charter(&mut next, NOW_MS).unwrap();
    let history = next.complete().unwrap();
    let entry = history.newest().agency(&desk.harborlight.profile().trust_domain).unwrap();
    assert_eq!(
        (entry.display_name.as_str(), entry.side),
        ("Harborlight Survivor Services", v1::Side::TrainingOnly)
    );
    desk.harborlight.issue_device(&request(), &next, &order, NOW_MS).unwrap();

    // A draft with a third name is none of its own.
    let mut entry = desk.harborlight.entry();
    entry.display_name = "Harborlight Bail Bonds".to_owned();
    let mut other =
        draft_next(&first, Changes { entries: vec![entry], ..changes() }, &desk.elmgate, NOW_MS).unwrap();
    let misstated = desk.harborlight.sign_charter(&mut other, NOW_MS);
    assert!(matches!(
        misstated,
        Err(IssuerError::Draft(DraftError::Misstates { what: "the display name", .. }))
    ));
}

#[test]
fn an_agency_file_from_before_claims_gets_them_when_its_ca_is_next_opened_and_keeps_them() {
    let desk = Desk::new();
    let path = desk.path("harborlight");
    let agency_file = path.join("agency.pub");
    let entry = desk.harborlight.entry();
    let Desk { harborlight, elmgate, server, .. } = desk;
    drop(harborlight);
    let old = v1::Agency { ca_claims: Vec::new(), ..entry.clone() };
    let message = v1::AgencyFile { format: 1, agency: Some(old.clone()) };
    fs::write(&agency_file, message.encode_to_vec()).unwrap();
    let first = |agency: v1::Agency| {
        let first = FirstCharter {
            collaborative: "northmark.example".parse().unwrap(),
            server_name: "alcove.northmark.example".to_owned(),
            server_cas: vec![server.ca_certificate().to_vec()],
            agencies: vec![agency, elmgate.entry()],
            quorum: None,
            days: CHARTER_DAYS,
        };
        draft_first(first, NOW_MS)
    };
    assert!(matches!(
        first(old),
        Err(IssuerError::Charter(CharterError::CaClaimMissing(trust_domain))) if trust_domain.as_str() == entry.trust_domain
    ));

    let opened = AgencyCa::open(&path, &passphrase()).unwrap();
    let with_claims = parse_agency_file(&fs::read(&agency_file).unwrap()).unwrap();
    assert_eq!(with_claims, opened.entry());
    let draft = first(with_claims.clone()).unwrap();
    drop(opened);
    let mut again = AgencyCa::open(&path, &passphrase()).unwrap();
    assert_eq!(again.entry(), with_claims, "another claim would be another entry");
    again.roll_begin(&passphrase(), NOW_MS).unwrap();
    assert_eq!(again.entry().ca_claims[0], with_claims.ca_claims[0]);
    assert_eq!(again.entry().ca_claims.len(), 2);
    assert!(draft.history.is_none());
}

#[test]
fn a_charter_for_old_programs_has_no_claims_and_one_that_raises_the_rules_has_everybodys() {
    let desk = Desk::new();
    let old = alcove_charter::SignedCharter::unsigned({
        let draft = desk.draft();
        let mut charter = v1::Charter::decode(draft.offered.to_message().charter.as_slice()).unwrap();
        charter.rules = 0;
        charter.directory_key_hash.clear();
        charter.agencies.iter_mut().for_each(|entry| entry.ca_claims.clear());
        charter.encode_to_vec()
    });
    let mut first = CharterFile { offered: old.unwrap(), ..desk.draft() };
    desk.harborlight.sign_charter(&mut first, NOW_MS).unwrap();
    desk.elmgate.sign_charter(&mut first, NOW_MS).unwrap();

    let both = vec![desk.harborlight.entry(), desk.elmgate.entry()];
    let unraised = Changes { entries: both.clone(), ..changes() };
    let draft = draft_next(&first, unraised, &desk.elmgate, NOW_MS).unwrap();
    assert!(draft.offered.charter().agencies.iter().all(|agency| agency.entry().ca_claims.is_empty()));

    let raised = |entries: &[v1::Agency]| {
        let raised = Changes { entries: entries.to_vec(), rules: Some(1), ..changes() };
        draft_next(&first, raised, &desk.elmgate, NOW_MS)
    };
    let refused = raised(&both[..1]);
    assert!(matches!(
        refused.map(drop),
        Err(IssuerError::Charter(CharterError::CaClaimMissing(trust_domain))) if trust_domain == elmgate().trust_domain
    ));
    let mut raised = raised(&both).unwrap();
    desk.harborlight.sign_charter(&mut raised, NOW_MS).unwrap();
    desk.elmgate.sign_charter(&mut raised, NOW_MS).unwrap();
    assert_eq!(raised.complete().unwrap().newest().rules, 1);
}
