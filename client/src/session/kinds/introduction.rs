//! Introductions: a device's own certificate, for those who read the case later.

use super::{
    item::Item,
    kind::{Again, Kind, Readers, Taken},
    taking::{Came, Taking},
};
use crate::{
    session::{AlarmKind, Error, own::Own},
    vault::rows::ChainRow,
};
use alcove_charter::Judge;
use alcove_e2ee::records::{Introduction, Payload};
use alcove_proto::v1::RecordKind;

/// Our own certificate, whichever it is when this is sealed.
pub(in crate::session) fn prepare() -> Item {
    Item::made_when_sealed(RecordKind::Introduction)
}

/// What is sealed.
pub(super) fn now(own: &Own) -> Payload {
    Payload::Introduction(Introduction { chain: own.device.chain().to_vec() })
}

impl Kind for Introduction {
    /// Keeps a chain that is its author's own; another one is shown as an alarm and not kept.
    ///
    /// Whether it held when something was signed with it is judged where that is read.
    fn take(&self, taking: &mut Taking<'_>) -> Result<Taken, Error> {
        if taking.came != Came::InTheLog {
            return Ok(Taken::Done);
        }
        let certificate = taking.acting.trust.verify_device_mls(&self.chain, Judge::Never).ok();
        match certificate.filter(|certificate| certificate.identity == *taking.author) {
            Some(certificate) => {
                let row = ChainRow { certificates: self.chain.clone() };
                taking.acting.act.put(certificate.certificate_hash.as_bytes(), &row)?;
            }
            None => taking.alarm(AlarmKind::AuthorMismatch)?,
        }
        Ok(Taken::Done)
    }

    fn again(&self, _readers: Readers) -> Again {
        Again::Never
    }
}
