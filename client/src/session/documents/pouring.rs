//! Fetching a document into a pipe: each chunk goes out once it is verified, so that what was cut has gone out in part, and
//! the caller is told.

use super::{OnProgress, file_error, get::Fetched, writing::Sink};
use crate::session::{DocumentView, Error, Session};
use alcove_proto::ids::{GroupId, RecordId};
use std::{
    fs::File,
    io::Write,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

/// Something that takes bytes as they come and gives none back.
pub struct Pipe {
    /// What it is called.
    pub path: PathBuf,
    /// Where the bytes go.
    pub to: Box<dyn Write + Send>,
}

/// A pipe, and how much has gone into it.
struct Counted {
    pipe: Pipe,
    written: Arc<AtomicU64>,
}

impl Sink for Counted {
    fn left(&mut self) -> Result<Option<(&mut File, u64)>, Error> {
        Ok(None)
    }

    fn go_on_from(&mut self, _length: u64) -> Result<(), Error> {
        Ok(())
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        // Counted before: of what the system refused, a part may have gone out.
        self.written.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        let written = self.pipe.to.write_all(bytes).and_then(|()| self.pipe.to.flush());
        written.map_err(|source| file_error(&self.pipe.path, source))
    }

    fn keep(self) {}
}

impl Session {
    /// Fetches a document into a pipe, each chunk verified before it goes out. Only when this succeeds was it the whole.
    ///
    /// Errors: those of [`Session::get_document`]; once something has gone out, they are in [`Error::OutputCut`].
    pub async fn pour_document(
        &self,
        case: &GroupId,
        document: &RecordId,
        pipe: Pipe,
        patience: Duration,
        on_progress: OnProgress<'_>,
    ) -> Result<DocumentView, Error> {
        let (shown, manifest, at_server) = self.what_to_fetch(case, document)?;
        let written = Arc::new(AtomicU64::new(0));
        let sink = Counted { pipe, written: Arc::clone(&written) };
        let error = match self.fetch(&at_server, &manifest, sink, patience, on_progress).await {
            Ok(Fetched::Whole(_)) => return Ok(shown),
            // Nothing was left that could be.
            Ok(Fetched::DraftSpoiled) => Error::DocumentDamaged,
            Err(Error::Cancelled) => return Err(Error::Cancelled),
            Err(error) => error,
        };
        match written.load(Ordering::Relaxed) {
            0 => Err(error),
            written => Err(Error::OutputCut { written, size: shown.size, source: Box::new(error) }),
        }
    }
}
