//! The straw server, run as a child process so that its memory and CPU time are its own.

use super::{
    pki,
    v1::{
        AppendRequest, AppendResponse, DownloadRequest, DownloadResponse, FollowRequest, FollowResponse,
        PingRequest, PingResponse, UploadRequest, UploadResponse,
        straw_server::{Straw, StrawServer},
    },
};
use alcove_trust::http2;
use bytes::Bytes;
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
    service::TowerToHyperService,
};
use std::{
    fs::File,
    io::{Read, Write},
    path::{Path, PathBuf},
    pin::Pin,
    sync::{Arc, mpsc},
    thread,
};
use tokio::{
    net::TcpListener,
    sync::{broadcast, oneshot},
};
use tokio_rustls::TlsAcceptor;
use tokio_stream::{
    Stream, StreamExt,
    wrappers::{BroadcastStream, ReceiverStream},
};
use tonic::{Request, Response, Status, Streaming};

type Error = Box<dyn std::error::Error + Send + Sync>;
type Answer<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// Appends that one fdatasync may serve.
const GROUP_MAX: usize = 1024;
/// Chunks on their way between disk and network.
const CHUNKS_IN_FLIGHT: usize = 4;

struct Job {
    body: Bytes,
    done: oneshot::Sender<u64>,
}

struct Server {
    jobs: mpsc::Sender<Job>,
    appended: broadcast::Sender<Bytes>,
    folder: PathBuf,
}

/// Serves on a free loopback port until killed; the port goes to the file `address`.
pub(crate) fn run(folder: &Path) -> Result<(), Error> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(serve(folder))
}

async fn serve(folder: &Path) -> Result<(), Error> {
    let (jobs, queue) = mpsc::channel();
    let (appended, _) = broadcast::channel(65_536);
    let log = File::create(folder.join("log"))?;
    let announce = appended.clone();
    thread::spawn(move || commit(log, &queue, &announce));
    let service = StrawServer::new(Server { jobs, appended, folder: folder.to_owned() })
        .max_decoding_message_size(4 * super::CHUNK_BYTES);
    let acceptor = TlsAcceptor::from(Arc::new(pki::server_config(folder)?));
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    std::fs::write(folder.join("address.new"), listener.local_addr()?.to_string())?;
    std::fs::rename(folder.join("address.new"), folder.join("address"))?;
    loop {
        let (tcp, _) = listener.accept().await?;
        tcp.set_nodelay(true)?;
        let (acceptor, service) = (acceptor.clone(), service.clone());
        tokio::spawn(async move {
            let Ok(tls) = acceptor.accept(tcp).await else { return };
            let mut connection = auto::Builder::new(TokioExecutor::new());
            connection
                .http2()
                .initial_connection_window_size(http2::CONNECTION_WINDOW_BYTES)
                .initial_stream_window_size(http2::STREAM_WINDOW_BYTES)
                .max_frame_size(http2::FRAME_BYTES_MAX);
            // A client that hangs up ends its connection; there is nothing to do about it.
            let _ended =
                connection.serve_connection(TokioIo::new(tls), TowerToHyperService::new(service)).await;
        });
    }
}

/// The one committer: whatever waits is written, synced once, announced and acknowledged.
fn commit(mut log: File, queue: &mpsc::Receiver<Job>, announce: &broadcast::Sender<Bytes>) {
    let mut sequence = 0;
    while let Ok(first) = queue.recv() {
        let mut jobs = vec![first];
        while jobs.len() < GROUP_MAX
            && let Ok(job) = queue.try_recv()
        {
            jobs.push(job);
        }
        let mut batch = Vec::new();
        for job in &jobs {
            batch.extend((job.body.len() as u32).to_be_bytes());
            batch.extend(&job.body);
        }
        if log.write_all(&batch).and_then(|()| log.sync_data()).is_err() {
            return;
        }
        for job in jobs {
            sequence += 1;
            let _nobody_follows = announce.send(job.body);
            let _gone = job.done.send(sequence);
        }
    }
}

#[tonic::async_trait]
impl Straw for Server {
    type FollowStream = Answer<FollowResponse>;
    type DownloadStream = Answer<DownloadResponse>;

    async fn ping(&self, _request: Request<PingRequest>) -> Result<Response<PingResponse>, Status> {
        Ok(Response::new(PingResponse {}))
    }

    async fn append(&self, request: Request<AppendRequest>) -> Result<Response<AppendResponse>, Status> {
        let (done, sequence) = oneshot::channel();
        let body = request.into_inner().body;
        self.jobs.send(Job { body, done }).map_err(|_| Status::unavailable("the log is gone"))?;
        let sequence = sequence.await.map_err(|_| Status::unavailable("the log is gone"))?;
        Ok(Response::new(AppendResponse { sequence }))
    }

    async fn follow(&self, _request: Request<FollowRequest>) -> Result<Response<Self::FollowStream>, Status> {
        let appended = BroadcastStream::new(self.appended.subscribe());
        let answers = appended.map(|body| {
            body.map(|body| FollowResponse { body })
                .map_err(|_| Status::data_loss("the follower fell behind"))
        });
        Ok(Response::new(Box::pin(answers)))
    }

    async fn upload(
        &self,
        request: Request<Streaming<UploadRequest>>,
    ) -> Result<Response<UploadResponse>, Status> {
        let mut chunks = request.into_inner();
        let mut file = File::create(self.folder.join("document")).map_err(|_| Status::internal("create"))?;
        let mut bytes = 0;
        while let Some(chunk) = chunks.message().await? {
            bytes += chunk.chunk.len() as u64;
            tokio::task::block_in_place(|| file.write_all(&chunk.chunk))
                .map_err(|_| Status::internal("write"))?;
        }
        tokio::task::block_in_place(|| file.sync_all()).map_err(|_| Status::internal("sync"))?;
        Ok(Response::new(UploadResponse { bytes }))
    }

    async fn download(
        &self,
        _request: Request<DownloadRequest>,
    ) -> Result<Response<Self::DownloadStream>, Status> {
        let mut file =
            File::open(self.folder.join("document")).map_err(|_| Status::not_found("no document"))?;
        let (sender, receiver) = tokio::sync::mpsc::channel(CHUNKS_IN_FLIGHT);
        thread::spawn(move || {
            let sealed = super::CHUNK_BYTES + 16;
            loop {
                let mut chunk = Vec::with_capacity(sealed);
                let read = (&mut file).take(sealed as u64).read_to_end(&mut chunk);
                let answer = match read {
                    Ok(0) => return,
                    Ok(_) => Ok(DownloadResponse { chunk: chunk.into() }),
                    Err(_) => Err(Status::internal("read")),
                };
                if sender.blocking_send(answer).is_err() {
                    return;
                }
            }
        });
        Ok(Response::new(Box::pin(ReceiverStream::new(receiver))))
    }
}
