//! What readers see: only what is durable.
//!
//! sled shows a write as soon as it is applied, and a power cut may still take it away. So while a
//! batch is on its way to the disk, the committer keeps what its keys held before in [`View`], and a
//! reader looks there *after* it has read sled: a value read from a batch that has since become durable
//! is fine, one whose batch is still on its way is replaced. Readers take no lock and wait for no flush.

use super::{
    batch::Writes,
    heads::{first_head, head_after},
    keys::{Key, Kind, group_key},
    rows::{EntryRow, Row, unreadable},
};
use crate::store::{Result, groups::GroupHead};
use ::sled::{IVec, Tree};
use alcove_proto::ids::GroupId;
use arc_swap::ArcSwap;
use std::{
    collections::{BTreeMap, HashMap},
    ops::{Bound, ControlFlow},
    sync::{Arc, PoisonError, RwLock},
};

/// The durable state.
#[derive(Clone)]
pub(crate) struct View {
    tree: Tree,
    in_flight: Arc<ArcSwap<Writes>>,
    heads: Arc<RwLock<HashMap<GroupId, GroupHead>>>,
}

impl View {
    pub(crate) fn new(tree: Tree) -> Self {
        Self { tree, in_flight: Arc::default(), heads: Arc::default() }
    }

    /// Hides `writes` until [`View::settle`]. Called by the committer before it applies them.
    pub(crate) fn hide(&self, writes: Arc<Writes>) {
        self.in_flight.store(writes);
    }

    /// Shows what was hidden: it is durable. `heads`: where groups stand by it.
    pub(crate) fn settle(&self, heads: &[(GroupId, GroupHead)]) {
        self.in_flight.store(Arc::default());
        // Only the committer writes here: a reader that was slow could bring back an older head.
        let mut known = self.heads.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() > HEADS_MAX {
            known.clear();
        }
        known.extend(heads.iter().copied());
    }

    /// Whether any log has grown since the start.
    pub(crate) fn has_grown(&self) -> bool {
        !self.heads.read().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    /// The durable value of `key`.
    pub(crate) fn value(&self, key: &[u8]) -> Result<Option<IVec>> {
        let value = self.tree.get(key).map_err(unreadable)?;
        // After the read: see the module's comment.
        match self.in_flight.load().get(key) {
            Some(write) => Ok(write.before.clone()),
            None => Ok(value),
        }
    }

    /// The durable row under `key`.
    pub(crate) fn row<R: Row>(&self, key: &[u8]) -> Result<Option<R>> {
        self.value(key)?.map(|value| R::from_value(&value)).transpose()
    }

    /// Up to `max` durable rows whose keys begin with `prefix`, in order, from after `after` on.
    ///
    /// Each row is as it was at some moment of the scan; two rows may be of different moments.
    pub(crate) fn scan(&self, prefix: &[u8], after: Option<&[u8]>, max: usize) -> Result<Page> {
        let start = || after.map_or(Bound::Included(prefix), Bound::Excluded);
        let mut found = BTreeMap::new();
        let mut next = None;
        for row in self.tree.range::<&[u8], _>((start(), Bound::Unbounded)) {
            let (key, value) = row.map_err(unreadable)?;
            if !key.starts_with(prefix) {
                break;
            }
            if found.len() >= max {
                next = found.keys().next_back().cloned();
                break;
            }
            found.insert(key.to_vec(), value);
        }
        let in_flight = self.in_flight.load();
        // What the scan did not reach, it says nothing about, hidden or not.
        let hidden = in_flight
            .range::<[u8], _>((start(), Bound::Unbounded))
            .take_while(|(key, _)| key.starts_with(prefix))
            .take_while(|(key, _)| next.as_ref().is_none_or(|next| *key <= next));
        for (key, write) in hidden {
            match &write.before {
                Some(value) => found.insert(key.clone(), value.clone()),
                None => found.remove(key),
            };
        }
        Ok(Page { rows: found.into_iter().collect(), next })
    }

    /// Calls `each` for every durable row whose key begins with `prefix`, in order, until it breaks.
    pub(crate) fn each(
        &self,
        prefix: &[u8],
        each: impl FnMut(&[u8], &IVec) -> Result<ControlFlow<()>>,
    ) -> Result<()> {
        self.each_after(prefix, None, SCAN_PAGE_ROWS, each)
    }

    /// The same for those behind `after`, `rows_max` held at one time.
    pub(crate) fn each_after(
        &self,
        prefix: &[u8],
        mut after: Option<Key>,
        rows_max: usize,
        mut each: impl FnMut(&[u8], &IVec) -> Result<ControlFlow<()>>,
    ) -> Result<()> {
        loop {
            let page = self.scan(prefix, after.as_deref(), rows_max)?;
            for (key, value) in &page.rows {
                if each(key, value)?.is_break() {
                    return Ok(());
                }
            }
            match page.next {
                Some(next) => after = Some(next),
                None => return Ok(()),
            }
        }
    }

    /// Rows that never change once they are durable, straight from sled: the caller knows from a
    /// durable row that they are.
    pub(crate) fn settled_range(&self, first: Key, last: Key) -> impl Iterator<Item = Result<(IVec, IVec)>> {
        self.tree.range(first..=last).map(|row| row.map_err(unreadable))
    }

    /// The last key at or before `key` that begins with `prefix`, durable or not.
    pub(crate) fn last_at_or_before(&self, prefix: &[u8], key: &[u8]) -> Result<Option<Key>> {
        let last = self.tree.range(prefix..=key).next_back().transpose().map_err(unreadable)?;
        Ok(last.map(|(key, _)| key.to_vec()))
    }

    /// A value that never changes once it is durable, and is.
    pub(crate) fn settled(&self, key: &[u8]) -> Result<Option<IVec>> {
        self.tree.get(key).map_err(unreadable)
    }

    /// The bytes stored in parts under `prefix`; nothing unless they are `bytes` long.
    pub(crate) fn parts(&self, prefix: &[u8], bytes: u64) -> Result<Option<Vec<u8>>> {
        let mut whole = Vec::new();
        for (_, part) in self.scan(prefix, None, usize::MAX)?.rows {
            whole.extend_from_slice(&part);
        }
        Ok((whole.len() as u64 == bytes).then_some(whole))
    }

    /// Where a group stands; nothing for an unknown one.
    pub(crate) fn head(&self, group: &GroupId) -> Result<Option<GroupHead>> {
        if let Some(head) = self.heads.read().unwrap_or_else(PoisonError::into_inner).get(group) {
            return Ok(Some(*head));
        }
        let prefix = Kind::Entry.key().group(group).build();
        for row in self.tree.scan_prefix(&prefix).rev() {
            let (key, value) = row.map_err(unreadable)?;
            // Entries are never overwritten: one that is there and not on its way is durable.
            if !value.is_empty() && !self.in_flight.load().contains_key(key.as_ref()) {
                return head_after(&key, &EntryRow::from_value(&value)?).map(Some);
            }
        }
        Ok(self.value(&group_key(group))?.map(|_| first_head(group)))
    }
}

/// Groups whose heads are kept in memory for readers.
const HEADS_MAX: usize = 64 * 1024;

/// Part of a scan.
pub(crate) struct Page {
    /// In order; may be fewer than asked for, or none, even if there are more.
    pub(crate) rows: Vec<(Key, IVec)>,
    /// The key to go on after, if there are more.
    pub(crate) next: Option<Key>,
}

/// What [`View::each`] is answered when `more` is wanted, or not.
pub(crate) fn go_on(more: bool) -> ControlFlow<()> {
    if more { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
}

/// Rows one step of [`View::each`] reads.
const SCAN_PAGE_ROWS: usize = 512;

#[cfg(test)]
mod tests {
    use super::{
        super::{batch::Write, rows::PositionRow},
        *,
    };

    struct Scene {
        _folder: tempfile::TempDir,
        tree: Tree,
        view: View,
    }

    fn scene(rows: &[(u8, &str)]) -> Scene {
        let folder = tempfile::tempdir().unwrap();
        let db = ::sled::Config::new().path(folder.path()).flush_every_ms(None).open().unwrap();
        let tree = (*db).clone();
        for (key, value) in rows {
            tree.insert([1, *key], *value).unwrap();
        }
        Scene { _folder: folder, view: View::new(tree.clone()), tree }
    }

    impl Scene {
        /// Hides and applies a batch, as the committer does before its flush.
        fn begin(&self, changes: &[(u8, Option<&str>)]) {
            let mut writes = Writes::new();
            for (key, after) in changes {
                let key = vec![1, *key];
                let before = self.tree.get(&key).unwrap();
                writes.insert(key, Write { before, after: after.map(IVec::from) });
            }
            let writes = Arc::new(writes);
            self.view.hide(writes.clone());
            for (key, write) in writes.iter() {
                match &write.after {
                    Some(value) => self.tree.insert(key, value).unwrap(),
                    None => self.tree.remove(key).unwrap(),
                };
            }
        }

        fn seen(&self, page: usize) -> Vec<(u8, String)> {
            let mut seen = Vec::new();
            let mut after: Option<Key> = None;
            loop {
                let page = self.view.scan(&[1], after.as_deref(), page).unwrap();
                seen.extend(
                    page.rows.iter().map(|(key, value)| (key[1], String::from_utf8(value.to_vec()).unwrap())),
                );
                match page.next {
                    Some(next) => after = Some(next),
                    None => return seen,
                }
            }
        }
    }

    #[test]
    fn what_is_on_its_way_to_the_disk_is_not_seen_until_it_is_there() {
        let rows = [(1, "a"), (3, "c"), (5, "e"), (7, "g")];
        let scene = scene(&rows);
        let durable = scene.seen(100);
        scene.begin(&[(0, Some("new")), (3, Some("changed")), (4, Some("new")), (5, None), (9, Some("new"))]);
        for page in [1, 2, 3, 100] {
            assert_eq!(scene.seen(page), durable, "pages of {page}");
        }
        assert_eq!(scene.view.value(&[1, 4]).unwrap(), None);
        assert_eq!(scene.view.value(&[1, 3]).unwrap().unwrap(), b"c");
        assert_eq!(scene.view.value(&[1, 5]).unwrap().unwrap(), b"e");
        assert_eq!(scene.tree.get([1, 4]).unwrap().unwrap(), b"new", "the control: the engine shows it");

        scene.view.settle(&[]);
        let keys: Vec<u8> = scene.seen(2).iter().map(|(key, _)| *key).collect();
        assert_eq!(keys, [0, 1, 3, 4, 7, 9]);
        assert_eq!(scene.view.value(&[1, 3]).unwrap().unwrap(), b"changed");
    }

    #[test]
    fn a_scan_stays_within_its_prefix_and_stops_when_told() {
        let scene = scene(&[(1, "a"), (2, "b"), (3, "c")]);
        scene.tree.insert([0, 9], "before").unwrap();
        scene.tree.insert([2, 0], "behind").unwrap();
        assert_eq!(scene.seen(1).len(), 3);
        let mut met = 0;
        let outcome = scene.view.each(&[1], |_, _| {
            met += 1;
            Ok(if met == 2 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
        });
        assert!(outcome.is_ok() && met == 2);
        assert!(scene.view.row::<PositionRow>(&[1, 1]).is_err(), "a row that does not parse is an error");
    }
}
