//! Forms of the row of a way back into a group and of what stands in it.

use super::*;

pub(super) fn forms() -> Vec<Form> {
    vec![row(GROUP.as_bytes(), rejoin()), part(met())]
}

fn rejoin() -> RejoinRow {
    RejoinRow {
        state: opaque(1),
        commit: opaque(2),
        epoch: 3,
        seen_position: 4,
        seen_head: hash(5),
        group_info: opaque(6),
        met: vec![met()],
        context_floor: opaque(8),
    }
}

fn met() -> MetRow {
    MetRow {
        author: DEVICE.to_owned(),
        author_key: point(2),
        identity: OTHER_DEVICE.to_owned(),
        public_key: point(4),
        author_chain: vec![opaque(5), opaque(6)],
        made_owner: true,
        person_sat: true,
    }
}
