//! Envelopes of commits: the frozen form, and every way one can be wrong. What is in them is MLS's to judge.

use crate::{
    Vectors, bytes, check,
    spec::{Signer, hex},
};
use alcove_charter::P256Point;
use alcove_mls::CommitBody;
use alcove_proto::v1;
use prost::Message;
use serde_json::{Value, json};

#[test]
fn every_stored_envelope_is_its_authors_or_is_refused_as_its_file_says() {
    check("commits", &made(), judge);
}

fn judge(vector: &Value) -> String {
    let body = match CommitBody::parse(&bytes(vector, "body")) {
        Ok(body) => body,
        Err(error) => return format!("{error:?}"),
    };
    if body.signature.is_none() {
        return format!("bare: {}", hex(&body.commit));
    }
    let author = P256Point::parse(&bytes(vector, "author")).unwrap();
    match body.check_signature(&author) {
        Ok(()) => format!("signed: {}", hex(&body.commit)),
        Err(error) => format!("{error:?}"),
    }
}

/// The first bytes of an MLSMessage with a PublicMessage: the rest is nothing to an envelope.
const COMMIT: [u8; 8] = [0, 1, 0, 1, 0x10, 0x11, 0x11, 0x11];
const SIGNED: &str = "signed: 0001000110111111";

fn vector(about: &str, outcome: &str, author: &Signer, body: &[u8]) -> Value {
    json!({
        "about": about,
        "outcome": outcome,
        "author": hex(&author.public_key()),
        "body": hex(body),
    })
}

fn made() -> Vectors {
    let (author, other) = (Signer::new(), Signer::new());
    let envelope = |label: &str, commit: &[u8], signer: &Signer| v1::CommitEnvelope {
        format: 1,
        commit: commit.to_vec(),
        signature: signer.sign_with_label(label, &COMMIT),
    };
    let good = envelope("alcove commit v1", &COMMIT, &author);
    let mut flipped = COMMIT;
    flipped[7] ^= 1;
    let mut twice = good.encode_to_vec();
    twice.extend(good.encode_to_vec());
    let mut unknown_field = good.encode_to_vec();
    unknown_field.extend([0x78, 1]);
    let vectors = [
        ("signed", "the author signed it", SIGNED, good.encode_to_vec()),
        ("bare", "as under rules 0", "bare: 0001000110111111", COMMIT.to_vec()),
        (
            "tag_flipped",
            "the last bit of the commit was changed on the way",
            "EnvelopeSignature",
            envelope("alcove commit v1", &flipped, &author).encode_to_vec(),
        ),
        (
            "by_another_key",
            "another leaf signed it",
            "EnvelopeSignature",
            envelope("alcove commit v1", &COMMIT, &other).encode_to_vec(),
        ),
        (
            "under_another_label",
            "the signature is one of a record",
            "EnvelopeSignature",
            envelope("alcove record v1", &COMMIT, &author).encode_to_vec(),
        ),
        (
            "signature_left_out",
            "nobody signed it",
            "EnvelopeSignature",
            v1::CommitEnvelope { signature: Vec::new(), ..good.clone() }.encode_to_vec(),
        ),
        (
            "of_a_later_format",
            "format 2",
            "EnvelopeFormat { found: 2 }",
            v1::CommitEnvelope { format: 2, ..good.clone() }.encode_to_vec(),
        ),
        ("written_twice", "both copies are the author's", "Envelope(NotCanonical)", twice),
        ("unknown_field", "a field of a later version", "Envelope(NotCanonical)", unknown_field),
        (
            "cut_short",
            "the last byte is missing",
            "Envelope(Malformed)",
            good.encode_to_vec()[..good.encoded_len() - 1].to_vec(),
        ),
    ];
    let vectors = vectors.into_iter();
    vectors.map(|(name, about, outcome, body)| (name, vector(about, outcome, &author, &body))).collect()
}
