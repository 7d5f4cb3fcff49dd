//! The short code that stands for an enrolment request: the person reads it out, the admin compares it.

use crate::key::sha256;

/// Letters and digits of a code: 100 bits, so that nobody can make another request with the same one.
const CODE_CHARACTERS: u32 = 20;

/// The code of an encoded [`alcove_proto::v1::EnrolmentRequest`]: five groups of four characters of a-z and 2-7.
/// PROTOCOL.md, "Enrolment", step 2.
pub fn request_code(request: &[u8]) -> String {
    const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
    let hash = sha256(&[b"alcove request code v1\0", request]);
    let bits = hash[..16].iter().fold(0u128, |bits, byte| (bits << 8) | u128::from(*byte));
    let mut code = String::new();
    for index in 0..CODE_CHARACTERS {
        if index > 0 && index % 4 == 0 {
            code.push('-');
        }
        code.push(char::from(ALPHABET[((bits >> (123 - 5 * index)) & 31) as usize]));
    }
    code
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_always_the_same_and_depends_on_every_byte() {
        let request: Vec<u8> = (0..=255).collect();
        let code = request_code(&request);
        assert_eq!(code, "65yn-nuht-6bl3-3xvd-sdvh");
        for index in 0..request.len() {
            let mut other = request.clone();
            other[index] ^= 1;
            assert_ne!(request_code(&other), code, "{index}");
        }
        assert_ne!(request_code(b""), request_code(b"\0"));
    }
}
