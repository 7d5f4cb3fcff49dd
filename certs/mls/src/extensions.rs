//! Our MLS extensions (RFC 9420 section 13): the policy in a group's context, the log pin and the context floor in a
//! welcome's GroupInfo, the sealed card in a leaf.

use crate::{policy::Policy, policy_error::PolicyError};
use alcove_proto::{
    canonical::{self, CanonicalError},
    ids::{Head, IdLengthError, Position},
    limits::SEALED_CARD_BYTES_MAX,
    v1,
};
use mls_rs::{ExtensionList, error::IntoAnyError, extension::ExtensionType};
use prost::Message;

/// A group's policy, in the GroupContext.
pub(crate) const POLICY: ExtensionType = ExtensionType::new(0xF0A1);
/// A log pin, in a GroupInfo.
pub(crate) const LOG_PIN: ExtensionType = ExtensionType::new(0xF0A2);
/// A sealed card, in a leaf node.
pub(crate) const SEALED_CARD: ExtensionType = ExtensionType::new(0xF0A3);
/// What the log has shown of charter and lists, in a GroupInfo.
pub(crate) const CONTEXT_FLOOR: ExtensionType = ExtensionType::new(0xF0A4);
/// The ties between a device's keys, in a GroupInfo.
pub(crate) const KEY_TIES: ExtensionType = ExtensionType::new(0xF0A5);

/// What every leaf says it understands: no group takes in a leaf that does not know its policy, and cards travel in leaves.
pub const LEAF_EXTENSIONS: [ExtensionType; 2] = [POLICY, SEALED_CARD];

/// Why the bytes of an extension were refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExtensionFault {
    /// Not the canonical form.
    #[error(transparent)]
    Encoding(#[from] CanonicalError),
    /// A hash of the wrong length.
    #[error(transparent)]
    Length(#[from] IdLengthError),
    /// The policy contradicts itself.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// The context floor names an agency out of order, or no charter.
    #[error("the context floor contradicts itself")]
    Floor,
    /// A tie between keys that names no device, or no key.
    #[error("a tie between keys does not parse")]
    KeyTie,
    /// Over [`alcove_proto::limits::KEY_TIES_MAX`].
    #[error("there are {ties} ties between keys")]
    TooManyKeyTies {
        /// How many.
        ties: usize,
    },
    /// Over [`SEALED_CARD_BYTES_MAX`].
    #[error("the sealed card has {bytes} bytes")]
    CardTooLarge {
        /// Its size.
        bytes: usize,
    },
}

impl IntoAnyError for ExtensionFault {
    fn into_dyn_error(self) -> Result<Box<dyn std::error::Error + Send + Sync>, Self> {
        Ok(Box::new(self))
    }
}

/// Makes an MLS extension (RFC 9420 section 13) of a type whose bytes `encode` gives and `parse` reads.
macro_rules! extension {
    ($value:ty, $kind:expr, $fault:ty) => {
        impl mls_rs::extension::MlsExtension for $value {
            type SerializationError = std::convert::Infallible;
            type DeserializationError = $fault;

            fn extension_type() -> mls_rs::extension::ExtensionType {
                $kind
            }

            fn to_bytes(&self) -> Result<Vec<u8>, Self::SerializationError> {
                Ok(self.encode())
            }

            fn from_bytes(data: &[u8]) -> Result<Self, $fault> {
                Self::parse(data)
            }
        }
    };
}
pub(crate) use extension;

/// A place in a group's log and the head there: a welcome pins it, so that the joiner's log begins
/// under a head its adder vouched for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogPin {
    /// The last position seen.
    pub position: Position,
    /// The head after it.
    pub head: Head,
}

impl LogPin {
    fn encode(&self) -> Vec<u8> {
        v1::LogPin { position: self.position.0, head: self.head.to_vec() }.encode_to_vec()
    }

    fn parse(bytes: &[u8]) -> Result<Self, ExtensionFault> {
        let message: v1::LogPin = canonical::decode(bytes)?;
        Ok(Self { position: Position(message.position), head: Head::try_from(message.head.as_slice())? })
    }
}

/// A directory card under seal, so that every member shows a roster with names. Opaque here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedCard(Vec<u8>);

impl SealedCard {
    /// Takes an encoded `SealedCard`.
    ///
    /// Errors: [`ExtensionFault::CardTooLarge`].
    pub fn new(bytes: Vec<u8>) -> Result<Self, ExtensionFault> {
        if bytes.len() > SEALED_CARD_BYTES_MAX {
            return Err(ExtensionFault::CardTooLarge { bytes: bytes.len() });
        }
        Ok(Self(bytes))
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    fn encode(&self) -> Vec<u8> {
        self.0.clone()
    }

    fn parse(bytes: &[u8]) -> Result<Self, ExtensionFault> {
        Self::new(bytes.to_vec())
    }
}

extension!(LogPin, LOG_PIN, ExtensionFault);
extension!(SealedCard, SEALED_CARD, ExtensionFault);
extension!(Policy, POLICY, PolicyError);

/// The policy of a group whose context has the extensions `extensions`.
///
/// Always the one extension there is: others would change the group's rules past the policy.
/// Errors: [`PolicyError::ContextExtensions`], or why the policy is refused.
pub fn policy_of(extensions: &ExtensionList) -> Result<Policy, PolicyError> {
    match extensions.as_slice() {
        [only] if only.extension_type() == POLICY => Policy::parse(only.extension_data()),
        _ => Err(PolicyError::ContextExtensions),
    }
}

/// Whether a leaf's extensions are ours: at most one card, within its size.
pub(crate) fn check_leaf_extensions(extensions: &ExtensionList) -> Result<(), PolicyError> {
    match extensions.as_slice() {
        [] => Ok(()),
        [only] if only.extension_type() == SEALED_CARD => {
            let bytes = only.extension_data().len();
            if bytes > SEALED_CARD_BYTES_MAX { Err(PolicyError::CardTooLarge { bytes }) } else { Ok(()) }
        }
        _ => Err(PolicyError::LeafExtensions),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mls_rs::{Extension, extension::MlsExtension};

    #[test]
    fn a_log_pin_comes_back_and_other_forms_are_refused() {
        let pin = LogPin { position: Position(7), head: Head([3; 32]) };
        let bytes = pin.to_bytes().unwrap();
        assert_eq!(LogPin::from_bytes(&bytes), Ok(pin));
        let short = v1::LogPin { position: 7, head: vec![3; 31] }.encode_to_vec();
        assert!(matches!(LogPin::from_bytes(&short), Err(ExtensionFault::Length(_))));
        let mut twice = bytes.clone();
        twice.extend(&bytes);
        assert_eq!(LogPin::from_bytes(&twice), Err(ExtensionFault::Encoding(CanonicalError::NotCanonical)));
    }

    #[test]
    fn a_leaf_carries_a_card_within_its_size_and_nothing_else() {
        let card = |bytes: usize| Extension::new(SEALED_CARD, vec![0; bytes]);
        let list = |extensions: Vec<Extension>| ExtensionList::from(extensions);
        assert_eq!(check_leaf_extensions(&list(vec![])), Ok(()));
        assert_eq!(check_leaf_extensions(&list(vec![card(SEALED_CARD_BYTES_MAX)])), Ok(()));
        assert_eq!(
            check_leaf_extensions(&list(vec![card(SEALED_CARD_BYTES_MAX + 1)])),
            Err(PolicyError::CardTooLarge { bytes: SEALED_CARD_BYTES_MAX + 1 })
        );
        let other = Extension::new(ExtensionType::APPLICATION_ID, vec![1]);
        assert_eq!(check_leaf_extensions(&list(vec![other.clone()])), Err(PolicyError::LeafExtensions));
        assert_eq!(check_leaf_extensions(&list(vec![card(1), other])), Err(PolicyError::LeafExtensions));
    }

    #[test]
    fn a_group_context_has_the_policy_and_nothing_else() {
        assert_eq!(policy_of(&ExtensionList::new()), Err(PolicyError::ContextExtensions));
        let senders = Extension::new(ExtensionType::EXTERNAL_SENDERS, vec![0]);
        assert_eq!(policy_of(&ExtensionList::from(vec![senders])), Err(PolicyError::ContextExtensions));
    }
}
