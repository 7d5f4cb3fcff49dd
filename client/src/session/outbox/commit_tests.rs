//! Two programs on one vault carry out one intent: neither undoes what the other has made.

use super::*;
use crate::session::samples::Enrolled;

const CASE: GroupId = GroupId([7; 16]);

/// Two programs on the vault of a device with a case of its own, in which a self-update is to be made.
fn two_programs() -> (Session, Session, Enrolled) {
    let enrolled = Enrolled::new();
    let (one, other) = (enrolled.session(), enrolled.session());
    one.vault
        .act::<_, Error>(Durability::OnDisk, |act| {
            let row = one.acting(act)?.found(&CASE, GroupRow::default())?;
            act.put(CASE.as_bytes(), &GroupRow { created: true, ..row })?;
            let intent = IntentRow { update: true, ..IntentRow::default() };
            Ok(act.put(CASE.as_bytes(), &PendingRow { intent: Some(intent), ..PendingRow::default() })?)
        })
        .unwrap();
    (one, other, enrolled)
}

#[track_caller]
fn made(session: &Session) -> Vec<u8> {
    let made = session.vault.act(Durability::OnDisk, |act| session.acting(act)?.make_or_give_up(&CASE));
    match made.unwrap() {
        Made::Ready(submission) => submission.commit,
        Made::Nothing | Made::Behind | Made::GivenUp(_) | Made::Overtaken(_) => {
            panic!("a self-update can be made")
        }
    }
}

/// What stands in the vault: the bytes that are to be sent, nothing where there is no intent any more.
fn standing(session: &Session) -> Option<Vec<u8>> {
    let read = session.vault.read::<_, Error>(|act| Ok(act.get::<PendingRow>(CASE.as_bytes())?));
    read.unwrap().map(|pending| pending.commit.clone())
}

fn was_let_go(session: &Session, commit: &[u8]) -> bool {
    let entry = LogEntry { body: commit.to_vec().into(), ..LogEntry::default() };
    session.vault.read::<_, Error>(|act| Ok(let_go::is_one(act, &CASE, &entry)?)).unwrap()
}

#[test]
fn a_commit_that_another_program_is_sending_is_not_made_once_more() {
    let (one, other, _enrolled) = two_programs();
    // Both have looked, and both have seen that it is to be made.
    for session in [&one, &other] {
        assert!(matches!(session.prepared(&CASE).unwrap(), Pending::ToMake));
    }
    let first = made(&one);
    assert_eq!(made(&other), first, "the log may show it at any moment: it has to be known then");
    assert_eq!(standing(&one), Some(first.clone()));
    // The control: once it is refused the next one has other bytes, and the first ones are remembered.
    one.unmake(&CASE, &first).unwrap();
    assert_ne!(made(&other), first);
    assert!(was_let_go(&other, &first));
}

#[test]
fn a_refusal_that_another_program_has_answered_undoes_nothing_that_was_made_since() {
    let (one, other, _enrolled) = two_programs();
    let first = made(&one);
    assert_eq!(made(&other), first);
    // Both are told that their charter or lists are behind. The other one is faster, and the server takes its next try.
    other.unmake(&CASE, &first).unwrap();
    let second = made(&other);
    one.unmake(&CASE, &first).unwrap();
    assert_eq!(standing(&one), Some(second.clone()));
    assert_eq!(one.give_up(&CASE, &first).unwrap(), GivenUp::OtherStands);
    assert_eq!(standing(&one), Some(second.clone()));
    assert!(was_let_go(&one, &first));
    assert!(!was_let_go(&one, &second), "the log that shows it would look like the server's fault");
    // The control: a refusal of what stands there.
    assert_eq!(one.give_up(&CASE, &second).unwrap(), GivenUp::Done);
    assert_eq!(standing(&other), None);
    assert!(was_let_go(&one, &second));
    assert_eq!(other.give_up(&CASE, &second).unwrap(), GivenUp::Done, "both were told");
}

#[test]
fn a_change_of_members_waits_for_what_passes_soon_and_for_nothing_else() {
    for reason in [Reason::RateLimited, Reason::Unavailable, Reason::Internal] {
        assert!(!ends_intent(reason), "{reason:?}");
    }
    for reason in [Reason::QuotaExceeded, Reason::DailyLimit, Reason::StorageFull, Reason::CommitInvalid] {
        assert!(ends_intent(reason), "{reason:?}");
    }
}
