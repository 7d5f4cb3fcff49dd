//! The power fails: what was acknowledged is on the disk, and what was shown to readers too.
//!
//! An ext4 on a loop device is shut down under the writing server, so that nothing more reaches it, and
//! mounted again. Needs root; says loudly when it is skipped. The control is the engine as it comes:
//! its own flush() loses here what it has acknowledged.

#![allow(clippy::disallowed_methods, reason = "a test reads what its runner tells it")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod store_support;

use std::path::Path;
use store_support::{
    acks::{Ack, FOLDER, Writer, ids_are_still_taken, verify, write_until_killed},
    disk::Disk,
    *,
};

/// Lets `test` write on a new disk until it has acknowledged `count` times, cuts the power, and mounts the disk again.
fn lose_power(test: &str, count: usize) -> Option<(Disk, Vec<Ack>)> {
    let mut disk = Disk::new(3 * 1024)?;
    let mut writer = Writer::start(test, &disk.path().join("data"), 1);
    // Only what was acknowledged before the cut counts: the child may still print a moment longer, of
    // things whose flush came before it.
    let acks = writer.listen(count);
    disk.cut_power();
    writer.kill();
    disk.unmount().unwrap();
    disk.mount().unwrap();
    Some((disk, acks))
}

#[test]
fn nothing_acknowledged_is_lost_when_the_power_fails() {
    if std::env::var_os(FOLDER).is_some() {
        write_until_killed();
    }
    let runtime = tokio::runtime::Runtime::new().unwrap();
    for count in [40, 400, 1000] {
        let test = "nothing_acknowledged_is_lost_when_the_power_fails";
        let Some((mut disk, acks)) = lose_power(test, count) else { return };
        let store = open(&disk.path().join("data"));
        runtime.block_on(async {
            verify(&store, &acks).await;
            ids_are_still_taken(&store, &acks).await;
        });
        store.close();
        disk.unmount().unwrap();
    }
}

#[test]
fn the_engine_as_it_comes_loses_what_it_has_flushed() {
    if let Some(folder) = std::env::var_os(FOLDER) {
        write_with_the_engine_alone(Path::new(&folder));
    }
    let test = "the_engine_as_it_comes_loses_what_it_has_flushed";
    let Some((mut disk, acks)) = lose_power(test, 500) else { return };
    let folder = disk.path().join("data");
    // It may not even open: then everything is lost.
    let found = std::panic::catch_unwind(|| {
        let db = sled::open(&folder).ok()?;
        let found = acks.iter().filter(|ack| match ack {
            Ack::Other { key } => matches!(db.contains_key(key.to_be_bytes()), Ok(true)),
            other => panic!("{other:?}"),
        });
        Some(found.count())
    });
    let found = found.ok().flatten().unwrap_or(0);
    assert!(found < acks.len(), "flush() alone kept all {found}: then this test cannot show what it claims");
    disk.unmount().unwrap();
}

fn write_with_the_engine_alone(folder: &Path) -> ! {
    let db = sled::Config::new().path(folder).flush_every_ms(None).open().unwrap();
    for key in 0u64.. {
        db.insert(key.to_be_bytes(), noise(key, 600).to_vec()).unwrap();
        db.flush().unwrap();
        Ack::Other { key }.tell();
    }
    unreachable!("the keys do not end")
}
