//! A CA near its end: told for a year, nothing outlives it, and after it nothing is signed.

use crate::{
    desk::{DAY_MS, Desk, Device, NOW_MS, SERVER_NAME, csr, harborlight, passphrase},
    program::Room,
    scene::clock_ms,
};
use alcove_charter::{CharterFile, Judge, TrustView};
use alcove_issuer::{
    AGENCY_CA_DAYS, AgencyCa, CERTIFICATE_DAYS_MAX, DeviceOrder, DutyOfficer, FindingKind, IssuerError,
    LifeError, Reason, RehearseInput, RollState, Which, drafting::CHARTER_DAYS_MAX, rehearse,
};
use alcove_proto::v1;
use prost::Message;
use rcgen::KeyPair;

/// The first moment after the last one of what [`Desk::new`] makes.
const OVER_MS: i64 = NOW_MS + AGENCY_CA_DAYS as i64 * DAY_MS + 1000;

/// A charter that outlives the CAs in it: both are made on the same day, and a charter is drafted later.
fn charter(desk: &mut Desk) -> CharterFile {
    desk.now_ms = OVER_MS - 400 * DAY_MS;
    let mut file = desk.draft_with(|first| first.days = CHARTER_DAYS_MAX);
    desk.harborlight.sign_charter(&mut file, desk.now_ms).unwrap();
    desk.elmgate.sign_charter(&mut file, desk.now_ms).unwrap();
    file
}

fn order(days: u32) -> DeviceOrder {
    DeviceOrder { days, ..DeviceOrder::new("Rosa Iglesias", "case manager") }
}

fn life_error(error: IssuerError) -> LifeError {
    match error {
        IssuerError::Life(error) => error,
        error => panic!("{error:?}"),
    }
}

fn server_request() -> Vec<u8> {
    let key = || KeyPair::generate().unwrap();
    v1::ServerRequest { format: 1, tls_csr: csr(&key()), receipt_csr: csr(&key()) }.encode_to_vec()
}

#[test]
fn no_certificate_outlives_its_ca_and_devices_believe_the_short_one() {
    let mut desk = Desk::new();
    let charter = charter(&mut desk);
    let last_ms = desk.harborlight.life().unwrap().not_after_ms();
    assert_eq!(last_ms, OVER_MS - 1);
    let now_ms = OVER_MS - 30 * DAY_MS;
    let mut issue = |days| {
        let request = Device::new().request_file();
        desk.harborlight.issue_device(&request, &charter, &order(days), now_ms).unwrap()
    };
    let (short, long) = (issue(29), issue(CERTIFICATE_DAYS_MAX));
    assert_eq!(short.not_after_ms, now_ms + 29 * DAY_MS, "the control: it ends before the CA anyway");
    assert_eq!(long.not_after_ms, last_ms - 999);
    let life = desk.harborlight.life().unwrap();
    assert!(life.cuts_short(long.not_after_ms) && !life.cuts_short(short.not_after_ms));
    let file = v1::EnrolmentCertificate::decode(long.file.as_slice()).unwrap();
    let view = TrustView::new(charter.complete().unwrap());
    let mls = view.verify_device_mls(&file.mls_chain, Judge::At(&view.moment(now_ms))).unwrap();
    let tls = view.verify_device_tls(&file.tls_chain, now_ms).unwrap();
    assert_eq!((mls.not_after_ms, tls.not_after_ms), (last_ms, last_ms));

    let server = desk.server.issue(&server_request(), SERVER_NAME, CERTIFICATE_DAYS_MAX, now_ms).unwrap();
    assert_eq!(server.not_after_ms, last_ms - 999);
    let duty = desk.path("duty");
    DutyOfficer::init(&duty, &mut desk.harborlight, &passphrase(), now_ms).unwrap();
    assert_eq!(desk.harborlight.issued().last().unwrap().not_after_ms, last_ms - 999);
}

#[test]
fn in_its_last_day_it_revokes_and_certifies_nothing_and_after_it_neither() {
    let mut desk = Desk::new();
    let charter = charter(&mut desk);
    let request = Device::new().request_file();
    let early_ms = OVER_MS - 200 * DAY_MS;
    let issued = desk.harborlight.issue_device(&request, &charter, &order(90), early_ms).unwrap();
    let count = desk.harborlight.issued().len();
    let not_after_ms = OVER_MS - 1;
    let mut refused = |now_ms, expected: LifeError| {
        let request = Device::new().request_file();
        let device = desk.harborlight.issue_device(&request, &charter, &order(1), now_ms).unwrap_err();
        assert_eq!(life_error(device), expected);
        let server = desk.server.issue(&server_request(), SERVER_NAME, 1, now_ms).unwrap_err();
        assert_eq!(life_error(server), expected);
        let duty = desk.path("duty");
        let duty = DutyOfficer::init(&duty, &mut desk.harborlight, &passphrase(), now_ms).err().unwrap();
        assert_eq!(life_error(duty), expected);
        assert_eq!(desk.harborlight.issued().len(), count, "nothing was certified");
    };
    refused(OVER_MS - DAY_MS / 2, LifeError::AlmostOver { not_after_ms });
    refused(OVER_MS, LifeError::Over { not_after_ms });

    let which = Which::Device(issued.identity.clone());
    let over = |error| assert_eq!(life_error(error), LifeError::Over { not_after_ms });
    over(desk.harborlight.revoke(&which, Reason::KeyCompromise, OVER_MS).unwrap_err());
    over(desk.harborlight.renew_crl(OVER_MS).unwrap_err());
    let list = desk.harborlight.revoke(&which, Reason::KeyCompromise, OVER_MS - 1).unwrap();
    assert_eq!(
        list.newly_revoked.len(),
        2,
        "the control: in its last moment, and nothing was recorded after it"
    );
    let twice = desk.harborlight.revoke(&which, Reason::KeyCompromise, OVER_MS - 1).unwrap();
    assert!(twice.newly_revoked.is_empty());
}

#[test]
fn after_its_end_a_ca_can_still_be_replaced() {
    let mut desk = Desk::new();
    let first = charter(&mut desk);
    desk.harborlight.roll_begin(&passphrase(), OVER_MS).unwrap();
    assert!(desk.harborlight.life().unwrap().has_successor());
    let changes = alcove_issuer::drafting::Changes {
        days: 100,
        entries: vec![desk.harborlight.entry()],
        ..Default::default()
    };
    let mut next = alcove_issuer::drafting::draft_next(&first, changes, &desk.elmgate, OVER_MS).unwrap();
    desk.harborlight.sign_charter(&mut next, OVER_MS).unwrap();
    desk.elmgate.sign_charter(&mut next, OVER_MS).unwrap();
    let list = desk.harborlight.roll_switch(&next, &passphrase(), OVER_MS).unwrap();
    assert!(list.is_some() && desk.harborlight.roll_state() == RollState::Switched);
    let request = Device::new().request_file();
    let issued = desk.harborlight.issue_device(&request, &next, &order(90), OVER_MS).unwrap();
    assert_eq!(issued.not_after_ms, OVER_MS + 90 * DAY_MS);
}

/// A folder whose CA was made at that time, for the program, which has the clock of this machine.
fn folder_of(made_ms: i64) -> Room {
    let room = Room::new();
    AgencyCa::init(&room.path("hl"), harborlight(), &passphrase(), made_ms).unwrap();
    room
}

#[test]
fn the_program_tells_of_the_end_and_refuses_by_a_clock_from_before_the_beginning() {
    let life_ms = i64::from(AGENCY_CA_DAYS) * DAY_MS;
    let said = |room: &Room, line: &str| {
        let output = room.run(line);
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        (output.status.code(), text(&output.stdout), text(&output.stderr))
    };
    let near = folder_of(clock_ms() - life_ms + 100 * DAY_MS + 60_000);
    let (code, words, beside) = said(&near, "ca show --ca hl --words");
    assert_eq!((code, words.trim().split(' ').count()), (Some(0), 6), "six words and nothing else: {words}");
    assert!(beside.contains("in 100 days") && beside.contains("ca roll begin"), "{beside}");
    let list = near.ok("crl --ca hl -o near.crl");
    assert_eq!(
        (&list["ca_ends"]["days_left"], &list["ca_ends"]["over"]),
        (&100.into(), &false.into()),
        "{list}"
    );

    let young = folder_of(clock_ms());
    assert_eq!(said(&young, "ca show --ca hl").2, "");
    assert!(young.ok("crl --ca hl -o young.crl").get("ca_ends").is_none(), "the control");

    let over = folder_of(clock_ms() - life_ms - DAY_MS);
    let ahead = folder_of(clock_ms() + 3 * DAY_MS);
    for (room, reason) in [(over, "ca-ended"), (ahead, "clock-before-ca")] {
        let (code, answer, told) = said(&room, "crl --ca hl -o none.crl --json");
        let told: serde_json::Value = serde_json::from_str(&told).unwrap();
        assert_eq!((code, answer.as_str(), &told["reason"]), (Some(8), "", &reason.into()), "{told}");
        assert!(!room.path("none.crl").exists());
    }
}

#[test]
fn a_rehearsal_tells_of_the_ca_a_year_before_however_few_days_it_looks_at() {
    let mut desk = Desk::new();
    let charter = charter(&mut desk);
    let folder = desk.path("harborlight");
    drop(desk.harborlight);
    let told = |now_ms| {
        let input = RehearseInput {
            ca: &folder,
            charter: &charter,
            crls: Vec::new(),
            server: None,
            next: None,
            days: 1,
        };
        let findings = rehearse(&input, now_ms).unwrap().findings;
        findings.iter().any(|finding| finding.kind == FindingKind::Ca)
    };
    assert!(told(OVER_MS - 1 - 366 * DAY_MS) && told(OVER_MS - DAY_MS) && told(OVER_MS));
    assert!(!told(OVER_MS - 2 - 366 * DAY_MS));
}
