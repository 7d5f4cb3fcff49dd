//! Clients of the straw man: the same channel settings as ours, documents sealed the same way.

use super::{
    CHUNK_BYTES, SERVER_NAME, pki,
    v1::{DownloadRequest, UploadRequest, straw_client::StrawClient},
};
use alcove_trust::http2;
use hyper_util::rt::TokioIo;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use rustls::pki_types::ServerName;
use std::{
    fs::File,
    io::{Read, Write},
    path::Path,
    sync::Arc,
    thread,
};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::{Channel, Endpoint, Uri};

type Error = Box<dyn std::error::Error + Send + Sync>;

/// Opens one connection to the straw server whose folder this is.
pub(crate) async fn connect(folder: &Path) -> Result<StrawClient<Channel>, Error> {
    let address = std::fs::read_to_string(folder.join("address"))?;
    let connector = TlsConnector::from(Arc::new(pki::client_config(folder)?));
    let name = ServerName::try_from(SERVER_NAME)?;
    let open = tower::service_fn(move |uri: Uri| {
        let (connector, name) = (connector.clone(), name.clone());
        async move {
            let authority =
                uri.authority().map(|authority| authority.as_str().to_owned()).unwrap_or_default();
            let tcp = TcpStream::connect(authority).await?;
            tcp.set_nodelay(true)?;
            Ok::<_, std::io::Error>(TokioIo::new(connector.connect(name, tcp).await?))
        }
    });
    let channel = Endpoint::from_shared(format!("http://{address}"))?
        .initial_connection_window_size(http2::CONNECTION_WINDOW_BYTES)
        .initial_stream_window_size(http2::STREAM_WINDOW_BYTES)
        .connect_with_connector(open)
        .await?;
    Ok(StrawClient::new(channel).max_decoding_message_size(4 * CHUNK_BYTES))
}

fn key() -> Result<LessSafeKey, Error> {
    // One fixed key: the straw man's secrecy is nobody's concern, the cost of its cipher is.
    let key = UnboundKey::new(&AES_256_GCM, &[7; 32]).map_err(|_| "a key of 32 bytes is a key")?;
    Ok(LessSafeKey::new(key))
}

fn nonce(index: u64) -> Nonce {
    let mut bytes = [0; 12];
    bytes[..8].copy_from_slice(&index.to_be_bytes());
    Nonce::assume_unique_for_key(bytes)
}

/// Seals and uploads a file; returns when the server has synced it.
pub(crate) async fn upload(client: &mut StrawClient<Channel>, file: &Path) -> Result<u64, Error> {
    let mut file = File::open(file)?;
    let key = key()?;
    let (sender, receiver) = tokio::sync::mpsc::channel(4);
    thread::spawn(move || {
        for index in 0.. {
            let mut chunk = Vec::with_capacity(CHUNK_BYTES + 16);
            match (&mut file).take(CHUNK_BYTES as u64).read_to_end(&mut chunk) {
                Ok(0) | Err(_) => return,
                Ok(_) => {}
            }
            if key.seal_in_place_append_tag(nonce(index), Aad::empty(), &mut chunk).is_err()
                || sender.blocking_send(UploadRequest { chunk: chunk.into() }).is_err()
            {
                return;
            }
        }
    });
    Ok(client.upload(ReceiverStream::new(receiver)).await?.into_inner().bytes)
}

/// Downloads, opens and syncs what was uploaded last; returns the bytes of plaintext.
pub(crate) async fn download(client: &mut StrawClient<Channel>, to: &Path) -> Result<u64, Error> {
    let mut stream = client.download(DownloadRequest {}).await?.into_inner();
    let mut file = File::create(to)?;
    let key = key()?;
    let (sender, receiver) = std::sync::mpsc::sync_channel::<bytes::Bytes>(4);
    let writer = thread::spawn(move || -> Result<u64, Error> {
        let mut bytes = 0;
        for (index, chunk) in receiver.into_iter().enumerate() {
            let mut chunk = Vec::from(chunk);
            let plain = key
                .open_in_place(nonce(index as u64), Aad::empty(), &mut chunk)
                .map_err(|_| "a chunk of the straw man does not open")?;
            file.write_all(plain)?;
            bytes += plain.len() as u64;
        }
        file.sync_all()?;
        Ok(bytes)
    });
    while let Some(message) = stream.message().await? {
        tokio::task::block_in_place(|| sender.send(message.chunk)).map_err(|_| "the writer is gone")?;
    }
    drop(sender);
    tokio::task::block_in_place(|| writer.join()).map_err(|_| "the writer panicked")?
}
