//! An agency's CA: opened with its passphrase, it certifies staff, revokes, and signs charters.

use crate::{
    ca::{
        directory_key::DirectoryKey,
        error::FolderError,
        files::read_limited,
        folder::{AGENCY_FILE, CRL},
        home::{Home, OwnsCa, ca_certificate},
        keys::SigningKey,
        life::CaLife,
        secrets::{CaKeys, Owner},
    },
    charters::error::DraftError,
    error::IssuerError,
    kept::Keystore,
    ledger::{
        crl,
        entries::{CrlEntry, Event, IssuedEntry, Kind, Reason, Revocation, serial_text},
        error::ListError,
    },
    recovery::state::State,
};
use alcove_charter::{Agency, Ca, CharterFile, Crl as List, CrlError};
use alcove_programs::passphrase::Passphrase;
use alcove_proto::{
    limits::CRL_BYTES_MAX,
    names::{Identity, Person, TrustDomain},
    v1::{self, Side},
};
use alcove_sealing::hpke::SealingKey;
use prost::Message;
use rustls_pki_types::CertificateDer;
use std::path::Path;

/// The agency file's format.
const AGENCY_FILE_FORMAT: u32 = 1;
/// Most bytes of an agency file.
const AGENCY_FILE_BYTES_MAX: usize = 64 * 1024;

/// What an agency is called; said once, at `ca init`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgencyProfile {
    /// For example `harborlight.northmark.example`.
    pub trust_domain: TrustDomain,
    /// What people read.
    pub display_name: String,
    /// Its role among the agencies.
    pub side: Side,
}

/// Whose an agency's folder is, with its keys that sign no certificate.
pub(crate) struct AgencyOwner {
    pub(crate) profile: AgencyProfile,
    pub(crate) charter_key: SigningKey,
    pub(crate) sealing_key: SealingKey,
}

impl Owner for AgencyOwner {
    const KIND: u32 = 1;

    fn fill(&self, content: &mut Keystore) {
        content.domain = self.profile.trust_domain.to_string();
        content.display_name.clone_from(&self.profile.display_name);
        content.side = self.profile.side.into();
        content.charter_key = self.charter_key.pkcs8().to_vec();
        content.sealing_scalar = self.sealing_key.scalar().to_vec();
        content.sealing_point = self.sealing_key.public().as_bytes().to_vec();
    }

    fn of_content(content: &Keystore) -> Option<Self> {
        Some(Self {
            profile: AgencyProfile {
                trust_domain: content.domain.parse().ok()?,
                display_name: content.display_name.clone(),
                side: content.side.try_into().ok()?,
            },
            charter_key: SigningKey::from_pkcs8(&content.charter_key)?,
            sealing_key: SealingKey::from_parts(&content.sealing_scalar, &content.sealing_point)?,
        })
    }
}

impl OwnsCa for AgencyOwner {
    const CA_NAME: &'static str = "Alcove agency CA";
    const LAST_FILE: &'static str = AGENCY_FILE;
    const KINDS: &'static [Kind] = &[Kind::Tls, Kind::Mls];

    fn name(&self) -> &str {
        self.profile.trust_domain.as_str()
    }
}

/// What a revocation is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Which {
    /// One certificate, by its serial number in hexadecimal.
    Serial(String),
    /// Every certificate of a device.
    Device(Identity),
    /// Every certificate of every device of a person.
    Person(Person),
}

/// A CRL just made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssuedCrl {
    /// Its number.
    pub number: u64,
    /// DER.
    pub der: Vec<u8>,
    /// How many serials it lists.
    pub entries: usize,
    /// Serials that were not on the one before, hexadecimal.
    pub newly_revoked: Vec<String>,
}

/// An agency's CA folder, open and locked.
pub struct AgencyCa {
    pub(crate) home: Home<AgencyOwner>,
    pub(crate) recovery: State,
    /// One for each CA of the entry, in its order.
    claims: Vec<Vec<u8>>,
}

impl AgencyCa {
    /// Makes the folder: keys, CA certificate, agency file, ledger and a first, empty CRL.
    ///
    /// Run again after a crash with the same profile and passphrase, it goes on where it stopped.
    /// Errors: [`IssuerError`]; [`FolderError::Taken`] when the folder is whole already.
    pub fn init(
        path: &Path,
        profile: AgencyProfile,
        passphrase: &Passphrase,
        now_ms: i64,
    ) -> Result<Self, IssuerError> {
        let is_same = |owner: &AgencyOwner| owner.profile == profile;
        let fresh = || {
            let keys = CaKeys::of(SigningKey::generate()?);
            let owner = AgencyOwner {
                profile: profile.clone(),
                charter_key: SigningKey::generate()?,
                sealing_key: SealingKey::generate()?,
            };
            // Judged before anything is written: a name no charter would take is refused now.
            let ca = ca_certificate(&keys.signing, &owner, now_ms)?;
            Agency::parse(&entry(&owner, &ca, &State::default()))?;
            Ok((keys, owner))
        };
        let mut agency = Self::of(Home::init(path, passphrase, now_ms, fresh, is_same)?)?;
        agency.renew_crl(now_ms)?;
        agency.settle_agency_file()?;
        Ok(agency)
    }

    /// Opens a folder that [`Self::init`] made.
    pub fn open(path: &Path, passphrase: &Passphrase) -> Result<Self, IssuerError> {
        let mut agency = Self::of(Home::open(path, passphrase)?)?;
        agency.settle_agency_file()?;
        Ok(agency)
    }

    fn of(home: Home<AgencyOwner>) -> Result<Self, IssuerError> {
        let recovery = State::read(&home.folder, &home.owner.profile.trust_domain, &home.owner.charter_key)?;
        Ok(Self { home, recovery, claims: Vec::new() })
    }

    /// Writes `agency.pub` if it does not say what the keystore says. One from before claims gets them here.
    pub(crate) fn settle_agency_file(&mut self) -> Result<(), IssuerError> {
        let path = self.home.folder.file(AGENCY_FILE);
        let held = if path.exists() { read_limited(&path, AGENCY_FILE_BYTES_MAX).ok() } else { None };
        let entry = held.as_deref().and_then(|held| v1::AgencyFile::decode(held).ok()?.agency);
        self.claims = self.claims_beside(entry.as_ref())?;
        let file = v1::AgencyFile { format: AGENCY_FILE_FORMAT, agency: Some(self.entry()) }.encode_to_vec();
        if held.is_some_and(|held| held == file) {
            Ok(())
        } else {
            self.home.folder.write(AGENCY_FILE, &file)
        }
    }

    /// Gives the agency another name or side in `agency.pub`, for the next charter. Until that is in force the agency goes
    /// on under the one before.
    ///
    /// Errors: [`IssuerError::Charter`] for a name that no charter takes, [`IssuerError::WrongPassphrase`],
    /// [`FolderError::Io`]; nothing has changed then.
    pub fn rename(
        &mut self,
        display_name: Option<String>,
        side: Option<Side>,
        passphrase: &Passphrase,
    ) -> Result<(), IssuerError> {
        let before = self.home.owner.profile.clone();
        let profile = &mut self.home.owner.profile;
        profile.display_name = display_name.unwrap_or_else(|| before.display_name.clone());
        profile.side = side.unwrap_or(before.side);
        let kept = Agency::parse(&self.entry())
            .map_err(IssuerError::from)
            .and_then(|_agency| self.home.keep(passphrase));
        if let Err(error) = kept {
            self.home.owner.profile = before;
            return Err(error);
        }
        self.settle_agency_file()
    }

    /// Who the agency is.
    pub fn profile(&self) -> &AgencyProfile {
        &self.home.owner.profile
    }

    /// The CA certificate, DER.
    pub fn ca_certificate(&self) -> &CertificateDer<'static> {
        &self.home.ca
    }

    /// When the CA that signs may do so.
    ///
    /// Errors: [`FolderError::Mismatch`].
    pub fn life(&self) -> Result<CaLife, IssuerError> {
        self.home.life()
    }

    /// The CA's key: for tests that make certificates no admin would.
    pub fn ca_key(&self) -> &SigningKey {
        &self.home.keys.signing
    }

    /// The charter key.
    pub fn charter_key(&self) -> &SigningKey {
        &self.home.owner.charter_key
    }

    /// The agency's entry as it belongs into a charter: with both CAs while one rolls over, the old one first.
    pub fn entry(&self) -> v1::Agency {
        let cas = self.cas_in_entry().into_iter().map(|ca| ca.to_vec()).collect();
        let ca_claims = self.claims.clone();
        v1::Agency {
            ca_certificates: cas,
            ca_claims,
            ..entry(&self.home.owner, &self.home.ca, &self.recovery)
        }
    }

    /// Every certificate that was handed out, oldest first.
    pub fn issued(&self) -> &[IssuedEntry] {
        self.home.ledger.issued()
    }

    /// The newest CRL, DER.
    ///
    /// Errors: [`FolderError::Io`].
    pub fn newest_crl(&self) -> Result<Vec<u8>, IssuerError> {
        read_limited(&self.home.folder.file(CRL), CRL_BYTES_MAX)
    }

    /// Revokes certificates and makes the CRL that says so, in the folder and in the answer.
    ///
    /// What was revoked before keeps its date; the CRL is made anew in any case.
    /// Errors: [`ListError::NotIssued`] when nothing was ever issued under that name or number.
    pub fn revoke(&mut self, which: &Which, reason: Reason, now_ms: i64) -> Result<IssuedCrl, IssuerError> {
        self.revoke_all(std::slice::from_ref(which), reason, now_ms)
    }

    /// The same for several at once, by one list: a desk takes so many a minute, and no more.
    ///
    /// Errors: as [`Self::revoke`], when there is nothing under any one of them; then nothing is revoked.
    pub fn revoke_all(
        &mut self,
        all: &[Which],
        reason: Reason,
        now_ms: i64,
    ) -> Result<IssuedCrl, IssuerError> {
        let is_of = |entry: &IssuedEntry, which: &Which| match which {
            Which::Serial(serial) => entry.serial.eq_ignore_ascii_case(serial),
            Which::Device(identity) => entry.name == identity.to_string(),
            Which::Person(person) => {
                entry.name.parse::<Identity>().is_ok_and(|identity| identity.person == *person)
            }
        };
        let issued = self.home.ledger.issued();
        if !all.iter().all(|which| issued.iter().any(|entry| is_of(entry, which))) {
            return Err(ListError::NotIssued.into());
        }
        // Before anything is recorded: what is revoked and on no list shuts nobody out.
        self.home.life()?.check_signs(now_ms)?;
        let newly: Vec<String> = issued
            .iter()
            .filter(|entry| all.iter().any(|which| is_of(entry, which)))
            .map(|entry| entry.serial.clone())
            .filter(|serial| !self.home.ledger.is_revoked(serial))
            .collect();
        self.check_nothing_is_dropped()?;
        let events = newly
            .iter()
            .map(|serial| Event::Revoked(Revocation { serial: serial.clone(), reason, at_ms: now_ms }))
            .collect();
        self.home.ledger.append(events)?;
        Ok(IssuedCrl { newly_revoked: newly, ..self.renew_crl(now_ms)? })
    }

    /// Makes a CRL with the next number over everything revoked so far.
    ///
    /// What stood on the last one stands on it: revoked stays revoked. Numbers go on whichever CA signs. The first list of a
    /// CA says of everything that it was first listed by it: it speaks for what this CA has issued as well, and a list of an
    /// earlier one said nothing of that.
    /// Errors: [`IssuerError`]; [`ListError::LedgerBehind`] when the last list says more than the ledger;
    /// [`LifeError`](crate::LifeError) when the CA has ended.
    pub fn renew_crl(&mut self, now_ms: i64) -> Result<IssuedCrl, IssuerError> {
        self.home.life()?.check_signs(now_ms)?;
        let number = self.home.ledger.next_crl_number();
        let last = self.check_nothing_is_dropped()?;
        let ca_key = &self.home.keys.signing;
        let anew = last.is_some_and(|last| last.signer() != ca_key.public());
        let der = crl::sign(&self.home.ca, ca_key, number, self.home.ledger.next_entries(anew), now_ms)?;
        self.home.ledger.append(vec![Event::Crl(CrlEntry { number, at_ms: now_ms, anew })])?;
        self.home.folder.write(CRL, &der)?;
        let entries = self.home.ledger.revoked().count();
        Ok(IssuedCrl { number, der, entries, newly_revoked: Vec::new() })
    }

    /// Refuses to make a list that takes something back, or a number twice, because the ledger was put back from an older
    /// copy: everybody who has the last list would refuse it. Returns the last list, where there is one.
    fn check_nothing_is_dropped(&self) -> Result<Option<List>, IssuerError> {
        let path = self.home.folder.file(CRL);
        if !path.exists() {
            return Ok(None);
        }
        let last = self.read_list(&read_limited(&path, CRL_BYTES_MAX)?);
        let last = last.map_err(|_| FolderError::Mismatch(path.clone()))?;
        let known =
            last.entries().all(|(serial, _)| self.home.ledger.is_revoked(&serial_text(serial.as_bytes())));
        if known && last.number < self.home.ledger.next_crl_number() {
            Ok(Some(last))
        } else {
            Err(ListError::LedgerBehind(path).into())
        }
    }

    /// Reads a list that one of this folder's CAs has signed.
    pub(crate) fn read_list(&self, der: &[u8]) -> Result<List, CrlError> {
        let cas = [Some(&self.home.ca), self.home.other_ca.as_ref()];
        let cas: Vec<Ca> = cas.into_iter().flatten().filter_map(|ca| Ca::parse(ca).ok()).collect();
        List::read_own(der, &self.profile().trust_domain, &cas)
    }

    /// Opens the directory key that a charter file holds for this agency, if it is the one that the charter states.
    ///
    /// Whoever carries or keeps the file can seal another to all agencies: their sealing keys are public.
    /// Errors: [`DraftError::DirectoryKey`], [`DraftError::OtherDirectoryKey`].
    pub fn directory_key(&self, file: &CharterFile) -> Result<DirectoryKey, IssuerError> {
        let sealed =
            file.directory_key(&self.home.owner.profile.trust_domain).ok_or(DraftError::DirectoryKey)?;
        let key = DirectoryKey::open_for_agency(&self.home.owner.sealing_key, sealed)?;
        if file.offered.charter().allows_directory_key(key.as_bytes()) {
            Ok(key)
        } else {
            Err(DraftError::OtherDirectoryKey.into())
        }
    }
}

/// Parses an agency file.
///
/// Errors: [`DraftError::AgencyFile`], [`IssuerError::Charter`].
pub fn parse_agency_file(bytes: &[u8]) -> Result<v1::Agency, IssuerError> {
    let file: v1::AgencyFile = alcove_proto::canonical::decode(bytes).map_err(|_| DraftError::AgencyFile)?;
    if file.format != AGENCY_FILE_FORMAT {
        return Err(DraftError::AgencyFile.into());
    }
    let entry = file.agency.ok_or(DraftError::AgencyFile)?;
    Agency::parse(&entry)?;
    Ok(entry)
}

fn entry(owner: &AgencyOwner, ca: &[u8], recovery: &State) -> v1::Agency {
    let AgencyOwner { profile, charter_key, sealing_key } = owner;
    v1::Agency {
        trust_domain: profile.trust_domain.to_string(),
        display_name: profile.display_name.clone(),
        side: profile.side.into(),
        ca_certificates: vec![ca.to_vec()],
        charter_key: charter_key.public().as_bytes().to_vec(),
        sealing_key: sealing_key.public().as_bytes().to_vec(),
        recovery_key: recovery.newest().to_vec(),
        ca_claims: Vec::new(),
    }
}
