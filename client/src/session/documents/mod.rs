//! Documents: listing them here; [`send`] and [`get`] move them.

mod attempt;
mod draft;
mod file_names;
mod flushing;
mod get;
mod looking;
mod patience;
mod pieces;
mod pouring;
mod publishing;
mod reading;
mod send;
mod writing;

pub use looking::Look;
pub use pouring::Pipe;

use super::{DocumentView, Error, Session, Shown, kinds::view, state::load_row};
use crate::vault::{Act, Direction};
use alcove_proto::ids::{GroupId, RecordId};
use std::{
    io,
    ops::ControlFlow,
    path::{Path, PathBuf},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// Where a fetched document goes.
#[derive(Debug, Clone)]
pub enum Destination {
    /// Into this folder, under a safe form of its own name, numbered if that is taken.
    Folder(PathBuf),
    /// To exactly this path, which must not exist.
    File(PathBuf),
}

/// How far a transfer is: called between chunks; `Break` cancels it.
pub type OnProgress<'a> = &'a mut (dyn FnMut(super::Progress) -> ControlFlow<()> + Send);

impl Session {
    /// The documents of a case in log order, queued ones last. Local.
    ///
    /// Errors: [`Error::NoSuchCase`].
    pub fn documents(&self, case: &GroupId) -> Result<Vec<DocumentView>, Error> {
        self.vault.read(|act| {
            load_row(act, case)?;
            let mut documents = Vec::new();
            self.collect(act, case, Direction::Forward, &mut |shown| {
                if let Shown::Document(document) = shown {
                    documents.push(document);
                }
                ControlFlow::Continue(())
            })?;
            documents.extend(self.queued_documents(act, case)?);
            Ok(documents)
        })
    }

    /// One document. Local. Errors: [`Error::NoSuchRecord`].
    pub fn document(&self, case: &GroupId, document: &RecordId) -> Result<DocumentView, Error> {
        self.vault.read(|act| {
            load_row(act, case)?;
            if let Some(position) = act.find_entry(case, document)?
                && let Some((key, row)) = act.entry_at(case, position)?
                && let Some(Shown::Document(view)) = view(self.kinds, &key, &row)?
            {
                return Ok(view);
            }
            let queued = self.queued_documents(act, case)?;
            queued.into_iter().find(|queued| queued.id == *document).ok_or(Error::NoSuchRecord)
        })
    }

    /// The time by which files and what is kept of them are judged.
    fn now(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_millis(self.clock.now_ms().unsigned_abs())
    }

    fn queued_documents(&self, act: &Act<'_>, case: &GroupId) -> Result<Vec<DocumentView>, Error> {
        let shown = self.queued(act, case)?.into_iter();
        let document = |shown| if let Shown::Document(document) = shown { Some(document) } else { None };
        Ok(shown.filter_map(document).collect())
    }
}

/// An absolute path as words, no two of which are spelled alike: what is no UTF-8 stands in quotation marks, with which no
/// other absolute path begins.
fn spelled(path: &Path) -> String {
    path.to_str().map_or_else(|| format!("{path:?}"), str::to_owned)
}

/// What the system said about a path.
pub(super) fn file_error(path: &Path, source: io::Error) -> Error {
    let path = path.to_owned();
    match source.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Error::NoSpace { path },
        io::ErrorKind::AlreadyExists => Error::FileExists { path },
        _ => Error::File { path, source },
    }
}
