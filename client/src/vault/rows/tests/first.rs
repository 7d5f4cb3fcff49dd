//! Forms of the rows that are in most vaults from the first hour: trust, the first groups, members and their keys.

use super::*;

pub(super) fn forms() -> Vec<Form> {
    vec![
        row(&NUMBER.to_be_bytes(), CharterRow { signed: opaque(1) }),
        row_of(AGENCY, crl()),
        row(&CERTIFICATE, set_aside()),
        row(&[], upkeep()),
        row(GROUP.as_bytes(), RosterRow { epoch: 1, members: vec![roster_member()] }),
        part(roster_member()),
        row(&numbered(), EpochRow { epoch_id: hash(1), key: hash(2) }),
        row(&in_group(&tag::<AuthorRow>(DEVICE)), author()).by_tag_of(DEVICE),
        row(&CERTIFICATE, ChainRow { certificates: vec![opaque(1), opaque(2)] }),
        row(&hash(0xa7), key_package()),
        row(GROUP.as_bytes(), pending()),
        part(intent()),
        part(add()),
        part(joiner()),
        row_of(&alarm_name(), alarm()),
        row_of(PERSON, card()),
        mls(),
        draft(),
    ]
}

/// As the library gives it.
fn mls() -> Form {
    let row = MlsRow(Zeroizing::new(vec![1, 2, 3]));
    let form = Form::opaque("MlsRow", Row::encode(&row).to_vec()).called("Mls");
    form.at("room", MlsRow::ROOM as u8, GROUP.as_bytes())
}

/// As it was typed.
fn draft() -> Form {
    let row = DraftRow(Zeroizing::new(b"half a thought".to_vec()));
    let form = Form::opaque("DraftRow", Row::encode(&row).to_vec()).called("Draft");
    form.at("room", DraftRow::ROOM as u8, &[in_group(RECORD.as_bytes()), OTHER_ID.to_vec()].concat())
}

fn crl() -> CrlRow {
    CrlRow { der: opaque(1), trust_domain: AGENCY.to_owned(), listed: opaque(55), overdue_told: true }
}

fn set_aside() -> SetAsideRow {
    SetAsideRow { room: 1, key: opaque(2), bytes: opaque(3), set_aside_at_ms: 4 }
}

fn upkeep() -> UpkeepRow {
    UpkeepRow {
        card_published: hash(1),
        sealed_card: opaque(2),
        last_resort_certificate: hash(3),
        last_resort_not_after_ms: 4,
        receipt_chain: vec![opaque(5), opaque(6)],
        key_packages_due: true,
    }
}

fn roster_member() -> RosterMember {
    RosterMember {
        leaf: 1,
        identity: DEVICE.to_owned(),
        role: 3,
        certificate_hash: hash(4),
        public_key: point(5),
        since_position: 120,
    }
}

fn author() -> AuthorRow {
    AuthorRow { sequence: 1, hash: hash(2), certificate_hash: hash(3), added_again: true }
}

fn key_package() -> KeyPackageRow {
    KeyPackageRow {
        secret: opaque(1),
        last_resort: true,
        not_after_ms: 3,
        unpublished: opaque(4),
        former_certificate: hash(5),
    }
}

fn pending() -> PendingRow {
    PendingRow {
        intent: Some(intent()),
        commit: opaque(2),
        welcome: opaque(3),
        joiners: vec![joiner()],
        epoch: 5,
        seen_position: 6,
        group_info: opaque(50),
        put_out: vec![PERSON.to_owned()],
        restores_known: 101,
    }
}

fn intent() -> IntentRow {
    IntentRow {
        add: vec![add()],
        remove: vec![DEVICE.to_owned(), OTHER_DEVICE.to_owned()],
        as_owner: true,
        update: true,
        history_since_ms: Some(5),
    }
}

fn add() -> AddRow {
    AddRow { identity: DEVICE.to_owned(), key_package: opaque(2) }
}

fn joiner() -> JoinerRow {
    JoinerRow { identity: DEVICE.to_owned(), key_package_ref: hash(2) }
}

fn alarm() -> AlarmRow {
    AlarmRow {
        group_id: id(1),
        kind: 2,
        position: 3,
        noticed_at_ms: 4,
        acknowledged: true,
        device: DEVICE.to_owned(),
        certificate: hash(7),
        author: OTHER_DEVICE.to_owned(),
        count: 61,
        last_position: 62,
    }
}

/// A gap in the log of the group.
fn alarm_name() -> String {
    format!("{GROUP} 1 at {NUMBER}")
}

fn card() -> CardRow {
    CardRow {
        person: PERSON.to_owned(),
        name: "Ada".to_owned(),
        role: "advocate".to_owned(),
        issued_at_ms: 4,
    }
}
