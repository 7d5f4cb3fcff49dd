//! Records of kinds that this program does not know, and those that break the rules of theirs: kept as they were signed, and
//! shown as what they are. PROTOCOL.md section 3, step 4. `reopening` opens the former once a program knows them.

use super::{
    kind::{Again, Kind, Place, Readers, Taken},
    taking::{Came, Taking},
};
use crate::session::{AlarmKind, Error, Shown, UnreadableCause};
use alcove_e2ee::records::{PayloadError, Unknown};

// Neither is handed over: what an unknown kind forbids is not known either.
impl Kind for Unknown {
    fn take(&self, _taking: &mut Taking<'_>) -> Result<Taken, Error> {
        Ok(Taken::Done)
    }

    fn view(&mut self, place: Place) -> Option<Shown> {
        place.unreadable(UnreadableCause::NeedsNewerAlcove)
    }

    fn again(&self, _readers: Readers) -> Again {
        Again::ByNewerProgram
    }
}

impl Kind for PayloadError {
    fn take(&self, taking: &mut Taking<'_>) -> Result<Taken, Error> {
        // Of what came otherwise no member's program is to blame that is looked after here: with recovered keys, say, there
        // is no roster to judge an author by.
        if taking.came == Came::InTheLog && taking.author != taking.acting.identity {
            taking.alarm(AlarmKind::RecordUnreadable)?;
        }
        Ok(Taken::Unreadable(UnreadableCause::Malformed))
    }

    fn view(&mut self, place: Place) -> Option<Shown> {
        place.unreadable(UnreadableCause::Malformed)
    }

    fn again(&self, _readers: Readers) -> Again {
        Again::ByItsAuthor
    }
}
