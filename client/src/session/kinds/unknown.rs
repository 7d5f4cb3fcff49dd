//! Records of kinds that this program does not know: kept as they were signed, counted, and shown as what they are.
//! PROTOCOL.md section 3, step 4. `reopening` opens them once a program does know them.

use super::{
    kind::{Again, Disclosure, Kind, Place, Readers, Shown, Taken},
    taking::Taking,
};
use crate::session::{Error, UnreadableCause};
use alcove_e2ee::records::Unknown;
use alcove_proto::ids::Position;

impl Kind for Unknown {
    fn take(&self, _taking: &mut Taking<'_>) -> Result<Taken, Error> {
        Ok(Taken::Done)
    }

    fn disclose(&self, _position: Position) -> Option<Disclosure> {
        // What its kind forbids is not known either.
        None
    }

    fn view(&mut self, place: Place) -> Shown {
        place.unreadable(UnreadableCause::NeedsNewerAlcove)
    }

    fn again(&self, _readers: Readers) -> Again {
        Again::ByItsAuthor
    }
}
