//! Where a fetched document is put: under another name until it is whole, never over anything.

use super::{super::Error, Destination, file_error};
use alcove_e2ee::file_names::{SafeFileName, TakenNames};
use std::{
    fs::{self, File, OpenOptions},
    io,
    path::{Path, PathBuf},
};

/// Names tried in a folder that fills up meanwhile.
const NAMES_MAX: u32 = 64;

/// A file on its way: nobody takes it for the document before [`Draft::publish`].
pub(super) struct Draft {
    path: PathBuf,
    folder: PathBuf,
    pub(super) file: File,
}

impl Draft {
    /// Makes an empty file, for its owner alone, in the folder the document goes to.
    ///
    /// `tag`: random, for its name. Errors: [`Error::FileExists`] when the destination is taken already.
    pub(super) fn create(destination: &Destination, tag: [u8; 8]) -> Result<Self, Error> {
        let folder = match destination {
            Destination::Folder(folder) => folder.clone(),
            Destination::File(path) => {
                if fs::symlink_metadata(path).is_ok() {
                    return Err(Error::FileExists { path: path.clone() });
                }
                match path.parent() {
                    Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
                    _ => PathBuf::from("."),
                }
            }
        };
        let path = folder.join(format!(".alcove-{:016x}.part", u64::from_be_bytes(tag)));
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        {
            use std::os::unix::fs::OpenOptionsExt;
            options.mode(0o600);
        }
        let file = options.open(&path).map_err(|source| file_error(&path, source))?;
        Ok(Self { path, folder, file })
    }

    /// Where it is until then.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Gives the whole file its name, which nothing may have yet; it is on disk then.
    ///
    /// Errors: [`Error::FileExists`] for [`Destination::File`]; in a folder another number is tried.
    pub(super) fn publish(self, destination: &Destination, name: &str) -> Result<PathBuf, Error> {
        self.file.sync_all().map_err(|source| file_error(&self.path, source))?;
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
    /// Published or not, the other name goes.
    fn drop(&mut self) {
        // A leftover harms nobody: it is unnamed and for its owner alone.
        let _leftover = fs::remove_file(&self.path);
    }
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
    use std::io::Write;

    fn draft(destination: &Destination, tag: u8) -> Result<Draft, Error> {
        let mut draft = Draft::create(destination, [tag; 8])?;
        draft.file.write_all(b"content").unwrap();
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
            ["../escaped", "/etc/passwd", "..", "a/b", "", "CON", "x\u{202e}fdp.exe"].iter().enumerate()
        {
            let path = draft(&to, tag as u8).unwrap().publish(&to, name).unwrap();
            assert_eq!(path.parent(), Some(folder.as_path()), "{name}");
        }
        assert_eq!(names(outer.path()), ["inner"]);
        assert_eq!(names(&folder).len(), 7);
    }

    #[test]
    fn a_folder_that_is_not_there_is_an_error() {
        let to = Destination::Folder("/nowhere/at/all".into());
        assert!(matches!(draft(&to, 1), Err(Error::File { .. })));
    }
}
