//! What is put in force at the desk: charters, revocation lists, denials. The files speak for themselves; no order is signed.

use crate::{
    desk::{
        calls::{LARGE_CALL_DEADLINE, call, unhurried},
        orders::Desk,
    },
    error::IssuerError,
};
use alcove_charter::CharterError;
use alcove_proto::{canonical, limits::MESSAGE_BYTES_MAX, v1};
use alcove_rpc::v1::trust_client::TrustClient;
use prost::Message;
use tonic::transport::Channel;

/// Bytes of one charter file on its way to the desk, whose message has some more.
const SUBMISSION_BYTES_MAX: usize = MESSAGE_BYTES_MAX - 1024;

/// A list or charter that is in force from now on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Published {
    /// The list's number or the charter's version.
    pub number: u64,
    /// Live connections that were cut by it.
    pub cut: u32,
}

impl Desk {
    /// Puts an encoded [`v1::CharterFile`] in force; with `force` also when it cuts live connections.
    pub async fn submit_charter(&self, charter_file: Vec<u8>, force: bool) -> Result<Published, IssuerError> {
        let mut client = self.trust();
        let request = v1::SubmitCharterRequest { charter_file: fitting(charter_file)?, force };
        let answer = call(LARGE_CALL_DEADLINE, client.submit_charter(request)).await?;
        Ok(Published { number: answer.version, cut: answer.cut })
    }

    /// Puts a CRL (DER) in force.
    ///
    /// Errors: [`IssuerError`]; [`DeskError::Refused`](crate::DeskError::Refused) with [`v1::Reason::RateLimited`] and when to come again, where
    /// the agency has had as many in force within a minute as the desk takes.
    pub async fn submit_crl(&self, crl: Vec<u8>) -> Result<Published, IssuerError> {
        let mut client = self.trust();
        let answer = call(LARGE_CALL_DEADLINE, client.submit_crl(v1::SubmitCrlRequest { crl })).await?;
        Ok(Published { number: answer.number, cut: answer.cut })
    }

    /// Puts an encoded [`v1::SignedDenial`] in force. Returns how many live connections were cut.
    pub async fn submit_denial(&self, signed_denial: Vec<u8>) -> Result<u32, IssuerError> {
        let request = v1::SubmitDenialRequest { signed_denial };
        let answer = unhurried(|| {
            let (mut client, request) = (self.trust(), request.clone());
            async move { client.submit_denial(request).await }
        });
        Ok(answer.await?.cut)
    }

    fn trust(&self) -> TrustClient<Channel> {
        TrustClient::new(self.channel.clone())
            .max_decoding_message_size(MESSAGE_BYTES_MAX)
            .max_encoding_message_size(MESSAGE_BYTES_MAX)
    }
}

/// The file without its first versions, as many as make it larger than the desk takes: they are in force there.
fn fitting(charter_file: Vec<u8>) -> Result<Vec<u8>, IssuerError> {
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
