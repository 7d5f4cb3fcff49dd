//! The ledger: every certificate handed out, every revocation, every CRL, one JSON line each.
//!
//! Only ever appended to, and on disk before what it speaks of leaves the room. A last line without
//! its end is a crash in the middle of an append: nothing was handed out then, so it is cut off.

use crate::{
    ca::{
        error::FolderError,
        files::{io, read_limited},
        folder::{CA_CERTIFICATE, Folder, LEDGER},
    },
    error::IssuerError,
    ledger::entries::{AdoptedEntry, Event, IssuedEntry, ListedRevocation, Reason, Revocation},
};
use alcove_programs::files::sync_folder;
use std::{
    collections::BTreeMap,
    fs::{File, OpenOptions},
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

/// Most bytes of a ledger: about a million lines.
const LEDGER_BYTES_MAX: usize = 256 * 1024 * 1024;

/// The ledger with what follows from it. Whoever holds one holds the folder's lock.
#[derive(Debug)]
pub(crate) struct Ledger {
    path: PathBuf,
    file: File,
    /// Bytes of whole lines.
    length: u64,
    /// In the order they were issued.
    issued: Vec<IssuedEntry>,
    /// Where in `issued` the certificates of a name stand.
    by_name: BTreeMap<String, Vec<usize>>,
    /// Where in `issued` the first certificate of a key stands. Never two names for one key.
    by_key: BTreeMap<String, usize>,
    /// By serial.
    revoked: BTreeMap<String, Revocation>,
    /// The number of the CRL that had a serial first, where it is known; none yet for what was revoked after the last one.
    first_listed: BTreeMap<String, Option<u64>>,
    crl_number: u64,
}

impl Ledger {
    /// Opens the ledger, or creates an empty one.
    pub(crate) fn open(path: &Path) -> Result<Self, IssuerError> {
        let existed = path.exists();
        let file =
            OpenOptions::new().append(true).create(true).mode(0o600).open(path).map_err(io("open", path))?;
        if !existed && let Some(folder) = path.parent() {
            sync_folder(folder)?;
        }
        let bytes = read_limited(path, LEDGER_BYTES_MAX)?;
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        if whole < bytes.len() {
            file.set_len(whole as u64).map_err(io("repair", path))?;
            file.sync_all().map_err(io("sync", path))?;
        }
        let mut ledger = Self {
            path: path.to_owned(),
            file,
            length: whole as u64,
            issued: Vec::new(),
            by_name: BTreeMap::new(),
            by_key: BTreeMap::new(),
            revoked: BTreeMap::new(),
            first_listed: BTreeMap::new(),
            crl_number: 0,
        };
        for event in parse(&bytes[..whole], path)? {
            ledger.apply(event);
        }
        Ok(ledger)
    }

    /// Every line, in order.
    pub(crate) fn events(&self) -> Result<Vec<Event>, IssuerError> {
        parse(&read_limited(&self.path, LEDGER_BYTES_MAX)?, &self.path)
    }

    /// A line, from 1, that is not as it should be.
    pub(crate) fn damaged_at(&self, line: usize) -> IssuerError {
        IssuerError::Folder(FolderError::LedgerDamaged { path: self.path.clone(), line })
    }

    /// Writes the events of one act, all of them on disk when this returns.
    pub(crate) fn append(&mut self, events: Vec<Event>) -> Result<(), IssuerError> {
        let mut lines = Vec::new();
        for event in &events {
            let line =
                serde_json::to_vec(event).map_err(|_| IssuerError::Crypto { act: "write the ledger" })?;
            lines.extend(line);
            lines.push(b'\n');
        }
        let written = self.file.write_all(&lines).and_then(|()| self.file.sync_all());
        if let Err(error) = written {
            // Nothing of the act may stay; if this fails too, the next opening cuts a torn line off.
            let _ = self.file.set_len(self.length);
            return Err(io("write", &self.path)(error));
        }
        self.length += lines.len() as u64;
        for event in events {
            self.apply(event);
        }
        Ok(())
    }

    fn apply(&mut self, event: Event) {
        match event {
            Event::Issued(entry) => {
                let index = self.issued.len();
                self.by_name.entry(entry.name.clone()).or_default().push(index);
                self.by_key.entry(entry.key.clone()).or_insert(index);
                self.issued.push(entry);
            }
            // The first revocation counts: a date never moves.
            Event::Revoked(revocation) => {
                self.revoked.entry(revocation.serial.clone()).or_insert(revocation);
            }
            Event::Crl(entry) => {
                self.crl_number = self.crl_number.max(entry.number);
                if entry.anew {
                    self.first_listed.clear();
                }
                let unlisted: Vec<String> = self.unlisted().cloned().collect();
                self.first_listed.extend(unlisted.into_iter().map(|serial| (serial, Some(entry.number))));
            }
            Event::Adopted(list) => {
                self.crl_number = self.crl_number.max(list.number);
                // What this folder listed since the two parted is on no list that anybody has.
                self.first_listed.clear();
                for AdoptedEntry { serial, at_ms, first } in list.entries {
                    let unspecified =
                        Revocation { serial: serial.clone(), reason: Reason::Unspecified, at_ms };
                    // Its date is what everybody has.
                    self.revoked.entry(serial.clone()).or_insert(unspecified).at_ms = at_ms;
                    self.first_listed.insert(serial, first);
                }
            }
        }
    }

    pub(crate) fn issued(&self) -> &[IssuedEntry] {
        &self.issued
    }

    /// What was issued under a name, oldest first.
    pub(crate) fn of_name(&self, name: &str) -> impl Iterator<Item = &IssuedEntry> {
        self.by_name.get(name).into_iter().flatten().filter_map(|index| self.issued.get(*index))
    }

    /// The name that a key is certified for.
    pub(crate) fn holder_of(&self, key: &str) -> Option<&str> {
        self.by_key.get(key).and_then(|index| self.issued.get(*index)).map(|entry| entry.name.as_str())
    }

    pub(crate) fn revoked(&self) -> impl Iterator<Item = &Revocation> {
        self.revoked.values()
    }

    /// What was revoked and stands on no CRL yet.
    fn unlisted(&self) -> impl Iterator<Item = &String> {
        self.revoked.keys().filter(|serial| !self.first_listed.contains_key(*serial))
    }

    /// What the next CRL lists: every revocation with the number of the list that had it first; its own, if it says all of
    /// them `anew`.
    pub(crate) fn next_entries(&self, anew: bool) -> impl Iterator<Item = ListedRevocation<'_>> {
        let next = self.next_crl_number();
        self.revoked().map(move |revocation| {
            let first = self.first_listed.get(&revocation.serial).filter(|_| !anew);
            (revocation, first.copied().unwrap_or(Some(next)))
        })
    }

    pub(crate) fn is_revoked(&self, serial: &str) -> bool {
        self.revoked.contains_key(serial)
    }

    /// Whether these entries of a list are what the next CRL would say of them.
    pub(crate) fn says_all_of(&self, entries: &[AdoptedEntry]) -> bool {
        let same = |entry: &AdoptedEntry| {
            // A list has seconds, and the ledger the milliseconds they were cut from.
            let same_date =
                self.revoked.get(&entry.serial).is_some_and(|own| own.at_ms / 1000 == entry.at_ms / 1000);
            let first = self.first_listed.get(&entry.serial).copied().flatten();
            same_date && (entry.first.is_none() || first == entry.first)
        };
        entries.iter().all(same)
    }

    /// Whether the next CRL names these entries of a list by an earlier CA, and says of everything on it that it was first
    /// listed after that list, as a later CA has to.
    pub(crate) fn says_all_of_anew(&self, entries: &[AdoptedEntry], number: u64) -> bool {
        let is_anew = |serial: &String| {
            self.first_listed.get(serial).copied().flatten().is_none_or(|first| first > number)
        };
        entries.iter().all(|entry| self.is_revoked(&entry.serial)) && self.revoked.keys().all(is_anew)
    }

    /// Certificates that are neither revoked nor over at `time_ms`.
    pub(crate) fn living(&self, time_ms: i64) -> impl Iterator<Item = &IssuedEntry> {
        self.issued.iter().filter(move |entry| self.is_living(entry, time_ms))
    }

    /// Whether a certificate is neither revoked nor over at `time_ms`.
    pub(crate) fn is_living(&self, entry: &IssuedEntry, time_ms: i64) -> bool {
        entry.not_after_ms >= time_ms && !self.is_revoked(&entry.serial)
    }

    /// The number the next CRL must have.
    pub(crate) fn next_crl_number(&self) -> u64 {
        self.crl_number + 1
    }
}

/// The events of whole lines.
fn parse(lines: &[u8], path: &Path) -> Result<Vec<Event>, IssuerError> {
    let lines = lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    lines
        .enumerate()
        .map(|(index, line)| {
            serde_json::from_slice(line).map_err(|_| {
                IssuerError::Folder(FolderError::LedgerDamaged { path: path.to_owned(), line: index + 1 })
            })
        })
        .collect()
}

/// A certificate of the ledger and what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// The certificate.
    pub issued: IssuedEntry,
    /// Its revocation, if it was revoked.
    pub revoked: Option<Revocation>,
}

/// Every certificate a CA folder has handed out, oldest first. Takes no passphrase.
///
/// Errors: [`FolderError::NoCa`], [`FolderError::LedgerDamaged`], [`FolderError::Busy`].
pub fn list(folder: &Path) -> Result<Vec<Listed>, IssuerError> {
    let folder = Folder::open(folder)?;
    folder.check_finished(CA_CERTIFICATE)?;
    let ledger = Ledger::open(&folder.file(LEDGER))?;
    let listed = ledger.issued.iter().map(|issued| Listed {
        issued: issued.clone(),
        revoked: ledger.revoked.get(&issued.serial).cloned(),
    });
    Ok(listed.collect())
}
