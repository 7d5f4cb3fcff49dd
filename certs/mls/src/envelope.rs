//! How a commit travels and lies in the log: in an envelope that its author signs as a whole.
//!
//! MLS signs neither tag of a commit, so whoever passes it on could spoil it in its author's name. From rules 1 on the
//! author's leaf signs every byte of it; under earlier rules it stands bare. PROTOCOL.md section 8, "Commits", step 8.

use crate::CommitError;
use alcove_charter::{P256Point, TrustView, sign_content};
use alcove_proto::{canonical, limits::COMMIT_BYTES_MAX, v1};
use prost::Message;

/// The label of SignWithLabel (RFC 9420 section 5.1.2).
const LABEL: &str = "alcove commit v1";
/// The format this crate writes and reads.
const FORMAT: u32 = 1;
/// What an envelope begins with: the tag of its first field.
const ENVELOPE_BEGINS: u8 = 0x08;
/// The first rules that ask for an envelope.
const RULES_WITH_ENVELOPE: u32 = 1;

/// What a log entry's body says: a commit, with its author's signature over it or bare.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommitBody {
    /// MLSMessage(PublicMessage(Commit)).
    pub commit: Vec<u8>,
    /// Its author's over all of it; nothing for a bare one.
    pub signature: Option<Vec<u8>>,
}

impl CommitBody {
    /// Takes a body apart. The first byte tells an envelope from an MLSMessage, which begins with its version.
    ///
    /// `bytes`: at most [`COMMIT_BYTES_MAX`], the envelope with them.
    /// Errors: [`CommitError::TooLarge`], [`CommitError::Envelope`], [`CommitError::EnvelopeFormat`].
    pub fn parse(bytes: &[u8]) -> Result<Self, CommitError> {
        if bytes.len() > COMMIT_BYTES_MAX {
            return Err(CommitError::TooLarge { bytes: bytes.len() });
        }
        if bytes.first() != Some(&ENVELOPE_BEGINS) {
            return Ok(Self { commit: bytes.to_vec(), signature: None });
        }
        let envelope: v1::CommitEnvelope = canonical::decode(bytes).map_err(CommitError::Envelope)?;
        if envelope.format != FORMAT {
            return Err(CommitError::EnvelopeFormat { found: envelope.format });
        }
        Ok(Self { commit: envelope.commit, signature: Some(envelope.signature) })
    }

    /// The body of a log entry.
    pub fn encode(self) -> Vec<u8> {
        match self.signature {
            None => self.commit,
            Some(signature) => {
                v1::CommitEnvelope { format: FORMAT, commit: self.commit, signature }.encode_to_vec()
            }
        }
    }

    /// The form that a commit has which names the charter of `version`: bare, or signed by `sign`, which gets what
    /// is under the signature and answers an ECDSA signature in ASN.1 DER.
    ///
    /// Errors: those of `sign`.
    pub fn new<E>(
        commit: Vec<u8>,
        trust: &TrustView,
        version: u64,
        sign: impl FnOnce(&[u8]) -> Result<Vec<u8>, E>,
    ) -> Result<Self, E> {
        let signature =
            if needs_envelope(trust, version) { Some(sign(&signing_bytes(&commit))?) } else { None };
        Ok(Self { commit, signature })
    }

    /// Checks the signature, if there is one, by the key that the author's leaf has before the commit.
    ///
    /// Errors: [`CommitError::EnvelopeSignature`].
    pub fn check_signature(&self, key: &P256Point) -> Result<(), CommitError> {
        let Some(signature) = &self.signature else { return Ok(()) };
        key.verify(&signing_bytes(&self.commit), signature).map_err(|_| CommitError::EnvelopeSignature)
    }

    /// Checks that it has the form which the rules of the charter of `version` ask for.
    ///
    /// Errors: [`CommitError::EnvelopeMissing`], [`CommitError::EnvelopeUnasked`].
    pub(crate) fn check_form(&self, trust: &TrustView, version: u64) -> Result<(), CommitError> {
        match (needs_envelope(trust, version), self.signature.is_some()) {
            (true, false) => Err(CommitError::EnvelopeMissing),
            // One form for each commit: else the same one could stand in two logs under two digests.
            (false, true) => Err(CommitError::EnvelopeUnasked),
            (true, true) | (false, false) => Ok(()),
        }
    }
}

/// What is under an envelope's signature.
fn signing_bytes(commit: &[u8]) -> Vec<u8> {
    sign_content(LABEL, commit)
}

/// Whether a commit that names the charter of `version` travels in an envelope.
fn needs_envelope(trust: &TrustView, version: u64) -> bool {
    trust.charters().get(version).is_some_and(|charter| charter.rules >= RULES_WITH_ENVELOPE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alcove_proto::canonical::CanonicalError;

    fn envelope() -> v1::CommitEnvelope {
        v1::CommitEnvelope { format: 1, commit: vec![0, 1, 0, 1], signature: vec![0x30, 2] }
    }

    #[test]
    fn both_forms_come_back_as_they_were_written() {
        for bytes in [envelope().encode_to_vec(), vec![0, 1, 0, 1]] {
            assert_eq!(CommitBody::parse(&bytes).unwrap().encode(), bytes);
        }
        assert!(CommitBody::parse(&[0, 1]).unwrap().signature.is_none());
    }

    #[test]
    fn every_other_form_is_refused_by_name() {
        let parse = |bytes: &[u8]| CommitBody::parse(bytes).unwrap_err();
        let other_format = v1::CommitEnvelope { format: 2, ..envelope() }.encode_to_vec();
        assert!(matches!(parse(&other_format), CommitError::EnvelopeFormat { found: 2 }));
        let mut trailing = envelope().encode_to_vec();
        trailing.extend([0x78, 1]);
        assert!(matches!(parse(&trailing), CommitError::Envelope(CanonicalError::NotCanonical)));
        let mut twice = envelope().encode_to_vec();
        twice.extend(envelope().encode_to_vec());
        assert!(matches!(parse(&twice), CommitError::Envelope(CanonicalError::NotCanonical)));
        assert!(matches!(parse(&[ENVELOPE_BEGINS]), CommitError::Envelope(CanonicalError::Malformed)));
        let large = vec![ENVELOPE_BEGINS; COMMIT_BYTES_MAX + 1];
        assert!(matches!(parse(&large), CommitError::TooLarge { .. }));
    }
}
