//! A document on its way into a folder: a file under a name of its own, until it is whole or gone.
//!
//! Others may write to the folder too. What is open is the draft, and what lies at its path is believed to be it only
//! when it is the same file.

use super::{super::Error, file_error, flushing::Flusher};
use alcove_programs::files::{folder_of, is_at, is_private, sync_folder, take_name};
use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

/// A draft that nobody came back to for so long is removed.
pub(super) const DRAFT_AGE_MAX: Duration = Duration::from_secs(7 * 24 * 3600);
/// Where a file system has no locks, a draft that nobody wrote to for so long is nobody's any more.
const UNLOCKED_AGE_MAX: Duration = Duration::from_secs(24 * 3600);
/// What the name of every draft begins and ends with.
const DRAFT_NAME: (&str, &str) = (".alcove-", ".part");

/// Called once nothing is left of a draft under its name.
pub(super) type OnGone = Box<dyn FnOnce() + Send>;

/// A file on its way: nobody takes it for the document before it is published.
pub(super) struct Draft {
    path: PathBuf,
    file: File,
    flusher: Flusher,
    /// Bytes in it.
    length: u64,
    /// Nobody but its owner can read it.
    is_private: bool,
    /// It is locked until it is dropped, so that no other process writes to it.
    is_locked: bool,
    /// It has a name that is no draft's.
    is_named: bool,
    has_ended: bool,
    on_gone: Option<OnGone>,
}

impl Draft {
    /// An empty file for its owner alone, at a path that nothing has.
    ///
    /// Errors: [`Error::FileExists`], [`Error::File`]. Nothing is left of it then.
    pub(super) fn create(path: PathBuf, on_gone: OnGone) -> Result<Self, Error> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = match options.open(&path) {
            Ok(file) => file,
            Err(source) => {
                on_gone();
                return Err(file_error(&path, source));
            }
        };
        let (is_locked, is_private) = (file.try_lock().is_ok(), is_private(&file));
        Ok(Self::of(path, Found { file, is_locked, is_private }, 0, on_gone))
    }

    /// What an earlier fetch left at `path`, if it can be gone on with: nobody else is at it, and nobody else can read it.
    /// Locked from here on.
    pub(super) fn go_on(path: PathBuf, on_gone: OnGone) -> Option<Self> {
        let found = find(&path).filter(|found| found.is_locked && found.is_private)?;
        let length = found.file.metadata().ok()?.len();
        Some(Self::of(path, found, length, on_gone))
    }

    fn of(path: PathBuf, found: Found, length: u64, on_gone: OnGone) -> Self {
        let (Found { file, is_locked, is_private }, on_gone) = (found, Some(on_gone));
        let (flusher, is_named, has_ended) = (Flusher::default(), false, false);
        Self { path, file, flusher, length, is_private, is_locked, is_named, has_ended, on_gone }
    }

    /// Whether nobody but its owner can read it.
    pub(super) fn is_private(&self) -> bool {
        self.is_private
    }

    /// Bytes in it.
    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// What lies in it, to be read from its beginning.
    pub(super) fn reread(&mut self) -> Result<&mut File, Error> {
        self.file.seek(SeekFrom::Start(0)).map_err(|source| file_error(&self.path, source))?;
        Ok(&mut self.file)
    }

    /// Cuts it to its first `length` bytes; what is written next follows them.
    pub(super) fn go_on_from(&mut self, length: u64) -> Result<(), Error> {
        let cut = self.file.set_len(length).and_then(|()| self.file.seek(SeekFrom::Start(length)));
        cut.map_err(|source| file_error(&self.path, source))?;
        self.length = length;
        Ok(())
    }

    /// Writes the next bytes.
    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let written = self.file.write_all(bytes).and_then(|()| self.flusher.wrote(&self.file, bytes.len()));
        written.map_err(|source| file_error(&self.path, source))?;
        self.length += bytes.len() as u64;
        Ok(())
    }

    /// Puts all of it on disk.
    pub(super) fn flush(&mut self) -> Result<(), Error> {
        let flushed = self.flusher.finish().and_then(|()| self.file.sync_all());
        flushed.map_err(|source| file_error(&self.path, source))
    }

    /// Gives it a name that nothing has yet. Errors: those of [`take_name`].
    pub(super) fn take_name(&mut self, name: &Path) -> io::Result<()> {
        take_name(&self.file, &self.path, name)?;
        self.is_named = true;
        Ok(())
    }

    /// Leaves it where it is, for a later fetch to go on with. An empty one is of no use, one that others can read would
    /// tell them something, and of one without a lock nobody knows whose it is: these go.
    pub(super) fn keep(mut self) {
        self.has_ended = self.length > 0 && self.is_private && self.is_locked;
    }

    /// Its name as a draft goes, for good.
    ///
    /// Errors: [`Error::File`] when the folder cannot be synced.
    pub(super) fn end(&mut self) -> Result<(), Error> {
        if std::mem::replace(&mut self.has_ended, true) {
            return Ok(());
        }
        // Renamed, it has none any more.
        let is_gone = remove(&self.file, &self.path) || (self.is_named && is_absent(&self.path));
        sync_folder(folder_of(&self.path)).map_err(|error| file_error(&error.path, error.source))?;
        if let Some(on_gone) = self.on_gone.take().filter(|_| is_gone) {
            on_gone();
        }
        Ok(())
    }
}

impl Drop for Draft {
    /// Published or not, its name goes, unless somebody is to come back to it.
    fn drop(&mut self) {
        // A leftover is found again by what the vault knows of it.
        let _leftover = self.end();
    }
}

pub(super) fn draft_name(number: [u8; 8]) -> String {
    let (beginning, end) = DRAFT_NAME;
    format!("{beginning}{:016x}{end}", u64::from_be_bytes(number))
}

fn is_draft_name(name: &str) -> bool {
    let (beginning, end) = DRAFT_NAME;
    let number = name.strip_prefix(beginning).and_then(|rest| rest.strip_suffix(end));
    number.is_some_and(|number| number.len() == 16 && number.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// A draft that lies somewhere, open.
struct Found {
    file: File,
    is_locked: bool,
    is_private: bool,
}

/// Opens what lies at `path`, if it is a plain file that nobody else is at. A link to a file that has another name is
/// nothing that only its owner can read.
fn find(path: &Path) -> Option<Found> {
    // Looked at before it is opened: a pipe, a device and a link are none of ours.
    fs::symlink_metadata(path).ok().filter(fs::Metadata::is_file)?;
    let file = OpenOptions::new().read(true).write(true).open(path).ok()?;
    let is_locked = match file.try_lock() {
        Ok(()) => true,
        Err(TryLockError::WouldBlock) => return None,
        // A file system without locks.
        Err(TryLockError::Error(_)) => false,
    };
    is_at(&file, path).ok().filter(|is_it| *is_it)?;
    let is_private = has_one_name(&file) && is_private(&file);
    Some(Found { file, is_locked, is_private })
}

#[cfg(unix)]
fn has_one_name(file: &File) -> bool {
    use std::os::unix::fs::MetadataExt;
    file.metadata().is_ok_and(|data| data.nlink() == 1)
}

#[cfg(not(unix))]
fn has_one_name(_file: &File) -> bool {
    true
}

/// Removes the name of a file that is open, unless something else has it. Returns whether it did.
fn remove(file: &File, path: &Path) -> bool {
    is_at(file, path).is_ok_and(|is_it| is_it) && fs::remove_file(path).is_ok()
}

pub(super) fn is_absent(path: &Path) -> bool {
    fs::symlink_metadata(path).is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
}

/// Removes a draft that nobody works at: what others can read at once, the rest when nobody came back to it. Returns whether
/// it did, for good.
pub(super) fn clear(path: &Path, now: SystemTime) -> bool {
    let Some(found) = find(path) else { return false };
    let is_due = match (found.is_locked, found.is_private) {
        (true, true) => is_older(&found.file, now, DRAFT_AGE_MAX),
        (true, false) => true,
        // Somebody may work at it, and nothing shows it but what is written.
        (false, _) => is_older(&found.file, now, UNLOCKED_AGE_MAX),
    };
    is_due && remove(&found.file, path) && sync_folder(folder_of(path)).is_ok()
}

fn is_older(draft: &File, now: SystemTime, than: Duration) -> bool {
    let modified = draft.metadata().and_then(|data| data.modified());
    let age = modified.ok().and_then(|modified| now.duration_since(modified).ok());
    age.is_some_and(|age| age > than)
}

/// Removes drafts that nobody came back to, whosever they are.
///
/// Errors: [`Error::File`] for a folder that cannot be read.
pub(super) fn remove_stale(folder: &Path, now: SystemTime) -> Result<(), Error> {
    for entry in fs::read_dir(folder).map_err(|source| file_error(folder, source))?.flatten() {
        if !entry.file_name().to_str().is_some_and(is_draft_name) {
            continue;
        }
        if let Some(found) = find(&entry.path())
            && is_older(&found.file, now, DRAFT_AGE_MAX)
        {
            // What cannot be removed today is found again tomorrow.
            let _leftover = remove(&found.file, &entry.path());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    };

    struct Scene {
        folder: tempfile::TempDir,
        is_gone: Arc<AtomicBool>,
    }

    impl Scene {
        fn new() -> Self {
            Self { folder: tempfile::tempdir().unwrap(), is_gone: Arc::default() }
        }

        fn path(&self) -> PathBuf {
            self.folder.path().join(draft_name([7; 8]))
        }

        fn on_gone(&self) -> OnGone {
            let is_gone = Arc::clone(&self.is_gone);
            Box::new(move || is_gone.store(true, Ordering::Relaxed))
        }

        /// A draft with seven bytes written.
        fn draft(&self) -> Draft {
            let mut draft = Draft::create(self.path(), self.on_gone()).unwrap();
            draft.write(b"content").unwrap();
            draft
        }

        fn go_on(&self) -> Option<Draft> {
            Draft::go_on(self.path(), self.on_gone())
        }

        fn is_gone(&self) -> bool {
            self.is_gone.load(Ordering::Relaxed)
        }
    }

    #[test]
    fn a_draft_that_was_kept_is_gone_on_with_and_one_that_was_not_is_gone() {
        let scene = Scene::new();
        scene.draft().keep();
        assert!(!scene.is_gone());
        let mut again = scene.go_on().unwrap();
        let mut content = String::new();
        io::Read::read_to_string(again.reread().unwrap(), &mut content).unwrap();
        assert_eq!((again.length(), content.as_str()), (7, "content"));
        again.go_on_from(3).unwrap();
        again.write(b"fess").unwrap();
        assert!(scene.go_on().is_none(), "somebody is at it");
        assert!(!clear(&scene.path(), SystemTime::now() + 2 * DRAFT_AGE_MAX));
        assert_eq!(fs::read(scene.path()).unwrap(), b"confess");
        drop(again);
        assert!(scene.is_gone());
        assert!(is_absent(&scene.path()));
    }

    #[test]
    fn what_is_empty_or_open_to_others_or_without_a_lock_is_not_kept() {
        let scene = Scene::new();
        Draft::create(scene.path(), scene.on_gone()).unwrap().keep();
        assert!(is_absent(&scene.path()));
        for spoil in
            [|draft: &mut Draft| draft.is_private = false, |draft: &mut Draft| draft.is_locked = false]
        {
            let mut draft = scene.draft();
            assert!(draft.is_private && draft.is_locked);
            spoil(&mut draft);
            draft.keep();
            assert!(is_absent(&scene.path()));
        }
    }

    #[test]
    fn a_draft_that_is_not_where_it_was_is_not_said_to_be_gone() {
        // The stick was pulled out.
        let scene = Scene::new();
        let draft = scene.draft();
        fs::rename(scene.path(), scene.folder.path().join("away")).unwrap();
        drop(draft);
        assert!(!scene.is_gone());
        // Somebody else's lies there: theirs stays.
        let draft = scene.draft();
        fs::remove_file(scene.path()).unwrap();
        fs::write(scene.path(), "theirs").unwrap();
        drop(draft);
        assert!(!scene.is_gone());
        assert_eq!(fs::read(scene.path()).unwrap(), b"theirs");
        // The control.
        fs::remove_file(scene.path()).unwrap();
        drop(scene.draft());
        assert!(scene.is_gone());
    }

    #[cfg(unix)]
    #[test]
    fn what_others_put_in_the_place_of_a_draft_is_not_gone_on_with() {
        use std::os::unix::fs::PermissionsExt;
        let scene = Scene::new();
        let mine = scene.folder.path().join("mine");
        let plant: [&dyn Fn(&Path); 4] = [
            &|path| std::os::unix::fs::symlink(&mine, path).unwrap(),
            &|path| fs::hard_link(&mine, path).unwrap(),
            &|path| {
                fs::write(path, "theirs").unwrap();
                fs::set_permissions(path, fs::Permissions::from_mode(0o666)).unwrap();
            },
            &|path| fs::create_dir(path).unwrap(),
        ];
        for plant in plant {
            fs::write(&mine, "mine").unwrap();
            fs::set_permissions(&mine, fs::Permissions::from_mode(0o600)).unwrap();
            plant(&scene.path());
            assert!(scene.go_on().is_none());
            assert!(Draft::create(scene.path(), scene.on_gone()).is_err(), "nothing is written over");
            clear(&scene.path(), SystemTime::now());
            assert_eq!(fs::read(&mine).unwrap(), b"mine");
            let _either = fs::remove_file(scene.path()).or_else(|_| fs::remove_dir(scene.path()));
        }
    }

    #[cfg(unix)]
    #[test]
    fn pieces_that_others_can_read_go_at_once_and_others_when_nobody_came_back() {
        use std::os::unix::fs::PermissionsExt;
        let scene = Scene::new();
        let now = SystemTime::now();
        scene.draft().keep();
        assert!(!clear(&scene.path(), now));
        assert!(clear(&scene.path(), now + 2 * DRAFT_AGE_MAX));
        scene.draft().keep();
        fs::set_permissions(scene.path(), fs::Permissions::from_mode(0o777)).unwrap();
        let busy = File::open(scene.path()).unwrap();
        busy.try_lock().unwrap();
        assert!(!clear(&scene.path(), now), "somebody works at it");
        drop(busy);
        assert!(clear(&scene.path(), now));
        assert!(!clear(&scene.path(), now), "it is not there to be removed");
    }

    #[test]
    fn a_draft_nobody_came_back_to_is_removed_by_the_next_fetch_into_its_folder() {
        let scene = Scene::new();
        let own = scene.folder.path().join(".alcove-notes.part");
        scene.draft().keep();
        fs::write(&own, "somebody's own").unwrap();
        let later = SystemTime::now() + DRAFT_AGE_MAX - Duration::from_secs(60);
        remove_stale(scene.folder.path(), later).unwrap();
        assert!(!is_absent(&scene.path()), "not before its time");
        remove_stale(scene.folder.path(), later + Duration::from_secs(120)).unwrap();
        assert!(is_absent(&scene.path()) && !is_absent(&own));
        assert!(matches!(remove_stale(Path::new("/nowhere/at/all"), later), Err(Error::File { .. })));
    }
}
