//! Who may call what. Nobody is trusted for coming from inside: every act asks one of the rules here, or
//! a verb of the store that keeps the rule in the same instant as the write.
//!
//! | Act | Who may |
//! |---|---|
//! | create a group; publish, claim and count key packages; publish and list cards; fetch charters, CRLs, the server's description; list welcomes | any device whose certificate was verified, where it is about somebody then about itself |
//! | fetch a ledger | any device whose certificate was verified, that of its own agency ([`ledger`](super::ledger)) |
//! | submit a commit | a [`member`](Inner::member) whose leaf the commit is by, and as the group's policy allows (`observer`) |
//! | fetch a GroupInfo | a [`member`](Inner::member) |
//! | append a record | a member at that instant (store) whose leaf has not lapsed ([`standing`](super::standing)) |
//! | read a log, subscribe | a member, from its join position on, earlier where an access entry opens it ([`Reach`]) |
//! | read entry digests | a [`member`](Inner::member), from the beginning on: they open nothing |
//! | read a log to the end of a stay | whoever was removed, from its join position through the commit that removed it ([`end_of_stay`](Inner::end_of_stay)) |
//! | read the parts of a log that a recovery opened, and the blobs named there | the device that the attempt named, also when it is no member ([`Reach`]) |
//! | read a blob | a member that uploaded it or whose [`Reach`] holds the record that names it |
//! | name a blob in a record | the member that uploaded it (store) |
//! | open access | a member, to a member (store) |
//! | end access | the member that opened it, or an owner ([`opener_or_owner`](Inner::opener_or_owner)) |
//! | fetch a tree, acknowledge a welcome | the device the welcome is for (store) |
//! | put chunks, finish an upload | the device that began it, a member at that instant (store) |
//! | delete a blob or an upload | the device that began it (store) |
//! | put escrow | a member at that instant (store), for its own agency's recovery key in force, grants within its [`Reach`] ([`escrow`](super::escrow)) |
//! | list sealings | a member, of its own agency ([`member`](Inner::member)) |
//! | list recoveries, object to one | any device, of its own agency; the objection signed by its MLS key ([`recoveries`](super::recoveries)) |
//!
//! At the desk nobody shows a certificate:
//!
//! | Act | Who may |
//! |---|---|
//! | hand in a request | whoever knows the code of an invitation that is open, once (store) |
//! | hand in a renewal | the device whose certificate signs it, by its agency and not revoked, unless it is denied ([`enrolment`](super::enrolment)) |
//! | collect an answer | whoever knows the request; the answer is sealed to the device that made it |
//! | place an order | an agency of the charter, by its charter key, about its own devices ([`orders`](super::orders)) |
//! | have escrow handed out | that agency, by an attempt that was announced 72 hours ago and that none of its devices objected to (store) |
//! | submit a ledger | an agency of the charter, its own, by its charter key ([`ledger`](super::ledger)) |
//!
//! Unknown and forbidden are one answer, from one look-up, so whoever does not belong learns nothing
//! about what there is, neither from the answer nor from its time.

use super::{caller::Caller, error::ServiceError, inner::Inner};
use crate::store::{
    Access, Groups, Log, Members,
    access::{AccessEntry, PositionRange},
    groups::Member,
};
use alcove_proto::ids::{AccessId, GroupId, Position};

/// The log positions one device may read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reach {
    /// From here on, everything; nothing for whoever is no member.
    joined: Option<Position>,
    /// Opened before that: disjoint, in order, all before `joined`.
    opened: Vec<PositionRange>,
}

impl Reach {
    /// What may be read at `now_ms` with these entries by a member that joined at `joined`, or by whoever is none.
    pub(super) fn new(joined: Option<Position>, entries: &[AccessEntry], now_ms: i64) -> Self {
        let open = entries.iter().filter(|entry| entry.not_after_ms.is_none_or(|end| now_ms <= end));
        let ranges = open.flat_map(|entry| &entry.ranges);
        let ranges: Vec<PositionRange> = match joined {
            None => ranges.copied().collect(),
            Some(joined) => ranges
                .filter(|range| range.first < joined)
                .map(|range| PositionRange { last: range.last.min(before(joined)), ..*range })
                .collect(),
        };
        Self { joined, opened: PositionRange::merged(ranges) }
    }

    /// The join position: from here on, everything. Nothing for whoever is no member.
    pub(super) fn joined(&self) -> Option<Position> {
        self.joined
    }

    /// Whether `position` may be read.
    pub(super) fn holds(&self, position: Position) -> bool {
        self.joined.is_some_and(|joined| position >= joined)
            || self.opened.iter().any(|range| range.contains(position))
    }

    /// The first run of readable positions after `after`; no last position means to the end. Nothing when there is none,
    /// which is never so for a member.
    pub(super) fn run_after(&self, after: Position) -> Option<(Position, Option<Position>)> {
        let next = after.next();
        let opened = self.opened.iter().find(|range| range.last >= next);
        match (opened, self.joined) {
            (Some(range), None) => Some((next.max(range.first), Some(range.last))),
            (Some(range), Some(joined)) if next < joined => {
                let last = range.last;
                // A run that reaches the join position goes on to the end.
                Some((next.max(range.first), (last.next() < joined).then_some(last)))
            }
            (_, joined) => joined.map(|joined| (next.max(joined), None)),
        }
    }

    /// Whether all of `first` to `last` may be read.
    pub(super) fn holds_all(&self, first: Position, last: Position) -> bool {
        let run = self.run_after(before(first));
        run.is_some_and(|(begin, end)| begin == first && end.is_none_or(|end| last <= end))
    }
}

fn before(position: Position) -> Position {
    Position(position.0.saturating_sub(1))
}

impl<S: Members> Inner<S> {
    /// The caller's place in the group.
    ///
    /// Errors: [`ServiceError::NotFound`], for a group that is not there as for one that is.
    pub(super) async fn member(&self, caller: &Caller, group: GroupId) -> Result<Member, ServiceError> {
        let member = self.store.member(group, caller.identity.clone()).await?;
        member.ok_or(ServiceError::NotFound)
    }

    /// Where the caller's reading on from `after` ends, when it lies in a stay that is over: with the commit
    /// that removed it, which alone proves to a device that a group has ended for it.
    pub(super) async fn end_of_stay(
        &self,
        caller: &Caller,
        group: GroupId,
        after: Position,
    ) -> Result<Option<Position>, ServiceError> {
        let member = self.store.member(group, caller.identity.clone()).await?;
        if member.is_some_and(|member| after.next() >= member.joined) {
            return Ok(None);
        }
        Ok(self.store.end_of_stay(group, caller.identity.clone(), after).await?)
    }
}

impl<S: Access + Members> Inner<S> {
    /// What the caller may read of the group's log.
    ///
    /// Whoever is no member has entries by a recovery alone: any other entry ends with the membership.
    /// Errors: [`ServiceError::NotFound`] when it is no member and nothing has been opened to it.
    pub(super) async fn reach(&self, caller: &Caller, group: GroupId) -> Result<Reach, ServiceError> {
        // Both look-ups for everybody: the time it takes tells nobody whether there is such a group.
        let member = self.store.member(group, caller.identity.clone()).await?;
        let entries = self.store.access_of(group, caller.identity.clone()).await?;
        if member.is_none() && entries.is_empty() {
            return Err(ServiceError::NotFound);
        }
        Ok(Reach::new(member.map(|member| member.joined), &entries, self.clock.now_ms()))
    }
}

impl<S: Access + Groups + Log + Members> Inner<S> {
    /// Lets pass the member that opened the access entry, and the group's owners.
    ///
    /// Errors: [`ServiceError::NotFound`] for everybody else and for an entry that is not there.
    pub(super) async fn opener_or_owner(
        &self,
        caller: &Caller,
        group: GroupId,
        access: AccessId,
    ) -> Result<(), ServiceError> {
        self.member(caller, group).await?;
        let entry = self.store.access_entry(group, access).await?.ok_or(ServiceError::NotFound)?;
        if entry.opener == caller.identity || self.is_owner(group, &caller.identity.person).await? {
            Ok(())
        } else {
            Err(ServiceError::NotFound)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alcove_proto::names::Identity;

    fn entry(ranges: &[(u64, u64)], not_after_ms: Option<i64>) -> AccessEntry {
        let identity: Identity =
            "spiffe://harborlight.northmark.example/staff/abcdefghijklmn27/device/1".parse().unwrap();
        AccessEntry {
            access: AccessId([1; 16]),
            opener: identity.clone(),
            grantee: identity,
            ranges: ranges
                .iter()
                .map(|(first, last)| PositionRange { first: Position(*first), last: Position(*last) })
                .collect(),
            not_after_ms,
        }
    }

    fn run(reach: &Reach, after: u64) -> (u64, Option<u64>) {
        let (first, last) = reach.run_after(Position(after)).unwrap();
        (first.0, last.map(|last| last.0))
    }

    #[test]
    fn a_joiner_reads_from_its_join_position_and_nothing_before() {
        let reach = Reach::new(Some(Position(10)), &[], 0);
        assert!(!reach.holds(Position(9)) && reach.holds(Position(10)) && reach.holds(Position(99)));
        assert_eq!(run(&reach, 0), (10, None));
        assert_eq!(run(&reach, 20), (21, None));
    }

    #[test]
    fn access_opens_what_it_names_until_its_end() {
        let entries = [entry(&[(5, 6), (2, 2)], Some(100)), entry(&[(3, 3)], None)];
        let reach = Reach::new(Some(Position(10)), &entries, 100);
        assert_eq!(
            [1, 2, 3, 4, 5, 6, 7, 9].map(|at| reach.holds(Position(at))),
            [false, true, true, false, true, true, false, false]
        );
        assert_eq!(run(&reach, 0), (2, Some(3)), "neighbours are one run");
        assert_eq!(run(&reach, 2), (3, Some(3)));
        assert_eq!(run(&reach, 3), (5, Some(6)));
        assert_eq!(run(&reach, 6), (10, None));

        let after_the_end = Reach::new(Some(Position(10)), &entries, 101);
        assert_eq!([2, 3, 5].map(|at| after_the_end.holds(Position(at))), [false, true, false]);
    }

    #[test]
    fn access_that_reaches_the_join_position_goes_on_from_there() {
        let reach = Reach::new(Some(Position(10)), &[entry(&[(8, 50)], None)], 0);
        assert_eq!(run(&reach, 0), (8, None));
        assert!(reach.holds(Position(51)));
        let overlapping = Reach::new(Some(Position(10)), &[entry(&[(1, 4), (2, 3), (3, 6)], None)], 0);
        assert_eq!(run(&overlapping, 0), (1, Some(6)));
    }

    #[test]
    fn whoever_is_no_member_reads_what_was_opened_and_nothing_else() {
        let reach = Reach::new(None, &[entry(&[(2, 4), (8, 9)], None)], 0);
        assert_eq!(
            [1, 2, 4, 5, 7, 8, 9, 10].map(|at| reach.holds(Position(at))),
            [false, true, true, false, false, true, true, false]
        );
        assert_eq!(run(&reach, 0), (2, Some(4)));
        assert_eq!(run(&reach, 4), (8, Some(9)));
        assert_eq!(reach.run_after(Position(9)), None, "nothing goes on to the end");
        assert_eq!(reach.joined(), None);
        assert!(reach.holds_all(Position(2), Position(4)) && !reach.holds_all(Position(2), Position(8)));
        assert!(!reach.holds_all(Position(1), Position(3)) && !reach.holds_all(Position(9), Position(10)));
    }
}
