//! Reading one page of the part of a log that the caller may read, and what a member comes back by.

use super::{authorisation::Reach, caller::Caller, error::ServiceError, inner::Service};
use crate::store::{Access, Groups, Log, Members, groups::LogQuery};
use alcove_proto::{
    ids::{Digest, Epoch, GroupId, Position},
    limits::{LINK_DIGESTS_MAX, LOG_PAGE_BYTES_MAX},
    v1::{LogEntry, SignedHead},
};
use bytes::Bytes;
use std::sync::Arc;

/// Part of a log that is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogRange {
    /// Whose log.
    pub group: GroupId,
    /// Entries after this position.
    pub after: Position,
    /// At most this many; never over [`alcove_proto::limits::LOG_PAGE_ENTRIES_MAX`].
    pub entries_max: usize,
    /// Up to this position; nothing means to the end.
    pub through: Option<Position>,
}

/// Part of a log.
#[derive(Debug, Clone)]
pub struct LogPage {
    /// In order; positions the caller may not read are left out.
    pub entries: Vec<LogEntry>,
    /// There when the page reaches the end of the log, or of the caller's stay.
    pub signed: Option<Arc<SignedHead>>,
    /// Whether the range has more that the caller may read.
    pub more: bool,
    /// Digests of the positions left out before a page that begins at the caller's join position. For whoever is no
    /// member one alone: the head before the page's first entry.
    pub link: Vec<Digest>,
}

impl<S: Access + Groups + Log + Members> Service<S> {
    /// Reads one page. An empty page without `more` is the end of what there is for the caller.
    ///
    /// Whoever was removed reads on through the commit that removed it, from inside the stay that it ended. Whoever is no
    /// member and had something opened by a recovery reads that, one run a page at most: PROTOCOL.md section 18, step 13.
    /// Errors: [`ServiceError::NotFound`] for everybody else.
    /// Source: PROTOCOL.md section 9, step 4.
    pub async fn read_log(&self, caller: &Caller, range: LogRange) -> Result<LogPage, ServiceError> {
        let inner = &self.inner;
        if range.through.is_none()
            && let Some(end) = inner.end_of_stay(caller, range.group, range.after).await?
        {
            return self.read_stay(&range, end).await;
        }
        let reach = inner.reach(caller, range.group).await?;
        if reach.joined().is_none() {
            return self.read_recovered(&reach, &range).await;
        }
        let live = inner.live(range.group).await?.ok_or(ServiceError::NotFound)?;
        let mut page = LogPage { entries: Vec::new(), signed: None, more: false, link: Vec::new() };
        let mut after = range.after;
        let mut bytes_left = LOG_PAGE_BYTES_MAX;
        loop {
            let Some((first, run_last)) = reach.run_after(after) else { return Ok(page) };
            if range.through.is_some_and(|through| through < first) {
                return Ok(page);
            }
            let through = match (run_last, range.through) {
                (Some(run), Some(asked)) => Some(run.min(asked)),
                (one, other) => one.or(other),
            };
            let query = LogQuery {
                group: range.group,
                after: Position(first.0 - 1),
                through,
                entries_max: range.entries_max - page.entries.len(),
                bytes_max: bytes_left,
            };
            let run = inner.store.read_log(query).await?;
            let Some(head) = run.group_head else { return Err(ServiceError::NotFound) };
            let run_bytes: usize = run.entries.iter().map(|entry| entry.body.len()).sum();
            let last_read = run.entries.last().map(|entry| Position(entry.position));
            if page.entries.is_empty() && Some(first) == reach.joined() && last_read.is_some() {
                page.link = self.link_to_join(&reach, &range).await?;
            }
            page.entries.extend(run.entries);
            bytes_left = bytes_left.saturating_sub(run_bytes);

            let at_end = last_read.unwrap_or(query.after) >= head.position;
            if at_end && range.through.is_none_or(|through| through >= head.position) {
                let mut feed = live.feed();
                feed.advance(head.position, head.head);
                let now_ms = inner.clock.now_ms();
                page.signed = Some(feed.signed(&live.id, head.position, &head.head, &inner.key(), now_ms)?);
                return Ok(page);
            }
            let full = page.entries.len() >= range.entries_max || bytes_left == 0;
            if run.more || full {
                page.more = true;
                return Ok(page);
            }
            // The run is at its end; the next one, if there is any, begins behind a gap.
            match run_last {
                Some(last) if range.through.is_none_or(|through| through > last) => after = last,
                _ => return Ok(page),
            }
        }
    }

    /// One page of a stay that is over, up to the commit that ended it.
    async fn read_stay(&self, range: &LogRange, end: Position) -> Result<LogPage, ServiceError> {
        let inner = &self.inner;
        let live = inner.live(range.group).await?.ok_or(ServiceError::NotFound)?;
        let query = LogQuery {
            group: range.group,
            after: range.after,
            through: Some(end),
            entries_max: range.entries_max,
            bytes_max: LOG_PAGE_BYTES_MAX,
        };
        let run = inner.store.read_log(query).await?;
        let at_end = run.entries.last().is_some_and(|entry| entry.position == end.0);
        let head = run.last_head.filter(|_| at_end);
        let now_ms = inner.clock.now_ms();
        let signed =
            head.map(|head| live.feed().signed(&live.id, end, &head, &inner.key(), now_ms)).transpose()?;
        Ok(LogPage { entries: run.entries, signed, more: run.more, link: Vec::new() })
    }

    /// One page for whoever is no member: of one run alone, so that its entries are one chain, from the head before the
    /// first of them, which is its link, to the head that is signed at the end of the run.
    async fn read_recovered(&self, reach: &Reach, range: &LogRange) -> Result<LogPage, ServiceError> {
        let inner = &self.inner;
        let live = inner.live(range.group).await?.ok_or(ServiceError::NotFound)?;
        let empty = LogPage { entries: Vec::new(), signed: None, more: false, link: Vec::new() };
        let asked = |position: Position| range.through.is_none_or(|through| position <= through);
        let run = reach.run_after(range.after).filter(|(first, _)| asked(*first));
        let Some((first, Some(run_last))) = run else { return Ok(empty) };
        let before = Position(first.0 - 1);
        let end = range.through.map_or(run_last, |through| through.min(run_last));
        let query = LogQuery {
            group: range.group,
            after: before,
            through: Some(end),
            entries_max: range.entries_max,
            bytes_max: LOG_PAGE_BYTES_MAX,
        };
        let page = inner.store.read_log(query).await?;
        let Some(last) = page.entries.last().map(|entry| Position(entry.position)) else { return Ok(empty) };
        let head = inner.store.head_at(range.group, before).await?.ok_or(ServiceError::NotFound)?;
        let signed_here = page.last_head.filter(|_| last == end);
        let now_ms = inner.clock.now_ms();
        let signed = signed_here
            .map(|head| live.feed().signed(&live.id, last, &head, &inner.key(), now_ms))
            .transpose()?;
        let next = reach.run_after(last).filter(|(first, _)| asked(*first));
        Ok(LogPage { entries: page.entries, signed, more: next.is_some(), link: vec![Digest(head.0)] })
    }

    /// Entry digests from `first` on, up to `through` or as many as one answer holds: they say nothing of what the entries
    /// are, and let whoever comes back see that the log is the one it knew.
    ///
    /// Errors: [`ServiceError::NotFound`] for whoever is no member, and for positions the log does not reach.
    /// Source: PROTOCOL.md section 8, "Coming back".
    pub async fn read_digests(
        &self,
        caller: &Caller,
        group: GroupId,
        first: Position,
        through: Position,
    ) -> Result<Vec<Digest>, ServiceError> {
        self.inner.member(caller, group).await?;
        let last = Position(first.0.saturating_add(LINK_DIGESTS_MAX as u64 - 1).min(through.0));
        Ok(self.inner.store.entry_digests(group, first, last).await?)
    }

    /// The digests between where a joiner asks from and its join position: only the stretch its welcome
    /// pinned can be that short, and only there the chain is to go on.
    async fn link_to_join(&self, reach: &Reach, range: &LogRange) -> Result<Vec<Digest>, ServiceError> {
        let first = range.after.next();
        let Some(joined) = reach.joined() else { return Ok(Vec::new()) };
        let gap = joined.0.saturating_sub(first.0);
        if gap == 0 || gap > LINK_DIGESTS_MAX as u64 {
            return Ok(Vec::new());
        }
        let last = Position(joined.0 - 1);
        Ok(self.inner.store.entry_digests(range.group, first, last).await?)
    }
}

impl<S: Groups + Members> Service<S> {
    /// What a member that lost its state comes back by: the epoch in force and its GroupInfo, empty when the author of
    /// the last commit handed in none.
    ///
    /// It is public data under its author's signature and opens nothing. A commit made by it has to remove one leaf with
    /// that leaf's own key (PROTOCOL.md section 8, "Commits", 4), so it is of use to members alone, and is shown to nobody
    /// else.
    /// Errors: [`ServiceError::NotFound`] for whoever has no leaf in the group.
    pub async fn group_info(&self, caller: &Caller, group: GroupId) -> Result<(Epoch, Bytes), ServiceError> {
        self.inner.member(caller, group).await?;
        self.inner.store.group_info(group).await?.ok_or(ServiceError::NotFound)
    }
}
