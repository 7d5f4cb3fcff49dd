//! Row 10: from a server's start to its first answer, with a million records in its store.
//!
//! The first answer is to an append: it takes the caller's standing, the group's log and the disk. Every start
//! after SIGKILL begins at the same bytes, those the filled server left, so that no start shortens the next
//! one. A store a tenth as large stands beside: what reads everything takes ten times as long at ten times the
//! size.

use crate::{
    Error,
    ours::{
        circle::{Circle, text},
        place::Place,
        wire::Wire,
    },
    setting::{Setting, disk_bytes},
    stats::{bytes_read, median},
    table::Row,
};
use alcove_e2ee::keys::draw;
use alcove_proto::ids::{GroupId, Position, RecordId};
use ring::rand::SystemRandom;
use std::{
    fs,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::task::JoinSet;

/// Appends under way while the store is filled: as many as its queue holds.
const IN_FLIGHT: usize = 1000;

/// What one start came to.
struct Start {
    /// The address file was there.
    listening: Duration,
    /// A record had been appended, durably.
    answered: Duration,
    bytes_read: u64,
}

/// Every start at one size.
struct Starts {
    clean: Vec<Start>,
    killed: Vec<Start>,
    filled_per_second: f64,
    disk_bytes: u64,
}

/// A server and groups of one member each.
struct Filled {
    place: Place,
    circles: Vec<Circle>,
    /// The newest position of each group.
    ends: Vec<u64>,
    /// A sealed note. The server tells records by the id beside them and never looks inside: one serves for
    /// all.
    body: Vec<u8>,
}

/// Row 10.
pub(crate) async fn rows(setting: Setting) -> Result<Vec<Row>, Error> {
    let records = setting.size(1_000_000, 2_000);
    let tenth = starts(setting, records / 10).await?;
    let whole = starts(setting, records).await?;
    let row = |number, how: &str, limit: f64, whole_starts: &[Start], tenth_starts: &[Start]| {
        let mib_read = |starts| format!("{:.0}", median(&figures(starts, |start| mib(start.bytes_read))));
        Row::new(number, format!("start with {records} records after {how}, to the first durable one"), "s")
            .ours(figures(whole_starts, answered_s))
            .beside("a tenth of them", &figures(tenth_starts, answered_s))
            .at_most(limit, format!("<= {limit} s"))
            .remark(format!(
                "read {} MiB, the store has {:.0} (a tenth: {} and {:.0}); listening after {:.3} s",
                mib_read(whole_starts),
                mib(whole.disk_bytes),
                mib_read(tenth_starts),
                mib(tenth.disk_bytes),
                median(&figures(whole_starts, |start| start.listening.as_secs_f64())),
            ))
    };
    let mut clean = row("10", "a clean stop", 0.5, &whole.clean, &tenth.clean);
    clean.remark.push_str(&format!("; filled at {:.0} records/s", whole.filled_per_second));
    Ok(vec![clean, row("10b", "SIGKILL", 3.0, &whole.killed, &tenth.killed)])
}

fn figures(starts: &[Start], figure: fn(&Start) -> f64) -> Vec<f64> {
    starts.iter().map(figure).collect()
}

fn answered_s(start: &Start) -> f64 {
    start.answered.as_secs_f64()
}

fn mib(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

async fn starts(setting: Setting, records: u64) -> Result<Starts, Error> {
    let groups = (records / setting.size(10_000, 1_000)).max(1);
    let mut filled = Filled::start(groups as usize).await?;
    let began = Instant::now();
    filled.append(records / groups).await?;
    let filled_per_second = records as f64 / began.elapsed().as_secs_f64();
    filled.place.server.kill();
    let data = filled.place.world.server_folder().join("data");
    let aside = filled.place.world.path("killed");
    copy_folder(&data, &aside)?;
    let disk_bytes = disk_bytes(&data)?;
    let ends = filled.ends.clone();

    let mut killed = Vec::new();
    for _ in 0..setting.rounds {
        filled.place.server.kill();
        fs::remove_dir_all(&data)?;
        copy_folder(&aside, &data)?;
        filled.ends.clone_from(&ends);
        filled.place.kill_and_restart();
        killed.push(filled.first_answer().await?);
    }
    let mut clean = Vec::new();
    for _ in 0..setting.rounds {
        // Something to write down at the stop.
        filled.append(setting.size(100, 10)).await?;
        filled.place.stop_and_restart();
        clean.push(filled.first_answer().await?);
    }
    Ok(Starts { clean, killed, filled_per_second, disk_bytes })
}

impl Filled {
    async fn start(groups: usize) -> Result<Self, Error> {
        let mut place = Place::start()?;
        let mut circles = Vec::with_capacity(groups);
        for _ in 0..groups {
            circles.push(Circle::form(&mut place, 1).await?);
        }
        let ends = circles.iter().map(|circle| circle.position.0).collect();
        let (_, body) = circles[0].members[0].seal(&SystemRandom::new(), &text(0))?;
        Ok(Self { place, circles, ends, body })
    }

    /// Appends `each` records to every group, many at once.
    async fn append(&mut self, each: u64) -> Result<(), Error> {
        let at_once = IN_FLIGHT.div_ceil(self.circles.len()).min(each as usize);
        let mut tasks = JoinSet::new();
        for circle in &self.circles {
            let server = circle.members[0].device.connect(self.place.server.address())?;
            let left = Arc::new(AtomicU64::new(each));
            for _ in 0..at_once {
                tasks.spawn(append_while_left(server.clone(), circle.group, self.body.clone(), left.clone()));
            }
        }
        while let Some(ended) = tasks.join_next().await {
            ended??;
        }
        self.ends.iter_mut().for_each(|end| *end += each);
        Ok(())
    }

    /// Appends one record as soon as the server that has just been started takes one, then looks, off the
    /// clock, whether all are still there.
    async fn first_answer(&mut self) -> Result<Start, Error> {
        let server = &self.place.server;
        let listening = server.began().elapsed();
        let circle = &self.circles[0];
        let connection = circle.members[0].device.connect(server.address())?;
        append_one(&connection, &circle.group, self.body.clone()).await?;
        let answered = server.began().elapsed();
        let bytes_read = bytes_read(server.id()).ok_or("a running server has read something")?;
        self.ends[0] += 1;
        for (circle, end) in self.circles.iter().zip(&self.ends) {
            let connection = circle.members[0].device.connect(server.address())?;
            let page = connection.read_log(&circle.group, Position(end - 1)).await?;
            if page.entries.last().map(|entry| entry.position) != Some(*end) || page.more {
                return Err("a record was lost or doubled by a restart".into());
            }
        }
        Ok(Start { listening, answered, bytes_read })
    }
}

async fn append_while_left(
    server: Wire,
    group: GroupId,
    body: Vec<u8>,
    left: Arc<AtomicU64>,
) -> Result<(), Error> {
    let take_one = |left: u64| left.checked_sub(1);
    while left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take_one).is_ok() {
        append_one(&server, &group, body.clone()).await?;
    }
    Ok(())
}

/// Appends a record under a fresh id, in the group's first epoch.
async fn append_one(server: &Wire, group: &GroupId, body: Vec<u8>) -> Result<(), Error> {
    let id = RecordId(draw(&SystemRandom::new())?);
    server.append_record(group, &id, 0, body).await?;
    Ok(())
}

/// Copies folders and files as they are, onto the disk: what is left to write would be on the next start's
/// clock. Sockets are left out.
fn copy_folder(from: &Path, to: &Path) -> Result<(), Error> {
    fs::create_dir(to)?;
    fs::set_permissions(to, fs::metadata(from)?.permissions())?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (kind, to) = (entry.file_type()?, to.join(entry.file_name()));
        if kind.is_dir() {
            copy_folder(&entry.path(), &to)?;
        } else if kind.is_file() {
            fs::copy(entry.path(), &to)?;
            fs::File::open(&to)?.sync_all()?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::{fs::PermissionsExt, net::UnixListener};

    #[test]
    fn a_copied_folder_has_the_same_files_and_permissions_and_no_socket() {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (folder.path().join("from"), folder.path().join("to"));
        fs::create_dir_all(from.join("below")).unwrap();
        fs::set_permissions(from.join("below"), fs::Permissions::from_mode(0o700)).unwrap();
        fs::write(from.join("below/file"), b"bytes").unwrap();
        let _socket = UnixListener::bind(from.join("socket")).unwrap();
        copy_folder(&from, &to).unwrap();
        assert_eq!(fs::read(to.join("below/file")).unwrap(), b"bytes");
        assert_eq!(fs::metadata(to.join("below")).unwrap().permissions().mode() & 0o777, 0o700);
        assert_eq!(fs::read_dir(&to).unwrap().count(), 1);
    }
}
