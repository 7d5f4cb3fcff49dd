//! Pieces of documents in clear, in folders of the person's: the vault knows of each draft from before it is made until it
//! was seen to go.
//!
//! A program that is killed and a stick that is pulled out leave a draft behind. It is found again by what the vault knows,
//! whatever permissions its file system keeps: what others can read goes at the next command, the rest after a while in
//! which the fetch can go on. That it is not seen where it was says nothing: another stick may be there.

use super::{
    Destination,
    draft::{Draft, OnGone, clear, draft_name, is_absent, remove_stale},
    file_error, spelled,
};
use crate::{
    session::{Error, Session},
    vault::{
        Act, Durability, Vault, VaultError,
        rows::{FetchRow, UploadRow},
    },
};
use alcove_e2ee::keys::draw;
use alcove_programs::files::folder_of;
use alcove_proto::ids::{GroupId, RecordId};
use ring::rand::SecureRandom;
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::{Arc, PoisonError},
    thread,
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tokio::{sync::mpsc, time::timeout};

/// How long a command waits for the folders of earlier fetches: one may lie on a share that does not answer.
const FOLDERS_WAIT: Duration = Duration::from_secs(2);
/// Folders that a command looks into, each on a thread of its own.
const FOLDERS_MAX: usize = 16;
/// A draft that was not seen again for so long is given up.
const ROW_AGE_MAX: Duration = Duration::from_secs(365 * 24 * 3600);
/// Drafts that a row of an earlier program may stand for.
const EARLIER_DRAFTS: u32 = 8;

/// What is fetched and where to: a draft of one fetch is gone on with by another one that agrees in both.
pub(super) struct Aim {
    /// As it was named.
    folder: PathBuf,
    /// By whatever way one comes to it.
    real: PathBuf,
    words: String,
}

impl Aim {
    /// Errors: [`Error::FileExists`] when the destination is taken already, [`Error::File`].
    pub(super) fn new(case: &GroupId, document: &RecordId, destination: &Destination) -> Result<Self, Error> {
        let folder = match destination {
            Destination::Folder(folder) => folder.as_path(),
            Destination::File(path) if fs::symlink_metadata(path).is_ok() => {
                return Err(Error::FileExists { path: path.clone() });
            }
            Destination::File(path) => folder_of(path),
        };
        let real = fs::canonicalize(folder).map_err(|source| file_error(folder, source))?;
        let to = match destination {
            Destination::Folder(_) => format!("into {}", spelled(&real)),
            Destination::File(path) => {
                format!("as {}", spelled(&real.join(path.file_name().unwrap_or_default())))
            }
        };
        let words = format!("fetch {case} {document} {to}");
        Ok(Self { folder: folder.to_owned(), real, words })
    }

    /// The longest draft that an earlier fetch of this aim left, or an empty one. `afresh`: what was left is of no use.
    ///
    /// Errors: [`Error::File`], [`Error::NoSpace`], [`Error::Randomness`].
    pub(super) fn draft(
        &self,
        vault: &Arc<Vault>,
        now: SystemTime,
        random: &dyn SecureRandom,
        afresh: bool,
    ) -> Result<Draft, Error> {
        remove_stale(&self.folder, now)?;
        let path = |number: [u8; 8]| self.folder.join(draft_name(number));
        let mut longest: Option<Draft> = None;
        let known = if afresh { Vec::new() } else { vault.read(|act| all(act, &self.tag(act)))? };
        for fetch in known {
            let Some(number) = fetch.number() else { continue };
            let Some(draft) = Draft::go_on(path(number), fetch.forgetting(vault)) else { continue };
            // The others are removed as they are dropped.
            longest = match longest {
                Some(longer) if longer.length() >= draft.length() => Some(longer),
                _ => Some(draft),
            };
        }
        match longest {
            Some(draft) => Ok(draft),
            None => {
                // Of its own: where there are no locks, no other fetch writes to it.
                let number = draw::<8>(random).map_err(|_| Error::Randomness)?;
                let fetch = self.begin(vault, now, number)?;
                Draft::create(path(number), fetch.forgetting(vault))
            }
        }
    }

    /// Remembers a draft, on disk, before it is made.
    fn begin(&self, vault: &Vault, now: SystemTime, number: [u8; 8]) -> Result<Fetch, Error> {
        let since = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        let row = FetchRow {
            folder: self.real.as_os_str().as_encoded_bytes().to_vec(),
            begun_at_ms: since.as_millis().try_into().unwrap_or(i64::MAX),
            words: String::new(),
        };
        vault.act(Durability::OnDisk, |act| {
            let key = [&self.tag(act)[..], &number].concat();
            act.put(&key, &row)?;
            Ok(Fetch { key, row })
        })
    }

    fn tag(&self, act: &Act<'_>) -> [u8; 16] {
        act.tag::<FetchRow>(&self.words)
    }
}

/// A draft that the vault knows of.
struct Fetch {
    /// The tag of its aim, and the number its draft is named by.
    key: Vec<u8>,
    row: FetchRow,
}

impl Fetch {
    fn number(&self) -> Option<[u8; 8]> {
        self.key.get(16..)?.try_into().ok()
    }

    fn forget(&self, vault: &Vault) -> Result<(), VaultError> {
        vault.act(Durability::Refetchable, |act| act.delete::<FetchRow>(&self.key))
    }

    /// What is done once its draft has gone.
    fn forgetting(self, vault: &Arc<Vault>) -> OnGone {
        let vault = Arc::clone(vault);
        Box::new(move || {
            // One that stays is given up after a year.
            let _later = self.forget(&vault);
        })
    }

    /// Removes what is left of it, as far as that is due, and forgets it if that was all.
    fn settle(&self, vault: &Vault, now: SystemTime) -> Result<(), Error> {
        let folder = path_of(&self.row.folder);
        let drafts = self.drafts(vault, &folder)?;
        let mut is_gone = false;
        for draft in &drafts {
            is_gone |= clear(draft, now);
        }
        is_gone &= drafts.iter().all(|draft| is_absent(draft));
        if is_gone || self.age(now) > ROW_AGE_MAX {
            self.forget(vault)?;
        }
        Ok(())
    }

    fn drafts(&self, vault: &Vault, folder: &Path) -> Result<Vec<PathBuf>, Error> {
        if let Some(number) = self.number() {
            return Ok(vec![folder.join(draft_name(number))]);
        }
        // An earlier program made the names of its drafts from what was fetched.
        vault.read(|act| {
            let named = |number| {
                let tag = act.tag::<UploadRow>(&format!("{}\0{number}", self.row.words));
                folder.join(draft_name(tag.first_chunk().copied().unwrap_or_default()))
            };
            Ok((0..EARLIER_DRAFTS).map(named).collect())
        })
    }

    fn age(&self, now: SystemTime) -> Duration {
        let begun = UNIX_EPOCH + Duration::from_millis(self.row.begun_at_ms.unsigned_abs());
        now.duration_since(begun).unwrap_or_default()
    }
}

impl Session {
    /// Removes what earlier fetches left, as far as that is due: at the beginning of a command, and never at its expense.
    pub(in crate::session) async fn clear_pieces(&self) {
        // A vault that does not open here says so to whoever asks it for something.
        let Ok(fetches) = self.vault.read(|act| all(act, &[])) else { return };
        let now = self.now();
        let (done, mut cleared) = mpsc::channel::<()>(1);
        for (folder, fetches) in by_folder(fetches).into_iter().take(FOLDERS_MAX) {
            let mut looked_into = self.looked_into.lock().unwrap_or_else(PoisonError::into_inner);
            if !looked_into.insert(folder.clone()) {
                // It has not answered since the last command.
                continue;
            }
            drop(looked_into);
            let (vault, looked_into, done) =
                (Arc::clone(&self.vault), Arc::clone(&self.looked_into), done.clone());
            // A thread of its own: nothing waits for a folder that hangs, neither another one nor the end of the program.
            thread::spawn(move || {
                for fetch in fetches {
                    // It is found again by the next command.
                    let _later = fetch.settle(&vault, now);
                }
                looked_into.lock().unwrap_or_else(PoisonError::into_inner).remove(&folder);
                drop(done);
            });
        }
        drop(done);
        // Ends when the last thread has.
        let _late = timeout(FOLDERS_WAIT, cleared.recv()).await;
    }
}

fn by_folder(fetches: Vec<Fetch>) -> BTreeMap<Vec<u8>, Vec<Fetch>> {
    let mut folders = BTreeMap::<_, Vec<_>>::new();
    for fetch in fetches {
        folders.entry(fetch.row.folder.clone()).or_default().push(fetch);
    }
    folders
}

fn all(act: &Act<'_>, prefix: &[u8]) -> Result<Vec<Fetch>, Error> {
    Ok(act.scan::<FetchRow>(prefix)?.into_iter().map(|(key, row)| Fetch { key, row }).collect())
}

fn path_of(bytes: &[u8]) -> PathBuf {
    #[cfg(unix)]
    return <std::ffi::OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(bytes).into();
    #[cfg(not(unix))]
    return String::from_utf8_lossy(bytes).into_owned().into();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vault::{Passphrase, rows::tests::NAMED};
    use alcove_tests::stored::Forms;
    use ring::rand::SystemRandom;
    use std::fs::Permissions;

    const CASE: GroupId = GroupId([1; 16]);
    const DOCUMENT: RecordId = RecordId([2; 16]);

    struct Scene {
        home: tempfile::TempDir,
        vault: Arc<Vault>,
        now: SystemTime,
    }

    impl Scene {
        fn new() -> Self {
            let home = tempfile::tempdir().unwrap();
            let passphrase = Passphrase::new("seven quiet herons".to_owned());
            let vault = Vault::create(&home.path().join("vault"), &passphrase, Arc::new(SystemRandom::new()));
            fs::create_dir(home.path().join("stick")).unwrap();
            Self { home, vault: Arc::new(vault.unwrap()), now: SystemTime::now() }
        }

        fn folder(&self) -> PathBuf {
            self.home.path().join("stick")
        }

        fn to(&self) -> Destination {
            Destination::Folder(self.folder())
        }

        fn draft_to(&self, destination: &Destination, document: &RecordId) -> Draft {
            let aim = Aim::new(&CASE, document, destination).unwrap();
            aim.draft(&self.vault, self.now, &SystemRandom::new(), false).unwrap()
        }

        /// A draft into the folder, with seven bytes more.
        fn draft(&self) -> Draft {
            let mut draft = self.draft_to(&self.to(), &DOCUMENT);
            draft.go_on_from(draft.length()).unwrap();
            draft.write(b"content").unwrap();
            draft
        }

        fn rows(&self) -> Vec<Fetch> {
            self.vault.read(|act| all(act, &[])).unwrap()
        }

        /// What the next command does.
        fn settle(&self, now: SystemTime) {
            self.rows().iter().for_each(|fetch| fetch.settle(&self.vault, now).unwrap());
        }

        fn pieces(&self) -> Vec<PathBuf> {
            fs::read_dir(self.folder()).unwrap().map(|entry| entry.unwrap().path()).collect()
        }

        /// As a file system shows it that keeps no permissions.
        fn open_to_others(&self) {
            use std::os::unix::fs::PermissionsExt;
            for piece in self.pieces() {
                fs::set_permissions(piece, Permissions::from_mode(0o777)).unwrap();
            }
        }
    }

    #[test]
    fn another_stick_at_the_same_place_does_not_make_a_piece_forgotten() {
        let scene = Scene::new();
        let away = scene.home.path().join("away");
        // Killed, on a stick that is pulled out then.
        scene.draft().keep();
        scene.open_to_others();
        fs::rename(scene.folder(), &away).unwrap();
        scene.settle(scene.now);
        fs::create_dir(scene.folder()).unwrap();
        scene.settle(scene.now);
        // A fetch onto the other stick comes to its end.
        drop(scene.draft());
        scene.settle(scene.now + 2 * FOLDERS_WAIT);
        assert_eq!(scene.rows().len(), 1, "the piece on the first stick is remembered");
        fs::remove_dir(scene.folder()).unwrap();
        fs::rename(&away, scene.folder()).unwrap();
        assert_eq!(scene.pieces().len(), 1, "the control: it lies there still");
        scene.settle(scene.now);
        assert_eq!((scene.pieces().len(), scene.rows().len()), (0, 0));

        // What is never seen again is given up after a year.
        scene.draft().keep();
        fs::rename(scene.folder(), &away).unwrap();
        scene.settle(scene.now + ROW_AGE_MAX - Duration::from_secs(60));
        assert_eq!(scene.rows().len(), 1);
        scene.settle(scene.now + ROW_AGE_MAX + Duration::from_secs(60));
        assert_eq!(scene.rows().len(), 0);
    }

    #[test]
    fn a_draft_that_was_kept_is_found_by_the_same_fetch_alone() {
        let scene = Scene::new();
        scene.draft().keep();
        let file = Destination::File(scene.folder().join("exact"));
        for (to, document) in [(&scene.to(), &RecordId([3; 16])), (&file, &DOCUMENT)] {
            assert_eq!(scene.draft_to(to, document).length(), 0);
        }
        // However one comes to the folder.
        let around = Destination::Folder(scene.folder().join("../stick"));
        assert_eq!(scene.draft_to(&around, &DOCUMENT).length(), 7);
        assert_eq!((scene.pieces().len(), scene.rows().len()), (0, 0), "and gone when it is dropped");
    }

    #[test]
    fn two_fetches_at_once_have_a_draft_and_a_row_each_and_the_next_one_clears_up() {
        let scene = Scene::new();
        let (mut one, other) = (scene.draft(), scene.draft());
        assert_eq!((scene.pieces().len(), scene.rows().len()), (2, 2));
        one.write(b" and more").unwrap();
        one.keep();
        other.keep();
        let longest = scene.draft_to(&scene.to(), &DOCUMENT);
        assert_eq!(longest.length(), 16, "the one that came further goes on");
        assert_eq!((scene.pieces().len(), scene.rows().len()), (1, 1), "and the other goes");
        // One that ends takes nothing from one that just begins.
        let beginning = scene.draft();
        drop(longest);
        assert_eq!((scene.pieces().len(), scene.rows().len()), (1, 1));
        drop(beginning);
        assert_eq!((scene.pieces().len(), scene.rows().len()), (0, 0));
    }

    #[test]
    fn what_is_of_no_use_is_not_gone_on_with_even_if_it_stays() {
        let scene = Scene::new();
        scene.draft().keep();
        let aim = Aim::new(&CASE, &DOCUMENT, &scene.to()).unwrap();
        let fresh = aim.draft(&scene.vault, scene.now, &SystemRandom::new(), true).unwrap();
        assert_eq!((fresh.length(), scene.pieces().len()), (0, 2));
    }

    #[test]
    fn a_destination_that_is_taken_or_not_there_is_refused_and_leaves_no_row() {
        let scene = Scene::new();
        let link = scene.folder().join("link");
        std::os::unix::fs::symlink(scene.folder().join("elsewhere"), &link).unwrap();
        let aim = |to| Aim::new(&CASE, &DOCUMENT, &to).map(|_| ());
        assert!(matches!(aim(Destination::File(link)), Err(Error::FileExists { .. })));
        assert!(matches!(aim(Destination::Folder("/nowhere/at/all".into())), Err(Error::File { .. })));
        // A folder that goes away in between.
        let aim = Aim::new(&CASE, &DOCUMENT, &scene.to()).unwrap();
        fs::remove_dir_all(scene.folder()).unwrap();
        assert!(aim.draft(&scene.vault, scene.now, &SystemRandom::new(), false).is_err());
        assert_eq!(scene.rows().len(), 0);
    }

    #[test]
    fn folders_whose_names_are_no_utf8_do_not_share_a_draft() {
        use std::{ffi::OsStr, os::unix::ffi::OsStrExt};
        let scene = Scene::new();
        let folders = [&b"se\xf1ora"[..], b"se\xf2ora", "se\u{fffd}ora".as_bytes()];
        let to = folders.map(|name| scene.folder().join(OsStr::from_bytes(name)));
        to.iter().for_each(|folder| fs::create_dir(folder).unwrap());
        let words = to.map(|folder| Aim::new(&CASE, &DOCUMENT, &Destination::Folder(folder)).unwrap().words);
        assert!(words[0] != words[1] && words[1] != words[2] && words[0] != words[2], "{words:?}");
    }

    #[test]
    fn pieces_of_an_earlier_program_go_as_well() {
        let scene = Scene::new();
        let folder = scene.folder().as_os_str().as_encoded_bytes().to_vec();
        let row = FetchRow { folder, words: "fetch of old".to_owned(), begun_at_ms: 0 };
        let earlier = Fetch { key: vec![7; 16], row };
        for piece in earlier.drafts(&scene.vault, &scene.folder()).unwrap() {
            fs::write(piece, "a piece").unwrap();
        }
        assert_eq!(scene.pieces().len(), EARLIER_DRAFTS as usize);
        scene.open_to_others();
        earlier.settle(&scene.vault, scene.now).unwrap();
        assert_eq!(scene.pieces().len(), 0);
    }

    #[test]
    fn a_fetch_lies_where_its_stored_form_says() {
        let (scene, forms) = (Scene::new(), Forms::of("vault"));
        let mut aim = Aim::new(&CASE, &DOCUMENT, &scene.to()).unwrap();
        aim.words = forms.tag_of("fetch");
        let fetch = aim.begin(&scene.vault, scene.now, NAMED).unwrap();
        assert_eq!(fetch.key[..16], scene.vault.read::<_, Error>(|act| Ok(aim.tag(act))).unwrap());
        assert_eq!(fetch.key[16..], forms.key("fetch")[16..]);
    }
}
