//! The fields of an encoded protobuf message, by the wire format alone.

/// The fields of `message` in order, each with its number and all of its bytes; nothing for what is no message.
pub(super) fn split(message: &[u8]) -> Option<Vec<(u64, &[u8])>> {
    let mut found = Vec::new();
    let mut rest = message;
    while !rest.is_empty() {
        let (key, behind) = varint(rest)?;
        let behind = match key & 7 {
            0 => varint(behind)?.1,
            1 => behind.get(8..)?,
            2 => {
                let (length, behind) = varint(behind)?;
                behind.get(usize::try_from(length).ok()?..)?
            }
            5 => behind.get(4..)?,
            _ => return None,
        };
        let number = key >> 3;
        if number == 0 {
            return None;
        }
        found.push((number, &rest[..rest.len() - behind.len()]));
        rest = behind;
    }
    Some(found)
}

/// The number `bytes` begin with, and what is behind it.
fn varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0;
    for (at, byte) in bytes.iter().enumerate().take(10) {
        value |= u64::from(byte & 0x7f).checked_shl(7 * u32::try_from(at).ok()?)?;
        if byte & 0x80 == 0 {
            return Some((value, &bytes[at + 1..]));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_field_is_found_with_its_number_and_its_bytes() {
        let fields: [&[u8]; 5] = [
            &[0x08, 0xac, 0x02],
            &[0x82, 0x06, 2, b'o', b'k'],
            &[0x19, 1, 2, 3, 4, 5, 6, 7, 8],
            &[0x25, 1, 2, 3, 4],
            &[0x2a, 0],
        ];
        let message = fields.concat();
        let found = split(&message).unwrap();
        assert_eq!(found, [1, 96, 3, 4, 5].into_iter().zip(fields).collect::<Vec<_>>());
        assert_eq!(split(&[]), Some(Vec::new()));
    }

    #[test]
    fn what_is_no_message_has_no_fields() {
        for bytes in [&[0x08][..], &[0x08, 0x80], &[0x12, 3, 1], &[0x19, 1], &[0x25, 1], &[0x0b], &[0x02, 0]]
        {
            assert_eq!(split(bytes), None, "{bytes:?}");
        }
    }
}
