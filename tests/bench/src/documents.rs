//! Rows 5 and 6: a document up and down, end-to-end encrypted, on the disk at both ends.
//!
//! Both clients run in this process on connections that are open before the clock starts, so that no start of a
//! program is in either figure. Ours is the session that the program `alcove` is made of, with everything it does for a
//! document: digests kept in the vault before chunks leave, the manifest appended, and on the way down every
//! chunk, the hash of the whole and the name. Row 7 is in [`document_memory`].

use crate::{
    Error, document_memory,
    ours::people::{People, session},
    setting::{Setting, Side, size_name},
    straw::{client, process::StrawMan, v1::straw_client::StrawClient},
    table::Row,
};
use alcove_client::session::{Delivery, Destination, Progress, Session};
use alcove_proto::ids::GroupId;
use alcove_tests::samples::{same_bytes, write_seeded};
use std::{
    fs, io,
    ops::ControlFlow,
    path::Path,
    time::{Duration, Instant},
};
use tonic::transport::Channel;

/// What the sample follows from.
const SEED: u64 = 5;
/// A server that is away ends the run.
const PATIENCE: Duration = Duration::ZERO;

/// How long one side took in one round.
struct Round {
    up: Duration,
    down: Duration,
}

/// The sample that goes up, and where it comes down to.
struct Sample<'a> {
    file: &'a Path,
    back: &'a Path,
}

impl Sample<'_> {
    /// Off the clock: what came down is what went up, bit for bit, and makes room for the next.
    fn check(&self, who: &str) -> Result<(), Error> {
        let same = same_bytes(self.file, self.back);
        fs::remove_file(self.back)?;
        if same { Ok(()) } else { Err(format!("a document of {who} came back changed").into()) }
    }
}

/// Rows 5 to 7.
pub(crate) async fn rows(setting: Setting) -> Result<Vec<Row>, Error> {
    let mut rows = speed(setting).await?;
    rows.extend(document_memory::rows(setting)?);
    Ok(rows)
}

async fn speed(setting: Setting) -> Result<Vec<Row>, Error> {
    let mib = setting.size(1024, 8);
    let people = People::meet();
    let straw = StrawMan::start()?;
    let file = people.world.path("extraction.zip");
    write_seeded(&file, SEED, mib << 20);
    let sample = Sample { file: &file, back: &people.world.path("back") };
    let (sender, reader) = (session(&people.sender)?, session(&people.reader)?);
    sender.sync().await?;
    let case = sender.conversations(false)?.first().ok_or("the people share a case")?.id;
    let mut straw_client = client::connect(straw.folder()).await?;
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for side in setting.turns() {
        match side {
            Side::Ours => ours.push(round_ours(&sender, &reader, &case, &sample).await?),
            Side::Theirs => theirs.push(round_straw(&straw, &mut straw_client, &sample).await?),
        }
    }
    let speeds = |rounds: &[Round], taken: fn(&Round) -> Duration| -> Vec<f64> {
        rounds.iter().map(|round| (mib << 20) as f64 / 1e6 / taken(round).as_secs_f64()).collect()
    };
    let row = |number, way: &str, taken| {
        let workload = format!("{} document {way}; client's library in this process", size_name(mib));
        Row::new(number, workload, "MB/s")
            .ours(speeds(&ours, taken))
            .beside("straw man", &speeds(&theirs, taken))
            .at_least_times(0.8)
    };
    Ok(vec![
        row("5", "up, end-to-end encrypted, mTLS, durable, its manifest appended", |round| round.up),
        row("6", "down, verified, decrypted, synced", |round| round.down),
    ])
}

async fn round_ours(
    sender: &Session,
    reader: &Session,
    case: &GroupId,
    sample: &Sample<'_>,
) -> Result<Round, Error> {
    let mut go_on = |_: Progress| ControlFlow::Continue(());
    let began = Instant::now();
    let written = sender.send_document(case, sample.file, false, PATIENCE, &mut go_on).await?;
    let up = began.elapsed();
    if written.delivery == Delivery::Queued {
        return Err("a document waits in the outbox: it is not durable".into());
    }
    // Off the clock: the reader hears of it, as he does from a note that arrives.
    reader.sync().await?;
    let destination = Destination::File(sample.back.to_owned());
    let began = Instant::now();
    reader.get_document(case, &written.id, &destination, PATIENCE, &mut go_on).await?;
    let down = began.elapsed();
    sample.check("ours")?;
    Ok(Round { up, down })
}

async fn round_straw(
    straw: &StrawMan,
    client: &mut StrawClient<Channel>,
    sample: &Sample<'_>,
) -> Result<Round, Error> {
    // Ours begins with a blob that is not there: so does the straw man, in place of emptying a full file on the clock.
    match fs::remove_file(straw.folder().join("document")) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
        Ok(()) | Err(_) => {}
    }
    let began = Instant::now();
    client::upload(client, sample.file).await?;
    let up = began.elapsed();
    let began = Instant::now();
    client::download(client, sample.back).await?;
    let down = began.elapsed();
    sample.check("the straw man's")?;
    Ok(Round { up, down })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_that_came_back_changed_is_an_error_and_does_not_stay() {
        let folder = tempfile::tempdir().unwrap();
        let (file, back) = (folder.path().join("file"), folder.path().join("back"));
        let sample = Sample { file: &file, back: &back };
        write_seeded(&file, 1, 1000);
        write_seeded(&back, 2, 1000);
        assert!(sample.check("nobody").is_err());
        assert!(!back.exists());
        write_seeded(&back, 1, 1000);
        assert!(sample.check("nobody").is_ok());
    }
}
