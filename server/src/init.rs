//! A new server's files: two keys, the request to certify them, a configuration.
//!
//! The only place of the server that makes a request (RFC 2986). Nothing that exists is ever overwritten.

use crate::config::TEMPLATE;
use alcove_programs::files::{Access, FileError, failed, sync_folder, write_new};
use alcove_proto::v1::ServerRequest;
use prost::Message;
use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256};
use rustls_pki_types::DnsName;
use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
};

/// The TLS key, PKCS#8 DER.
pub const TLS_KEY_FILE: &str = "tls.key";
/// The receipt key, PKCS#8 DER.
pub const RECEIPT_KEY_FILE: &str = "receipts.key";
/// The request to certify both (ServerRequest).
pub const REQUEST_FILE: &str = "server.req";
/// Where the answer belongs (ServerCertificate).
pub const CERTIFICATE_FILE: &str = "server.cert";
/// The configuration.
pub const CONFIG_FILE: &str = "server.toml";
/// The folder of CRLs.
pub const CRL_FOLDER: &str = "crls";

/// The request file's format.
const FORMAT: u32 = 1;
/// The template's addresses, to be replaced.
const TEMPLATE_LISTEN: &str = "\nlisten = \"0.0.0.0:4433\"";
const TEMPLATE_DESK_LISTEN: &str = "\ndesk_listen = \"0.0.0.0:4434\"";

/// Why the files were not made.
#[derive(Debug, thiserror::Error)]
pub enum InitError {
    /// The name is no lower-case DNS name.
    #[error("{0:?} is no DNS name")]
    Name(String),
    /// A file of that name is there.
    #[error("{} exists", .0.display())]
    Exists(PathBuf),
    /// A file cannot be written.
    #[error(transparent)]
    Write(#[from] FileError),
    /// The keys or the request could not be made.
    #[error("the keys could not be made")]
    Keys(#[source] rcgen::Error),
}

/// Where the desk of a server that listens on `listen` listens, unless it is said: on the next port.
pub fn desk_beside(listen: SocketAddr) -> SocketAddr {
    let port = match listen.port() {
        // Any free one.
        0 => 0,
        u16::MAX => u16::MAX - 1,
        port => port + 1,
    };
    SocketAddr::new(listen.ip(), port)
}

/// Makes the files of a server called `name` in `folder`; returns where the request is.
///
/// Errors: [`InitError`]. Keys are readable for their owner alone.
pub fn init(
    folder: &Path,
    name: &str,
    listen: SocketAddr,
    desk_listen: SocketAddr,
) -> Result<PathBuf, InitError> {
    let name_ok = DnsName::try_from(name).is_ok() && !name.bytes().any(|byte| byte.is_ascii_uppercase());
    if !name_ok {
        return Err(InitError::Name(name.to_owned()));
    }
    let files = [TLS_KEY_FILE, RECEIPT_KEY_FILE, REQUEST_FILE, CONFIG_FILE];
    if let Some(path) = files.iter().map(|file| folder.join(file)).find(|path| path.exists()) {
        return Err(InitError::Exists(path));
    }
    let tls_key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(InitError::Keys)?;
    let receipt_key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(InitError::Keys)?;
    let request = ServerRequest {
        format: FORMAT,
        tls_csr: csr(&tls_key, vec![name.to_owned()]).map_err(InitError::Keys)?,
        receipt_csr: csr(&receipt_key, Vec::new()).map_err(InitError::Keys)?,
    };
    let config = TEMPLATE
        .replace(TEMPLATE_LISTEN, &format!("\nlisten = \"{listen}\""))
        .replace(TEMPLATE_DESK_LISTEN, &format!("\ndesk_listen = \"{desk_listen}\""));

    let crls = folder.join(CRL_FOLDER);
    fs::create_dir_all(&crls).map_err(failed("make", &crls))?;
    write_new(&folder.join(TLS_KEY_FILE), &tls_key.serialize_der(), Access::Owner)?;
    write_new(&folder.join(RECEIPT_KEY_FILE), &receipt_key.serialize_der(), Access::Owner)?;
    write_new(&folder.join(CONFIG_FILE), config.as_bytes(), Access::Everyone)?;
    // Last: whoever has the request can trust that the keys are there.
    let request_path = folder.join(REQUEST_FILE);
    write_new(&request_path, &request.encode_to_vec(), Access::Everyone)?;
    sync_folder(folder)?;
    Ok(request_path)
}

fn csr(key: &KeyPair, names: Vec<String>) -> Result<Vec<u8>, rcgen::Error> {
    let request = CertificateParams::new(names)?.serialize_request(key)?;
    Ok(request.der().to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use alcove_charter::request_point;
    use std::os::unix::fs::PermissionsExt;

    fn listen() -> SocketAddr {
        "127.0.0.1:0".parse().unwrap()
    }

    #[test]
    fn a_new_server_has_private_keys_a_valid_request_and_a_configuration_that_loads() {
        let folder = tempfile::tempdir().unwrap();
        let request =
            init(folder.path(), "alcove.northmark.example", listen(), desk_beside(listen())).unwrap();

        let request = ServerRequest::decode(fs::read(request).unwrap().as_slice()).unwrap();
        let tls = request_point(&request.tls_csr).unwrap();
        let receipts = request_point(&request.receipt_csr).unwrap();
        assert_ne!(tls.as_bytes(), receipts.as_bytes());

        for key in [TLS_KEY_FILE, RECEIPT_KEY_FILE] {
            let mode = fs::metadata(folder.path().join(key)).unwrap().permissions().mode();
            assert_eq!(mode & 0o077, 0, "{key} is nobody else's");
        }
        let config = Config::load(&folder.path().join(CONFIG_FILE)).unwrap();
        assert_eq!(config.listen, listen());
        assert_eq!(config.desk_listen, Some(desk_beside(listen())));
        assert_eq!(config.tls_key, folder.path().join(TLS_KEY_FILE));
        assert_eq!(config.receipt_key, folder.path().join(RECEIPT_KEY_FILE));
        assert_eq!(config.certificate, folder.path().join(CERTIFICATE_FILE));
        assert_eq!(config.crl_dir, folder.path().join(CRL_FOLDER));
    }

    #[test]
    fn the_desk_is_on_the_next_port_or_where_it_is_said() {
        let beside = |listen: &str| desk_beside(listen.parse().unwrap()).to_string();
        assert_eq!(beside("0.0.0.0:4433"), "0.0.0.0:4434");
        assert_eq!(beside("[::1]:65535"), "[::1]:65534");
        assert_eq!(beside("127.0.0.1:0"), "127.0.0.1:0");
        let folder = tempfile::tempdir().unwrap();
        let said: SocketAddr = "127.0.0.9:77".parse().unwrap();
        init(folder.path(), "alcove.northmark.example", listen(), said).unwrap();
        let config = Config::load(&folder.path().join(CONFIG_FILE)).unwrap();
        assert_eq!((config.listen, config.desk_listen), (listen(), Some(said)));
    }

    #[test]
    fn a_second_init_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        init(folder.path(), "alcove.northmark.example", listen(), desk_beside(listen())).unwrap();
        let key = fs::read(folder.path().join(TLS_KEY_FILE)).unwrap();
        let again = init(folder.path(), "alcove.northmark.example", listen(), desk_beside(listen()));
        assert!(matches!(again, Err(InitError::Exists(_))));
        assert_eq!(fs::read(folder.path().join(TLS_KEY_FILE)).unwrap(), key);
    }

    #[test]
    fn a_name_that_is_no_dns_name_makes_no_file() {
        for name in ["", "Alcove.example", "a b", "-", "10.0.0.1:443", "spiffe://x.example"] {
            let folder = tempfile::tempdir().unwrap();
            assert!(
                matches!(init(folder.path(), name, listen(), desk_beside(listen())), Err(InitError::Name(_))),
                "{name:?}"
            );
            assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "{name:?}");
        }
    }
}
