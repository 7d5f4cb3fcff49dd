//! One attempt at sending one version of one file: its keys, and the digests of chunks that may have left.
//!
//! Two chunks under one nonce would tell the server their difference, so a digest that was kept is never replaced:
//! whatever seals a chunk asks [`Attempt::keep`] first, in an act, and sends only what was kept. Other processes may
//! work at the same attempt, and any of them may end it; every act looks whether it is still there.

use super::{reading::BLOCK_CHUNKS, spelled};
use crate::{
    session::{
        Error,
        state::{epoch_place, load_open_row},
    },
    transport::UploadState,
    vault::{
        Act, VaultError,
        rows::{ChunkDigestsRow, UploadRow},
    },
};
use alcove_e2ee::{
    documents::{DocumentSealer, Shape},
    keys::{ContentKey, Salt, draw},
};
use alcove_proto::{
    ids::{BlobId, Digest, GroupId},
    limits::{CHUNK_BYTES, CHUNKS_MAX},
};
use ring::rand::SecureRandom;
use std::path::Path;

/// Bytes of the largest document.
pub(super) const FILE_BYTES_MAX: u64 = CHUNKS_MAX as u64 * CHUNK_BYTES as u64;

/// One attempt at one version of one file.
pub(super) struct Attempt {
    /// Of its row in the vault.
    place: Vec<u8>,
    pub(super) group: GroupId,
    pub(super) blob: BlobId,
    pub(super) content_key: ContentKey,
    pub(super) salt: Salt,
    pub(super) size: u64,
}

/// What came of digests that were to be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kept {
    /// They are on disk, from now or from before: the chunks may leave.
    OnDisk,
    /// Others stand there: the file was another when they were sealed. Nothing may be sent.
    Differ,
    /// Another process has ended the attempt. Nothing may be sent.
    Ended,
}

impl Attempt {
    /// The attempt at this file that is under way, if any.
    pub(super) fn find(act: &Act<'_>, case: &GroupId, path: &Path) -> Result<Option<Self>, Error> {
        let place = place(act, case, path);
        let row = act.get::<UploadRow>(&place)?;
        row.map(|row| Self::of_row(place, case, &row)).transpose()
    }

    /// The attempt that is under way, or a new one with keys of its own.
    ///
    /// Errors: [`Error::CaseClosed`], [`Error::CaseFrozen`], [`Error::Randomness`].
    pub(super) fn find_or_begin(
        act: &Act<'_>,
        case: &GroupId,
        path: &Path,
        size: u64,
        now_ms: i64,
        random: &dyn SecureRandom,
    ) -> Result<Self, Error> {
        load_open_row(act, case)?;
        if let Some(attempt) = Self::find(act, case, path)? {
            return Ok(attempt);
        }
        let failed = |_| Error::Randomness;
        let place = place(act, case, path);
        let mut row = UploadRow::default();
        row.blob_id = draw::<16>(random).map_err(failed)?.to_vec();
        row.content_key = ContentKey::draw(random).map_err(failed)?.as_bytes().to_vec();
        row.salt = Salt::draw(random).map_err(failed)?.0.to_vec();
        row.size = size;
        row.begun_at_ms = now_ms;
        act.put(&place, &row)?;
        Self::of_row(place, case, &row)
    }

    fn of_row(place: Vec<u8>, group: &GroupId, row: &UploadRow) -> Result<Self, Error> {
        let damaged = || VaultError::damaged("an upload");
        Ok(Self {
            place,
            group: *group,
            blob: BlobId::try_from(row.blob_id.as_slice()).map_err(|_| damaged())?,
            content_key: ContentKey::try_from(row.content_key.as_slice()).map_err(|_| damaged())?,
            salt: Salt(row.salt.as_slice().try_into().map_err(|_| damaged())?),
            size: row.size,
        })
    }

    /// Errors: [`VaultError::Damaged`] for a size that no attempt was begun with.
    pub(super) fn sealer(&self) -> Result<DocumentSealer, Error> {
        DocumentSealer::new(&self.content_key, self.salt, &self.group, &self.blob, self.size)
            .map_err(|_| VaultError::damaged("an upload").into())
    }

    /// Whether the attempt goes on: no process has finished or abandoned it.
    pub(super) fn goes_on(&self, act: &Act<'_>) -> Result<bool, Error> {
        Ok(self.row(act)?.is_some_and(|row| !row.abandoned))
    }

    fn row(&self, act: &Act<'_>) -> Result<Option<UploadRow>, Error> {
        // The place may have a newer attempt at the same file.
        Ok(act.get::<UploadRow>(&self.place)?.filter(|row| row.blob_id == self.blob.as_bytes()))
    }

    /// The digests kept so far, in order.
    pub(super) fn digests(&self, act: &Act<'_>) -> Result<Vec<Digest>, Error> {
        let mut digests = Vec::new();
        for (key, row) in act.scan::<ChunkDigestsRow>(self.blob.as_bytes())? {
            let (parts, rest) = row.digests.as_chunks::<32>();
            // In order and without gaps, or a chunk could be sealed twice.
            if key[16..] != (digests.len() as u64).to_be_bytes() || !rest.is_empty() {
                return Err(VaultError::damaged("the digests of an upload").into());
            }
            digests.extend(parts.iter().map(|bytes| Digest(*bytes)));
        }
        Ok(digests)
    }

    /// Keeps the digests of the block that begins at chunk `first`, unless others are kept there.
    pub(super) fn keep(&self, act: &Act<'_>, first: u32, digests: &[Digest]) -> Result<Kept, Error> {
        if !self.goes_on(act)? {
            return Ok(Kept::Ended);
        }
        let place = self.block_place(first);
        let row = ChunkDigestsRow { digests: digests.iter().flat_map(|digest| digest.0).collect() };
        if let Some(kept) = act.get::<ChunkDigestsRow>(&place)? {
            return Ok(if kept == row { Kept::OnDisk } else { Kept::Differ });
        }
        // Blocks are kept in order, so that what is kept is always the beginning of the file.
        if let Some(before) = first.checked_sub(BLOCK_CHUNKS as u32)
            && !act.has::<ChunkDigestsRow>(&self.block_place(before))?
        {
            return Ok(Kept::Differ);
        }
        act.put(&place, &row)?;
        Ok(Kept::OnDisk)
    }

    fn block_place(&self, first: u32) -> [u8; 24] {
        epoch_place(&GroupId(self.blob.0), u64::from(first))
    }

    /// Marks the attempt as given up, so that no process sends anything more under its keys. Returns whether it was
    /// there to be given up: what another process has finished is not ours to delete.
    pub(super) fn abandon(&self, act: &Act<'_>) -> Result<bool, Error> {
        let Some(mut row) = self.row(act)? else { return Ok(false) };
        row.abandoned = true;
        act.put(&self.place, &row)?;
        Ok(true)
    }

    /// Takes it out of the vault: it is finished, or the server has forgotten it.
    pub(super) fn forget(&self, act: &Act<'_>) -> Result<(), Error> {
        if self.row(act)?.is_some() {
            act.delete::<UploadRow>(&self.place)?;
        }
        Ok(act.delete_under::<ChunkDigestsRow>(self.blob.as_bytes())?)
    }
}

/// Whether every chunk the server has is one whose digest was kept here. If not, this vault is an older copy put back,
/// and what else left this device under the attempt's keys is not known.
pub(super) fn knows_what_left(known: &[Digest], state: &UploadState, shape: Shape) -> bool {
    let count = shape.chunk_count() as usize;
    let whole_blocks = known.len() == count || known.len().is_multiple_of(BLOCK_CHUNKS);
    let beyond = state.finished || state.received.iter().skip(known.len()).any(|received| *received);
    whole_blocks && known.len() <= count && (known.len() == count || !beyond)
}

fn place(act: &Act<'_>, case: &GroupId, path: &Path) -> Vec<u8> {
    let mut place = act.tag::<UploadRow>(&spelled(path)).to_vec();
    place.extend(case.as_bytes());
    place
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vault::{
        Durability, Passphrase, Vault,
        rows::{
            GroupRow,
            tests::{BLOB, CHUNK, GROUP},
        },
    };
    use alcove_tests::stored::Forms;
    use ring::rand::SystemRandom;
    use std::sync::Arc;

    const CASE: GroupId = GroupId([1; 16]);
    const PATH: &str = "/a/file";

    struct Scene {
        _home: tempfile::TempDir,
        vault: Vault,
    }

    impl Scene {
        fn new() -> Self {
            let home = tempfile::tempdir().unwrap();
            let passphrase = Passphrase::new("seven quiet herons".to_owned());
            let vault = Vault::create(home.path(), &passphrase, Arc::new(SystemRandom::new())).unwrap();
            let scene = Self { _home: home, vault };
            scene.act(|act| Ok(act.put(CASE.as_bytes(), &GroupRow::default())?));
            scene
        }

        fn act<T>(&self, work: impl FnOnce(&Act<'_>) -> Result<T, Error>) -> T {
            self.vault.act(Durability::Refetchable, work).unwrap()
        }

        /// What a process that is asked to send the file works at.
        fn attempt(&self) -> Attempt {
            self.act(|act| {
                Attempt::find_or_begin(act, &CASE, Path::new(PATH), 9 << 20, 0, &SystemRandom::new())
            })
        }

        fn keep(&self, attempt: &Attempt, first: u32, bytes: [u8; 4]) -> Kept {
            self.act(|act| attempt.keep(act, first, &bytes.map(|byte| Digest([byte; 32]))))
        }

        fn kept(&self, attempt: &Attempt) -> Vec<u8> {
            self.act(|act| attempt.digests(act)).iter().map(|digest| digest.0[0]).collect()
        }
    }

    #[test]
    fn an_upload_and_its_digests_lie_where_their_stored_forms_say() {
        let (scene, forms) = (Scene::new(), Forms::of("vault"));
        let path = forms.tag_of("upload");
        scene.act(|act| {
            let expected = [&act.tag::<UploadRow>(&path)[..], GROUP.as_bytes()].concat();
            assert_eq!(place(act, &GROUP, Path::new(&path)), expected);
            Ok(())
        });
        let attempt = Attempt { blob: BLOB, ..scene.attempt() };
        assert_eq!(attempt.block_place(CHUNK).to_vec(), forms.key("chunk_digests"));
    }

    #[test]
    fn two_processes_at_one_attempt_never_keep_two_digests_of_one_chunk() {
        let scene = Scene::new();
        let (one, other) = (scene.attempt(), scene.attempt());
        assert_eq!(one.blob, other.blob, "the second goes on with the first one's attempt");
        assert_eq!(scene.keep(&one, 0, [1, 2, 3, 4]), Kept::OnDisk);
        assert_eq!(scene.keep(&other, 0, [1, 2, 3, 4]), Kept::OnDisk, "the same file: the same chunks");
        // The file changed between the two reads: its chunk 2 would go out under the nonce of another.
        assert_eq!(scene.keep(&other, 0, [1, 2, 9, 4]), Kept::Differ);
        assert_eq!(scene.kept(&one), [1, 2, 3, 4], "what was kept stands");
        assert_eq!(scene.keep(&one, 8, [5, 6, 7, 8]), Kept::Differ, "and there are no gaps");
    }

    #[test]
    fn an_attempt_that_one_process_ends_is_ended_for_all() {
        let scene = Scene::new();
        let (one, other) = (scene.attempt(), scene.attempt());
        assert_eq!(scene.keep(&one, 0, [1, 2, 3, 4]), Kept::OnDisk);
        assert!(scene.act(|act| other.abandon(act)));
        assert_eq!(scene.keep(&one, 4, [5, 6, 7, 8]), Kept::Ended);
        assert!(!scene.act(|act| one.goes_on(act)));
        scene.act(|act| other.forget(act));
        // The next attempt has keys of its own, and nothing that the first one's processes still do touches it.
        let next = scene.attempt();
        assert_ne!((next.blob, next.content_key.as_bytes()), (one.blob, one.content_key.as_bytes()));
        assert_eq!(scene.keep(&next, 0, [9, 9, 9, 9]), Kept::OnDisk);
        assert_eq!(scene.keep(&one, 4, [5, 6, 7, 8]), Kept::Ended);
        assert!(!scene.act(|act| one.abandon(act)), "not there to be deleted at the server");
        scene.act(|act| one.forget(act));
        assert!(scene.act(|act| next.goes_on(act)));
        assert_eq!(scene.kept(&next), [9, 9, 9, 9]);
    }

    #[test]
    fn an_older_vault_does_not_go_on_where_it_does_not_know_what_left() {
        let shape = Shape::of(9 << 20).unwrap();
        let state = |received: &[usize], finished| UploadState {
            received: (0..9).map(|index| received.contains(&index)).collect(),
            finished,
        };
        let known = |count| vec![Digest([1; 32]); count];
        assert!(knows_what_left(&known(0), &state(&[], false), shape));
        assert!(knows_what_left(&known(4), &state(&[0, 1, 3], false), shape));
        assert!(!knows_what_left(&known(4), &state(&[0, 1, 2, 3, 4], false), shape));
        assert!(!knows_what_left(&known(0), &state(&[8], false), shape));
        assert!(!knows_what_left(&known(4), &state(&[], true), shape), "finished, says the server");
        assert!(knows_what_left(&known(9), &state(&[], true), shape));
        assert!(!knows_what_left(&known(5), &state(&[], false), shape), "half a block was never kept");
    }
}
