//! The keystore: every private key of a CA folder in one file, sealed under a passphrase.
//!
//! `magic || memory KiB || passes || salt || check || nonce || ciphertext || SHA-256 of all before`.
//! The passphrase goes through argon2id, the result through HKDF into the AES-256-GCM key and into
//! the check; everything before the ciphertext is its AAD. The check tells a wrong passphrase, the
//! digest tells damage: two troubles with two remedies.

use crate::{
    ca::{
        agency::AgencyProfile,
        files::{read_limited, write_private},
        hpke::SealingKey,
        keys::{self, SigningKey},
    },
    error::IssuerError,
};
use alcove_charter::{P256Point, sha256};
use alcove_programs::passphrase::Passphrase;
use alcove_proto::names::TrustDomain;
use argon2::{Algorithm, Argon2, Params, Version};
use prost::Message;
use ring::{aead, hkdf};
use std::path::Path;
use zeroize::{Zeroize, Zeroizing};

const MAGIC: &[u8; 18] = b"alcove keystore 1\n";
pub(crate) const SALT: usize = 16;
pub(crate) const CHECK: usize = 16;
pub(crate) const NONCE: usize = 12;
const DIGEST: usize = 32;
const CHECK_LABEL: &[u8] = b"alcove keystore check v1";
const KEY_LABEL: &[u8] = b"alcove keystore key v1";
/// Bytes before the ciphertext.
const HEADER: usize = MAGIC.len() + 4 + 4 + SALT + CHECK + NONCE;
/// Most bytes of the file.
const FILE_BYTES_MAX: usize = 64 * 1024;

/// argon2id memory of a new keystore.
pub(crate) const MEMORY_KIB: u32 = 32 * 1024;
/// argon2id passes of a new keystore.
pub(crate) const PASSES: u32 = 3;
/// What a file may ask for: more would be an attack on the machine that opens it.
pub(crate) const MEMORY_KIB_MAX: u32 = 1024 * 1024;
pub(crate) const PASSES_MAX: u32 = 32;

/// What a keystore holds.
pub(crate) enum Secrets {
    /// An agency's folder.
    Agency(Box<AgencySecrets>),
    /// The server operator's folder.
    Server(Box<ServerSecrets>),
    /// A duty officer's folder.
    Duty(Box<DutySecrets>),
}

/// The other CA key of a folder while its CA rolls over.
#[derive(Default)]
pub(crate) enum OtherKey {
    /// No roll-over is under way.
    #[default]
    Absent,
    /// Begun: the key that signs next.
    Next(SigningKey),
    /// Switched: the key that signed before. Kept for nothing, and wiped at the end.
    Old(SigningKey),
}

/// Where the roll-over of a CA stands.
#[derive(Default)]
pub(crate) struct Roll {
    pub(crate) other: OtherKey,
    /// The public key of the CA that the last roll-over ended; the charter in force may list it for a while.
    pub(crate) retired: Option<P256Point>,
}

/// A duty officer's key, and for which agency.
pub(crate) struct DutySecrets {
    pub(crate) agency: TrustDomain,
    pub(crate) key: SigningKey,
}

impl AgencySecrets {
    /// New keys.
    pub(crate) fn generate(profile: AgencyProfile) -> Result<Self, IssuerError> {
        Ok(Self {
            profile,
            ca_key: SigningKey::generate()?,
            roll: Roll::default(),
            charter_key: SigningKey::generate()?,
            sealing_key: SealingKey::generate()?,
        })
    }
}

/// The operator's key, and for which collaborative.
pub(crate) struct ServerSecrets {
    pub(crate) collaborative: String,
    /// The key that signs.
    pub(crate) ca_key: SigningKey,
    pub(crate) roll: Roll,
}

/// An agency's keys, and whose they are.
pub(crate) struct AgencySecrets {
    pub(crate) profile: AgencyProfile,
    /// The key that signs certificates and CRLs.
    pub(crate) ca_key: SigningKey,
    pub(crate) roll: Roll,
    pub(crate) charter_key: SigningKey,
    pub(crate) sealing_key: SealingKey,
}

/// The sealed content. Wiped when dropped.
#[derive(Clone, PartialEq, Message)]
struct Content {
    /// 1 for an agency, 2 for a server.
    #[prost(uint32, tag = "1")]
    kind: u32,
    #[prost(string, tag = "2")]
    domain: String,
    #[prost(string, tag = "3")]
    display_name: String,
    #[prost(int32, tag = "4")]
    side: i32,
    #[prost(bytes = "vec", tag = "5")]
    ca_key: Vec<u8>,
    #[prost(bytes = "vec", tag = "6")]
    charter_key: Vec<u8>,
    #[prost(bytes = "vec", tag = "7")]
    sealing_scalar: Vec<u8>,
    #[prost(bytes = "vec", tag = "8")]
    sealing_point: Vec<u8>,
    /// What follows came with roll-over: a keystore from before has none of it.
    #[prost(bytes = "vec", tag = "9")]
    next_ca_key: Vec<u8>,
    #[prost(bytes = "vec", tag = "10")]
    old_ca_key: Vec<u8>,
    #[prost(bytes = "vec", tag = "11")]
    retired_ca: Vec<u8>,
}

impl Content {
    fn wipe(&mut self) {
        self.ca_key.zeroize();
        self.next_ca_key.zeroize();
        self.old_ca_key.zeroize();
        self.charter_key.zeroize();
        self.sealing_scalar.zeroize();
    }
}

/// Seals `secrets` into `path`.
pub(crate) fn write(path: &Path, secrets: &Secrets, passphrase: &Passphrase) -> Result<(), IssuerError> {
    let content = match secrets {
        Secrets::Agency(agency) => agency_content(agency),
        Secrets::Server(server) => server_content(server),
        Secrets::Duty(duty) => Content {
            kind: 3,
            domain: duty.agency.to_string(),
            ca_key: duty.key.pkcs8().to_vec(),
            ..Content::default()
        },
    };
    seal(path, content, passphrase)
}

/// Seals what an open agency folder holds in place of its keystore; the passphrase must be the one it has.
pub(crate) fn rewrite_agency(
    path: &Path,
    agency: &AgencySecrets,
    passphrase: &Passphrase,
) -> Result<(), IssuerError> {
    read(path, passphrase)?;
    seal(path, agency_content(agency), passphrase)
}

/// The same for the operator's folder.
pub(crate) fn rewrite_server(
    path: &Path,
    server: &ServerSecrets,
    passphrase: &Passphrase,
) -> Result<(), IssuerError> {
    read(path, passphrase)?;
    seal(path, server_content(server), passphrase)
}

fn seal(path: &Path, mut content: Content, passphrase: &Passphrase) -> Result<(), IssuerError> {
    // The whole size at once, so that no smaller copy is left behind by growing.
    let mut plaintext = Zeroizing::new(Vec::with_capacity(content.encoded_len() + aead::MAX_TAG_LEN));
    let encoded = content.encode(&mut *plaintext);
    content.wipe();
    encoded.map_err(|_| IssuerError::Crypto { act: "encode the keystore" })?;

    let salt = keys::random::<SALT>()?;
    let nonce = keys::random::<NONCE>()?;
    let stretched = Stretched::new(passphrase, MEMORY_KIB, PASSES, &salt)?;
    let mut file = Vec::with_capacity(HEADER + plaintext.len() + aead::MAX_TAG_LEN + DIGEST);
    file.extend(MAGIC);
    file.extend(MEMORY_KIB.to_be_bytes());
    file.extend(PASSES.to_be_bytes());
    file.extend(salt);
    file.extend(stretched.check(CHECK_LABEL)?);
    file.extend(nonce);
    stretched
        .key(KEY_LABEL)?
        .seal_in_place_append_tag(
            aead::Nonce::assume_unique_for_key(nonce),
            aead::Aad::from(file.clone()),
            &mut *plaintext,
        )
        .map_err(|_| IssuerError::Crypto { act: "seal the keystore" })?;
    file.extend(plaintext.iter());
    let digest = sha256(&[&file]);
    file.extend(digest);
    write_private(path, &file)
}

/// Opens the keystore at `path`.
pub(crate) fn read(path: &Path, passphrase: &Passphrase) -> Result<Secrets, IssuerError> {
    let damaged = || IssuerError::KeystoreDamaged { path: path.to_owned() };
    let file = read_limited(path, FILE_BYTES_MAX)?;
    let (body, digest) = file.split_last_chunk::<DIGEST>().ok_or_else(damaged)?;
    if sha256(&[body]) != *digest || body.len() < HEADER + aead::MAX_TAG_LEN {
        return Err(damaged());
    }
    let (header, ciphertext) = body.split_at(HEADER);
    let mut fields = Fields(header);
    if fields.take::<18>() != Some(*MAGIC) {
        return Err(damaged());
    }
    let memory_kib = fields.take().map(u32::from_be_bytes).ok_or_else(damaged)?;
    let passes = fields.take().map(u32::from_be_bytes).ok_or_else(damaged)?;
    let salt = fields.take::<SALT>().ok_or_else(damaged)?;
    let check = fields.take::<CHECK>().ok_or_else(damaged)?;
    let nonce = fields.take::<NONCE>().ok_or_else(damaged)?;
    if memory_kib > MEMORY_KIB_MAX || passes > PASSES_MAX {
        return Err(damaged());
    }
    let stretched = Stretched::new(passphrase, memory_kib, passes, &salt)?;
    if stretched.check(CHECK_LABEL)? != check {
        return Err(IssuerError::WrongPassphrase);
    }
    let mut plaintext = Zeroizing::new(ciphertext.to_vec());
    let opened = stretched.key(KEY_LABEL)?.open_in_place(
        aead::Nonce::assume_unique_for_key(nonce),
        aead::Aad::from(header),
        &mut plaintext,
    );
    let mut content = Content::decode(&*opened.map_err(|_| damaged())?).map_err(|_| damaged())?;
    let secrets = secrets_of(&content);
    content.wipe();
    secrets.ok_or_else(damaged)
}

fn agency_content(agency: &AgencySecrets) -> Content {
    Content {
        kind: 1,
        domain: agency.profile.trust_domain.to_string(),
        display_name: agency.profile.display_name.clone(),
        side: agency.profile.side.into(),
        ca_key: agency.ca_key.pkcs8().to_vec(),
        charter_key: agency.charter_key.pkcs8().to_vec(),
        sealing_scalar: agency.sealing_key.scalar().to_vec(),
        sealing_point: agency.sealing_key.public().as_bytes().to_vec(),
        ..content_of_roll(&agency.roll)
    }
}

fn server_content(server: &ServerSecrets) -> Content {
    Content {
        kind: 2,
        domain: server.collaborative.clone(),
        ca_key: server.ca_key.pkcs8().to_vec(),
        ..content_of_roll(&server.roll)
    }
}

fn content_of_roll(roll: &Roll) -> Content {
    let retired_ca = roll.retired.map(|point| point.as_bytes().to_vec()).unwrap_or_default();
    match &roll.other {
        OtherKey::Absent => Content { retired_ca, ..Content::default() },
        OtherKey::Next(key) => {
            Content { retired_ca, next_ca_key: key.pkcs8().to_vec(), ..Content::default() }
        }
        OtherKey::Old(key) => Content { retired_ca, old_ca_key: key.pkcs8().to_vec(), ..Content::default() },
    }
}

fn secrets_of(content: &Content) -> Option<Secrets> {
    let ca_key = SigningKey::from_pkcs8(&content.ca_key)?;
    match content.kind {
        1 => Some(Secrets::Agency(Box::new(AgencySecrets {
            profile: AgencyProfile {
                trust_domain: content.domain.parse().ok()?,
                display_name: content.display_name.clone(),
                side: content.side.try_into().ok()?,
            },
            ca_key,
            roll: roll_of(content)?,
            charter_key: SigningKey::from_pkcs8(&content.charter_key)?,
            sealing_key: SealingKey::from_parts(&content.sealing_scalar, &content.sealing_point)?,
        }))),
        2 => Some(Secrets::Server(Box::new(ServerSecrets {
            collaborative: content.domain.clone(),
            ca_key,
            roll: roll_of(content)?,
        }))),
        3 => Some(Secrets::Duty(Box::new(DutySecrets { agency: content.domain.parse().ok()?, key: ca_key }))),
        _ => None,
    }
}

fn roll_of(content: &Content) -> Option<Roll> {
    let other = match (content.next_ca_key.as_slice(), content.old_ca_key.as_slice()) {
        ([], []) => OtherKey::Absent,
        (next, []) => OtherKey::Next(SigningKey::from_pkcs8(next)?),
        ([], old) => OtherKey::Old(SigningKey::from_pkcs8(old)?),
        (_, _) => return None,
    };
    let retired = match content.retired_ca.as_slice() {
        [] => None,
        point => Some(P256Point::parse(point)?),
    };
    Some(Roll { other, retired })
}

/// The passphrase after argon2id. A label says what its key seals, here or in a share.
pub(crate) struct Stretched(hkdf::Prk);

impl Stretched {
    pub(crate) fn new(
        passphrase: &Passphrase,
        memory_kib: u32,
        passes: u32,
        salt: &[u8; SALT],
    ) -> Result<Self, IssuerError> {
        let failed = |_| IssuerError::Crypto { act: "stretch the passphrase" };
        let params = Params::new(memory_kib, passes, 1, Some(32)).map_err(failed)?;
        let mut stretched = Zeroizing::new([0; 32]);
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password_into(passphrase.as_bytes(), salt, &mut *stretched)
            .map_err(failed)?;
        Ok(Self(hkdf::Salt::new(hkdf::HKDF_SHA256, salt).extract(&*stretched)))
    }

    pub(crate) fn check(&self, label: &[u8]) -> Result<[u8; CHECK], IssuerError> {
        let mut check = [0; CHECK];
        self.0
            .expand(&[label], CheckLength)
            .and_then(|okm| okm.fill(&mut check))
            .map_err(|_| IssuerError::Crypto { act: "stretch the passphrase" })?;
        Ok(check)
    }

    pub(crate) fn key(&self, label: &[u8]) -> Result<aead::LessSafeKey, IssuerError> {
        self.0
            .expand(&[label], &aead::AES_256_GCM)
            .map(|okm| aead::LessSafeKey::new(aead::UnboundKey::from(okm)))
            .map_err(|_| IssuerError::Crypto { act: "stretch the passphrase" })
    }
}

struct CheckLength;

impl hkdf::KeyType for CheckLength {
    fn len(&self) -> usize {
        CHECK
    }
}

/// Takes fixed-size fields off the front.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (field, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*field)
    }
}
