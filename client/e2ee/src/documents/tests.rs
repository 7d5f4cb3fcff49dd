//! Sending and reading files of every awkward size; what is wrong with chunks stands in tests/vectors.

use super::*;
use crate::{keys::ContentKey, records::DocumentManifest};
use alcove_proto::{
    ids::{GroupId, Position},
    limits::{CHUNK_BYTES, CHUNK_TAG_BYTES},
};
use proptest::prelude::*;

const GROUP: GroupId = GroupId([1; 16]);
const BLOB: BlobId = BlobId([2; 16]);
const SALT: Salt = Salt([3; 32]);

fn content_key() -> ContentKey {
    ContentKey::from_bytes([4; 32])
}

fn sealer(size: u64) -> DocumentSealer {
    DocumentSealer::new(&content_key(), SALT, &GROUP, &BLOB, size).unwrap()
}

fn part(shape: Shape, index: u32, original: &[u8]) -> Vec<u8> {
    let from = shape.file_offset(index) as usize;
    original[from..from + shape.file_bytes(index)].to_vec()
}

fn send(original: &[u8]) -> (DocumentManifest, Vec<Vec<u8>>) {
    let sealer = sealer(original.len() as u64);
    let shape = sealer.shape();
    let chunks = (0..shape.chunk_count()).map(|index| {
        let mut buffer = part(shape, index, original);
        sealer.seal_chunk(index, &mut buffer).unwrap();
        assert_eq!(buffer.len(), shape.sealed_bytes(index).unwrap());
        buffer
    });
    let mut hash = OriginalHash::new();
    hash.update(original);
    (manifest(&sealer, hash.finish()), chunks.collect())
}

fn manifest(sealer: &DocumentSealer, sha256: Digest) -> DocumentManifest {
    DocumentManifest {
        blob: BLOB,
        content_key: content_key(),
        salt: SALT,
        commitment: sealer.commitment(),
        shape: sealer.shape(),
        sha256,
        name: "file".into(),
        name_bytes: Vec::new(),
        media_type: String::new(),
        grantable: false,
        blob_position: Position(1),
    }
}

fn read(manifest: &DocumentManifest, chunks: &[Vec<u8>]) -> Result<Vec<u8>, DocumentError> {
    let mut reader = DocumentReader::new(manifest, &GROUP)?;
    let (mut out, mut original) = (Vec::new(), Vec::new());
    for chunk in chunks {
        reader.open_next(chunk, &mut out)?;
        original.extend_from_slice(&out);
    }
    reader.finish()?;
    Ok(original)
}

#[test]
fn files_around_every_limit_come_back_bit_for_bit() {
    let chunk = CHUNK_BYTES;
    for size in [0, 1, 255, 256, 257, chunk - 1, chunk, chunk + 1, 2 * chunk - 1, 2 * chunk, 3 * chunk + 5] {
        let original: Vec<u8> = (0..size).map(|at| (at % 251) as u8).collect();
        let (manifest, chunks) = send(&original);
        assert_eq!(manifest.shape.chunk_count() as usize, chunks.len(), "{size}");
        assert!(read(&manifest, &chunks) == Ok(original), "{size}");
    }
}

#[test]
fn chunks_open_in_any_order_and_in_place() {
    let original = vec![5; CHUNK_BYTES + 100];
    let (manifest, chunks) = send(&original);
    let opener = DocumentOpener::new(&manifest, &GROUP).unwrap();
    let mut last = chunks[1].clone();
    opener.open_chunk_in_place(1, &mut last).unwrap();
    assert_eq!(last, [5; 100]);
    let mut first = chunks[0].clone();
    opener.open_chunk_in_place(0, &mut first).unwrap();
    assert_eq!(first.len(), CHUNK_BYTES);

    let mut wrong = chunks[0].clone();
    wrong[7] ^= 1;
    assert_eq!(opener.open_chunk_in_place(0, &mut wrong), Err(DocumentError::ChunkTampered { index: 0 }));
    assert!(wrong.is_empty(), "nothing of it is left");
    let none = opener.open_chunk(2, &chunks[0], &mut wrong);
    assert_eq!(none, Err(DocumentError::NoSuchChunk { index: 2 }));
}

#[test]
fn beyond_four_gigabytes_the_right_bytes_go_to_the_right_chunk() {
    let size = (5 << 30) + 1;
    let sealer = sealer(size);
    let shape = sealer.shape();
    assert_eq!(shape.file_offset(5119), 5119 << 20);
    assert_eq!((shape.file_bytes(5119), shape.file_bytes(5120), shape.file_bytes(5121)), (1 << 20, 1, 0));
    let opener = DocumentOpener::new(&manifest(&sealer, Digest([0; 32])), &GROUP).unwrap();
    for index in [4095, 4096, 5120, 5121, shape.chunk_count() - 1] {
        let file_bytes = vec![index as u8; shape.file_bytes(index)];
        let mut buffer = file_bytes.clone();
        sealer.seal_chunk(index, &mut buffer).unwrap();
        let mut out = Vec::new();
        opener.open_chunk(index, &buffer, &mut out).unwrap();
        assert!(out == file_bytes, "{index}");
    }
}

#[test]
fn a_resumed_chunk_is_the_same_bytes_and_a_changed_file_is_noticed_before_anything_leaves() {
    let sealer = sealer(1000);
    let mut sent = vec![1; 1000];
    let digest = sealer.seal_chunk(0, &mut sent).unwrap();

    let mut again = vec![1; 1000];
    sealer.seal_chunk_again(0, &mut again, &digest).unwrap();
    assert_eq!(again, sent);

    let mut changed = vec![1; 1000];
    changed[500] = 2;
    let refused = sealer.seal_chunk_again(0, &mut changed, &digest);
    assert_eq!(refused, Err(DocumentError::Changed { index: 0 }));
    assert!(changed.is_empty(), "a second text under the same nonce must not get out");
}

#[test]
fn a_file_that_grew_or_shrank_is_a_changed_file() {
    let sealer = sealer(1000);
    for bytes in [0, 999, 1001] {
        let refused = sealer.seal_chunk(0, &mut vec![1; bytes]);
        assert_eq!(refused, Err(DocumentError::Changed { index: 0 }), "{bytes}");
    }
    assert_eq!(sealer.seal_chunk(1, &mut vec![]), Err(DocumentError::NoSuchChunk { index: 1 }));
}

#[test]
fn a_buffer_with_room_is_sealed_where_it_lies() {
    let sealer = sealer(3 * CHUNK_BYTES as u64);
    let mut buffer = Vec::with_capacity(CHUNK_BYTES + CHUNK_TAG_BYTES);
    buffer.resize(CHUNK_BYTES, 0);
    let before = buffer.as_ptr();
    sealer.seal_chunk(0, &mut buffer).unwrap();
    assert_eq!(buffer.as_ptr(), before, "nothing was copied");
}

#[test]
fn a_download_goes_on_from_what_lies_on_disk_and_notices_when_that_was_changed() {
    let original = vec![9; CHUNK_BYTES + 100];
    let (manifest, chunks) = send(&original);
    let resume = |on_disk: &[u8]| {
        let mut reader = DocumentReader::new(&manifest, &GROUP)?;
        reader.resume_with(on_disk)?;
        assert_eq!(reader.next_index(), 1);
        reader.open_next(&chunks[1], &mut Vec::new())?;
        assert_eq!(reader.resume_with(&[]), Err(DocumentError::Extended));
        reader.finish()
    };
    assert_eq!(resume(&original[..CHUNK_BYTES]), Ok(()));
    assert_eq!(resume(&vec![8; CHUNK_BYTES]), Err(DocumentError::WrongHash));
    assert_eq!(resume(&original[1..CHUNK_BYTES]), Err(DocumentError::ChunkTruncated { index: 0 }));
    assert_eq!(resume(&original[..CHUNK_BYTES + 1]), Err(DocumentError::ChunkExtended { index: 0 }));
}

#[test]
fn a_chunk_refused_once_may_be_fetched_again() {
    let (manifest, chunks) = send(&[7; 300]);
    let mut reader = DocumentReader::new(&manifest, &GROUP).unwrap();
    let mut out = Vec::new();
    assert!(reader.open_next(&chunks[0][1..], &mut out).is_err());
    reader.open_next(&chunks[0], &mut out).unwrap();
    assert_eq!(out, [7; 300]);
    assert_eq!(reader.finish(), Ok(()));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn any_file_comes_back(original in prop::collection::vec(any::<u8>(), 0..5000)) {
        let (manifest, chunks) = send(&original);
        prop_assert_eq!(read(&manifest, &chunks), Ok(original));
    }

    #[test]
    fn no_single_changed_byte_opens(at in 0usize..1040, change in 1u8..) {
        let (manifest, mut chunks) = send(&[3; 1000]);
        let at = at % chunks[0].len();
        chunks[0][at] ^= change;
        prop_assert_eq!(read(&manifest, &chunks), Err(DocumentError::ChunkTampered { index: 0 }));
    }
}
