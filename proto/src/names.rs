//! Who somebody is: trust domains, people and devices, as their certificates say it.
//!
//! `spiffe://<agency>.<collaborative>/staff/<handle>/device/<n>` names a device,
//! the same without `/device/<n>` a person, the host part alone an agency.
//! Names and roles of staff are not in here; they are on sealed cards (PROTOCOL.md, "Names").

use crate::limits::{DEVICE_NUMBER_MAX, HANDLE_BYTES, TRUST_DOMAIN_BYTES_MAX};
use std::{fmt, str::FromStr};

/// Why a name was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Not `spiffe://…`.
    #[error("the name does not begin with spiffe://")]
    Scheme,
    /// The host part is no lower-case DNS name with at least two labels.
    #[error("the trust domain is not a lower-case DNS name of at least two labels")]
    TrustDomain,
    /// The path is not `/staff/<handle>` or `/staff/<handle>/device/<n>`.
    #[error("the path is not /staff/<handle>/device/<n>")]
    Path,
    /// The handle is not lower-case base32 of the fixed length.
    #[error("the handle is not {HANDLE_BYTES} characters of a-z and 2-7")]
    Handle,
    /// The device number is not plain decimal within its limit.
    #[error("the device number is not between 1 and {DEVICE_NUMBER_MAX}")]
    Device,
}

/// An agency's trust domain: it picks the verifier, so no agency can speak for another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TrustDomain(String);

impl TrustDomain {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the domain is one label below `collaborative`.
    pub fn belongs_to(&self, collaborative: &str) -> bool {
        self.0.split_once('.').is_some_and(|(_agency, rest)| rest == collaborative)
    }

    /// The first label: the agency's short name.
    pub fn agency_label(&self) -> &str {
        self.0.split('.').next().unwrap_or(&self.0)
    }
}

impl FromStr for TrustDomain {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let label_ok = |label: &str| {
            !label.is_empty()
                && label.len() <= 63
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label
                    .bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
        };
        let labels_ok = text.contains('.') && text.split('.').all(label_ok);
        if labels_ok && text.len() <= TRUST_DOMAIN_BYTES_MAX {
            Ok(Self(text.to_owned()))
        } else {
            Err(NameError::TrustDomain)
        }
    }
}

impl fmt::Display for TrustDomain {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// A person's random handle within an agency: [`HANDLE_BYTES`] characters of lower-case base32.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Handle(String);

impl Handle {
    /// The handle as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Spells 80 random bits as a handle.
    pub fn from_random(random: [u8; 10]) -> Self {
        const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
        let mut bits: u128 = 0;
        for byte in random {
            bits = (bits << 8) | u128::from(byte);
        }
        let text = (0..HANDLE_BYTES)
            .rev()
            .map(|index| char::from(ALPHABET[((bits >> (5 * index)) & 31) as usize]))
            .collect();
        Self(text)
    }
}

impl FromStr for Handle {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let ok = text.len() == HANDLE_BYTES
            && text.bytes().all(|byte| byte.is_ascii_lowercase() || (b'2'..=b'7').contains(&byte));
        if ok { Ok(Self(text.to_owned())) } else { Err(NameError::Handle) }
    }
}

/// A person: one member of an agency's staff, with one device or several.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Person {
    /// The agency that vouches for them.
    pub trust_domain: TrustDomain,
    /// Who they are within it.
    pub handle: Handle,
}

impl Person {
    /// This person's device number `device`.
    pub fn device(&self, device: u16) -> Identity {
        Identity { person: self.clone(), device }
    }
}

impl fmt::Display for Person {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "spiffe://{}/staff/{}", self.trust_domain, self.handle.0)
    }
}

impl FromStr for Person {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let rest = text.strip_prefix("spiffe://").ok_or(NameError::Scheme)?;
        let (host, path) = rest.split_once('/').ok_or(NameError::Path)?;
        let handle = path.strip_prefix("staff/").ok_or(NameError::Path)?;
        Ok(Self { trust_domain: host.parse()?, handle: handle.parse()? })
    }
}

/// A device of a person: what a certificate's one URI SAN names and what the server knows a caller by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Identity {
    /// Whose device it is.
    pub person: Person,
    /// Which of theirs, from 1.
    pub device: u16,
}

impl fmt::Display for Identity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/device/{}", self.person, self.device)
    }
}

impl FromStr for Identity {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let (person, device) = text.split_once("/device/").ok_or(NameError::Path)?;
        let person = person.parse()?;
        // One spelling only: "01" and "+1" name no device.
        let plain = !device.starts_with('0') && device.bytes().all(|byte| byte.is_ascii_digit());
        let device = device.parse().ok().filter(|_| plain).ok_or(NameError::Device)?;
        if device > DEVICE_NUMBER_MAX {
            return Err(NameError::Device);
        }
        Ok(Self { person, device })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAME: &str = "spiffe://harborlight.northmark.example/staff/abcdefghijklmn27/device/1";

    #[test]
    fn a_name_comes_back_as_it_was_written() {
        let identity: Identity = NAME.parse().unwrap();
        assert_eq!(identity.to_string(), NAME);
        assert_eq!(identity.person.trust_domain.agency_label(), "harborlight");
        assert!(identity.person.trust_domain.belongs_to("northmark.example"));
        assert!(!identity.person.trust_domain.belongs_to("example"));
    }

    #[test]
    fn every_other_spelling_is_refused() {
        let cases = [
            ("https://harborlight.northmark.example/staff/abcdefghijklmn27/device/1", NameError::Scheme),
            (
                "spiffe://Harborlight.northmark.example/staff/abcdefghijklmn27/device/1",
                NameError::TrustDomain,
            ),
            ("spiffe://harborlight/staff/abcdefghijklmn27/device/1", NameError::TrustDomain),
            ("spiffe://-a.example/staff/abcdefghijklmn27/device/1", NameError::TrustDomain),
            ("spiffe://a..example/staff/abcdefghijklmn27/device/1", NameError::TrustDomain),
            ("spiffe://a.example:80/staff/abcdefghijklmn27/device/1", NameError::TrustDomain),
            ("spiffe://a.example/people/abcdefghijklmn27/device/1", NameError::Path),
            ("spiffe://a.example/staff/abcdefghijklmn27", NameError::Path),
            ("spiffe://a.example/staff/short/device/1", NameError::Handle),
            ("spiffe://a.example/staff/ABCDEFGHIJKLMN27/device/1", NameError::Handle),
            ("spiffe://a.example/staff/abcdefghijklmn27/device/0", NameError::Device),
            ("spiffe://a.example/staff/abcdefghijklmn27/device/01", NameError::Device),
            ("spiffe://a.example/staff/abcdefghijklmn27/device/+1", NameError::Device),
            ("spiffe://a.example/staff/abcdefghijklmn27/device/", NameError::Device),
            ("spiffe://a.example/staff/abcdefghijklmn27/device/1/device/1", NameError::Device),
            ("spiffe://a.example/staff/abcdefghijklmn27/device/10000", NameError::Device),
        ];
        for (text, error) in cases {
            assert_eq!(text.parse::<Identity>(), Err(error), "{text}");
        }
    }

    #[test]
    fn random_bits_spell_a_handle_that_parses() {
        for seed in 0..=255 {
            let handle = Handle::from_random([seed; 10]);
            assert_eq!(handle.as_str().parse(), Ok(handle.clone()));
        }
        assert_ne!(Handle::from_random([1; 10]), Handle::from_random([2; 10]));
    }
}
