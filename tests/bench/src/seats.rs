//! Row 16: whether a case of a thousand seats may be sealed for, as it is asked at every sealing.
//!
//! The first time in an epoch every certificate is judged by the newest charter and lists; then the verdict is kept, and
//! what counts is what each sealing pays.

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
    let (mut anew, mut kept) = (Vec::new(), Vec::new());
    for _ in 0..setting.rounds {
        // As a command has it: a vault that was just opened.
        let session = unlock(&home)?;
        session.forget_seats()?;
        let began = Instant::now();
        session.check_seats(&case)?;
        anew.push(began.elapsed().as_secs_f64() * 1e3);
        let began = Instant::now();
        for _ in 0..ASKED {
            session.check_seats(&case)?;
        }
        kept.push(began.elapsed().as_secs_f64() * 1e3 / f64::from(ASKED));
    }
    let first = anew.iter().copied().fold(f64::NAN, f64::max);
    Ok(vec![
        Row::new("16", format!("a case of {seats} seats is judged before a sealing"), "ms")
            .ours(kept)
            .at_most(1.0, "<= 1 ms")
            .remark(format!(
                "the first time after a change of the members or of a list: {first:.0} ms at most"
            )),
    ])
}
