//! Where the files are, and how they are read.

use super::error::TrustFileError;
use crate::config::Config;
use alcove_proto::{
    limits::AGENCIES_MAX,
    names::{Identity, TrustDomain},
};
use std::{
    fs, io,
    path::{Path, PathBuf},
    time::SystemTime,
};

/// CRL files looked at; one agency may leave a few old ones behind.
const CRL_FILES_MAX: usize = 4 * AGENCIES_MAX;

/// Where the files are.
#[derive(Debug, Clone)]
pub struct TrustFiles {
    pub(super) charter: PathBuf,
    pub(super) crl_dir: PathBuf,
    pub(super) certificate: PathBuf,
    pub(super) tls_key: PathBuf,
    pub(super) receipt_key: PathBuf,
}

/// What the files look like from outside: their names, sizes and times.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Stamp(Vec<(PathBuf, u64, Option<SystemTime>)>);

impl TrustFiles {
    /// The files a configuration names.
    pub fn of(config: &Config) -> Self {
        Self {
            charter: config.charter.clone(),
            crl_dir: config.crl_dir.clone(),
            certificate: config.certificate.clone(),
            tls_key: config.tls_key.clone(),
            receipt_key: config.receipt_key.clone(),
        }
    }

    /// What the files look like from outside. A file that is missing counts as one of size 0.
    pub fn stamp(&self) -> Stamp {
        let files = [&self.charter, &self.certificate, &self.tls_key, &self.receipt_key, &self.crl_dir];
        let mut paths: Vec<_> = files.into_iter().cloned().collect();
        paths.extend(self.crl_paths().unwrap_or_default());
        paths.extend(self.denial_paths().unwrap_or_default());
        let stamp = paths.into_iter().map(|path| match fs::metadata(&path) {
            Ok(metadata) => (path, metadata.len(), metadata.modified().ok()),
            Err(_) => (path, 0, None),
        });
        Stamp(stamp.collect())
    }

    /// The charter's file.
    pub fn charter_path(&self) -> &Path {
        &self.charter
    }

    /// Where the CRL of an agency is put when it comes by the desk.
    pub fn crl_path(&self, trust_domain: &TrustDomain) -> PathBuf {
        self.crl_dir.join(format!("{trust_domain}.crl"))
    }

    /// Where it is kept what an agency's lists have ever had: beside the list, and as true as that.
    pub(super) fn listed_path(&self, trust_domain: &TrustDomain) -> PathBuf {
        self.crl_dir.join(format!("{trust_domain}.listed"))
    }

    /// Where the denial of a device is put when it comes by the desk.
    pub fn denial_path(&self, identity: &Identity) -> PathBuf {
        let Identity { person, device } = identity;
        self.crl_dir.join(format!("{}-{}-{device}.denial", person.trust_domain, person.handle.as_str()))
    }

    pub(super) fn crl_paths(&self) -> Result<Vec<PathBuf>, TrustFileError> {
        match self.paths_with("crl", CRL_FILES_MAX)? {
            (paths, false) => Ok(paths),
            (_, true) => Err(TrustFileError::TooManyCrls(self.crl_dir.clone(), CRL_FILES_MAX)),
        }
    }

    /// The files of the folder with that extension, in order, and whether there are more than `max`.
    pub(super) fn paths_with(
        &self,
        wanted: &str,
        max: usize,
    ) -> Result<(Vec<PathBuf>, bool), TrustFileError> {
        let read = |source| TrustFileError::Read(self.crl_dir.clone(), source);
        let mut paths = Vec::new();
        for entry in fs::read_dir(&self.crl_dir).map_err(read)? {
            let path = entry.map_err(read)?.path();
            if path.extension().is_some_and(|extension| extension == wanted) {
                if paths.len() == max {
                    return Ok((paths, true));
                }
                paths.push(path);
            }
        }
        paths.sort();
        Ok((paths, false))
    }

    /// Every file that denies somebody, or says so.
    pub(super) fn denial_paths(&self) -> Result<Vec<PathBuf>, TrustFileError> {
        Ok(self.paths_with("denial", usize::MAX)?.0)
    }
}

pub(super) fn read(path: &Path, bytes_max: u64) -> Result<Vec<u8>, TrustFileError> {
    read_limited(path, bytes_max).map_err(|source| TrustFileError::Read(path.to_owned(), source))
}

pub(super) fn read_limited(path: &Path, bytes_max: u64) -> io::Result<Vec<u8>> {
    if fs::metadata(path)?.len() > bytes_max {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    fs::read(path)
}
