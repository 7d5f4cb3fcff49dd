//! What an MLS signature key signs: SignContent of RFC 9420 section 5.1.2, one form for records, renewals and objections.

/// The bytes under a signature by SignWithLabel(., `label`, `content`). No label is used for two things (PROTOCOL.md
/// section 3, step 3).
///
/// Allocated once: growing leaves no copy of `content` behind.
pub fn sign_content(label: &str, content: &[u8]) -> Vec<u8> {
    let label = ["MLS 1.0 ", label].concat();
    // Two lengths of at most four bytes each.
    let mut bytes = Vec::with_capacity(label.len() + content.len() + 8);
    push_vector(&mut bytes, label.as_bytes());
    push_vector(&mut bytes, content);
    bytes
}

/// Writes an `opaque<V>` of RFC 9420 section 2.1.2: the bytes with their length in front, in one, two or four bytes
/// that begin with the bits 00, 01 or 10.
fn push_vector(out: &mut Vec<u8>, bytes: &[u8]) {
    let length = bytes.len();
    match length {
        0..0x40 => out.push(length as u8),
        0x40..0x4000 => out.extend((length as u16 | 0x4000).to_be_bytes()),
        // Nothing we sign comes near the 2^30 bytes that this form holds.
        _ => out.extend((length as u32 | 0x8000_0000).to_be_bytes()),
    }
    out.extend(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_written_as_rfc_9420_says_and_allocated_once() {
        let content = sign_content("alcove record v1", &[0xaa; 3]);
        assert_eq!(content[0], 24, "one byte of length below 64");
        assert_eq!(&content[1..25], b"MLS 1.0 alcove record v1");
        assert_eq!(&content[25..], [3, 0xaa, 0xaa, 0xaa]);
        assert_eq!(&sign_content("alcove record v1", &[0; 64])[25..27], [0x40, 0x40]);
        let long = sign_content("alcove record v1", &[0; 0x4000]);
        assert_eq!(&long[25..29], [0x80, 0, 0x40, 0]);
        assert!(long.capacity() <= 24 + 0x4000 + 8);
    }
}
