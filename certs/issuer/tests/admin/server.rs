//! The operator's CA: the server's two certificates, and nothing for anybody else.

use crate::desk::{Desk, NOW_MS, SERVER_NAME, csr};
use alcove_charter::TrustError;
use alcove_issuer::{IssuerError, RequestError, SERVER_DAYS, ServerCa};
use alcove_proto::v1;
use prost::Message;
use rcgen::KeyPair;

fn request() -> v1::ServerRequest {
    let key = || KeyPair::generate().unwrap();
    v1::ServerRequest { format: 1, tls_csr: csr(&key()), receipt_csr: csr(&key()) }
}

#[test]
fn the_server_is_believed_by_the_charters_readers() {
    let mut desk = Desk::new();
    let issued = desk.server.issue(&request().encode_to_vec(), SERVER_NAME, SERVER_DAYS, NOW_MS).unwrap();
    let file = v1::ServerCertificate::decode(issued.file.as_slice()).unwrap();
    let view = desk.view();
    assert!(view.verify_server(&file.tls_chain, SERVER_NAME, NOW_MS).is_ok());
    assert!(view.verify_receipt_chain(&file.receipt_chain, NOW_MS).is_ok());
    assert_eq!(view.verify_receipt_chain(&file.tls_chain, NOW_MS), Err(TrustError::WrongUsage));
    assert!(view.verify_device_tls(&file.tls_chain, NOW_MS).is_err());
}

#[test]
fn a_bad_request_or_name_is_refused() {
    let mut desk = Desk::new();
    let good = request();
    for name in ["", "Alcove.example", "a b", "alcove.example:7443", "*"] {
        let refused = desk.server.issue(&good.encode_to_vec(), name, SERVER_DAYS, NOW_MS);
        assert!(matches!(refused, Err(IssuerError::ServerName)), "{name}");
    }
    let mut refused = |change: &dyn Fn(&mut v1::ServerRequest)| {
        let mut request = good.clone();
        change(&mut request);
        desk.server.issue(&request.encode_to_vec(), SERVER_NAME, SERVER_DAYS, NOW_MS).unwrap_err()
    };
    assert!(matches!(
        refused(&|request| request.format = 0),
        IssuerError::Request(RequestError::Format { found: 0 })
    ));
    assert!(matches!(
        refused(&|request| request.receipt_csr = request.tls_csr.clone()),
        IssuerError::Request(RequestError::KeyReused)
    ));
    assert!(matches!(
        refused(&|request| *request.receipt_csr.last_mut().unwrap() ^= 1),
        IssuerError::Request(RequestError::Csr { which: "receipt", fault: TrustError::BadSignature })
    ));
    let days = desk.server.issue(&good.encode_to_vec(), SERVER_NAME, 826, NOW_MS);
    assert!(matches!(days, Err(IssuerError::Days { days: 826, max: 825 })));
}

#[test]
fn a_folder_opens_again_as_the_same_ca() {
    let desk = Desk::new();
    let ca = desk.server.ca_certificate().clone();
    let path = desk.path("server");
    drop(desk.server);
    let server = ServerCa::open(&path, &crate::desk::passphrase()).unwrap();
    assert_eq!(*server.ca_certificate(), ca);
    assert_eq!(server.collaborative(), crate::desk::COLLABORATIVE);
}
