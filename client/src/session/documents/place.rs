//! Where a fetched document is put: under another name until it is whole, never over anything.
//!
//! What a cut left is found again by the same fetch: a draft's name follows from document and destination, under a key
//! of the vault, and says nothing to anybody else.

use super::{
    super::Error,
    Destination, file_error,
    file_names::{SafeFileName, TakenNames},
    flushing::Flusher,
};
use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

/// Names tried in a folder that fills up meanwhile.
const NAMES_MAX: u32 = 64;
/// Processes that may fetch one document to one destination at a time, each into a draft of its own.
const DRAFTS_MAX: u32 = 8;
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
    kept: bool,
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
        let (folder, words) = match destination {
            Destination::Folder(folder) => (folder.clone(), String::new()),
            Destination::File(path) => {
                if fs::symlink_metadata(path).is_ok() {
                    return Err(Error::FileExists { path: path.clone() });
                }
                let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
                let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
                (parent.unwrap_or(Path::new(".")).to_owned(), file)
            }
        };
        // The folder itself, so that a draft is found again by whatever way one comes.
        let real = fs::canonicalize(&folder).map_err(|source| file_error(&folder, source))?;
        remove_stale(&folder, now)?;
        let mut found: Option<Self> = None;
        let mut free = None;
        for number in 0..DRAFTS_MAX {
            let tag = name(&format!("{}\0{words}\0{number}", real.to_string_lossy()))?;
            let path = folder.join(draft_name(tag));
            if fs::symlink_metadata(&path).is_err() {
                free = free.or(Some(path));
                continue;
            }
            let Some(file) = take_over(&path) else { continue };
            let draft = Self::of(path, &folder, file)?;
            // The longest goes on; the others are removed as they are dropped.
            found = match found {
                Some(longer) if longer.length >= draft.length => Some(longer),
                _ => Some(draft),
            };
        }
        match (found, free) {
            (Some(draft), _) => Ok(draft),
            (None, Some(path)) => {
                let file = create(&path).map_err(|source| file_error(&path, source))?;
                Self::of(path, &folder, file)
            }
            // More processes than anybody runs; or somebody made files of these names.
            (None, None) => {
                let source = io::Error::from(io::ErrorKind::ResourceBusy);
                Err(Error::File { path: folder, source })
            }
        }
    }

    fn of(path: PathBuf, folder: &Path, file: File) -> Result<Self, Error> {
        let length = file.metadata().map_err(|source| file_error(&path, source))?.len();
        Ok(Self { path, folder: folder.to_owned(), file, flusher: Flusher::default(), length, kept: false })
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

    /// Leaves it where it is, for a later fetch to go on with. An empty one is of no use and goes.
    pub(super) fn keep(mut self) {
        self.kept = self.length > 0;
    }

    /// Gives the whole file its name, which nothing may have yet; it is on disk then.
    ///
    /// Errors: [`Error::FileExists`] for [`Destination::File`]; in a folder another number is tried.
    pub(super) fn publish(mut self, destination: &Destination, name: &str) -> Result<PathBuf, Error> {
        let flushed = self.flusher.finish().and_then(|()| self.file.sync_all());
        flushed.map_err(|source| file_error(&self.path, source))?;
        let target = match destination {
            Destination::File(path) => {
                self.take_name(path).map_err(|source| file_error(path, source))?;
                path.clone()
            }
            Destination::Folder(_) => self.take_name_in_folder(name)?,
        };
        sync_folder(&self.folder)?;
        Ok(target)
    }

    fn take_name_in_folder(&self, name: &str) -> Result<PathBuf, Error> {
        let mut taken = names_in(&self.folder)?;
        for _ in 0..NAMES_MAX {
            let safe = SafeFileName::for_saving(name, &mut taken);
            let path = self.folder.join(safe.as_str());
            match self.take_name(&path) {
                Ok(()) => return Ok(path),
                // Somebody took it since the folder was read; `taken` has it now.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(source) => return Err(file_error(&path, source)),
            }
        }
        Err(Error::FileExists { path: self.folder.join(SafeFileName::of(name).as_str()) })
    }

    /// Moves the file to `path`, or fails if anything stands there.
    fn take_name(&self, path: &Path) -> io::Result<()> {
        match fs::hard_link(&self.path, path) {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(error),
            // A file system without hard links: the name is taken first, then the file moved onto it.
            Err(_) => {
                OpenOptions::new().write(true).create_new(true).open(path)?;
                fs::rename(&self.path, path)
            }
        }
    }
}

impl Drop for Draft {
    /// Published or not, the other name goes, unless somebody is to come back to it.
    fn drop(&mut self) {
        if self.kept {
            return;
        }
        // A leftover harms nobody: it is unnamed and for its owner alone.
        let _leftover = fs::remove_file(&self.path);
    }
}

fn draft_name(tag: [u8; 8]) -> String {
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

/// Opens a draft that lies there, if it is one of ours and nobody else is at it.
///
/// Others may write to the folder: what is opened must be the very file of that name, no link to another one, and
/// closed to other people.
fn take_over(path: &Path) -> Option<File> {
    // Looked at before it is opened: opening a pipe would wait for its other end.
    fs::symlink_metadata(path).ok().filter(fs::Metadata::is_file)?;
    let file = OpenOptions::new().read(true).write(true).open(path).ok()?;
    if matches!(file.try_lock(), Err(TryLockError::WouldBlock)) {
        return None;
    }
    let (opened, there) = (file.metadata().ok()?, fs::symlink_metadata(path).ok()?);
    is_same_private_file(&opened, &there).then_some(file)
}

#[cfg(unix)]
fn is_same_private_file(opened: &fs::Metadata, there: &fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    there.is_file()
        && (opened.dev(), opened.ino()) == (there.dev(), there.ino())
        && opened.nlink() == 1
        && opened.mode() & 0o077 == 0
}

#[cfg(not(unix))]
fn is_same_private_file(_opened: &fs::Metadata, there: &fs::Metadata) -> bool {
    there.is_file()
}

/// Removes drafts that nobody came back to.
fn remove_stale(folder: &Path, now: SystemTime) -> Result<(), Error> {
    for entry in fs::read_dir(folder).map_err(|source| file_error(folder, source))?.flatten() {
        if !entry.file_name().to_str().is_some_and(is_draft_name) {
            continue;
        }
        let Some(file) = take_over(&entry.path()) else { continue };
        let modified = file.metadata().and_then(|metadata| metadata.modified());
        let age = modified.ok().and_then(|modified| now.duration_since(modified).ok());
        if age.is_some_and(|age| age > DRAFT_AGE_MAX) {
            // What cannot be removed today is found again tomorrow.
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

fn sync_folder(folder: &Path) -> Result<(), Error> {
    #[cfg(unix)]
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(|source| file_error(folder, source))?;
    #[cfg(not(unix))]
    let _not_possible = folder;
    Ok(())
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
