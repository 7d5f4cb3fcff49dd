//! The GroupInfo of an epoch, as it lies at the server for a member that comes back by an external commit.
//!
//! It is public and opens nothing: a key to enter by, under the signature of the member whose commit opened the epoch. Who
//! may enter by it is judged by the commit (PROTOCOL.md section 8, "Commits", 4): only a leaf's own key.

use crate::{GroupInfoError, Observer, suite::suite};
use alcove_charter::sign_content;
use alcove_proto::limits::COMMIT_GROUP_INFO_BYTES_MAX;
use mls_rs::{
    CipherSuiteProvider, ExtensionList, MlsMessage,
    extension::{ExtensionType, built_in::ExternalPubExt},
    group::GroupContext,
    mls_rs_codec::{self, MlsDecode},
};

/// The label of SignWithLabel that a GroupInfo is signed under (RFC 9420 section 12.4.3).
const LABEL: &str = "GroupInfoTBS";

/// A GroupInfo whose form is ours.
pub struct ReturnInfo {
    context: GroupContext,
    signer: u32,
    signed: Vec<u8>,
    signature: Vec<u8>,
}

impl ReturnInfo {
    /// Parses a GroupInfo.
    ///
    /// `bytes`: MLSMessage(GroupInfo) with the key to enter by and without the tree, at most
    /// [`COMMIT_GROUP_INFO_BYTES_MAX`]. Errors: [`GroupInfoError::TooLarge`], [`GroupInfoError::Malformed`].
    pub fn parse(bytes: &[u8]) -> Result<Self, GroupInfoError> {
        if bytes.len() > COMMIT_GROUP_INFO_BYTES_MAX {
            return Err(GroupInfoError::TooLarge { bytes: bytes.len() });
        }
        let message = MlsMessage::from_bytes(bytes).map_err(|_| GroupInfoError::Malformed)?;
        let info = message.as_group_info().ok_or(GroupInfoError::Malformed)?;
        let extensions = info.extensions();
        let enters = extensions.get_as::<ExternalPubExt>().is_ok_and(|found| found.is_some());
        if !enters || extensions.has_extension(ExtensionType::RATCHET_TREE) {
            return Err(GroupInfoError::Malformed);
        }
        let (context, signer) = (info.group_context().clone(), info.sender());
        let (signed, signature) = split(bytes).map_err(|_| GroupInfoError::Malformed)?;
        Ok(Self { context, signer, signed, signature })
    }

    /// The leaf whose signature it carries. Not proven before [`ReturnInfo::check`].
    pub fn signer(&self) -> u32 {
        self.signer
    }

    /// Refuses it unless it is of exactly the epoch that `observer` stands in, on this branch of the group's history, and
    /// signed by the leaf it names.
    ///
    /// Errors: [`GroupInfoError::OtherEpoch`], [`GroupInfoError::Signature`].
    pub fn check(&self, observer: &Observer) -> Result<(), GroupInfoError> {
        // The context has the tree hash and the hash over every commit so far: nothing of the history can differ.
        if self.context != *observer.context() {
            return Err(GroupInfoError::OtherEpoch);
        }
        let key = observer.signature_key(self.signer).ok_or(GroupInfoError::Signature)?;
        let content = sign_content(LABEL, &self.signed);
        suite().verify(&key, &self.signature, &content).map_err(|_| GroupInfoError::Signature)
    }
}

/// What the signature covers, and the signature.
fn split(bytes: &[u8]) -> Result<(Vec<u8>, Vec<u8>), mls_rs_codec::Error> {
    let mut rest = bytes;
    let _version = u16::mls_decode(&mut rest)?;
    let _wire_format = u16::mls_decode(&mut rest)?;
    let body = rest;
    let _context = GroupContext::mls_decode(&mut rest)?;
    let _extensions = ExtensionList::mls_decode(&mut rest)?;
    let _confirmation_tag: Vec<u8> = mls_rs_codec::byte_vec::mls_decode(&mut rest)?;
    let _signer = u32::mls_decode(&mut rest)?;
    let signed = body[..body.len() - rest.len()].to_vec();
    Ok((signed, mls_rs_codec::byte_vec::mls_decode(&mut rest)?))
}
