//! One officer's share as a file: what anybody may read, and the value under the officer's passphrase.

use crate::{
    ca::{
        keys,
        keystore::{CHECK, NONCE, SALT, Stretched},
    },
    error::IssuerError,
    recovery::{
        error::ShareFault,
        splitting::{self, COMMITMENT_BYTES, NEEDED_MIN, ScalarBytes},
    },
};
use alcove_charter::{P256Point, sha256};
use alcove_programs::passphrase::Passphrase;
use alcove_proto::{canonical, limits::RECOVERY_OFFICERS_MAX, names::TrustDomain, v1};
use alcove_sealing::{hpke::SCALAR_BYTES, passphrase::Cost};
use prost::Message;
use ring::aead;
use zeroize::Zeroizing;

const FORMAT: u32 = 1;
const DIGEST_LABEL: &[u8] = b"alcove recovery share v1\0";
const CHECK_LABEL: &[u8] = b"alcove recovery share check v1";
const KEY_LABEL: &[u8] = b"alcove recovery share key v1";

/// What all shares of one splitting have in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Splitting {
    pub(crate) trust_domain: TrustDomain,
    pub(crate) recovery_key: P256Point,
    pub(crate) officers: u32,
    pub(crate) commitments: Vec<[u8; COMMITMENT_BYTES]>,
}

impl Splitting {
    /// How many shares open the key.
    pub(crate) fn needed(&self) -> usize {
        self.commitments.len()
    }
}

/// A share file, undamaged, its value still under the passphrase.
pub(crate) struct ShareFile {
    pub(crate) splitting: Splitting,
    /// From 1.
    pub(crate) number: u32,
    sealed: Sealed,
    /// What the seal is bound to: the encoded share with its first six fields.
    clear: Vec<u8>,
}

/// The sealed part, its lengths checked.
struct Sealed {
    cost: Cost,
    salt: [u8; SALT],
    check: [u8; CHECK],
    nonce: [u8; NONCE],
    ciphertext: Vec<u8>,
}

/// Why a share's value did not come out.
pub(crate) enum Locked {
    Fault(ShareFault),
    Failed(IssuerError),
}

/// The encoded share file of one officer, under one form of their passphrase: of a new one [`Passphrase::as_bytes`].
pub(crate) fn seal(
    splitting: &Splitting,
    number: u32,
    value: &ScalarBytes,
    form: &[u8],
) -> Result<Vec<u8>, IssuerError> {
    let failed = || IssuerError::Crypto { act: "seal a share" };
    let mut share = clear_part(splitting, number);
    let clear = share.encode_to_vec();
    let content = v1::ShareValue { value: value.to_vec() };
    // The whole size at once, so that no smaller copy is left behind by growing.
    let mut sealed = Zeroizing::new(Vec::with_capacity(content.encoded_len() + aead::MAX_TAG_LEN));
    content.encode(&mut *sealed).map_err(|_| failed())?;
    let salt = keys::random::<SALT>()?;
    let nonce = keys::random::<NONCE>()?;
    let stretched = Stretched::new(form, Cost::NEW, &salt)?;
    stretched
        .key(KEY_LABEL)?
        .seal_in_place_append_tag(
            aead::Nonce::assume_unique_for_key(nonce),
            aead::Aad::from(clear),
            &mut *sealed,
        )
        .map_err(|_| failed())?;
    share.sealed = Some(v1::SealedShare {
        memory_kib: Cost::NEW.memory_kib,
        passes: Cost::NEW.passes,
        salt: salt.to_vec(),
        check: stretched.check(CHECK_LABEL)?.to_vec(),
        nonce: nonce.to_vec(),
        ciphertext: sealed.to_vec(),
    });
    share.digest = sha256(&[DIGEST_LABEL, &share.encode_to_vec()]).to_vec();
    Ok(share.encode_to_vec())
}

impl ShareFile {
    /// Reads a share file, without opening it.
    ///
    /// Errors: [`ShareFault::Damaged`], [`ShareFault::Format`].
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, ShareFault> {
        let mut share: v1::RecoveryShare = canonical::decode(bytes).map_err(|_| ShareFault::Damaged)?;
        let digest = std::mem::take(&mut share.digest);
        if digest != sha256(&[DIGEST_LABEL, &share.encode_to_vec()]) {
            return Err(ShareFault::Damaged);
        }
        if share.format != FORMAT {
            return Err(ShareFault::Format { found: share.format });
        }
        Self::checked(share).ok_or(ShareFault::Damaged)
    }

    fn checked(mut share: v1::RecoveryShare) -> Option<Self> {
        let sealed = parse_sealed(share.sealed.take()?)?;
        let clear = share.encode_to_vec();
        let commitments = share.commitments.iter().map(|bytes| bytes.as_slice().try_into().ok());
        let splitting = Splitting {
            trust_domain: share.trust_domain.parse().ok()?,
            recovery_key: P256Point::parse(&share.recovery_key)?,
            officers: share.officers,
            commitments: commitments.collect::<Option<_>>()?,
        };
        let needed = splitting.commitments.len() as u32;
        let numbers_ok = (NEEDED_MIN..=share.officers).contains(&needed)
            && share.officers <= RECOVERY_OFFICERS_MAX
            && (1..=share.officers).contains(&share.number);
        let committed = splitting::commit_to(&splitting.commitments, &splitting.recovery_key);
        (numbers_ok && committed).then_some(Self { splitting, number: share.number, sealed, clear })
    }

    /// Opens the share and checks its value against the commitments.
    pub(crate) fn open(&self, passphrase: &Passphrase) -> Result<ScalarBytes, Locked> {
        let damaged = || Locked::Fault(ShareFault::Damaged);
        let sealed = &self.sealed;
        let stretched =
            Stretched::fitting(passphrase, sealed.cost, &sealed.salt, CHECK_LABEL, &sealed.check)?
                .ok_or(Locked::Fault(ShareFault::WrongPassphrase))?;
        let mut content = Zeroizing::new(sealed.ciphertext.clone());
        let opened = stretched.key(KEY_LABEL)?.open_in_place(
            aead::Nonce::assume_unique_for_key(sealed.nonce),
            aead::Aad::from(&self.clear),
            &mut content,
        );
        let content: v1::ShareValue =
            canonical::decode(opened.map_err(|_| damaged())?).map_err(|_| damaged())?;
        let value: &[u8; SCALAR_BYTES] = content.value.as_slice().try_into().map_err(|_| damaged())?;
        let value = Zeroizing::new(*value);
        if splitting::fits(&self.splitting.commitments, self.number, &value) {
            Ok(value)
        } else {
            Err(Locked::Fault(ShareFault::DoesNotFit))
        }
    }
}

impl From<IssuerError> for Locked {
    fn from(error: IssuerError) -> Self {
        Self::Failed(error)
    }
}

fn clear_part(splitting: &Splitting, number: u32) -> v1::RecoveryShare {
    v1::RecoveryShare {
        format: FORMAT,
        trust_domain: splitting.trust_domain.to_string(),
        recovery_key: splitting.recovery_key.as_bytes().to_vec(),
        number,
        officers: splitting.officers,
        commitments: splitting.commitments.iter().map(|point| point.to_vec()).collect(),
        sealed: None,
        digest: Vec::new(),
    }
}

fn parse_sealed(sealed: v1::SealedShare) -> Option<Sealed> {
    let cost = Cost { memory_kib: sealed.memory_kib, passes: sealed.passes };
    cost.is_bearable().then_some(())?;
    Some(Sealed {
        cost,
        salt: sealed.salt.try_into().ok()?,
        check: sealed.check.try_into().ok()?,
        nonce: sealed.nonce.try_into().ok()?,
        ciphertext: sealed.ciphertext,
    })
}
