//! Where a fetched document is put: under another name until it is whole, never over anything.
//!
//! What a cut left is found again by the same fetch: a draft's name follows from document and destination, under a key
//! of the vault, and says nothing to anybody else. A file system that keeps no permissions shows a draft to whoever has the
//! disk, so none is left there.

use super::{
    super::Error,
    Destination, file_error,
    file_names::{SafeFileName, TakenNames},
    flushing::Flusher,
};
use alcove_programs::files::{folder_of, sync_folder, take_name};
use alcove_proto::limits::FILE_NAME_BYTES_MAX;
use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

/// Names tried in a folder that fills up meanwhile.
const NAMES_MAX: u32 = 64;
/// Bytes of a name that every file system takes: one that encrypts names has room for 143.
const SHORT_NAME_BYTES_MAX: usize = 140;
/// Processes that may fetch one document to one destination at a time, each into a draft of its own.
pub(super) const DRAFTS_MAX: u32 = 8;
/// A draft that nobody came back to for so long is removed by the next fetch into its folder.
const DRAFT_AGE_MAX: Duration = Duration::from_secs(7 * 24 * 3600);
/// What the name of every draft begins and ends with.
const DRAFT_NAME: (&str, &str) = (".alcove-", ".part");

/// Makes the names of drafts: 8 bytes that follow from the words given.
pub(super) type NameDraft<'a> = &'a dyn Fn(&str) -> Result<[u8; 8], Error>;

/// A file on its way: nobody takes it for the document before [`Draft::publish`].
pub(super) struct Draft {
    path: PathBuf,
    folder: PathBuf,
    file: File,
    flusher: Flusher,
    /// Bytes in it.
    length: u64,
    /// Nobody but its owner can read it, as far as the file system says.
    is_private: bool,
    kept: bool,
}

/// The folder of a destination, and what else the names of its drafts follow from.
///
/// Errors: [`Error::FileExists`] when the destination is taken already, [`Error::File`].
pub(super) fn locate(destination: &Destination) -> Result<(PathBuf, String), Error> {
    let (folder, file) = match destination {
        Destination::Folder(folder) => (folder.as_path(), String::new()),
        Destination::File(path) => {
            if fs::symlink_metadata(path).is_ok() {
                return Err(Error::FileExists { path: path.clone() });
            }
            let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            (folder_of(path), file)
        }
    };
    // The folder itself, so that a draft is found again by whatever way one comes.
    let real = fs::canonicalize(folder).map_err(|source| file_error(folder, source))?;
    let words = format!("{}\0{file}", real.to_string_lossy());
    Ok((real, words))
}

impl Draft {
    /// The draft that an earlier fetch to this destination left, or an empty file, for its owner alone, in the folder
    /// the document goes to. Locked until it is dropped, so that no other process writes to it.
    ///
    /// Errors: [`Error::FileExists`] when the destination is taken already, [`Error::File`].
    pub(super) fn open(
        destination: &Destination,
        now: SystemTime,
        name: NameDraft<'_>,
    ) -> Result<Self, Error> {
        let (_, words) = locate(destination)?;
        let folder = match destination {
            Destination::Folder(folder) => folder.as_path(),
            Destination::File(path) => folder_of(path),
        };
        remove_stale(folder, now)?;
        let mut found: Option<Self> = None;
        let (mut free, mut unusable) = (None, None);
        for number in 0..DRAFTS_MAX {
            let path = folder.join(draft_name(name(&format!("{words}\0{number}"))?));
            if fs::symlink_metadata(&path).is_err() {
                free = free.or(Some(path));
                continue;
            }
            let Some((file, is_private)) = lock(&path) else { continue };
            if !is_private {
                unusable = unusable.or(Some(path));
                continue;
            }
            let draft = Self::of(path, folder, file)?;
            // The longest goes on; the others are removed as they are dropped.
            found = match found {
                Some(longer) if longer.length >= draft.length => Some(longer),
                _ => Some(draft),
            };
        }
        // Pieces that others can read are in nobody's way: an earlier program left them where no permissions are kept.
        let free = free.or_else(|| unusable.filter(|path| fs::remove_file(path).is_ok()));
        match (found, free) {
            (Some(draft), _) => Ok(draft),
            (None, Some(path)) => {
                let file = create(&path).map_err(|source| file_error(&path, source))?;
                Self::of(path, folder, file)
            }
            // More processes than anybody runs; or somebody made things of these names.
            (None, None) => {
                let source = io::Error::from(io::ErrorKind::ResourceBusy);
                Err(Error::File { path: folder.to_owned(), source })
            }
        }
    }

    fn of(path: PathBuf, folder: &Path, file: File) -> Result<Self, Error> {
        let data = file.metadata().map_err(|source| file_error(&path, source))?;
        let (folder, flusher) = (folder.to_owned(), Flusher::default());
        let (length, is_private) = (data.len(), is_closed_to_others(&data));
        Ok(Self { path, folder, file, flusher, length, is_private, kept: false })
    }

    /// Whether nobody but its owner can read it, as far as the file system says.
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

    /// Leaves it where it is, for a later fetch to go on with. An empty one is of no use, and one that others can read
    /// would tell them something: these go.
    pub(super) fn keep(mut self) {
        self.kept = self.length > 0 && self.is_private;
    }

    /// Gives the whole file its name, which nothing may have yet; it is on disk then.
    ///
    /// Errors: [`Error::FileExists`] for [`Destination::File`]; in a folder another number is tried.
    pub(super) fn publish(mut self, destination: &Destination, name: &str) -> Result<PathBuf, Error> {
        let flushed = self.flusher.finish().and_then(|()| self.file.sync_all());
        flushed.map_err(|source| file_error(&self.path, source))?;
        let target = match destination {
            Destination::File(path) => {
                take_name(&self.path, path).map_err(|source| file_error(path, source))?;
                path.clone()
            }
            Destination::Folder(_) => self.take_name_in_folder(name)?,
        };
        sync_folder(&self.folder).map_err(|error| file_error(&error.path, error.source))?;
        Ok(target)
    }

    fn take_name_in_folder(&self, name: &str) -> Result<PathBuf, Error> {
        let mut taken = names_in(&self.folder)?;
        let mut bytes_max = FILE_NAME_BYTES_MAX;
        for _ in 0..NAMES_MAX {
            let safe = SafeFileName::for_saving(name, bytes_max, &mut taken);
            let path = self.folder.join(safe.as_str());
            match take_name(&self.path, &path) {
                Ok(()) => return Ok(path),
                // Somebody took it since the folder was read; `taken` has it now.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error)
                    if error.kind() == io::ErrorKind::InvalidFilename && bytes_max > SHORT_NAME_BYTES_MAX =>
                {
                    bytes_max = SHORT_NAME_BYTES_MAX;
                }
                Err(source) => return Err(file_error(&path, source)),
            }
        }
        Err(Error::FileExists { path: self.folder.join(SafeFileName::of(name).as_str()) })
    }
}

impl Drop for Draft {
    /// Published or not, the other name goes, unless somebody is to come back to it.
    fn drop(&mut self) {
        if self.kept {
            return;
        }
        // A leftover is found again: by the same fetch, and by what the vault knows of it.
        let _leftover = fs::remove_file(&self.path);
    }
}

pub(super) fn draft_name(tag: [u8; 8]) -> String {
    let (beginning, end) = DRAFT_NAME;
    format!("{beginning}{:016x}{end}", u64::from_be_bytes(tag))
}

fn is_draft_name(name: &str) -> bool {
    let (beginning, end) = DRAFT_NAME;
    let tag = name.strip_prefix(beginning).and_then(|rest| rest.strip_suffix(end));
    tag.is_some_and(|tag| tag.len() == 16 && tag.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// Makes an empty file for its owner alone, and locks it.
fn create(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    let file = options.open(path)?;
    // A file system without locks: two fetches at once would spoil each other, and the hash would show it.
    let _unlocked = file.try_lock();
    Ok(file)
}

/// Opens a draft that lies there, if nobody else is at it. Inside: whether it may be gone on with.
///
/// Others may write to the folder: what is gone on with must be the very file of that name, no link to another one, and
/// closed to other people.
fn lock(path: &Path) -> Option<(File, bool)> {
    // Looked at before it is opened: opening a pipe would wait for its other end.
    fs::symlink_metadata(path).ok().filter(fs::Metadata::is_file)?;
    let file = OpenOptions::new().read(true).write(true).open(path).ok()?;
    if matches!(file.try_lock(), Err(TryLockError::WouldBlock)) {
        return None;
    }
    let (opened, there) = (file.metadata().ok()?, fs::symlink_metadata(path).ok()?);
    Some((file, there.is_file() && is_same_file(&opened, &there) && is_closed_to_others(&opened)))
}

#[cfg(unix)]
fn is_same_file(opened: &fs::Metadata, there: &fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    (opened.dev(), opened.ino()) == (there.dev(), there.ino()) && opened.nlink() == 1
}

#[cfg(unix)]
fn is_closed_to_others(data: &fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    data.mode() & 0o077 == 0
}

/// Elsewhere the folder's permissions are the file's.
#[cfg(not(unix))]
fn is_same_file(_opened: &fs::Metadata, _there: &fs::Metadata) -> bool {
    true
}

#[cfg(not(unix))]
fn is_closed_to_others(_data: &fs::Metadata) -> bool {
    true
}

/// Removes a draft that nobody works at, if others can read it or nobody came back to it. Returns whether it is gone.
pub(super) fn clear(path: &Path, now: SystemTime) -> bool {
    match fs::symlink_metadata(path) {
        // Others may have put something else in its place: that is no piece of ours.
        Ok(there) if !there.is_file() => return true,
        Ok(_) => {}
        Err(error) => return error.kind() == io::ErrorKind::NotFound,
    }
    lock(path).is_some_and(|(file, is_private)| {
        // What cannot be removed today is found again tomorrow.
        (!is_private || is_stale(&file, now)) && fs::remove_file(path).is_ok()
    })
}

fn is_stale(draft: &File, now: SystemTime) -> bool {
    let modified = draft.metadata().and_then(|data| data.modified());
    let age = modified.ok().and_then(|modified| now.duration_since(modified).ok());
    age.is_some_and(|age| age > DRAFT_AGE_MAX)
}

/// Removes drafts that nobody came back to, whosever they are.
fn remove_stale(folder: &Path, now: SystemTime) -> Result<(), Error> {
    for entry in fs::read_dir(folder).map_err(|source| file_error(folder, source))?.flatten() {
        if !entry.file_name().to_str().is_some_and(is_draft_name) {
            continue;
        }
        if lock(&entry.path()).is_some_and(|(file, _)| is_stale(&file, now)) {
            let _leftover = fs::remove_file(entry.path());
        }
    }
    Ok(())
}

fn names_in(folder: &Path) -> Result<TakenNames, Error> {
    let failed = |source| file_error(folder, source);
    let mut taken = TakenNames::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        taken.insert(&entry.map_err(failed)?.file_name().to_string_lossy());
    }
    Ok(taken)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What names are made of, hashed as far as a test needs it.
    fn name(document: u8) -> impl Fn(&str) -> Result<[u8; 8], Error> {
        move |words| {
            let mut tag = [document; 8];
            words.bytes().enumerate().for_each(|(at, byte)| tag[at % 8] = tag[at % 8].rotate_left(3) ^ byte);
            Ok(tag)
        }
    }

    /// A draft of document `tag`, with seven bytes written.
    fn draft(destination: &Destination, tag: u8) -> Result<Draft, Error> {
        let mut draft = Draft::open(destination, SystemTime::now(), &name(tag))?;
        draft.go_on_from(0)?;
        draft.write(b"content")?;
        Ok(draft)
    }

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_document_gets_its_name_when_it_is_whole_and_nothing_else_is_left() {
        let folder = tempfile::tempdir().unwrap();
        let to = Destination::Folder(folder.path().to_owned());
        let whole = draft(&to, 1).unwrap();
        assert!(names(folder.path()).iter().all(|name| name.starts_with(".alcove-")));
        assert_eq!(whole.publish(&to, "plan.pdf").unwrap(), folder.path().join("plan.pdf"));
        drop(draft(&to, 2).unwrap());
        assert_eq!(names(folder.path()), ["plan.pdf"]);
        assert_eq!(fs::read(folder.path().join("plan.pdf")).unwrap(), b"content");
    }

    #[test]
    fn nothing_is_ever_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("plan.pdf"), "mine").unwrap();
        let to = Destination::Folder(folder.path().to_owned());
        for tag in [1, 2] {
            draft(&to, tag).unwrap().publish(&to, "PLAN.pdf").unwrap();
        }
        assert_eq!(fs::read(folder.path().join("plan.pdf")).unwrap(), b"mine");
        assert_eq!(names(folder.path()).len(), 3);

        let file = Destination::File(folder.path().join("exact"));
        let late = draft(&file, 3).unwrap();
        fs::write(folder.path().join("exact"), "somebody was faster").unwrap();
        assert!(matches!(late.publish(&file, "ignored"), Err(Error::FileExists { .. })));
        assert!(matches!(draft(&file, 4), Err(Error::FileExists { .. })));
        assert_eq!(fs::read(folder.path().join("exact")).unwrap(), b"somebody was faster");
        assert!(names(folder.path()).iter().all(|name| !name.ends_with(".part")));
    }

    #[test]
    fn a_draft_that_was_kept_is_found_by_the_same_fetch_alone() {
        let folder = tempfile::tempdir().unwrap();
        let to = Destination::Folder(folder.path().to_owned());
        let file = Destination::File(folder.path().join("exact"));
        draft(&to, 1).unwrap().keep();
        let kept = names(folder.path());
        assert_eq!(kept.len(), 1);
        for (other, document) in [(&to, 2), (&file, 1)] {
            assert_eq!(Draft::open(other, SystemTime::now(), &name(document)).unwrap().length(), 0);
        }
        // However one comes to the folder, and with whatever was cut off in the middle of a write.
        let around = Destination::Folder(folder.path().join("..").join(folder.path().file_name().unwrap()));
        let mut again = Draft::open(&around, SystemTime::now(), &name(1)).unwrap();
        let mut content = String::new();
        io::Read::read_to_string(again.reread().unwrap(), &mut content).unwrap();
        assert_eq!((again.length(), content.as_str()), (7, "content"));
        again.go_on_from(3).unwrap();
        again.write(b"fess").unwrap();
        let path = again.publish(&to, "plan.pdf").unwrap();
        assert_eq!(fs::read(path).unwrap(), b"confess");
        assert_eq!(names(folder.path()), ["plan.pdf"]);
    }

    #[test]
    fn an_empty_draft_is_not_kept() {
        let folder = tempfile::tempdir().unwrap();
        let to = Destination::Folder(folder.path().to_owned());
        Draft::open(&to, SystemTime::now(), &name(1)).unwrap().keep();
        assert_eq!(names(folder.path()), [""; 0]);
    }

    #[test]
    fn two_fetches_at_once_have_a_draft_each_and_the_next_one_clears_up() {
        let folder = tempfile::tempdir().unwrap();
        let to = Destination::Folder(folder.path().to_owned());
        let (mut one, other) = (draft(&to, 1).unwrap(), draft(&to, 1).unwrap());
        assert_eq!(names(folder.path()).len(), 2);
        one.write(b" and more").unwrap();
        one.keep();
        other.keep();
        assert_eq!(names(folder.path()).len(), 2);
        let longest = Draft::open(&to, SystemTime::now(), &name(1)).unwrap();
        assert_eq!(longest.length(), 16, "the one that came further goes on");
        assert_eq!(names(folder.path()).len(), 1, "and the other goes");
        drop(longest);
        assert_eq!(names(folder.path()).len(), 0);
    }

    #[test]
    fn a_draft_nobody_came_back_to_is_removed_by_the_next_fetch_into_its_folder() {
        let folder = tempfile::tempdir().unwrap();
        let to = Destination::Folder(folder.path().to_owned());
        draft(&to, 1).unwrap().keep();
        fs::write(folder.path().join(".alcove-notes.part"), "somebody's own").unwrap();
        let later = SystemTime::now() + DRAFT_AGE_MAX - Duration::from_secs(60);
        drop(Draft::open(&to, later, &name(2)).unwrap());
        assert_eq!(names(folder.path()).len(), 2, "not before its time");
        drop(Draft::open(&to, later + Duration::from_secs(120), &name(2)).unwrap());
        assert_eq!(names(folder.path()), [".alcove-notes.part"]);
    }

    #[cfg(unix)]
    #[test]
    fn what_others_put_in_the_place_of_a_draft_is_neither_read_nor_written() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let to = Destination::Folder(folder.path().join("shared"));
        fs::create_dir(folder.path().join("shared")).unwrap();
        let mine = folder.path().join("mine");
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
            let kept = draft(&to, 1).unwrap();
            let path = kept.path.clone();
            drop(kept);
            plant(&path);
            let fresh = draft(&to, 1).unwrap();
            assert_ne!(fresh.path, path);
            assert_eq!(fresh.file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
            drop(fresh);
            assert_eq!(fs::read(&mine).unwrap(), b"mine");
            let _either = fs::remove_file(&path).or_else(|_| fs::remove_dir(&path));
        }
    }

    #[cfg(unix)]
    #[test]
    fn pieces_that_others_can_read_go_at_once_and_are_no_dead_end() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let to = Destination::Folder(folder.path().to_owned());
        let mut first = draft(&to, 1).unwrap();
        assert!(first.is_private());
        first.is_private = false;
        first.keep();
        assert_eq!(names(folder.path()), [""; 0], "none is left where no permissions are kept");
        // As an earlier program left them: all names there are.
        let (_, words) = locate(&to).unwrap();
        let piece = |number| folder.path().join(draft_name(name(1)(&format!("{words}\0{number}")).unwrap()));
        let open = |number| {
            fs::write(piece(number), "a piece").unwrap();
            fs::set_permissions(piece(number), fs::Permissions::from_mode(0o777)).unwrap();
        };
        (0..DRAFTS_MAX).for_each(open);
        draft(&to, 1).unwrap().publish(&to, "plan.pdf").unwrap();
        assert_eq!(names(folder.path()).len(), DRAFTS_MAX as usize);
        for number in 0..DRAFTS_MAX {
            assert!(clear(&piece(number), SystemTime::now()), "{number}");
        }
        assert_eq!(names(folder.path()), ["plan.pdf"]);
        // Its owner's own stays for the fetch to go on with, and what somebody works at stays anyway.
        draft(&to, 2).unwrap().keep();
        let own = folder.path().join(&names(folder.path())[0]);
        assert!(!clear(&own, SystemTime::now()));
        open(0);
        let busy = File::open(piece(0)).unwrap();
        busy.try_lock().unwrap();
        assert!(!clear(&piece(0), SystemTime::now()));
        assert!(clear(&own, SystemTime::now() + 2 * DRAFT_AGE_MAX));
    }

    #[cfg(unix)]
    #[test]
    fn a_link_that_leads_nowhere_is_something_that_stands_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("link");
        std::os::unix::fs::symlink(folder.path().join("elsewhere"), &path).unwrap();
        assert!(matches!(draft(&Destination::File(path), 1), Err(Error::FileExists { .. })));
        assert!(!folder.path().join("elsewhere").exists());
    }

    #[test]
    fn a_hostile_name_stays_in_the_folder() {
        let outer = tempfile::tempdir().unwrap();
        let folder = outer.path().join("inner");
        fs::create_dir(&folder).unwrap();
        let to = Destination::Folder(folder.clone());
        for (tag, name) in
            ["../escaped", "/etc/passwd", "..", "a/b", "nul\0byte", "", "CON", "x\u{202e}fdp.exe"]
                .iter()
                .enumerate()
        {
            let path = draft(&to, tag as u8).unwrap().publish(&to, name).unwrap();
            assert_eq!(path.parent(), Some(folder.as_path()), "{name}");
        }
        assert_eq!(names(outer.path()), ["inner"]);
        assert_eq!(names(&folder).len(), 8);
    }

    #[test]
    fn a_folder_that_is_not_there_is_an_error() {
        let to = Destination::Folder("/nowhere/at/all".into());
        assert!(matches!(draft(&to, 1), Err(Error::File { .. })));
    }
}
