//! What the frozen records are made from: well-formed ones, and every way one can be wrong.

use super::{AUTHOR, SOMEBODY_ELSE};
use crate::{
    Vectors,
    spec::{Recipe, Signer, hex},
};
use alcove_proto::v1;
use prost::Message;
use serde_json::{Value, json};

fn note(text: &str) -> Vec<u8> {
    v1::Note { text: text.into(), corrects: vec![], grantable: false }.encode_to_vec()
}

fn manifest() -> v1::DocumentManifest {
    v1::DocumentManifest {
        blob_id: vec![0x0b; 16],
        content_key: vec![0x0c; 32],
        salt: vec![0x0d; 32],
        commitment: vec![0x0e; 32],
        chunk_count: 2,
        size: 1024 * 1024 + 1,
        sha256: vec![0x0f; 32],
        name: "inv\u{202E}fdp.exe".into(),
        media_type: "application/pdf".into(),
        grantable: true,
        blob_position: 40,
        name_bytes: vec![],
    }
}

/// The manifest of a document whose name is said to have these bytes.
fn named(bytes: &[u8], name: &str) -> v1::DocumentManifest {
    let mut manifest = manifest();
    (manifest.name, manifest.name_bytes) = (name.into(), bytes.to_vec());
    manifest
}

/// The vector of `recipe`: what it makes, who reads it, and what must come of it.
fn vector(about: &str, outcome: &str, recipe: &Recipe, signer: &Signer) -> Value {
    let (record, signature) = recipe.make(signer);
    let (header, body) = (&recipe.header, &recipe.body);
    let mut vector = json!({
        "about": about,
        "reader": {
            "group": hex(&[0x01; 16]),
            "epoch": 7,
            "epoch_id": hex(&[0x02; 32]),
            "epoch_key": hex(&recipe.epoch_key),
            "appended_by": AUTHOR,
            "author": AUTHOR,
            "leaf": 3,
            "certificate_hash": hex(&[0x06; 32]),
            "public_key": hex(&signer.public_key()),
        },
        "record": hex(&record),
        "outcome": outcome,
    });
    if outcome.starts_with("opens") && !outcome.ends_with("unknown kind") {
        vector["draft"] = json!({
            "record_id": hex(&header.record_id),
            "salt": hex(&header.salt),
            "kind": body.kind,
            "payload": hex(&body.payload),
            "charter_hash": hex(&body.charter_hash),
            "time_ms": body.time_ms,
            "previous": hex(&body.previous),
            "sequence": body.author_sequence,
            "seen_position": body.seen_position,
            "seen_head": hex(&body.seen_head),
            "signature": hex(&signature),
        });
    }
    vector
}

/// Adds a field no message has: another encoding of the same message.
fn unknown_field(bytes: &mut Vec<u8>) {
    bytes.extend([0xf8, 0x3f, 0x01]);
}

fn flip_last(bytes: &mut [u8]) {
    *bytes.last_mut().unwrap() ^= 1;
}

pub(super) fn made() -> Vectors {
    let signer = Signer::new();
    let mut all = Vectors::new();
    well_formed(&mut all, &signer);
    wrong_outside(&mut all, &signer);
    wrong_for_this_reader(&mut all, &signer);
    wrong_inside(&mut all, &signer);
    wrong_payloads(&mut all, &signer);
    all
}

fn well_formed(all: &mut Vectors, signer: &Signer) {
    let mut add = |name, about, outcome, recipe: &Recipe| {
        all.insert(name, vector(about, outcome, recipe, signer));
    };
    let first = Recipe::new(1, note("Called the shelter. A bed is free from Friday."));
    add("note", "an author's first note", "opens as note", &first);

    let correction = v1::Note { text: "x".repeat(4000), corrects: vec![0x44; 16], grantable: true };
    let mut recipe = Recipe::new(1, correction.encode_to_vec());
    recipe.body.author_sequence = 5;
    recipe.body.previous = vec![0x99; 32];
    add("note_correcting_another", "a long note that corrects another", "opens as note", &recipe);

    let recipe = Recipe::new(2, manifest().encode_to_vec());
    add("document", "a document whose name would deceive if shown as it is", "opens as document", &recipe);
    let recipe = Recipe::new(
        2,
        named(b"se\xf1ora \xe2\x82 pe\xc3\xb1a.doc", "se_ora _ pe\u{f1}a.doc").encode_to_vec(),
    );
    add("document_name_not_utf8", "a name from an old archive, with its bytes", "opens as document", &recipe);

    let subject = v1::Subject { kind: 1, title: "Housing, spring".into() };
    let recipe = Recipe::new(4, subject.encode_to_vec());
    add("subject", "the name of a conversation", "opens as subject", &recipe);

    let recipe = Recipe::new(77, vec![0xff; 20]);
    add("kind_not_known", "a kind of a later version is kept", "opens as unknown kind", &recipe);
    let introduction = |certificates| v1::Introduction { chain: Some(v1::AuthorChain { certificates }) };
    let recipe = Recipe::new(5, introduction(vec![vec![0x30; 600]]).encode_to_vec());
    add(
        "introduction",
        "a certificate of its author, which its reader judges",
        "opens as introduction",
        &recipe,
    );
    let recipe = Recipe::new(5, introduction(vec![]).encode_to_vec());
    let about = "an introduction with no certificate in it";
    add("introduction_of_nobody", about, "Payload(IntroductionChain)", &recipe);
    let mut recipe = Recipe::new(1, note("Only with a release on file."));
    recipe.body.basis = 1;
    let about = "a note under a basis of a later version is kept and not shown";
    add("basis_of_later_version", about, "opens as unknown kind", &recipe);
    let mut grant = crate::grants::grant(1);
    grant.basis = 1;
    let recipe = Recipe::new(3, grant.encode_to_vec());
    let about = "a grant under a basis of a later version is kept and hands nothing out";
    add("grant_on_basis_of_later_version", about, "opens as unknown kind", &recipe);

    let mut by_record_key = vector("the same with the record's own key", "opens as note", &first, signer);
    let reader = by_record_key["reader"].as_object_mut().unwrap();
    reader.remove("epoch_key");
    // A grantee was no member then and does not know the epoch's id.
    reader.remove("epoch_id");
    reader.insert("record_key".into(), hex(&first.record_key()).into());
    by_record_key.as_object_mut().unwrap().remove("draft");
    all.insert("note_by_its_own_key", by_record_key);
}

fn wrong_outside(all: &mut Vectors, signer: &Signer) {
    let mut add = |name, about, outcome: &str, turn: &dyn Fn(&mut Recipe)| {
        let mut recipe = Recipe::new(1, note("text"));
        turn(&mut recipe);
        all.insert(name, vector(about, outcome, &recipe, signer));
    };
    let malformed = |part| format!("Encoding {{ part: {part}, error: Malformed }}");
    let not_canonical = |part| format!("Encoding {{ part: {part}, error: NotCanonical }}");

    add("record_empty", "nothing at all", "Format { found: 0 }", &|recipe| {
        recipe.on_record = Box::new(Vec::clear);
    });
    add("record_truncated", "the last byte is missing", &malformed("Sealed"), &|recipe| {
        recipe.on_record = Box::new(|record| record.truncate(record.len() - 1));
    });
    add("record_not_canonical", "a field no record has", &not_canonical("Sealed"), &|recipe| {
        recipe.on_record = Box::new(unknown_field);
    });
    add("header_not_canonical", "a field no header has", &not_canonical("Header"), &|recipe| {
        recipe.on_header_bytes = Box::new(unknown_field);
    });
    add("header_format_of_later_version", "format 2", "Format { found: 2 }", &|recipe| {
        recipe.header.format = 2;
    });
    add(
        "header_salt_short",
        "31 bytes of salt",
        "Length(IdLengthError { kind: \"a SHA-256 digest\", expected: 32, actual: 31 })",
        &|recipe| recipe.header.salt.truncate(31),
    );
    add(
        "header_record_id_missing",
        "no record id",
        "Length(IdLengthError { kind: \"a record id\", expected: 16, actual: 0 })",
        &|recipe| recipe.header.record_id.clear(),
    );
    add("commitment_flipped", "one bit of the commitment", "WrongCommitment", &|recipe| {
        recipe.on_header = Box::new(|header| flip_last(&mut header.commitment));
    });
    add("salt_flipped", "one bit of the salt", "WrongCommitment", &|recipe| {
        recipe.on_header = Box::new(|header| flip_last(&mut header.salt));
    });
    add("header_leaf_changed", "another leaf, after the commitment", "WrongCommitment", &|recipe| {
        recipe.on_header = Box::new(|header| header.leaf = 4);
    });
    add("ciphertext_flipped", "one bit of the ciphertext", "Tampered", &|recipe| {
        recipe.on_ciphertext = Box::new(|ciphertext| ciphertext[0] ^= 1);
    });
    add("tag_flipped", "one bit of the tag", "Tampered", &|recipe| {
        recipe.on_ciphertext = Box::new(|bytes| flip_last(bytes));
    });
    add("ciphertext_truncated", "one byte less", "Tampered", &|recipe| {
        recipe.on_ciphertext = Box::new(|ciphertext| ciphertext.truncate(ciphertext.len() - 1));
    });
    add("ciphertext_extended", "one byte more", "Tampered", &|recipe| {
        recipe.on_ciphertext = Box::new(|ciphertext| ciphertext.push(0));
    });
    add("ciphertext_missing", "a header alone", "Tampered", &|recipe| {
        recipe.on_ciphertext = Box::new(Vec::clear);
    });
    add("padding_not_zero", "the last byte of padding is 1", "Padding", &|recipe| {
        recipe.on_plaintext = Box::new(|plaintext| *plaintext.last_mut().unwrap() = 1);
    });
    add("padding_too_long", "padded beyond the Padmé length", "Padding", &|recipe| {
        recipe.on_plaintext = Box::new(|plaintext| plaintext.resize(plaintext.len() * 2, 0));
    });
    add("padding_missing", "not padded", "Padding", &|recipe| {
        recipe.on_plaintext = Box::new(|plaintext| {
            let length = u32::from_be_bytes(plaintext[..4].try_into().unwrap()) as usize;
            plaintext.truncate(4 + length);
        });
    });
    add("length_beyond_the_plaintext", "the length says more than there is", "Padding", &|recipe| {
        recipe.on_plaintext = Box::new(|plaintext| plaintext[..4].fill(0xff));
    });
    add("plaintext_empty", "sealed nothing", "Padding", &|recipe| {
        recipe.on_plaintext = Box::new(Vec::clear);
    });
}

fn wrong_for_this_reader(all: &mut Vectors, signer: &Signer) {
    let mut add = |name, about, outcome, key: &str, value: Value| {
        let mut vector = vector(about, outcome, &Recipe::new(1, note("text")), signer);
        vector["reader"][key] = value;
        all.insert(name, vector);
    };
    add("group_of_another_log", "in another group's log", "OtherGroup", "group", hex(&[0xaa; 16]).into());
    add("epoch_not_in_force", "taken in epoch 8, sealed in 7", "OtherEpoch", "epoch", 8.into());
    add(
        "epoch_of_another_branch",
        "the right number on another branch",
        "OtherEpochId",
        "epoch_id",
        hex(&[0xaa; 32]).into(),
    );
    add(
        "epoch_key_of_another_epoch",
        "another epoch's key",
        "WrongCommitment",
        "epoch_key",
        hex(&[0xaa; 32]).into(),
    );
    add(
        "charter_of_another_history",
        "the group was made under another charter",
        "OtherCharter",
        "charter_hash",
        hex(&[0xaa; 32]).into(),
    );
    add("author_at_another_leaf", "the author sits at leaf 4", "OtherAuthor", "leaf", 4.into());
    add(
        "author_with_another_certificate",
        "the author's certificate is another",
        "OtherAuthor",
        "certificate_hash",
        hex(&[0xaa; 32]).into(),
    );
    add(
        "author_is_not_who_appended",
        "the log says somebody else appended it",
        "OtherAuthor",
        "appended_by",
        SOMEBODY_ELSE.into(),
    );
    add(
        "signature_by_another_key",
        "the leaf's key did not sign it",
        "BadSignature",
        "public_key",
        hex(&Signer::new().public_key()).into(),
    );
}

fn wrong_inside(all: &mut Vectors, signer: &Signer) {
    let mut add = |name, about, outcome: &str, turn: &dyn Fn(&mut Recipe)| {
        let mut recipe = Recipe::new(1, note("text"));
        turn(&mut recipe);
        all.insert(name, vector(about, outcome, &recipe, signer));
    };
    let not_canonical = |part| format!("Encoding {{ part: {part}, error: NotCanonical }}");
    let short = |bytes| {
        format!("Length(IdLengthError {{ kind: \"a SHA-256 digest\", expected: 32, actual: {bytes} }})")
    };

    add("header_epoch_changed", "the epoch's number, seen by the tag", "Tampered", &|recipe| {
        recipe.header.epoch = 6;
        // The reader is told 7, the bytes under the tag said 6.
        recipe.on_record = Box::new(|record| {
            let mut sealed = v1::SealedRecord::decode(&record[..]).unwrap();
            let mut header = v1::RecordHeader::decode(&sealed.header[..]).unwrap();
            header.epoch = 7;
            sealed.header = header.encode_to_vec();
            *record = sealed.encode_to_vec();
        });
    });
    add("signed_not_canonical", "a field no signed record has", &not_canonical("Signed"), &|recipe| {
        recipe.on_signed_bytes = Box::new(unknown_field);
    });
    add("body_not_canonical", "a field no body has, signed", &not_canonical("Body"), &|recipe| {
        recipe.on_body_bytes = Box::new(unknown_field);
    });
    add("body_with_default_spelled_out", "basis 0 written down", &not_canonical("Body"), &|recipe| {
        recipe.on_body_bytes = Box::new(|body| body.extend([0x80, 0x01, 0x00]));
    });
    add("body_format_of_later_version", "format 2", "Format { found: 2 }", &|recipe| recipe.body.format = 2);
    add("body_for_another_suite", "suite 1", "Suite { found: 1 }", &|recipe| recipe.body.suite = 1);
    add("body_group_differs", "another group than the header", "HeaderDiffers", &|recipe| {
        recipe.body.group_id = vec![0xaa; 16];
    });
    add("body_epoch_id_differs", "another epoch id than the header", "HeaderDiffers", &|recipe| {
        recipe.body.epoch_id = vec![0xaa; 32];
    });
    add("body_leaf_differs", "another leaf than the header", "HeaderDiffers", &|recipe| {
        recipe.body.leaf = 4;
    });
    add("body_record_id_differs", "another record id than the header", "HeaderDiffers", &|recipe| {
        recipe.body.record_id = vec![0xaa; 16];
    });
    add("signature_flipped", "one bit of the signature", "BadSignature", &|recipe| {
        recipe.on_signature = Box::new(|bytes| flip_last(bytes));
    });
    add("signature_missing", "no signature", "BadSignature", &|recipe| {
        recipe.on_signature = Box::new(Vec::clear);
    });
    add("signature_under_another_label", "signed as something else", "BadSignature", &|recipe| {
        recipe.label = "alcove card v1";
    });
    add("sequence_zero", "numbers begin with 1", "BadSequence", &|recipe| recipe.body.author_sequence = 0);
    add("first_with_predecessor", "number 1 names one before it", "BadSequence", &|recipe| {
        recipe.body.previous = vec![0x99; 32];
    });
    add("second_without_predecessor", "number 2 names none", "BadSequence", &|recipe| {
        recipe.body.author_sequence = 2;
    });
    add("previous_short", "31 bytes of hash", &short(31), &|recipe| {
        recipe.body.author_sequence = 2;
        recipe.body.previous = vec![0x99; 31];
    });
    add("charter_hash_missing", "no charter", &short(0), &|recipe| recipe.body.charter_hash.clear());
}

fn wrong_payloads(all: &mut Vectors, signer: &Signer) {
    let mut add = |name, about, outcome: &str, kind, payload: Vec<u8>| {
        let outcome = format!("Payload({outcome})");
        all.insert(name, vector(about, &outcome, &Recipe::new(kind, payload), signer));
    };
    add("kind_missing", "no kind", "Kind { kind: 0 }", 0, note("text"));
    add("note_without_text", "an empty note", "Missing { field: NoteText }", 1, note(""));
    let mut extended = note("text");
    unknown_field(&mut extended);
    add("note_not_canonical", "a field no note has", "Encoding(NotCanonical)", 1, extended);
    let not_utf8 = vec![0x0a, 0x02, 0xc3, 0x28];
    add("note_not_utf8", "bytes that are no text", "Encoding(Malformed)", 1, not_utf8);
    let corrects = v1::Note { text: "text".into(), corrects: vec![1; 15], grantable: false };
    let short = "Length(IdLengthError { kind: \"a record id\", expected: 16, actual: 15 })";
    add("note_corrects_short_id", "15 bytes of id", short, 1, corrects.encode_to_vec());

    let mut wrong = manifest();
    wrong.chunk_count = 3;
    let shape = "DocumentShape { size: 1048577, chunk_count: 3 }";
    add("document_with_too_many_chunks", "three where two suffice", shape, 2, wrong.encode_to_vec());
    let mut wrong = manifest();
    wrong.size = u64::MAX;
    let shape = "DocumentShape { size: 18446744073709551615, chunk_count: 2 }";
    add("document_of_absurd_size", "2^64 - 1 bytes", shape, 2, wrong.encode_to_vec());
    let mut wrong = manifest();
    wrong.content_key = vec![1; 16];
    let short = "Length(IdLengthError { kind: \"a SHA-256 digest\", expected: 32, actual: 16 })";
    add("document_with_short_key", "16 bytes of key", short, 2, wrong.encode_to_vec());
    let mut wrong = manifest();
    wrong.name = "n".repeat(256);
    let long = "TooLong { field: DocumentName, bytes: 256 }";
    add("document_name_too_long", "256 bytes of name", long, 2, wrong.encode_to_vec());
    for (name, about, bytes, shown) in [
        (
            "document_name_bytes_of_another_name",
            "plan.pdf beside a program's bytes",
            &b"\xe9.exe"[..],
            "plan.pdf",
        ),
        ("document_name_bytes_leave_the_folder", "a path beside a harmless name", b"../\xe9", "_"),
        ("document_name_bytes_are_utf8", "bytes that say nothing new", b"plan.pdf", "plan.pdf"),
        ("document_name_bytes_without_a_name", "bytes beside an empty name", b"\xe9", ""),
        ("document_name_shown_as_lost", "another sign for what is no character", b"\xe9.pdf", "\u{fffd}.pdf"),
    ] {
        add(name, about, "NameBytes", 2, named(bytes, shown).encode_to_vec());
    }
    let (bytes, shown) = ([&[0xe9; 2][..], &[b'n'; 254]].concat(), format!("__{}", "n".repeat(253)));
    add("document_name_bytes_too_long", "256 bytes", long, 2, named(&bytes, &shown).encode_to_vec());

    let subject = v1::Subject { kind: 0, title: "title".into() };
    add("subject_without_kind", "no kind", "SubjectKind { kind: 0 }", 4, subject.encode_to_vec());
    let subject = v1::Subject { kind: 9, title: "title".into() };
    add("subject_of_kind_not_known", "kind 9", "SubjectKind { kind: 9 }", 4, subject.encode_to_vec());
    let subject = v1::Subject { kind: 1, title: "t".repeat(257) };
    let long = "TooLong { field: Title, bytes: 257 }";
    add("subject_title_too_long", "257 bytes", long, 4, subject.encode_to_vec());
}
