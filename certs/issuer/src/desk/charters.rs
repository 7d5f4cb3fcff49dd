//! Charter files on their way to the desk: what one message holds.

use crate::error::IssuerError;
use alcove_charter::CharterError;
use alcove_proto::{canonical, limits::MESSAGE_BYTES_MAX, v1};
use prost::Message;

/// Bytes of one charter file on its way to the desk, whose message has some more.
const SUBMISSION_BYTES_MAX: usize = MESSAGE_BYTES_MAX - 1024;

/// The file without its first versions, as many as make it larger than the desk takes: they are in force there.
pub(super) fn fitting(charter_file: Vec<u8>) -> Result<Vec<u8>, IssuerError> {
    if charter_file.len() <= SUBMISSION_BYTES_MAX {
        return Ok(charter_file);
    }
    let mut message: v1::CharterFile = canonical::decode(&charter_file).map_err(CharterError::from)?;
    let mut over = charter_file.len() - SUBMISSION_BYTES_MAX;
    let is_over = |signed: &v1::SignedCharter| {
        let goes = over > 0;
        over = over.saturating_sub(signed.encoded_len());
        goes
    };
    let left_out = message.previous.iter().map(is_over).take_while(|goes| *goes).count();
    message.previous.drain(..left_out);
    Ok(message.encode_to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_too_large_leaves_out_its_first_versions_and_no_more() {
        let signed = |number: u8| v1::SignedCharter {
            charter: vec![number; 1_000_000],
            ..v1::SignedCharter::default()
        };
        let file = |previous: std::ops::RangeInclusive<u8>| v1::CharterFile {
            format: 1,
            signed_charter: Some(signed(20)),
            previous: previous.map(signed).collect(),
            ..v1::CharterFile::default()
        };
        let small = file(1..=4).encode_to_vec();
        assert_eq!(fitting(small.clone()).unwrap(), small);
        let large = fitting(file(1..=19).encode_to_vec()).unwrap();
        assert!(large.len() <= SUBMISSION_BYTES_MAX);
        assert_eq!(v1::CharterFile::decode(&large[..]).unwrap(), file(15..=19), "one more would be too many");
        assert!(fitting(vec![7; SUBMISSION_BYTES_MAX + 1]).is_err(), "no charter file at all");
    }
}
