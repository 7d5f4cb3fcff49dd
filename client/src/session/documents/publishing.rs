//! Giving a whole draft its name: never over anything, and never to anything but what was verified.

use super::{
    super::Error,
    Destination,
    draft::Draft,
    file_error,
    file_names::{SafeFileName, TakenNames},
};
use alcove_proto::limits::FILE_NAME_BYTES_MAX;
use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// Names tried in a folder that fills up meanwhile.
const NAMES_MAX: u32 = 64;
/// Bytes of a name that every file system takes: one that encrypts names has room for 143.
const SHORT_NAME_BYTES_MAX: usize = 140;

/// Gives the whole file its name, which nothing may have yet; it is on disk then.
///
/// Errors: [`Error::FileExists`] for [`Destination::File`]; in a folder another number is tried. [`Error::File`].
pub(super) fn publish(mut draft: Draft, destination: &Destination, name: &str) -> Result<PathBuf, Error> {
    draft.flush()?;
    let target = match destination {
        Destination::File(path) => {
            draft.take_name(path).map_err(|source| file_error(path, source))?;
            path.clone()
        }
        Destination::Folder(folder) => take_name_in(&mut draft, folder, name)?,
    };
    draft.end()?;
    Ok(target)
}

fn take_name_in(draft: &mut Draft, folder: &Path, name: &str) -> Result<PathBuf, Error> {
    let mut taken = names_in(folder)?;
    let mut bytes_max = FILE_NAME_BYTES_MAX;
    for _ in 0..NAMES_MAX {
        let safe = SafeFileName::for_saving(name, bytes_max, &mut taken);
        let path = folder.join(safe.as_str());
        match draft.take_name(&path) {
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
    Err(Error::FileExists { path: folder.join(SafeFileName::of(name).as_str()) })
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

    /// A draft beside its destination, with seven bytes written.
    fn draft(destination: &Destination, number: u8) -> Draft {
        let folder = match destination {
            Destination::Folder(folder) => folder.as_path(),
            Destination::File(path) => path.parent().unwrap(),
        };
        let path = folder.join(super::super::draft::draft_name([number; 8]));
        let mut draft = Draft::create(path, Box::new(|| ())).unwrap();
        draft.write(b"content").unwrap();
        draft
    }

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_document_gets_its_name_when_it_is_whole_and_nothing_else_is_left() {
        let folder = tempfile::tempdir().unwrap();
        let to = Destination::Folder(folder.path().to_owned());
        let whole = draft(&to, 1);
        assert!(names(folder.path()).iter().all(|name| name.starts_with(".alcove-")));
        assert_eq!(publish(whole, &to, "plan.pdf").unwrap(), folder.path().join("plan.pdf"));
        drop(draft(&to, 2));
        assert_eq!(names(folder.path()), ["plan.pdf"]);
        assert_eq!(fs::read(folder.path().join("plan.pdf")).unwrap(), b"content");
    }

    #[test]
    fn nothing_is_ever_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("plan.pdf"), "mine").unwrap();
        let to = Destination::Folder(folder.path().to_owned());
        for number in [1, 2] {
            publish(draft(&to, number), &to, "PLAN.pdf").unwrap();
        }
        assert_eq!(fs::read(folder.path().join("plan.pdf")).unwrap(), b"mine");
        assert_eq!(names(folder.path()).len(), 3);

        let file = Destination::File(folder.path().join("exact"));
        let late = draft(&file, 3);
        fs::write(folder.path().join("exact"), "somebody was faster").unwrap();
        assert!(matches!(publish(late, &file, "ignored"), Err(Error::FileExists { .. })));
        assert_eq!(fs::read(folder.path().join("exact")).unwrap(), b"somebody was faster");
        assert!(names(folder.path()).iter().all(|name| !name.ends_with(".part")));
    }

    #[test]
    fn what_others_put_in_the_place_of_a_draft_is_neither_named_nor_removed() {
        let folder = tempfile::tempdir().unwrap();
        let to = Destination::Folder(folder.path().to_owned());
        let verified = draft(&to, 1);
        let path = folder.path().join(&names(folder.path())[0]);
        let away = folder.path().join("away");
        fs::rename(&path, &away).unwrap();
        fs::write(&path, "theirs").unwrap();
        let saved = publish(verified, &to, "plan.pdf").unwrap();
        assert_eq!(fs::read(saved).unwrap(), b"content");
        assert_eq!(fs::read(&path).unwrap(), b"theirs");

        // The control: by the name alone, the document's name would stand for something else.
        fs::remove_file(&path).unwrap();
        let verified = draft(&to, 1);
        fs::remove_file(&path).unwrap();
        fs::write(&path, "theirs").unwrap();
        assert!(matches!(publish(verified, &to, "other.pdf"), Err(Error::File { .. })));
        assert!(!folder.path().join("other.pdf").exists());
        assert_eq!(fs::read(&path).unwrap(), b"theirs");
    }

    #[test]
    fn a_hostile_name_stays_in_the_folder() {
        let outer = tempfile::tempdir().unwrap();
        let folder = outer.path().join("inner");
        fs::create_dir(&folder).unwrap();
        let to = Destination::Folder(folder.clone());
        for (number, name) in
            ["../escaped", "/etc/passwd", "..", "a/b", "nul\0byte", "", "CON", "x\u{202e}fdp.exe"]
                .iter()
                .enumerate()
        {
            let path = publish(draft(&to, number as u8), &to, name).unwrap();
            assert_eq!(path.parent(), Some(folder.as_path()), "{name}");
        }
        assert_eq!(names(outer.path()), ["inner"]);
        assert_eq!(names(&folder).len(), 8);
    }
}
