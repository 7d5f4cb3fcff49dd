//! The acts of the walk: each does what a single command does, with the same verbs, and takes its names from the plan.

use crate::{
    ca::{
        agency::{AgencyCa, parse_agency_file},
        files::{read_limited, write_whole},
        server::ServerCa,
    },
    certify::certificates::SERVER_DAYS,
    charters::drafting::{CHARTER_DAYS, FirstCharter, draft_first, read_charter},
    error::IssuerError,
    start::{
        error::StartError,
        folder::Walk,
        plan::{Part, Plan},
        sent::Sent,
    },
};
use alcove_charter::{CHARTER_FILE_BYTES_MAX, CharterFile, Crl};
use alcove_programs::{files::create_private_folder, passphrase::Passphrase};
use alcove_proto::{limits::CERTIFICATE_BYTES_MAX, names::TrustDomain};
use std::path::{Path, PathBuf};

/// Most bytes of an agency file, and of a request.
pub(super) const FILE_BYTES_MAX: usize = 64 * 1024;

/// What somebody else has sent, and is in its place now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TakenIn {
    /// The agency file of an agency.
    Agency(TrustDomain),
    /// The certificate of the server's CA.
    ServerCa,
    /// The revocation list of an agency.
    List(TrustDomain),
    /// The charter, with so many signatures that were not there before.
    Charter {
        /// How many.
        new_signatures: usize,
    },
}

impl Walk {
    /// Makes the CA that the plan speaks of, or goes on making it.
    ///
    /// Errors: as [`AgencyCa::init`].
    pub fn make_ca(&self, passphrase: &Passphrase, now_ms: i64) -> Result<(), IssuerError> {
        let Plan { collaborative, part } = self.plan()?;
        match part {
            Part::Drafts { agency, .. } | Part::Signs { agency } => {
                AgencyCa::init(&self.ca(), agency, passphrase, now_ms).map(drop)
            }
            Part::Operates { .. } => ServerCa::init(&self.ca(), &collaborative, passphrase, now_ms).map(drop),
        }
    }

    /// Puts a file that somebody has sent in its place: an agency file, the certificate of the server's CA, a charter, or
    /// a revocation list.
    ///
    /// Of a charter that is here already only signatures are taken: the names' key beside it stays the one of this folder.
    /// Errors: [`StartError`]; those of reading the file, and of a charter that breaks a rule.
    pub fn take_in(&self, file: &Path) -> Result<TakenIn, IssuerError> {
        let plan = self.plan()?;
        let bytes = read_limited(file, CHARTER_FILE_BYTES_MAX)?;
        let wanted = match &plan.part {
            Part::Drafts { others, .. } if !self.charter().is_file() => {
                self.place_of(&bytes, others, &plan)?
            }
            Part::Drafts { .. } | Part::Signs { .. } | Part::Operates { .. } => None,
        };
        if let Some((path, taken)) = wanted {
            create_private_folder(&self.agencies())?;
            write_whole(&path, &bytes)?;
            return Ok(taken);
        }
        if let Part::Operates { .. } = &plan.part
            && self.charter().is_file()
            && let Some(agency) = self.take_in_list(&bytes)?
        {
            return Ok(TakenIn::List(agency));
        }
        let received = match CharterFile::parse(&bytes) {
            Ok(received) if self.waits_for_charter(&plan) => received,
            Ok(_) | Err(_) => return Err(StartError::NotWanted(file.to_owned()).into()),
        };
        self.take_in_charter(received, &plan)
    }

    /// Whose list it is, and now in its place; nothing for what is no list of an agency of the charter.
    ///
    /// Errors: [`StartError::OlderList`].
    fn take_in_list(&self, bytes: &[u8]) -> Result<Option<TrustDomain>, IssuerError> {
        let history = read_charter(&self.charter())?.complete()?;
        let Ok(list) = Crl::verify(bytes, &history) else { return Ok(None) };
        let agency = list.trust_domain;
        if self.list_of(&agency, &history).is_some_and(|held| held.number > list.number) {
            return Err(StartError::OlderList(agency).into());
        }
        write_whole(&self.list(&agency), bytes)?;
        Ok(Some(agency))
    }

    /// Whoever drafts waits for a charter only when there is one.
    fn waits_for_charter(&self, plan: &Plan) -> bool {
        !matches!(plan.part, Part::Drafts { .. }) || self.charter().is_file()
    }

    /// Where a file belongs that one waits for who drafts; nothing for a file of no kind that they wait for.
    fn place_of(
        &self,
        bytes: &[u8],
        others: &[TrustDomain],
        plan: &Plan,
    ) -> Result<Option<(PathBuf, TakenIn)>, IssuerError> {
        let refused = match Sent::of(bytes) {
            Sent::ServerCa(of) if of == plan.collaborative.as_str() => {
                return Ok(Some((self.server_ca(), TakenIn::ServerCa)));
            }
            Sent::Agency(domain) if others.contains(&domain) => {
                return Ok(Some((self.agency(&domain), TakenIn::Agency(domain))));
            }
            Sent::ServerCa(of) => StartError::OtherCollaborative(of),
            Sent::AgencyCa(of) => StartError::AgencyCa(of),
            Sent::Agency(domain) if plan.part.agency().is_some_and(|own| own.trust_domain == domain) => {
                StartError::OwnFile
            }
            Sent::Agency(domain) => StartError::OtherAgency(domain),
            Sent::Other => return Ok(None),
        };
        Err(refused.into())
    }

    fn take_in_charter(&self, received: CharterFile, plan: &Plan) -> Result<TakenIn, IssuerError> {
        let standing = received.offered.standing(received.history.as_ref())?;
        let path = self.charter();
        let held = if path.is_file() { Some(read_charter(&path)?) } else { None };
        // What somebody has not signed yet gives way to what was drafted anew: they hear its words before they sign.
        let held = match held {
            Some(held) if binds(&held, &plan.part)? => Some(held),
            Some(_) | None => None,
        };
        let before = match &held {
            Some(held) => held.offered.standing(held.history.as_ref())?.signed,
            None => Vec::new(),
        };
        let mut file = held.unwrap_or_else(|| received.clone());
        if file.offered.signing_bytes() != received.offered.signing_bytes() {
            return Err(StartError::OtherCharter(path).into());
        }
        self.check_names_own_ca(&file, &plan.part)?;
        for signature in received.offered.to_message().signatures {
            file.offered.insert_signature(signature.trust_domain.parse()?, signature.signature);
        }
        if let Part::Operates { server_name } = &plan.part {
            let charter = &file.offered.charter().server_name;
            if charter != server_name {
                let (charter, certified) = (charter.clone(), server_name.clone());
                return Err(StartError::OtherServerName { charter, certified }.into());
            }
            // The server starts with nothing less than a charter that is in force.
            file.complete()?;
            write_whole(&self.server().join("charter"), &file.encode())?;
        }
        write_whole(&path, &file.encode())?;
        let new_signatures = standing.signed.iter().filter(|signer| !before.contains(signer)).count();
        Ok(TakenIn::Charter { new_signatures })
    }

    /// Errors: [`StartError::NotOurs`].
    fn check_names_own_ca(&self, file: &CharterFile, part: &Part) -> Result<(), IssuerError> {
        let own = read_limited(&self.ca().join("ca.cert"), CERTIFICATE_BYTES_MAX)?;
        let charter = file.offered.charter();
        let listed = match part.agency() {
            Some(agency) => charter.agency(&agency.trust_domain).map(|agency| agency.cas.as_slice()),
            None => Some(charter.server_cas.as_slice()),
        };
        if listed.unwrap_or_default().iter().any(|ca| ca.der().as_ref() == own) {
            Ok(())
        } else {
            Err(StartError::NotOurs.into())
        }
    }

    /// Drafts the charter of all whose files are here. Returns it; nobody has signed it.
    ///
    /// Errors: as [`draft_first`]; [`StartError::NotTheirs`] for whoever does not draft.
    pub fn draft(&self, now_ms: i64) -> Result<CharterFile, IssuerError> {
        let Plan { collaborative, part: Part::Drafts { others, server_name, .. } } = self.plan()? else {
            return Err(StartError::NotTheirs.into());
        };
        let own = self.ca().join("agency.pub");
        let files = [own].into_iter().chain(others.iter().map(|other| self.agency(other)));
        let agencies = files.map(|file| parse_agency_file(&read_limited(&file, FILE_BYTES_MAX)?));
        let first = FirstCharter {
            collaborative,
            server_name,
            server_cas: vec![read_limited(&self.server_ca(), CERTIFICATE_BYTES_MAX)?],
            agencies: agencies.collect::<Result<_, _>>()?,
            quorum: None,
            days: CHARTER_DAYS,
        };
        let file = draft_first(first, now_ms)?;
        write_whole(&self.charter(), &file.encode())?;
        Ok(file)
    }

    /// Certifies the server's keys. Returns the last moment, milliseconds since 1970.
    ///
    /// Errors: as [`ServerCa::issue`]; [`StartError::NotTheirs`] for whoever does not operate the server.
    pub fn certify_server(&self, ca: &mut ServerCa, now_ms: i64) -> Result<i64, IssuerError> {
        let Part::Operates { server_name } = self.plan()?.part else {
            return Err(StartError::NotTheirs.into());
        };
        let request = read_limited(&self.server().join("server.req"), FILE_BYTES_MAX)?;
        let issued = ca.issue(&request, &server_name, SERVER_DAYS, now_ms)?;
        write_whole(&self.server().join("server.cert"), &issued.file)?;
        Ok(issued.not_after_ms)
    }
}

/// Whether a charter that somebody holds is the one that they go on with.
fn binds(held: &CharterFile, part: &Part) -> Result<bool, IssuerError> {
    let signed = held.offered.standing(held.history.as_ref())?.signed;
    Ok(match part {
        Part::Drafts { .. } | Part::Operates { .. } => true,
        Part::Signs { agency } => signed.contains(&agency.trust_domain),
    })
}
