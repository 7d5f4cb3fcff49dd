//! Documents: frozen chunks by their digests, and every way a stream of chunks can be wrong.
//!
//! A chunk has a megabyte, so a vector keeps no bytes: it says how the chunks are made (`stream`), and the
//! digests they must have. The original is `spec::original`.

use crate::{
    Vectors, bytes, check, fixed, number,
    spec::{DocumentKeys, hex, original, padme, sha256},
    text,
};
use alcove_e2ee::{
    documents::{BlobDigest, DocumentReader, DocumentSealer, OriginalHash, Shape},
    keys::{Commitment, ContentKey, Salt},
    records::DocumentManifest,
};
use alcove_proto::ids::{BlobId, Digest, GroupId, Position};
use serde_json::{Value, json};

const CHUNK: u64 = 1024 * 1024;

#[test]
fn every_stored_document_opens_or_is_refused_as_its_file_says() {
    check("documents", &made(), judge);
}

#[test]
fn sealing_the_frozen_originals_gives_the_frozen_chunks() {
    let mut sealed = 0;
    for (name, vector) in crate::stored("documents") {
        if text(&vector, "outcome") != "complete" {
            continue;
        }
        let size = number(&vector, "size");
        let sealer = DocumentSealer::new(
            &ContentKey::from_bytes(fixed(&vector, "content_key")),
            Salt(fixed(&vector, "salt")),
            &GroupId(fixed(&vector, "group")),
            &BlobId(fixed(&vector, "blob")),
            size,
        )
        .unwrap();
        assert_eq!(hex(&sealer.commitment().0), text(&vector, "commitment"), "{name}");
        let (mut hash, mut blob_digest, mut digests) = (OriginalHash::new(), BlobDigest::new(), vec![]);
        for (index, part) in file_parts(size).iter().enumerate() {
            let mut buffer = part.clone();
            hash.update(part);
            let digest = sealer.seal_chunk(index as u32, &mut buffer).unwrap();
            assert_eq!(digest.as_bytes()[..], sha256(&buffer), "the digest is of what is sent");
            blob_digest.push(&digest);
            digests.push(Value::from(digest.to_string()));
        }
        assert_eq!(Value::from(digests), vector["sealed_sha256"], "{name}");
        assert_eq!(blob_digest.finish().to_string(), text(&vector, "blob_digest"), "{name}");
        assert_eq!(hash.finish().to_string(), text(&vector, "sha256"), "{name}");
        sealed += 1;
    }
    assert!(sealed >= 7, "only {sealed} whole documents");
}

/// The original's bytes, chunk by chunk; the last ones may be all padding.
fn file_parts(size: u64) -> Vec<Vec<u8>> {
    let shape = Shape::of(size).unwrap();
    let original = original(size);
    let part = |index| {
        let from = shape.file_offset(index) as usize;
        original[from..from + shape.file_bytes(index)].to_vec()
    };
    (0..shape.chunk_count()).map(part).collect()
}

/// Makes the chunks of the stream by the formulas and reads them as a reader does.
fn judge(vector: &Value) -> String {
    let sealed_size = number(vector, "size");
    let manifest = DocumentManifest {
        blob: BlobId(fixed(vector, "blob")),
        content_key: ContentKey::from_bytes(fixed(vector, "content_key")),
        salt: Salt(fixed(vector, "salt")),
        commitment: Commitment(fixed(vector, "commitment")),
        shape: Shape::of(vector["manifest_size"].as_u64().unwrap_or(sealed_size)).unwrap(),
        sha256: Digest(fixed(vector, "sha256")),
        name: String::new(),
        name_bytes: Vec::new(),
        media_type: String::new(),
        grantable: false,
        blob_position: Position(1),
    };
    let mut reader = match DocumentReader::new(&manifest, &GroupId(fixed(vector, "reader_group"))) {
        Ok(reader) => reader,
        Err(error) => return format!("{error:?}"),
    };
    let original = original(sealed_size);
    let (mut out, mut read) = (vec![0xee; 100], Vec::new());
    for step in vector["stream"].as_array().unwrap() {
        let sealed = sealed_chunk(vector, sealed_size, &original, step);
        if let Err(error) = reader.open_next(&sealed, &mut out) {
            assert!(out.is_empty(), "nothing of a refused chunk is left");
            return format!("{error:?}");
        }
        read.extend_from_slice(&out);
    }
    match reader.finish() {
        Ok(()) => {
            assert!(read == original, "what was read is the original");
            "complete".into()
        }
        Err(error) => format!("{error:?}"),
    }
}

/// One chunk of the stream. `step` says which, and what is wrong with it.
fn sealed_chunk(vector: &Value, size: u64, original: &[u8], step: &Value) -> Vec<u8> {
    let count = chunk_count(size);
    let blob = step.get("blob").map_or_else(|| bytes(vector, "blob"), |_| bytes(step, "blob"));
    let keys = DocumentKeys::new(
        &bytes(vector, "content_key"),
        &bytes(vector, "salt"),
        &bytes(vector, "group"),
        &blob,
        count,
    );
    let index = number(step, "chunk");
    let start = (index * CHUNK).min(padme(size, 256)) as usize;
    let end = ((index + 1) * CHUNK).min(padme(size, 256)) as usize;
    let mut plaintext: Vec<u8> = (start..end).map(|at| original.get(at).copied().unwrap_or(0)).collect();
    if step["padding"] == 1 {
        *plaintext.last_mut().unwrap() = 1;
    }
    let last = step["last"].as_bool().unwrap_or(index as u32 + 1 == count);
    let mut sealed = keys.seal(index as u32, last, &plaintext);
    if let Some(at) = step["flip"].as_u64() {
        sealed[at as usize] ^= 1;
    }
    let cut = step["cut"].as_u64().unwrap_or(0) as usize;
    sealed.truncate(sealed.len() - cut);
    sealed.resize(sealed.len() + step["extend"].as_u64().unwrap_or(0) as usize, 0);
    sealed
}

fn chunk_count(size: u64) -> u32 {
    padme(size, 256).div_ceil(CHUNK) as u32
}

/// A vector whose chunks are all right, in order.
fn whole(about: &str, size: u64) -> Value {
    let (content_key, salt, group, blob) = ([0x21; 32], [0x22; 32], [0x23; 16], [0x24; 16]);
    let count = chunk_count(size);
    let keys = DocumentKeys::new(&content_key, &salt, &group, &blob, count);
    let mut vector = json!({
        "about": about,
        "size": size,
        "content_key": hex(&content_key),
        "salt": hex(&salt),
        "group": hex(&group),
        "reader_group": hex(&group),
        "blob": hex(&blob),
        "commitment": hex(&keys.commitment),
        "sha256": hex(&sha256(&original(size))),
        "stream": (0..count).map(|index| json!({ "chunk": index })).collect::<Vec<_>>(),
        "outcome": "complete",
    });
    let original = original(size);
    let steps = vector["stream"].as_array().unwrap().clone();
    let digests: Vec<_> =
        steps.iter().map(|step| sha256(&sealed_chunk(&vector, size, &original, step))).collect();
    vector["blob_digest"] = hex(&sha256(&digests.concat())).into();
    vector["sealed_sha256"] = digests.iter().map(|digest| hex(digest)).collect::<Vec<_>>().into();
    vector
}

fn made() -> Vectors {
    let mut all = Vectors::new();
    for (name, about, size) in [
        ("empty", "an empty file", 0),
        ("one_byte", "one byte", 1),
        ("floor", "256 bytes need no padding", 256),
        ("chunk_minus_one", "a chunk less one byte", CHUNK - 1),
        ("chunk", "exactly a chunk", CHUNK),
        ("chunk_plus_one", "a chunk and a byte", CHUNK + 1),
        ("three_chunks", "two chunks and a half", 2 * CHUNK + CHUNK / 2),
    ] {
        all.insert(name, whole(about, size));
    }
    let size = 2 * CHUNK + 1;
    let mut wrong = |name, about, outcome: &str, turn: &dyn Fn(&mut Value)| {
        let mut vector = whole(about, size);
        vector["outcome"] = outcome.into();
        turn(&mut vector);
        all.insert(name, vector);
    };
    let stream = |steps: Value| move |vector: &mut Value| vector["stream"] = steps.clone();

    let steps = json!([{ "chunk": 0 }, { "chunk": 1, "cut": 1 }, { "chunk": 2 }]);
    wrong("chunk_truncated", "a byte is missing", "ChunkTruncated { index: 1 }", &stream(steps));
    let steps = json!([{ "chunk": 0, "cut": CHUNK }, { "chunk": 1 }, { "chunk": 2 }]);
    wrong("chunk_is_tag_only", "a tag and nothing before it", "ChunkTruncated { index: 0 }", &stream(steps));
    let steps = json!([{ "chunk": 0 }, { "chunk": 1, "extend": 1 }, { "chunk": 2 }]);
    wrong("chunk_extended", "a byte too many", "ChunkExtended { index: 1 }", &stream(steps));
    let steps = json!([{ "chunk": 0 }, { "chunk": 1 }, { "chunk": 2, "extend": 16 }]);
    wrong("last_chunk_extended", "16 bytes too many", "ChunkExtended { index: 2 }", &stream(steps));
    let steps = json!([{ "chunk": 0 }, { "chunk": 1 }]);
    wrong(
        "stream_truncated",
        "the last chunk is missing",
        "Truncated { expected: 3, found: 2 }",
        &stream(steps),
    );
    wrong("stream_empty", "no chunk at all", "Truncated { expected: 3, found: 0 }", &stream(json!([])));
    let steps = json!([{ "chunk": 0 }, { "chunk": 1 }, { "chunk": 2 }, { "chunk": 2 }]);
    wrong("stream_extended", "the last chunk twice", "Extended", &stream(steps));
    let steps = json!([{ "chunk": 1 }, { "chunk": 0 }, { "chunk": 2 }]);
    wrong("chunks_swapped", "the first two swapped", "ChunkTampered { index: 0 }", &stream(steps));
    let steps = json!([{ "chunk": 0 }, { "chunk": 0 }, { "chunk": 2 }]);
    wrong("chunk_duplicated", "the first one again", "ChunkTampered { index: 1 }", &stream(steps));
    let steps = json!([{ "chunk": 0 }, { "chunk": 2 }]);
    wrong("chunk_left_out", "the second is missing", "ChunkTruncated { index: 1 }", &stream(steps));
    let steps = json!([{ "chunk": 0 }, { "chunk": 1, "blob": hex(&[0x99; 16]) }, { "chunk": 2 }]);
    wrong("chunk_of_another_blob", "from another blob", "ChunkTampered { index: 1 }", &stream(steps));
    let steps = json!([{ "chunk": 0 }, { "chunk": 1, "flip": 77 }, { "chunk": 2 }]);
    wrong("chunk_flipped", "one bit", "ChunkTampered { index: 1 }", &stream(steps));
    let steps = json!([{ "chunk": 0 }, { "chunk": 1 }, { "chunk": 2, "flip": 65536 }]);
    wrong("tag_flipped", "one bit of the last tag", "ChunkTampered { index: 2 }", &stream(steps));
    let steps = json!([{ "chunk": 0, "last": true }, { "chunk": 1 }, { "chunk": 2 }]);
    wrong("two_finals", "the first one says it is the last", "TwoFinals { index: 0 }", &stream(steps));
    let steps = json!([{ "chunk": 0 }, { "chunk": 1 }, { "chunk": 2, "last": false }]);
    wrong("missing_final", "the last one does not say so", "MissingFinal", &stream(steps));
    let steps = json!([{ "chunk": 0 }, { "chunk": 1 }, { "chunk": 2, "padding": 1 }]);
    wrong("padding_not_zero", "a byte hides in the padding", "Padding { index: 2 }", &stream(steps));

    let set = |key: &'static str, value: Value| move |vector: &mut Value| vector[key] = value.clone();
    let other = |bytes: usize| Value::from(hex(&vec![0x99; bytes]));
    wrong("commitment_flipped", "another commitment", "WrongCommitment", &set("commitment", other(32)));
    wrong("manifest_of_another_group", "another group", "WrongCommitment", &set("reader_group", other(16)));
    let fewer = CHUNK + 1;
    wrong("manifest_with_fewer_chunks", "two chunks", "WrongCommitment", &set("manifest_size", fewer.into()));
    let shorter = 2 * CHUNK;
    wrong("manifest_one_byte_short", "a byte less", "WrongCommitment", &set("manifest_size", shorter.into()));
    let longer = 2 * CHUNK + 2;
    wrong("manifest_one_byte_long", "a byte more", "WrongHash", &set("manifest_size", longer.into()));
    wrong("hash_of_another_original", "another original", "WrongHash", &set("sha256", other(32)));

    let mut shorter = whole("the size says less than was sealed", 2 * CHUNK + 100);
    shorter["manifest_size"] = (2 * CHUNK + 50).into();
    shorter["outcome"] = "Padding { index: 2 }".into();
    all.insert("manifest_hides_bytes", shorter);
    all
}
