//! What no row names goes, also while the server runs, and what a row names stays.

use crate::store::{
    Blobs, Groups,
    audit::By,
    blobs::{BlobShape, NewUpload},
    groups::NewGroup,
    sled::{SledConfig, SledStore},
};
use alcove_proto::ids::{BlobId, Digest, GroupId};
use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

/// Bytes of a blob that is kept in files.
const BYTES: u64 = 100_000;

fn files(folder: &Path) -> Vec<PathBuf> {
    let below = |folder: PathBuf| fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let shards = below(folder.join("chunks"));
    let mut files: Vec<PathBuf> = shards.flat_map(below).flat_map(below).collect();
    files.sort();
    files
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_of_this_run_that_no_row_names_goes_and_the_others_stay() {
    let folder = tempfile::tempdir().unwrap();
    let config = SledConfig {
        free_bytes_min: 0,
        sweep_interval: Duration::from_millis(20),
        ..SledConfig::new(folder.path())
    };
    let store = SledStore::open(config).unwrap();
    let identity = "spiffe://harborlight.northmark.example/staff/abcdefghijklmn27/device/1".parse().unwrap();
    let by = By { identity, time_ms: 1, request: 1 };
    let group = GroupId([1; 16]);
    let new = NewGroup { group, creation_digest: Digest([0; 32]), snapshot: vec![1] };
    store.create_group(new, by.clone()).await.unwrap();
    let upload = NewUpload { blob: BlobId([2; 16]), group, shape: BlobShape::new(1, BYTES).unwrap() };
    store.open_upload(upload, u64::MAX, by.clone()).await.unwrap();
    store.put_chunk(upload.blob, 0, vec![7; BYTES as usize].into(), by).await.unwrap();

    let named = files(folder.path());
    let [kept] = named.as_slice() else { panic!("one chunk, one file: {named:?}") };
    let name = kept.file_name().unwrap().to_str().unwrap().to_owned();
    let (run, _) = name.rsplit_once('-').unwrap();
    // Another attempt of this run, and one of an earlier one whose write was cut.
    fs::write(kept.with_file_name(format!("{run}-ffff")), b"litter").unwrap();
    fs::write(kept.with_file_name("00000000-0000000000000001-0#1"), b"litter").unwrap();
    // Put there at once: an empty folder is swept away like a file that no row names.
    let staged = folder.path().join("staged");
    let stranger = staged.join("03".repeat(16));
    fs::create_dir_all(&stranger).unwrap();
    fs::write(stranger.join(&name), b"litter").unwrap();
    fs::rename(&staged, folder.path().join("chunks/03")).unwrap();

    let end = Instant::now() + Duration::from_secs(20);
    while files(folder.path()) != named && Instant::now() < end {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(files(folder.path()), named);
}
