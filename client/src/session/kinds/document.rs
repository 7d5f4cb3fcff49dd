//! Documents.

use super::{
    item::Item,
    kind::{Again, Disclosure, Kind, Place, Readers, Taken},
    taking::Taking,
};
use crate::session::{DocumentView, Error, Shown};
use alcove_e2ee::records::{DocumentManifest, Payload};
use alcove_proto::ids::Position;

/// A document whose blob is finished.
///
/// Errors: [`Error::TextTooLong`].
pub(in crate::session) fn prepare(manifest: DocumentManifest) -> Result<Item, Error> {
    Item::saying(&Payload::Document(manifest))
}

impl Kind for DocumentManifest {
    fn take(&self, taking: &mut Taking<'_>) -> Result<Taken, Error> {
        taking.held.documents += taking.item();
        Ok(Taken::Done)
    }

    fn disclose(&self, position: Position) -> Option<Disclosure> {
        // The blob is opened by the manifest's position, and may have been closed before it.
        Some(Disclosure { grantable: self.grantable, from: position.min(self.blob_position) })
    }

    fn view(&mut self, place: Place) -> Option<Shown> {
        Some(Shown::Document(DocumentView {
            case: place.case,
            id: place.id,
            author: place.author,
            written_at_ms: place.written_at_ms,
            received_at_ms: place.received_at_ms,
            delivery: place.delivery,
            name: std::mem::take(&mut self.name),
            name_bytes: std::mem::take(&mut self.name_bytes),
            media_type: std::mem::take(&mut self.media_type),
            size: self.shape.size(),
            sha256: self.sha256.0,
            grantable: self.grantable,
            granted: place.granted,
        }))
    }

    fn again(&self, _readers: Readers) -> Again {
        // Its chunks belong to the group that it was sent to.
        Again::ByItsAuthor
    }
}
