//! Keys of one device that vouch for each other: each signs for the one that follows it.
//!
//! A device renews its certificates and gets other keys. Whoever knew it by an earlier key, and was not there when its
//! leaves took up the later ones, sees by these ties that it is the same device. PROTOCOL.md section 8, "Coming back".

use crate::extensions::{ExtensionFault, KEY_TIES, extension};
use alcove_charter::{P256Point, sign_content};
use alcove_proto::{canonical, limits::KEY_TIES_MAX, names::Identity, v1};
use prost::Message;

/// The label of SignWithLabel (RFC 9420 section 5.1.2).
const LABEL: &str = "alcove key tie v1";

/// One key of a device, signing for its next one. Whether the signature holds, [`KeyTies::lead`] says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyTie {
    /// The device.
    pub identity: Identity,
    /// The key that signs.
    pub from: P256Point,
    /// The key that follows it.
    pub to: P256Point,
    /// By `from`, over [`KeyTie::signing_bytes`].
    pub signature: Vec<u8>,
}

impl KeyTie {
    /// What `from` signs.
    pub fn signing_bytes(identity: &Identity, from: &P256Point, to: &P256Point) -> Vec<u8> {
        let unsigned = v1::KeyTie {
            identity: identity.to_string(),
            from_key: from.as_bytes().to_vec(),
            to_key: to.as_bytes().to_vec(),
            signature: Vec::new(),
        };
        sign_content(LABEL, &unsigned.encode_to_vec())
    }

    /// Takes one out of its message.
    ///
    /// Errors: [`ExtensionFault::KeyTie`] for a name or key that is none.
    pub fn parse(message: &v1::KeyTie) -> Result<Self, ExtensionFault> {
        let point = |bytes: &[u8]| P256Point::parse(bytes).ok_or(ExtensionFault::KeyTie);
        Ok(Self {
            identity: message.identity.parse().map_err(|_| ExtensionFault::KeyTie)?,
            from: point(&message.from_key)?,
            to: point(&message.to_key)?,
            signature: message.signature.clone(),
        })
    }

    /// As a message.
    pub fn message(&self) -> v1::KeyTie {
        v1::KeyTie {
            identity: self.identity.to_string(),
            from_key: self.from.as_bytes().to_vec(),
            to_key: self.to.as_bytes().to_vec(),
            signature: self.signature.clone(),
        }
    }

    fn holds(&self) -> bool {
        let signed = Self::signing_bytes(&self.identity, &self.from, &self.to);
        self.from.verify(&signed, &self.signature).is_ok()
    }
}

/// The ties of one device, oldest first. A GroupInfo extension: whoever makes a commit shows its own.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct KeyTies(Vec<KeyTie>);

impl KeyTies {
    /// Takes the newest [`KEY_TIES_MAX`] of `ties`, which are oldest first.
    pub fn newest(mut ties: Vec<KeyTie>) -> Self {
        ties.drain(..ties.len().saturating_sub(KEY_TIES_MAX));
        Self(ties)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Each, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &KeyTie> {
        self.0.iter()
    }

    /// The encoded [`v1::KeyTies`].
    pub fn encode(&self) -> Vec<u8> {
        v1::KeyTies { ties: self.0.iter().map(KeyTie::message).collect() }.encode_to_vec()
    }

    /// Parses an encoded [`v1::KeyTies`].
    ///
    /// Errors: [`ExtensionFault`].
    pub fn parse(bytes: &[u8]) -> Result<Self, ExtensionFault> {
        let message: v1::KeyTies = canonical::decode(bytes)?;
        if message.ties.len() > KEY_TIES_MAX {
            return Err(ExtensionFault::TooManyKeyTies { ties: message.ties.len() });
        }
        Ok(Self(message.ties.iter().map(KeyTie::parse).collect::<Result<_, _>>()?))
    }

    /// Whether `to` is the key `from` of that device, or tied to it: each key on the way signed for the next one.
    ///
    /// That `to` is certified for the device says its agency alone; that it is the device of then, only this.
    pub fn lead(&self, identity: &Identity, from: &P256Point, to: &P256Point) -> bool {
        let mut reached = vec![*from];
        for tie in &self.0 {
            // Signatures are checked only on the way: a list of strangers' ties costs nothing.
            if tie.identity == *identity && reached.contains(&tie.from) && tie.holds() {
                reached.push(tie.to);
            }
        }
        reached.contains(to)
    }
}

extension!(KeyTies, KEY_TIES, ExtensionFault);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::suite;
    use mls_rs::{CipherSuiteProvider, extension::MlsExtension};
    use mls_rs_core::crypto::SignatureSecretKey;

    struct Key {
        secret: SignatureSecretKey,
        public: P256Point,
    }

    fn key() -> Key {
        let (secret, public) = suite().signature_key_generate().unwrap();
        Key { secret, public: P256Point::parse(public.as_bytes()).unwrap() }
    }

    fn device(number: u16) -> Identity {
        format!("spiffe://harborlight.northmark.example/staff/abcdefghijklmn27/device/{number}")
            .parse()
            .unwrap()
    }

    fn tie(identity: &Identity, from: &Key, to: &Key) -> KeyTie {
        let signed = KeyTie::signing_bytes(identity, &from.public, &to.public);
        let signature = suite().sign(&from.secret, &signed).unwrap();
        KeyTie { identity: identity.clone(), from: from.public, to: to.public, signature }
    }

    #[test]
    fn a_key_leads_to_itself_and_over_every_tie_to_the_newest() {
        let (own, keys) = (device(1), [key(), key(), key()]);
        let ties = KeyTies::newest(vec![tie(&own, &keys[0], &keys[1]), tie(&own, &keys[1], &keys[2])]);
        let shown = KeyTies::from_bytes(&ties.to_bytes().unwrap()).unwrap();
        assert_eq!(shown, ties);
        let leads = |from: usize, to: usize| shown.lead(&own, &keys[from].public, &keys[to].public);
        assert!(leads(0, 0) && leads(0, 1) && leads(0, 2) && leads(1, 2));
        assert!(!leads(2, 1) && !leads(1, 0), "an earlier key is not vouched for by a later one");
    }

    #[test]
    fn a_tie_that_is_forged_misses_or_belongs_to_another_leads_nowhere() {
        let (own, old, new, thief) = (device(1), key(), key(), key());
        let leads = |ties: Vec<KeyTie>| KeyTies::newest(ties).lead(&own, &old.public, &new.public);
        let good = tie(&own, &old, &new);
        assert!(leads(vec![good.clone()]), "the control");

        assert!(!leads(vec![]), "no tie at all");
        let signed_by_the_next = KeyTie { from: old.public, ..tie(&own, &new, &new) };
        assert!(!leads(vec![signed_by_the_next]));
        let by_a_thief = KeyTie { from: old.public, ..tie(&own, &thief, &new) };
        assert!(!leads(vec![by_a_thief]));
        assert!(!leads(vec![tie(&device(2), &old, &new)]), "another device's");
        let renamed = KeyTie { identity: own.clone(), ..tie(&device(2), &old, &new) };
        assert!(!leads(vec![renamed]));
        let turned = KeyTie { to: new.public, ..tie(&own, &old, &thief) };
        assert!(!leads(vec![turned]));
        assert!(!leads(vec![tie(&own, &thief, &new)]), "from a key that is not the one of then");
        let mut bent = good.clone();
        *bent.signature.last_mut().unwrap() ^= 1;
        assert!(!leads(vec![bent]));
        let under_another_label = KeyTie {
            signature: suite()
                .sign(
                    &old.secret,
                    &sign_content(
                        "alcove record v1",
                        &KeyTie { signature: Vec::new(), ..good.clone() }.message().encode_to_vec(),
                    ),
                )
                .unwrap(),
            ..good
        };
        assert!(!leads(vec![under_another_label]));
    }

    #[test]
    fn what_is_shown_is_canonical_and_bounded() {
        let (own, old, new) = (device(1), key(), key());
        let one = tie(&own, &old, &new);
        let many = v1::KeyTies { ties: vec![one.message(); KEY_TIES_MAX + 1] }.encode_to_vec();
        assert_eq!(
            KeyTies::from_bytes(&many),
            Err(ExtensionFault::TooManyKeyTies { ties: KEY_TIES_MAX + 1 })
        );
        assert_eq!(KeyTies::newest(vec![one.clone(); KEY_TIES_MAX + 1]).iter().count(), KEY_TIES_MAX);
        let nobody = v1::KeyTie { identity: "nobody".into(), ..one.message() };
        let no_key = v1::KeyTie { to_key: vec![4; 64], ..one.message() };
        for wrong in [nobody, no_key] {
            let bytes = v1::KeyTies { ties: vec![wrong] }.encode_to_vec();
            assert_eq!(KeyTies::from_bytes(&bytes), Err(ExtensionFault::KeyTie));
        }
        let mut twice = KeyTies::newest(vec![one]).to_bytes().unwrap();
        twice.extend([0x12, 0]);
        assert!(matches!(KeyTies::from_bytes(&twice), Err(ExtensionFault::Encoding(_))));
    }
}
