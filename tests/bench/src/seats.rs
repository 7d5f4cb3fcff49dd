//! Row 16: whether a case may be sealed for, as it is asked at every sealing.
//!
//! The first time in an epoch every key and every certificate is asked about; after a newer list the certificates alone are
//! judged again, without a signature; and in between the verdict is kept. What that costs a note is held against the least that
//! a note of row 1 takes: sealed, sent and durable, without the way to its readers. It is one row of the vault a group,
//! however long the group's log.

use crate::{
    Error,
    ours::{
        circle::{Circle, seat, text},
        place::{Place, unlock},
    },
    setting::Setting,
    stats::Latencies,
    table::Row,
};
use alcove_client::session::Session;
use alcove_proto::ids::GroupId;
use ring::rand::SystemRandom;
use std::time::Instant;

/// Sealings that are asked for in one round.
const ASKED: u32 = 100;

/// Rows 16.
pub(crate) async fn rows(setting: Setting) -> Result<Vec<Row>, Error> {
    let folder = tempfile::tempdir()?;
    let home = folder.path().join("home");
    let mut place = Place::start()?;
    let session = place.session(&home)?;
    // Publishes key packages.
    session.sync().await?;
    // The most that the limits allow, and what rows 1 and 3 have.
    let sizes = [setting.size(1000, 20), setting.size(65, 5)];
    let mut cases = Vec::new();
    for seats in sizes {
        let case = seat(&mut place, seats, session.identity()).await?;
        session.sync().await?;
        if session.members(&case)?.len() != seats {
            return Err("not everybody who was added is seated".into());
        }
        cases.push(case);
    }
    drop(session);
    let mut circle = Circle::form(&mut place, 2).await?;
    let (mut anew, mut again, mut kept) = (Vec::new(), Vec::new(), [Vec::new(), Vec::new()]);
    let mut notes = Vec::new();
    for _ in 0..setting.rounds {
        // As a command has it: a vault that was just opened.
        let session = unlock(&home)?;
        session.forget_seats()?;
        anew.push(milliseconds(|| session.check_seats(&cases[0]))?);
        session.outdate_seats()?;
        again.push(milliseconds(|| session.check_seats(&cases[0]))?);
        for (figures, case) in kept.iter_mut().zip(&cases) {
            figures.push(kept_verdict(&session, case)?);
        }
        notes.push(note(&mut circle, setting.size(400, 10)).await?);
    }
    let first = anew.iter().copied().fold(f64::NAN, f64::max);
    let [of_large, of_usual] = kept;
    let cost = of_large.into_iter().fold(f64::NAN, f64::max);
    let [large, usual] = sizes;
    Ok(vec![
        Row::new("16", format!("a case of {large} seats is judged anew after a list"), "ms")
            .ours(again)
            .at_most(1.0, "<= 1 ms")
            .remark(format!(
                "before each further sealing {cost:.3} ms at most; once after a change of the members or of a key {first:.0} ms"
            )),
        Row::new("16b", format!("the same before each further note in a case of {usual} seats"), "ms")
            .ours(of_usual)
            .beside("that note sealed, sent, durable", &notes)
            .at_most_times(0.02),
    ])
}

/// Asks again while the verdict is kept: one asking, milliseconds.
fn kept_verdict(session: &Session, case: &GroupId) -> Result<f64, Error> {
    // Judged once, as before the first note.
    session.check_seats(case)?;
    let asked = || (0..ASKED).try_for_each(|_| session.check_seats(case));
    Ok(milliseconds(asked)? / f64::from(ASKED))
}

/// Notes one after the other: the median of one, milliseconds.
async fn note(circle: &mut Circle, count: u32) -> Result<f64, Error> {
    let random = SystemRandom::new();
    let group = circle.group;
    let mut latencies = Latencies::new();
    for index in 0..count {
        let member = &mut circle.members[1];
        let began = Instant::now();
        let (id, bytes) = member.seal(&random, &text(index))?;
        member.server.append_record(&group, &id, member.group.epoch().0, bytes).await?;
        latencies.add(began.elapsed());
    }
    Ok(latencies.quantile_ms(0.5))
}

fn milliseconds(work: impl FnOnce() -> Result<(), alcove_client::session::Error>) -> Result<f64, Error> {
    let began = Instant::now();
    work()?;
    Ok(began.elapsed().as_secs_f64() * 1e3)
}
