//! PROTOCOL.md sections 10, 11 and 13 a second time, written from the page and not from the crate:
//! makes the vectors, the wrong ones above all.

pub(crate) mod der;

use alcove_proto::v1;
use prost::Message;
use ring::{aead, digest, hmac, rand::SystemRandom, signature};

pub(crate) fn sha256(bytes: &[u8]) -> Vec<u8> {
    digest::digest(&digest::SHA256, bytes).as_ref().to_vec()
}

fn hmac_sha256(key: &[u8], bytes: &[u8]) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), bytes).as_ref().to_vec()
}

/// RFC 5869 section 2.3 for 32 bytes: one block.
pub(crate) fn hkdf_expand(prk: &[u8], info: &[&[u8]]) -> Vec<u8> {
    hmac_sha256(prk, &[&info.concat()[..], &[1]].concat())
}

pub(crate) fn hkdf(ikm: &[u8], salt: &[u8], info: &[&[u8]]) -> Vec<u8> {
    hkdf_expand(&hmac_sha256(salt, ikm), info)
}

pub(crate) fn aead_seal(key: &[u8], nonce: [u8; 12], aad: &[u8], plaintext: &[u8]) -> Vec<u8> {
    let key = aead::LessSafeKey::new(aead::UnboundKey::new(&aead::AES_256_GCM, key).unwrap());
    let mut buffer = plaintext.to_vec();
    let nonce = aead::Nonce::assume_unique_for_key(nonce);
    key.seal_in_place_append_tag(nonce, aead::Aad::from(aad), &mut buffer).unwrap();
    buffer
}

/// Padmé by the letter of the paper, in floating-point-free words.
pub(crate) fn padme(length: u64, floor: u64) -> u64 {
    if length < 2 {
        return floor;
    }
    let e = 63 - u64::from(length.leading_zeros());
    let s = if e == 0 { 1 } else { 64 - u64::from(e.leading_zeros()) };
    let step = 1u64 << (e - s.min(e));
    (length.div_ceil(step) * step).max(floor)
}

/// An author with a fresh key: no key is kept anywhere.
pub(crate) struct Signer {
    key: signature::EcdsaKeyPair,
    random: SystemRandom,
}

impl Signer {
    pub(crate) fn new() -> Self {
        let random = SystemRandom::new();
        let algorithm = &signature::ECDSA_P256_SHA256_ASN1_SIGNING;
        let pkcs8 = signature::EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap();
        let key = signature::EcdsaKeyPair::from_pkcs8(algorithm, pkcs8.as_ref(), &random).unwrap();
        Self { key, random }
    }

    pub(crate) fn public_key(&self) -> Vec<u8> {
        signature::KeyPair::public_key(&self.key).as_ref().to_vec()
    }

    pub(crate) fn sign(&self, bytes: &[u8]) -> Vec<u8> {
        self.key.sign(&self.random, bytes).unwrap().as_ref().to_vec()
    }

    /// SignWithLabel of RFC 9420 section 5.1.2.
    pub(crate) fn sign_with_label(&self, label: &str, content: &[u8]) -> Vec<u8> {
        let label = [b"MLS 1.0 ", label.as_bytes()].concat();
        self.sign(&[&mls_vector(&label)[..], &mls_vector(content)].concat())
    }
}

fn mls_vector(bytes: &[u8]) -> Vec<u8> {
    let length = u32::try_from(bytes.len()).unwrap();
    let prefix = match length {
        0..=63 => vec![length as u8],
        64..=16383 => (0x4000 | length as u16).to_be_bytes().to_vec(),
        _ => (0x8000_0000 | length).to_be_bytes().to_vec(),
    };
    [&prefix[..], bytes].concat()
}

/// One place in the making of a record where something can be made wrong.
type Knob<T> = Box<dyn Fn(&mut T)>;

/// A record in the making, with a knob at every step.
pub(crate) struct Recipe {
    pub(crate) epoch_key: [u8; 32],
    pub(crate) header: v1::RecordHeader,
    pub(crate) body: v1::RecordBody,
    /// Turned after the commitment was computed.
    pub(crate) on_header: Knob<v1::RecordHeader>,
    pub(crate) on_header_bytes: Knob<Vec<u8>>,
    pub(crate) on_body_bytes: Knob<Vec<u8>>,
    pub(crate) on_signature: Knob<Vec<u8>>,
    pub(crate) on_signed_bytes: Knob<Vec<u8>>,
    pub(crate) on_plaintext: Knob<Vec<u8>>,
    pub(crate) on_ciphertext: Knob<Vec<u8>>,
    pub(crate) on_record: Knob<Vec<u8>>,
    pub(crate) label: &'static str,
}

impl Recipe {
    pub(crate) fn new(kind: i32, payload: Vec<u8>) -> Self {
        let header = v1::RecordHeader {
            format: 1,
            group_id: vec![0x01; 16],
            epoch_id: vec![0x02; 32],
            epoch: 7,
            leaf: 3,
            record_id: vec![0x04; 16],
            salt: vec![0x05; 32],
            commitment: vec![],
        };
        let body = v1::RecordBody {
            format: 1,
            suite: 0xF0A1,
            group_id: header.group_id.clone(),
            epoch_id: header.epoch_id.clone(),
            leaf: header.leaf,
            certificate_hash: vec![0x06; 32],
            charter_hash: vec![0x07; 32],
            record_id: header.record_id.clone(),
            kind,
            time_ms: 1_794_000_000_000,
            payload,
            previous: vec![],
            author_sequence: 1,
            seen_position: 41,
            seen_head: vec![0x08; 32],
            basis: 0,
        };
        Self {
            epoch_key: [0x11; 32],
            header,
            body,
            on_header: Box::new(|_| ()),
            on_header_bytes: Box::new(|_| ()),
            on_body_bytes: Box::new(|_| ()),
            on_signature: Box::new(|_| ()),
            on_signed_bytes: Box::new(|_| ()),
            on_plaintext: Box::new(|_| ()),
            on_ciphertext: Box::new(|_| ()),
            on_record: Box::new(|_| ()),
            label: "alcove record v1",
        }
    }

    pub(crate) fn record_key(&self) -> Vec<u8> {
        let header = &self.header;
        let info: [&[u8]; 5] = [
            b"alcove record key v1\0",
            &header.group_id,
            &header.epoch_id,
            &header.leaf.to_be_bytes(),
            &header.record_id,
        ];
        hkdf(&self.epoch_key, &header.salt, &info)
    }

    /// The sealed record, and the signature in it.
    pub(crate) fn make(&self, signer: &Signer) -> (Vec<u8>, Vec<u8>) {
        let mut body = self.body.encode_to_vec();
        (self.on_body_bytes)(&mut body);
        let mut signature = signer.sign_with_label(self.label, &body);
        (self.on_signature)(&mut signature);
        let mut signed = v1::SignedRecord { body, signature: signature.clone() }.encode_to_vec();
        (self.on_signed_bytes)(&mut signed);
        let mut plaintext = (signed.len() as u32).to_be_bytes().to_vec();
        plaintext.extend(&signed);
        plaintext.resize(padme(plaintext.len() as u64, 256) as usize, 0);
        (self.on_plaintext)(&mut plaintext);

        let record_key = self.record_key();
        let mut header = self.header.clone();
        header.commitment = hkdf_expand(&record_key, &[b"alcove record commitment v1\0"]);
        (self.on_header)(&mut header);
        let mut header = header.encode_to_vec();
        (self.on_header_bytes)(&mut header);
        let aead_key = hkdf_expand(&record_key, &[b"alcove record aead v1\0"]);
        let mut ciphertext = aead_seal(&aead_key, [0; 12], &header, &plaintext);
        (self.on_ciphertext)(&mut ciphertext);
        let mut record = v1::SealedRecord { header, ciphertext }.encode_to_vec();
        (self.on_record)(&mut record);
        (record, signature)
    }
}

/// A document's keys, by the formulas.
pub(crate) struct DocumentKeys {
    pub(crate) commitment: Vec<u8>,
    aead_key: Vec<u8>,
    aad: Vec<u8>,
}

impl DocumentKeys {
    pub(crate) fn new(content_key: &[u8], salt: &[u8], group: &[u8], blob: &[u8], chunk_count: u32) -> Self {
        let count = chunk_count.to_be_bytes();
        let file_key = hkdf(content_key, salt, &[b"alcove document key v1\0", group, blob, &count]);
        let commitment = hkdf_expand(&file_key, &[b"alcove document commitment v1\0"]);
        let aead_key = hkdf_expand(&file_key, &[b"alcove document aead v1\0"]);
        let aad = [salt, &commitment, blob, &count].concat();
        Self { commitment, aead_key, aad }
    }

    pub(crate) fn seal(&self, index: u32, last: bool, plaintext: &[u8]) -> Vec<u8> {
        let mut nonce = [0; 12];
        nonce[3..11].copy_from_slice(&u64::from(index).to_be_bytes());
        nonce[11] = u8::from(last);
        aead_seal(&self.aead_key, nonce, &self.aad, plaintext)
    }
}

/// An original without a file: byte number `i` is `(7 i + 3) mod 251`.
pub(crate) fn original(size: u64) -> Vec<u8> {
    let period: Vec<u8> = (0..251u32).map(|i| ((7 * i + 3) % 251) as u8).collect();
    let mut bytes = period.repeat(size.div_ceil(251) as usize);
    bytes.truncate(size as usize);
    bytes
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(crate) fn unhex(text: &str) -> Vec<u8> {
    let pairs = text.as_bytes().chunks(2);
    pairs.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}
