//! An invitation: what an admin gives to a person so that their device can enrol. PROTOCOL.md, "Enrolment".
//!
//! It is one line of text, and is found in the mail around it. Whoever has it can hand in one request in the person's name, within 72 hours; the admin
//! compares words with the person before anything is signed.

pub(crate) mod mail;

use crate::key::{P256Point, sha256};
use alcove_proto::{
    canonical,
    ids::Digest,
    limits::{INVITATION_CHARS_MAX, INVITATION_MAIL_BYTES_MAX},
    names::{Identity, NameError},
    v1,
};
use mail::{Joined, TooMany};
use prost::Message;
use ring::{hkdf, hmac};
use rustls_pki_types::DnsName;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// What the text begins with.
const PREFIX: &str = "alcove-invitation-1-";
/// The format this crate reads.
const FORMAT: u32 = 1;
/// Bytes of SHA-256 at the end of the text: a piece lost on the way is noticed.
const CHECK_BYTES: usize = 4;

/// Why a text is no invitation.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvitationError {
    /// There is none in it, or it is far too long.
    #[error("the text is no invitation")]
    NotOne,
    /// A part of it is missing or mistyped.
    #[error("a part of the invitation is missing or mistyped")]
    Damaged,
    /// There is more than one in it, and nobody said which.
    #[error("the text holds more than one invitation")]
    Several,
    /// A format this version does not know.
    #[error("format {found} is not known")]
    Format {
        /// What it says.
        found: u32,
    },
    /// It names no device.
    #[error("the invitation names no device")]
    Name(#[from] NameError),
    /// Hash, key, server name or an address is out of form.
    #[error("a field of the invitation is out of form")]
    Field,
}

/// The secret of an invitation: 128 bits. Wiped when dropped.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct InvitationCode([u8; Self::LEN]);

impl InvitationCode {
    /// Length in bytes.
    pub const LEN: usize = 16;

    /// Takes 16 random bytes.
    pub fn new(random: [u8; Self::LEN]) -> Self {
        Self(random)
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8; Self::LEN] {
        &self.0
    }

    /// What the device shows to the server: it proves that the device knows the code, and tells nothing of the key
    /// of [`Self::prove`].
    pub fn claim(&self, identity: &Identity) -> [u8; 32] {
        self.derive(b"claim", identity)
    }

    /// Binds the code to a request: only the agency that made the code can check it, so the server cannot put
    /// another request in its place.
    pub fn prove(&self, identity: &Identity, request: &[u8]) -> [u8; 32] {
        let mut proof = [0; 32];
        proof.copy_from_slice(hmac::sign(&self.proof_key(identity), request).as_ref());
        proof
    }

    /// Whether `proof` is [`Self::prove`]'s for this request. In constant time.
    pub fn is_proof(&self, identity: &Identity, request: &[u8], proof: &[u8]) -> bool {
        hmac::verify(&self.proof_key(identity), request, proof).is_ok()
    }

    fn proof_key(&self, identity: &Identity) -> hmac::Key {
        let mut key = self.derive(b"proof", identity);
        let hmac_key = hmac::Key::new(hmac::HMAC_SHA256, &key);
        key.zeroize();
        hmac_key
    }

    fn derive(&self, what: &[u8], identity: &Identity) -> [u8; 32] {
        let code = hkdf::Salt::new(hkdf::HKDF_SHA256, b"alcove invitation v1").extract(&self.0);
        let mut derived = [0; 32];
        let name = identity.to_string();
        let filled = code
            .expand(&[what, b"\0", name.as_bytes()], hkdf::HKDF_SHA256)
            .and_then(|okm| okm.fill(&mut derived));
        // 32 bytes are far below what HKDF gives.
        debug_assert!(filled.is_ok(), "HKDF gives 32 bytes");
        derived
    }
}

/// What the server knows of a claim before it is made.
pub fn claim_hash(claim: &[u8]) -> Digest {
    Digest(sha256(&[b"alcove claim v1\0", claim]))
}

/// A parsed invitation. Says nothing in a debugger's print, since it is a secret.
#[derive(Clone)]
pub struct Invitation {
    /// The device it is for.
    pub identity: Identity,
    /// Its secret.
    pub code: InvitationCode,
    /// Milliseconds since 1970.
    pub not_after_ms: i64,
    /// The charter in force when it was made: the device believes no history without it.
    pub charter_hash: Digest,
    /// The server CA that the desk's certificate must lead to.
    pub server_ca_key: P256Point,
    /// The DNS name in the server's certificate.
    pub server_name: String,
    /// `host:port` of the server.
    pub server_address: String,
    /// `host:port` of the desk.
    pub desk_address: String,
}

impl Invitation {
    /// Finds it in the text: white space anywhere in it does not count, nor do quotation marks, marks of an answer, or text
    /// before and after it. The check at its end says whether something is an invitation.
    ///
    /// Errors: [`InvitationError`]; [`InvitationError::Several`] when there are two that differ, or too many places to look at.
    pub fn parse(text: &str) -> Result<Self, InvitationError> {
        if text.len() > INVITATION_MAIL_BYTES_MAX {
            return Err(InvitationError::NotOne);
        }
        let joined = Joined::new(text);
        let places =
            joined.places(PREFIX, INVITATION_CHARS_MAX).map_err(|TooMany| InvitationError::Several)?;
        let mut found: Option<(&str, Self)> = None;
        let mut why = InvitationError::NotOne;
        for spelt in places.into_iter().map(|place| joined.at(place)) {
            match (Self::parse_spelt(spelt), &found) {
                (Ok(_), Some((other, _))) if *other != spelt => return Err(InvitationError::Several),
                (Ok(invitation), _) => found = Some((spelt, invitation)),
                // Whatever passes the check says more than what does not.
                (Err(fault), _) if fault != InvitationError::Damaged => why = fault,
                (Err(_), _) if why == InvitationError::NotOne => why = InvitationError::Damaged,
                (Err(_), _) => {}
            }
        }
        found.map(|(_, invitation)| invitation).ok_or(why)
    }

    fn parse_spelt(spelt: &str) -> Result<Self, InvitationError> {
        let spelt = spelt.strip_prefix(PREFIX).ok_or(InvitationError::NotOne)?;
        let mut bytes =
            data_encoding::BASE64URL_NOPAD.decode(spelt.as_bytes()).map_err(|_| InvitationError::Damaged)?;
        let parsed = Self::parse_bytes(&bytes);
        bytes.zeroize();
        parsed
    }

    fn parse_bytes(bytes: &[u8]) -> Result<Self, InvitationError> {
        let (body, check) = bytes.split_last_chunk::<CHECK_BYTES>().ok_or(InvitationError::Damaged)?;
        if sha256(&[body])[..CHECK_BYTES] != check[..] {
            return Err(InvitationError::Damaged);
        }
        let message: v1::Invitation = canonical::decode(body).map_err(|_| InvitationError::Damaged)?;
        if message.format != FORMAT {
            return Err(InvitationError::Format { found: message.format });
        }
        let name_ok = DnsName::try_from(message.server_name.as_str()).is_ok();
        let field = || InvitationError::Field;
        Ok(Self {
            identity: message.identity.parse()?,
            code: InvitationCode(message.code.as_slice().try_into().map_err(|_| field())?),
            not_after_ms: message.not_after_ms,
            charter_hash: Digest::try_from(message.charter_hash.as_slice()).map_err(|_| field())?,
            server_ca_key: P256Point::parse(&message.server_ca_key).ok_or_else(field)?,
            server_name: Some(message.server_name.clone()).filter(|_| name_ok).ok_or_else(field)?,
            server_address: message.server_address.clone(),
            desk_address: message.desk_address.clone(),
        })
    }

    /// The text that is handed over.
    pub fn to_text(&self) -> String {
        let message = v1::Invitation {
            format: FORMAT,
            identity: self.identity.to_string(),
            code: self.code.0.to_vec(),
            not_after_ms: self.not_after_ms,
            charter_hash: self.charter_hash.to_vec(),
            server_ca_key: self.server_ca_key.as_bytes().to_vec(),
            server_name: self.server_name.clone(),
            server_address: self.server_address.clone(),
            desk_address: self.desk_address.clone(),
        };
        let mut bytes = message.encode_to_vec();
        let check = sha256(&[&bytes]);
        bytes.extend_from_slice(&check[..CHECK_BYTES]);
        let text = format!("{PREFIX}{}", data_encoding::BASE64URL_NOPAD.encode(&bytes));
        bytes.zeroize();
        text
    }
}

impl std::fmt::Debug for Invitation {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Invitation").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn invitation() -> Invitation {
        Invitation {
            identity: "spiffe://harborlight.northmark.example/staff/abcdefghijklmn27/device/1"
                .parse()
                .unwrap(),
            code: InvitationCode::new([7; 16]),
            not_after_ms: 1_772_600_000_000,
            charter_hash: Digest([3; 32]),
            server_ca_key: P256Point::parse(&[4; 65]).unwrap(),
            server_name: "alcove.northmark.example".to_owned(),
            server_address: "alcove.northmark.example:4433".to_owned(),
            desk_address: "alcove.northmark.example:4434".to_owned(),
        }
    }

    #[test]
    fn an_invitation_is_read_back_also_from_a_mail_that_broke_its_lines() {
        let text = invitation().to_text();
        let broken: String =
            text.as_bytes().chunks(40).map(|line| String::from_utf8_lossy(line) + "\r\n ").collect();
        let read = Invitation::parse(&broken).unwrap();
        assert_eq!(read.to_text(), text);
        assert_eq!(read.identity, invitation().identity);
        assert_eq!(read.code.as_bytes(), &[7; 16]);
    }

    #[test]
    fn an_invitation_is_found_in_the_mail_around_it() {
        let text = invitation().to_text();
        let lines = |width: usize, before: &str, after: &str| -> String {
            let chunks = text.as_bytes().chunks(width);
            chunks.map(|line| format!("{before}{}{after}", String::from_utf8_lossy(line))).collect()
        };
        let (start, end) = text.split_at(11);
        for mail in [
            format!("\u{feff}{text}\r\n"),
            format!("\"{text}\""),
            format!("\u{201c}{text}\u{201d}."),
            format!("'{text}',"),
            format!("<{text}>"),
            format!("Hello Rosa,\n\nhere it is:\n{text}\nBest wishes\nNora\n-- \nHarborlight\n"),
            format!("Here it is:{text}"),
            format!("{text} Thanks"),
            format!("On Monday Nora wrote:\n{}\nThank you!", lines(60, "> ", "\n")),
            format!("{}>\n> Rosa", lines(37, ">> ", "\r\n")),
            format!("{}tail", lines(50, " > > | ", "\u{a0}\n")),
            lines(70, "", "=\r\n"),
            lines(76, "\t", " \r\n"),
            lines(60, "&gt; &gt; ", "<br>\n"),
            lines(60, "<div>", "</div>\r\n"),
            lines(45, " * ", "\n"),
            format!("_{text}_"),
            format!("**{text}**"),
            format!("`{text}`\u{2014} Nora"),
            format!("{text}\u{2014}Nora"),
            format!("{text}-- \nNora"),
            lines(1, "", " "),
            lines(5, "", "\u{200b}"),
            lines(20, "", "\u{ad}\u{2028}"),
            lines(20, "", "\u{fffd}"),
            format!("{start}\r\n> {end}"),
            text.replace('-', "\u{2011}"),
            text.replace('-', "\u{2013}"),
            text.replace("--", "\u{2014}"),
            format!("{text}\n\n> {text}\n"),
            format!("{}\n\n{text}", &text[..text.len() - 9]),
            format!("alcove-invitation-1-\n{text}"),
            format!("{}{text}", "word ".repeat(20_000)),
        ] {
            let read = Invitation::parse(&mail).unwrap_or_else(|error| panic!("{error}: {mail}"));
            assert_eq!(read.to_text(), text);
        }
        for read in [mail::mail_text(text.as_bytes()), mail::mail_text(&utf16(&text, u16::to_le_bytes))] {
            assert_eq!(*read, text);
        }
        assert_eq!(
            Invitation::parse(&mail::mail_text(&utf16(&text, u16::to_be_bytes))).unwrap().to_text(),
            text
        );
    }

    fn utf16(text: &str, bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
        "\u{feff}".encode_utf16().chain(text.encode_utf16()).flat_map(bytes).collect()
    }

    #[test]
    fn nobody_chooses_between_two_invitations() {
        let text = invitation().to_text();
        let other = Invitation { code: InvitationCode::new([8; 16]), ..invitation() }.to_text();
        let refused = |mail: &str| Invitation::parse(mail).unwrap_err();
        for mail in [format!("{text}\n{other}"), format!("> {other}\n\n{text}"), format!("{text}{other}")] {
            assert_eq!(refused(&mail), InvitationError::Several, "{mail}");
        }
        assert_eq!(refused(&format!("{PREFIX} ").repeat(17)), InvitationError::Several, "a flood of them");
        assert_eq!(refused(&format!("Hello, {}", &text[..90])), InvitationError::Damaged);
        assert_eq!(refused("Hello Rosa, your invitation comes tomorrow."), InvitationError::NotOne);
        let long = format!("{text}{}", " ".repeat(INVITATION_MAIL_BYTES_MAX));
        assert_eq!(refused(&long), InvitationError::NotOne, "nobody looks through that much");
        // Letters of another line never make another invitation of it.
        let changed = format!("{}\n{}", &text[..60], &text[61..]);
        assert_eq!(refused(&changed), InvitationError::Damaged);
    }

    #[test]
    fn a_letter_that_is_lost_or_changed_anywhere_is_noticed() {
        let text = invitation().to_text();
        for index in 0..text.len() {
            let mut shorter = text.clone();
            shorter.remove(index);
            assert!(Invitation::parse(&shorter).is_err(), "without letter {index}");
            let other = if &text[index..=index] == "A" { "B" } else { "A" };
            let mut changed = text.clone();
            changed.replace_range(index..=index, other);
            assert!(Invitation::parse(&changed).is_err(), "another letter {index}");
        }
        assert_eq!(Invitation::parse("").unwrap_err(), InvitationError::NotOne);
        assert_eq!(Invitation::parse(&"a".repeat(5000)).unwrap_err(), InvitationError::NotOne);
    }

    #[test]
    fn claim_and_proof_depend_on_code_device_and_request() {
        let (code, other) = (InvitationCode::new([7; 16]), InvitationCode::new([8; 16]));
        let identity = invitation().identity;
        let second = identity.person.device(2);
        assert_ne!(code.claim(&identity), other.claim(&identity));
        assert_ne!(code.claim(&identity), code.claim(&second));
        assert_ne!(code.claim(&identity)[..], claim_hash(&code.claim(&identity)).as_bytes()[..]);
        let proof = code.prove(&identity, b"request");
        assert!(code.is_proof(&identity, b"request", &proof));
        assert!(!code.is_proof(&identity, b"another", &proof));
        assert!(!code.is_proof(&second, b"request", &proof));
        assert!(!other.is_proof(&identity, b"request", &proof));
        assert!(!code.is_proof(&identity, b"request", &proof[..31]));
    }

    #[test]
    fn an_invitation_prints_nothing_of_its_code() {
        let mut message = v1::Invitation::default();
        message.code = vec![7; 16];
        let printed = format!("{:?} {message:?}", invitation());
        assert!(!printed.contains("7, 7"), "{printed}");
    }
}
