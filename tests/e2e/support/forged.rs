//! Key packages as no program of ours makes them, signed by the device that they name.

use super::caller::Caller;

/// MLSMessage(KeyPackage), taken apart (RFC 9420 sections 6, 7.2 and 10).
pub(crate) struct Forged {
    /// Versions, wire format and suite.
    head: [u8; 8],
    pub(crate) init_key: Vec<u8>,
    pub(crate) leaf_key: Vec<u8>,
    /// Signature key and credential, as they are.
    who: Vec<u8>,
    /// Versions, suites, extensions, proposals and credentials.
    pub(crate) capabilities: [Vec<u8>; 5],
    lifetime: Vec<u8>,
    leaf_extensions: Vec<u8>,
    extensions: Vec<u8>,
}

impl Forged {
    /// A good key package of `caller`, to be changed.
    pub(crate) fn begin(caller: &Caller) -> Self {
        let bytes = caller.key_package().bytes;
        let (head, mut rest) = bytes.split_at(8);
        let head = head.try_into().expect("eight bytes");
        let (init_key, leaf_key) = (vector(&mut rest), vector(&mut rest));
        let signature_key = vector(&mut rest);
        let (credential_type, mut rest) = rest.split_at(2);
        let credential = vector(&mut rest);
        let mut who = Vec::new();
        put(&mut who, &signature_key);
        who.extend(credential_type);
        put(&mut who, &credential);
        let capabilities = std::array::from_fn(|_| vector(&mut rest));
        // What it is from, and from when to when it holds.
        let (lifetime, mut rest) = rest.split_at(1 + 2 * 8);
        let leaf_extensions = vector(&mut rest);
        let _signature = vector(&mut rest);
        let extensions = vector(&mut rest);
        let lifetime = lifetime.to_vec();
        Self { head, init_key, leaf_key, who, capabilities, lifetime, leaf_extensions, extensions }
    }

    /// Signed anew, leaf and package.
    pub(crate) fn sign(&self, caller: &Caller) -> Vec<u8> {
        let mut leaf = Vec::new();
        put(&mut leaf, &self.leaf_key);
        leaf.extend(&self.who);
        for known in &self.capabilities {
            put(&mut leaf, known);
        }
        leaf.extend(&self.lifetime);
        put(&mut leaf, &self.leaf_extensions);
        let signature = caller.sign("LeafNodeTBS", &leaf);
        put(&mut leaf, &signature);
        let (wrapping, own_head) = self.head.split_at(4);
        let mut package = own_head.to_vec();
        put(&mut package, &self.init_key);
        package.extend(leaf);
        put(&mut package, &self.extensions);
        let signature = caller.sign("KeyPackageTBS", &package);
        put(&mut package, &signature);
        [wrapping, &package].concat()
    }
}

/// The next vector with a length before it (RFC 9420 section 2.1.2).
fn vector(rest: &mut &[u8]) -> Vec<u8> {
    let width = 1 << (rest[0] >> 6);
    let (length, after) = rest.split_at(width);
    let length = length.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte));
    let (content, after) = after.split_at(length & !(3 << (8 * width - 2)));
    *rest = after;
    content.to_vec()
}

fn put(to: &mut Vec<u8>, content: &[u8]) {
    let length = content.len();
    assert!(length < 1 << 14, "longer than any part of a key package");
    if length < 1 << 6 {
        to.push(length as u8);
    } else {
        to.extend((length as u16 | 1 << 14).to_be_bytes());
    }
    to.extend(content);
}
