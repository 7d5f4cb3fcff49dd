//! Forms of the rows of the device itself.

use super::*;

pub(super) fn forms() -> Vec<Form> {
    vec![
        row(&[], device()),
        row(&[], enrolment()),
        row(&[], invitation()),
        row(&[], renewal()),
        row(&CERTIFICATE, FormerKeyRow { mls_key: opaque(1), mls_chain: vec![opaque(2), opaque(3)] }),
    ]
}

fn device() -> DeviceRow {
    DeviceRow {
        tls_key: opaque(1),
        mls_key: opaque(2),
        sealing_key: hash(3),
        sealing_public_key: point(4),
        request: opaque(5),
    }
}

fn enrolment() -> EnrolmentRow {
    EnrolmentRow {
        identity: DEVICE.to_owned(),
        tls_chain: vec![opaque(2), opaque(3)],
        mls_chain: vec![opaque(3), opaque(4)],
        card: opaque(4),
        directory_key: hash(5),
        server_address: "server.northmark.example:7443".to_owned(),
        enrolled_at_ms: 7,
        desk_address: "server.northmark.example:7444".to_owned(),
        invitation_hash: hash(9),
    }
}

fn invitation() -> InvitationRow {
    InvitationRow {
        text: "one line of text".to_owned(),
        charters: vec![opaque(2), opaque(3)],
        handed_in_at_ms: 3,
    }
}

fn renewal() -> RenewalRow {
    RenewalRow {
        device: Some(device()),
        made_at_ms: 2,
        handed_in_at_ms: 3,
        refused_at_ms: 4,
        asked_at_ms: 5,
        desk_silent: true,
        bad_answer_at_ms: 7,
    }
}
