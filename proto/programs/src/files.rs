//! Files that are whole or absent: a draft in the same folder, fsync, rename, fsync of the folder.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, ErrorKind, Write},
    path::{Path, PathBuf},
    process,
    sync::atomic::{AtomicU64, Ordering},
};

/// Who may read a file or enter a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Only the owner: 0600.
    Owner,
    /// All who may enter the folder: 0644.
    Everyone,
}

/// Drafts that this process has begun: no two have one name.
static DRAFTS: AtomicU64 = AtomicU64::new(0);

/// Writes `bytes` at `path`, in place of a file that may be there.
///
/// When this returns, a power cut loses nothing of it. Killed at any line it leaves the file that was there or the new
/// one, and perhaps a draft ([`is_draft`]).
/// Errors: the system's, with what could not be done; the old file may be in its place still.
pub fn put(path: &Path, bytes: &[u8], access: Access) -> Result<(), FileError> {
    let draft = write_draft(folder_of(path), bytes, access)?;
    if let Err(error) = fs::rename(&draft, path) {
        // Best effort: the draft is of no use, and the error that led here is the one to tell.
        let _ = fs::remove_file(&draft);
        return Err(failed("write", path)(error));
    }
    sync_folder(folder_of(path))
}

/// Writes a file that must not be there yet. Killed in the middle it leaves a part of it: what must be whole is [`put`].
///
/// Errors: the system's, [`ErrorKind::AlreadyExists`] among them; then what is there stays as it is.
pub fn write_new(path: &Path, bytes: &[u8], access: Access) -> Result<(), FileError> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        let mode = match access {
            Access::Owner => 0o600,
            Access::Everyone => 0o644,
        };
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, mode);
    }
    // Elsewhere the folder's permissions are the file's.
    #[cfg(not(unix))]
    let _the_folders = access;
    let mut file = options.open(path).map_err(failed("create", path))?;
    file.write_all(bytes).map_err(failed("write", path))?;
    file.sync_all().map_err(failed("sync", path))
}

/// Gives a whole file, open as `file`, its name, which nothing may have yet. Under its other name it may be there still.
///
/// Killed at any line it leaves no name, or the name with all of the file; only on a system that knows neither hard links
/// nor a renaming that replaces nothing, perhaps an empty file.
/// Errors: the system's, [`ErrorKind::AlreadyExists`] among them. [`ErrorKind::Other`] if somebody put another file at
/// `other_name`: that one is not left under `name`.
pub fn take_name(file: &File, other_name: &Path, name: &Path) -> io::Result<()> {
    let named = link(file, other_name, name);
    let back: fn(&Path, &Path) -> io::Result<()> = match named {
        Ok(()) => |name, _| fs::remove_file(name),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => return Err(error),
        Err(_) => {
            rename_new(other_name, name)?;
            |name, other_name| fs::rename(name, other_name)
        }
    };
    if is_at(file, name)? {
        return Ok(());
    }
    back(name, other_name)?;
    Err(io::Error::other("somebody put another file in its place"))
}

/// By what is open where the system can, since others may have put something else at `other_name`.
fn link(file: &File, other_name: &Path, name: &Path) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    {
        use rustix::fs::{AtFlags, CWD, linkat};
        use std::os::fd::AsRawFd;
        let open = format!("/proc/self/fd/{}", file.as_raw_fd());
        // Without a /proc it goes by the name.
        if linkat(CWD, open, CWD, name, AtFlags::SYMLINK_FOLLOW).is_ok() {
            return Ok(());
        }
    }
    #[cfg(not(target_os = "linux"))]
    let _by_name = file;
    fs::hard_link(other_name, name)
}

fn rename_new(file: &Path, name: &Path) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    {
        use rustix::{
            fs::{CWD, RenameFlags, renameat_with},
            io::Errno,
        };
        match renameat_with(CWD, file, CWD, name, RenameFlags::NOREPLACE) {
            // The file system does not know how.
            Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {}
            renamed => return Ok(renamed?),
        }
    }
    OpenOptions::new().write(true).create_new(true).open(name)?;
    fs::rename(file, name).inspect_err(|_| {
        // Best effort: an empty file is all that the name stands for.
        let _ = fs::remove_file(name);
    })
}

/// Whether what lies at `path` is the very file that is open.
///
/// Errors: the system's, [`ErrorKind::NotFound`] among them.
pub fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    let there = fs::symlink_metadata(path)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        let open = file.metadata()?;
        Ok((open.dev(), open.ino()) == (there.dev(), there.ino()))
    }
    #[cfg(not(unix))]
    {
        let _not_asked = file;
        Ok(there.is_file())
    }
}

/// Whether nobody but us can read a file that was made for its owner alone.
///
/// What its mode says is not enough: a file system that keeps none shows any that it was mounted with. So the mode is
/// changed and put back, and must be seen to change.
pub fn is_private(file: &File) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::{MetadataExt, PermissionsExt};
        let shows = |mode| {
            let data = file.metadata();
            data.is_ok_and(|data| {
                data.uid() == rustix::process::geteuid().as_raw() && data.mode() & 0o7777 == mode
            })
        };
        let set = |mode| file.set_permissions(fs::Permissions::from_mode(mode)).is_ok() && shows(mode);
        // The bit for running it is the one that no mount option fakes both ways.
        shows(0o600) && set(0o700) && set(0o600)
    }
    // Elsewhere the folder's permissions are the file's.
    #[cfg(not(unix))]
    {
        let _the_folders = file;
        true
    }
}

/// Opens a plain file to be read; nothing where something else has that name. Waits for nobody: a pipe would be opened only
/// once somebody writes to it.
///
/// Errors: the system's.
pub fn open_plain(path: &Path) -> io::Result<Option<File>> {
    if !fs::metadata(path)?.is_file() {
        return Ok(None);
    }
    let mut options = OpenOptions::new();
    options.read(true);
    // What has taken its place since is not waited for either. A plain file is read as ever.
    #[cfg(unix)]
    {
        use rustix::fs::OFlags;
        use std::os::unix::fs::OpenOptionsExt;
        options.custom_flags((OFlags::NONBLOCK | OFlags::NOCTTY).bits().cast_signed());
    }
    let file = options.open(path)?;
    Ok(file.metadata()?.is_file().then_some(file))
}

/// Opens what a person names to be read: a plain file, or what a shell has opened for the program. A pipe that has a name of
/// its own may have nobody at its other end, so it is refused and not waited for.
///
/// Errors: the system's; [`ErrorKind::Other`] for what is no plain file.
pub fn open_named(path: &Path) -> io::Result<File> {
    const OPENED_BY_A_SHELL: [&str; 3] = ["/dev/stdin", "/dev/fd", "/proc/self/fd"];
    if OPENED_BY_A_SHELL.iter().any(|opened| path.starts_with(opened)) {
        return File::open(path);
    }
    open_plain(path)?.ok_or_else(|| io::Error::other("it is not a plain file"))
}

/// Makes a folder that only its owner enters, with its parents, durably. One that is there stays as it is.
///
/// Errors: the system's.
pub fn create_private_folder(path: &Path) -> Result<(), FileError> {
    if path.is_dir() {
        return Ok(());
    }
    let parent = folder_of(path);
    if !parent.exists() {
        create_private_folder(parent)?;
    }
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    match builder.create(path) {
        Ok(()) => sync_folder(parent),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(failed("create", path)(error)),
    }
}

/// Makes what was done in a folder last: new names in it, and names that are gone.
///
/// Errors: the system's.
pub fn sync_folder(folder: &Path) -> Result<(), FileError> {
    #[cfg(unix)]
    match File::open(folder).and_then(|folder| folder.sync_all()) {
        // Some file systems of sticks and networks cannot be asked for it.
        Err(error) if matches!(error.kind(), ErrorKind::InvalidInput | ErrorKind::Unsupported) => {}
        synced => synced.map_err(failed("sync", folder))?,
    }
    // Elsewhere a folder cannot be opened as a file, and the system writes its names by itself.
    #[cfg(not(unix))]
    let _not_possible = folder;
    Ok(())
}

/// The folder that `path` is in.
pub fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// Removes the drafts that a crash left in a folder. Only where no other process writes in it.
///
/// Errors: the system's.
pub fn remove_drafts(folder: &Path) -> Result<(), FileError> {
    for entry in fs::read_dir(folder).map_err(failed("read", folder))? {
        let entry = entry.map_err(failed("read", folder))?;
        if is_draft(&entry.file_name().to_string_lossy()) {
            fs::remove_file(entry.path()).map_err(failed("remove", &entry.path()))?;
        }
    }
    Ok(())
}

/// Whether a file of this name is a draft.
pub fn is_draft(name: &str) -> bool {
    name.starts_with(".alcove-") && name.ends_with(".tmp")
}

/// What could not be done with a file.
#[derive(Debug, thiserror::Error)]
#[error("could not {act} {}", path.display())]
pub struct FileError {
    /// In one word.
    pub act: &'static str,
    /// With what.
    pub path: PathBuf,
    /// Why.
    pub source: io::Error,
}

/// Says with an error of the system what was done with which file.
pub fn failed(act: &'static str, path: &Path) -> impl FnOnce(io::Error) -> FileError + use<> {
    let path = path.to_owned();
    move |source| FileError { act, path, source }
}

fn write_draft(folder: &Path, bytes: &[u8], access: Access) -> Result<PathBuf, FileError> {
    loop {
        let number = DRAFTS.fetch_add(1, Ordering::Relaxed);
        let path = folder.join(format!(".alcove-{}-{number}.tmp", process::id()));
        match write_new(&path, bytes, access) {
            // A process of the same number died here.
            Err(error) if error.source.kind() == ErrorKind::AlreadyExists => {}
            Ok(()) => return Ok(path),
            Err(error) => {
                // Best effort, as above.
                let _ = fs::remove_file(&path);
                return Err(error);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_whole_and_nothing_is_left_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("harborlight.crl");
        for bytes in [&b"first"[..], b"2"] {
            put(&path, bytes, Access::Everyone).unwrap();
            assert_eq!(fs::read(&path).unwrap(), bytes);
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        fs::create_dir(folder.path().join("taken")).unwrap();
        let refused = put(&folder.path().join("taken"), b"x", Access::Owner).unwrap_err();
        assert_eq!((refused.act, refused.path), ("write", folder.path().join("taken")));
        assert!(put(&folder.path().join("nowhere/file"), b"x", Access::Owner).is_err());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "no draft of what was refused");
    }

    #[test]
    fn a_draft_of_an_earlier_death_is_in_nobodys_way() {
        let folder = tempfile::tempdir().unwrap();
        let next = DRAFTS.load(Ordering::Relaxed);
        for number in next..next + 50 {
            fs::write(folder.path().join(format!(".alcove-{}-{number}.tmp", process::id())), b"half")
                .unwrap();
        }
        put(&folder.path().join("ledger"), b"whole", Access::Owner).unwrap();
        assert_eq!(fs::read(folder.path().join("ledger")).unwrap(), b"whole");
        remove_drafts(folder.path()).unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "the file itself stays");
    }

    #[test]
    fn what_is_there_is_never_written_over_as_new() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("server.key");
        write_new(&path, b"key", Access::Owner).unwrap();
        let refused = write_new(&path, b"another", Access::Owner).unwrap_err();
        assert_eq!(refused.source.kind(), ErrorKind::AlreadyExists);
        assert_eq!(fs::read(&path).unwrap(), b"key");
    }

    #[test]
    fn a_name_is_taken_by_a_whole_file_and_only_if_it_is_free() {
        let folder = tempfile::tempdir().unwrap();
        let [draft, name, other] = ["draft", "name", "other"].map(|name| folder.path().join(name));
        fs::write(&draft, b"whole").unwrap();
        let file = File::open(&draft).unwrap();
        take_name(&file, &draft, &name).unwrap();
        assert_eq!(fs::read(&name).unwrap(), b"whole");
        fs::write(&other, b"other").unwrap();
        let taken = take_name(&File::open(&other).unwrap(), &other, &name).unwrap_err();
        assert_eq!((taken.kind(), fs::read(&name).unwrap()), (ErrorKind::AlreadyExists, b"whole".to_vec()));
        fs::remove_file(&draft).unwrap();
        fs::remove_file(&name).unwrap();
        assert!(take_name(&file, &draft, &folder.path().join("free")).is_err());
        assert!(!folder.path().join("free").exists(), "no empty file is left");
    }

    #[cfg(unix)]
    #[test]
    fn a_name_is_never_taken_by_what_others_put_in_the_place_of_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let [draft, name, away] = ["draft", "name", "away"].map(|name| folder.path().join(name));
        fs::write(&draft, b"verified").unwrap();
        let file = File::open(&draft).unwrap();
        fs::rename(&draft, &away).unwrap();
        fs::write(&draft, b"theirs").unwrap();
        // By what is open, nobody comes between.
        take_name(&file, &draft, &name).unwrap();
        assert_eq!(fs::read(&name).unwrap(), b"verified");
        fs::remove_file(&name).unwrap();
        // Without any name of its own it cannot be had by what is open: it goes by the name, and that is seen.
        fs::remove_file(&away).unwrap();
        let refused = take_name(&file, &draft, &name).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Other);
        assert!(!name.exists());
        assert_eq!(fs::read(&draft).unwrap(), b"theirs", "and it is left where it was");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_file_is_private_where_its_mode_is_kept_and_the_owner_is_us() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("draft");
        write_new(&path, b"x", Access::Owner).unwrap();
        let file = File::open(&path).unwrap();
        assert!(is_private(&file));
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o7777, 0o600, "its mode is put back");
        file.set_permissions(fs::Permissions::from_mode(0o644)).unwrap();
        assert!(!is_private(&file));
        // Nobody else's, however its mode looks. Only root may give one away.
        file.set_permissions(fs::Permissions::from_mode(0o600)).unwrap();
        if std::os::unix::fs::fchown(&file, Some(65_534), None).is_ok() {
            assert!(!is_private(&file));
        }
        // The control: one that shows a mode as if it were, and keeps none that it is given.
        let system = File::open("/proc/self/mem").unwrap();
        assert_eq!(system.metadata().unwrap().permissions().mode() & 0o7777, 0o600);
        assert!(!is_private(&system));
    }

    #[cfg(unix)]
    #[test]
    fn a_pipe_that_nobody_writes_to_holds_nobody_up() {
        use rustix::fs::{CWD, FileType, Mode, mknodat};
        let folder = tempfile::tempdir().unwrap();
        let (pipe, file) = (folder.path().join("pipe"), folder.path().join("file"));
        mknodat(CWD, &pipe, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        fs::write(&file, b"content").unwrap();
        assert!(open_plain(&pipe).unwrap().is_none());
        assert!(open_plain(folder.path()).unwrap().is_none());
        assert!(open_plain(&folder.path().join("none")).is_err());
        assert_eq!(io::read_to_string(open_plain(&file).unwrap().unwrap()).unwrap(), "content");
        assert_eq!(open_named(&pipe).unwrap_err().kind(), ErrorKind::Other);
        assert_eq!(open_named(&folder.path().join("none")).unwrap_err().kind(), ErrorKind::NotFound);
        assert_eq!(io::read_to_string(open_named(&file).unwrap()).unwrap(), "content");
        // What a shell hands over as `<(…)`.
        let (reader, mut writer) = io::pipe().unwrap();
        writer.write_all(b"handed over").unwrap();
        drop(writer);
        let handed_over = format!("/dev/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&reader));
        assert_eq!(io::read_to_string(open_named(Path::new(&handed_over)).unwrap()).unwrap(), "handed over");
    }

    #[cfg(unix)]
    #[test]
    fn what_is_the_owners_is_closed_to_others() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        let inner = folder.path().join("outer/inner");
        create_private_folder(&inner).unwrap();
        create_private_folder(&inner).unwrap();
        assert_eq!((mode(&inner), mode(folder_of(&inner))), (0o700, 0o700));
        put(&inner.join("keystore"), b"x", Access::Owner).unwrap();
        assert_eq!(mode(&inner.join("keystore")), 0o600);
    }
}
