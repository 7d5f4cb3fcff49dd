//! Forms of the rows of welcomes that wait for a person, and of what ties this device's own keys together.

use super::*;

pub(super) fn forms() -> Vec<Form> {
    vec![
        row(WELCOME.as_bytes(), request()),
        row(WELCOME.as_bytes(), request_content()),
        row(&[], KeyTiesRow { ties: opaque(1) }),
    ]
}

fn request() -> RequestRow {
    RequestRow {
        group: id(1),
        epoch: 2,
        position: 3,
        key_package_ref: hash(4),
        adder: DEVICE.to_owned(),
        adder_key: point(6),
        since_ms: 7,
        declined: true,
        leads_on: true,
    }
}

fn request_content() -> RequestContentRow {
    RequestContentRow { welcome: opaque(1), link: vec![hash(2), hash(3)], tree: opaque(3) }
}
