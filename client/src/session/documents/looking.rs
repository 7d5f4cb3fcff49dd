//! Looking at all files of a list before the first of them leaves: what cannot be sent, and what is in the case already.

use super::{
    super::{Delivery, Error, Session, runner::blocking},
    attempt::FILE_BYTES_MAX,
    reading::Source,
    send::{FileName, file_name},
};
use alcove_proto::ids::{Digest, GroupId};
use std::{
    path::{Path, PathBuf},
    time::SystemTime,
};

/// What a look at a file found.
#[derive(Debug)]
pub enum Look {
    /// It can be sent.
    Ready,
    /// The case has a document of the same name with the same bytes, or the list has named one before.
    AlreadyThere,
    /// It cannot be sent.
    Bad(Error),
}

/// A document that is in the case, or one that an earlier path of the list will bring.
struct Known {
    name: FileName,
    size: u64,
    content: Content,
}

/// A file is only read for its hash where another one has its name and its size.
enum Content {
    Hashed(Digest),
    At(PathBuf),
}

impl Session {
    /// Looks at each of these files, in order. Nothing is sent, and the server is not asked.
    ///
    /// What was sent a moment ago counts once its manifest is written, even while that waits in the outbox.
    /// Errors: [`Error::NoSuchCase`]; what is wrong with a file is its [`Look`].
    pub async fn look_at(&self, case: &GroupId, paths: &[PathBuf]) -> Result<Vec<Look>, Error> {
        let in_case = self.documents(case)?.into_iter();
        let mut known: Vec<_> = in_case
            .filter(|document| matches!(document.delivery, Delivery::Stored { .. } | Delivery::Queued))
            .map(|document| Known {
                name: FileName { shown: document.name, bytes: document.name_bytes },
                size: document.size,
                content: Content::Hashed(Digest(document.sha256)),
            })
            .collect();
        let (paths, now) = (paths.to_vec(), self.now());
        let look = move || paths.iter().map(|path| look(path, now, &mut known)).collect();
        Ok(blocking(look).await)
    }
}

fn look(path: &Path, now: SystemTime, known: &mut Vec<Known>) -> Look {
    match is_there(path, now, known) {
        Ok(true) => Look::AlreadyThere,
        Ok(false) => Look::Ready,
        Err(error) => Look::Bad(error),
    }
}

fn is_there(path: &Path, now: SystemTime, known: &mut Vec<Known>) -> Result<bool, Error> {
    let mut source = Source::open(path, now)?;
    let name = file_name(path)?;
    let size = source.size;
    if size > FILE_BYTES_MAX {
        return Err(Error::FileTooLarge { path: path.to_owned(), limit: FILE_BYTES_MAX });
    }
    let mut content = Content::At(path.to_owned());
    let alike: Vec<_> = known.iter().filter(|other| other.name == name && other.size == size).collect();
    if !alike.is_empty() {
        let digest = source.hash()?;
        for other in alike {
            let same = match &other.content {
                Content::Hashed(other) => *other == digest,
                Content::At(other) => Source::open(other, now)?.hash()? == digest,
            };
            if same {
                return Ok(true);
            }
        }
        content = Content::Hashed(digest);
    }
    known.push(Known { name, size, content });
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn only_the_same_bytes_under_the_same_name_are_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, bytes: &[u8]| {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, bytes).unwrap();
            path
        };
        let paths = [
            file("one/scan.pdf", b"first page"),
            file("two/scan.pdf", b"other page"),
            file("three/scan.pdf", b"first page"),
            file("other.pdf", b"first page"),
            file("one/scan.pdf", b"first page"),
            file("four/scan.pdf", b"first page and more"),
            folder.path().join("one"),
            folder.path().join("none.pdf"),
        ];
        let mut known = Vec::new();
        let looks: Vec<_> = paths.iter().map(|path| look(path, SystemTime::now(), &mut known)).collect();
        let [first, other, again, renamed, twice, longer, inner, missing] = &looks[..] else { panic!() };
        for ready in [first, other, renamed, longer] {
            assert!(matches!(ready, Look::Ready), "{looks:?}");
        }
        for there in [again, twice] {
            assert!(matches!(there, Look::AlreadyThere), "{looks:?}");
        }
        assert!(matches!(inner, Look::Bad(Error::NotAFile { .. })), "{looks:?}");
        assert!(matches!(missing, Look::Bad(Error::File { .. })), "{looks:?}");
    }

    #[cfg(unix)]
    #[test]
    fn two_names_that_are_no_utf8_are_two_names_though_they_are_shown_alike() {
        use std::{ffi::OsStr, os::unix::ffi::OsStrExt};
        let folder = tempfile::tempdir().unwrap();
        let mut known = Vec::new();
        let mut look = |name: &[u8]| {
            let path = folder.path().join(OsStr::from_bytes(name));
            fs::write(&path, b"page").unwrap();
            look(&path, SystemTime::now(), &mut known)
        };
        assert!(matches!(look(b"se\xf1ora.pdf"), Look::Ready));
        assert!(matches!(look(b"se\xf2ora.pdf"), Look::Ready));
        assert!(matches!(look(b"se_ora.pdf"), Look::Ready));
        assert!(matches!(look(b"se\xf1ora.pdf"), Look::AlreadyThere));
    }
}
