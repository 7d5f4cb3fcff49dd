//! Row 16: whether a case of a thousand seats may be sealed for, as it is asked at every sealing.
//!
//! The first time in an epoch every key and every certificate is asked about; after a newer list the certificates alone are
//! judged again, without a signature; and in between the verdict is kept.

use crate::{
    Error,
    ours::{
        circle::seat,
        place::{Place, unlock},
    },
    setting::Setting,
    table::Row,
};
use std::time::Instant;

/// Sealings that are asked for in one round.
const ASKED: u32 = 100;

/// Row 16.
pub(crate) async fn rows(setting: Setting) -> Result<Vec<Row>, Error> {
    let seats = setting.size(1000, 20);
    let folder = tempfile::tempdir()?;
    let home = folder.path().join("home");
    let mut place = Place::start()?;
    let session = place.session(&home)?;
    // Publishes key packages.
    session.sync().await?;
    let case = seat(&mut place, seats, session.identity()).await?;
    session.sync().await?;
    if session.members(&case)?.len() != seats {
        return Err("not everybody who was added is seated".into());
    }
    drop(session);
    let (mut anew, mut again, mut kept) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..setting.rounds {
        // As a command has it: a vault that was just opened.
        let session = unlock(&home)?;
        session.forget_seats()?;
        anew.push(milliseconds(|| session.check_seats(&case))?);
        session.outdate_seats()?;
        again.push(milliseconds(|| session.check_seats(&case))?);
        let asked = || (0..ASKED).try_for_each(|_| session.check_seats(&case));
        kept.push(milliseconds(asked)? / f64::from(ASKED));
    }
    let first = anew.iter().copied().fold(f64::NAN, f64::max);
    let cost = kept.iter().copied().fold(f64::NAN, f64::max);
    Ok(vec![
        Row::new("16", format!("a case of {seats} seats is judged anew after a list"), "ms")
            .ours(again)
            .at_most(1.0, "<= 1 ms")
            .remark(format!(
                "before each further sealing {cost:.3} ms at most; once after a change of the members or of a key {first:.0} ms"
            )),
    ])
}

fn milliseconds(work: impl FnOnce() -> Result<(), alcove_client::session::Error>) -> Result<f64, Error> {
    let began = Instant::now();
    work()?;
    Ok(began.elapsed().as_secs_f64() * 1e3)
}
