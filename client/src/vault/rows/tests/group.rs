//! Forms of the row of a group and of what stands in it.

use super::*;

pub(super) fn forms() -> Vec<Form> {
    vec![row(GROUP.as_bytes(), group()), part(predecessor()), part(carry()), part(promise())]
}

fn group() -> GroupRow {
    GroupRow {
        title: "Family R.".to_owned(),
        subject_kind: 2,
        epoch: 3,
        epoch_id: hash(4),
        own_leaf: 5,
        position: 6,
        head: hash(7),
        join_position: 8,
        charter_hash: hash(9),
        archived: true,
        closed: true,
        frozen: true,
        own_sequence: 13,
        own_hash: hash(14),
        joined_at_ms: 15,
        updated_at_ms: 16,
        items: 17,
        last_activity_ms: 18,
        own_certificate: hash(19),
        created: true,
        group_info: opaque(21),
        welcome_id: id(22),
        outbox_next: 23,
        promises: vec![promise()],
        upkeep_tried_at_ms: 25,
        not_shown: true,
        frozen_by: DEVICE.to_owned(),
        predecessor: Some(predecessor()),
        successor: id(42),
        carry: vec![carry()],
        led_by: OTHER_DEVICE.to_owned(),
        recovered: true,
        restores_known: 55,
        first_join: Some(56),
        ordered_invalid_at: 65,
        frozen_by_signed: true,
        context_floor: opaque(70),
        led_by_member: true,
        led_by_key: point(90),
        led_by_ties: opaque(91),
        former_of: id(50),
        leaving_since_ms: 75,
        leaving: vec![PERSON.to_owned()],
        frozen_at_ms: 95,
        told_floor: opaque(96),
        brought_by_outsiders: vec![PERSON.to_owned()],
        owners_by_outsiders: vec![PERSON.to_owned()],
        outsiders_noticed_at_ms: 99,
        wish_lapsed_at_ms: 100,
        carry_restores_known: 101,
        titled_at: 120,
    }
}

fn predecessor() -> PredecessorRow {
    PredecessorRow { group: id(1), epoch: 2, epoch_id: hash(3), position: 4, head: hash(5) }
}

fn carry() -> CarryRow {
    CarryRow { identity: DEVICE.to_owned(), owner: true, changed_key: point(3), unfit_at_ms: 105 }
}

fn promise() -> PromiseRow {
    PromiseRow { position: 1, head: hash(2) }
}
