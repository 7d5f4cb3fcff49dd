//! Faults at the listener: a loopback proxy that cuts, delays, throttles and swallows bytes.
//!
//! It knows TCP only. The programs on both ends are untouched, so what a scene shows is what a bad
//! network does to them.

use std::{
    io::{self, ErrorKind, Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

/// What the proxy does to bytes on their way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Passes everything.
    None,
    /// Resets every connection once this many more bytes have gone from client to server.
    CutUpAfter(u64),
    /// The same from server to client.
    CutDownAfter(u64),
    /// Passes at most this many bytes a second in each direction.
    Throttle(u64),
    /// Takes connections and answers nothing.
    BlackHole,
    /// Refuses connections.
    Refuse,
    /// Answers each connection so, whatever it says, as the sign-in page of a network does.
    Says(&'static [u8]),
}

struct Shared {
    target: Mutex<SocketAddr>,
    fault: Mutex<Fault>,
    up: AtomicU64,
    down: AtomicU64,
    connections: AtomicU64,
    stopped: AtomicBool,
}

/// The proxy. It ends when dropped.
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
}

impl Proxy {
    /// A proxy on a fresh loopback port in front of `target`.
    pub fn new(target: SocketAddr) -> Self {
        Self::at("127.0.0.1:0", target)
    }

    /// A proxy at an address of its own, for laptops that were told it long ago.
    pub fn at(address: &str, target: SocketAddr) -> Self {
        let listener = TcpListener::bind(address).expect("the loopback address is free");
        let address = listener.local_addr().expect("a bound listener has an address");
        let shared = Arc::new(Shared {
            target: Mutex::new(target),
            fault: Mutex::new(Fault::None),
            up: AtomicU64::new(0),
            down: AtomicU64::new(0),
            connections: AtomicU64::new(0),
            stopped: AtomicBool::new(false),
        });
        let accepting = shared.clone();
        thread::spawn(move || accept(&listener, &accepting));
        Self { address, shared }
    }

    /// Where clients connect.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Points new connections at another server address.
    pub fn retarget(&self, target: SocketAddr) {
        *self.shared.target.lock().expect("no holder panics") = target;
    }

    /// Sets what happens from now on. The byte counts of a cut begin at zero.
    pub fn set(&self, fault: Fault) {
        self.shared.up.store(0, Ordering::SeqCst);
        self.shared.down.store(0, Ordering::SeqCst);
        *self.shared.fault.lock().expect("no holder panics") = fault;
    }

    /// Bytes that have passed since the fault was set: client to server, server to client.
    pub fn passed(&self) -> (u64, u64) {
        (self.shared.up.load(Ordering::SeqCst), self.shared.down.load(Ordering::SeqCst))
    }

    /// Connections taken so far.
    pub fn connections(&self) -> u64 {
        self.shared.connections.load(Ordering::SeqCst)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::SeqCst);
        // Wakes the accept loop, which then ends.
        let _refused = TcpStream::connect(self.address);
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for client in listener.incoming() {
        if shared.stopped.load(Ordering::SeqCst) {
            return;
        }
        let Ok(client) = client else { continue };
        shared.connections.fetch_add(1, Ordering::SeqCst);
        let fault = *shared.fault.lock().expect("no holder panics");
        if fault == Fault::Refuse {
            drop(client);
            continue;
        }
        if let Fault::Says(answer) = fault {
            thread::spawn(move || say(client, answer));
            continue;
        }
        let target = *shared.target.lock().expect("no holder panics");
        let Ok(server) = TcpStream::connect(target) else { continue };
        let _no_delay = client.set_nodelay(true).and_then(|()| server.set_nodelay(true));
        for (from, to, upwards) in [(&client, &server, true), (&server, &client, false)] {
            let (Ok(from), Ok(to)) = (from.try_clone(), to.try_clone()) else { continue };
            let shared = shared.clone();
            thread::spawn(move || pump(from, to, upwards, &shared));
        }
    }
}

/// Answers, and waits until the other end has read it and left.
fn say(mut client: TcpStream, answer: &[u8]) {
    let _gone = client.read(&mut [0; 16 * 1024]);
    let _gone = client.write_all(answer).and_then(|()| client.shutdown(Shutdown::Write));
    let _gone = io::copy(&mut client, &mut io::sink());
}

fn pump(mut from: TcpStream, mut to: TcpStream, upwards: bool, shared: &Shared) {
    let mut buffer = vec![0; 16 * 1024];
    let counter = if upwards { &shared.up } else { &shared.down };
    // The timeout lets a changed fault reach a connection that is silent.
    let _set = from.set_read_timeout(Some(Duration::from_millis(50)));
    let began = Instant::now();
    let mut sent: u64 = 0;
    loop {
        if shared.stopped.load(Ordering::SeqCst) {
            break;
        }
        let fault = *shared.fault.lock().expect("no holder panics");
        let cut_after = match (fault, upwards) {
            (Fault::CutUpAfter(bytes), true) | (Fault::CutDownAfter(bytes), false) => Some(bytes),
            (Fault::Refuse | Fault::Says(_), _) => Some(0),
            _ => None,
        };
        if cut_after.is_some_and(|limit| counter.load(Ordering::SeqCst) >= limit) {
            break;
        }
        let wanted = match (cut_after, fault) {
            (Some(limit), _) => (limit - counter.load(Ordering::SeqCst)).min(buffer.len() as u64) as usize,
            (None, Fault::Throttle(rate)) => (rate / 20).clamp(1, buffer.len() as u64) as usize,
            (None, _) => buffer.len(),
        };
        let count = match from.read(&mut buffer[..wanted]) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => continue,
            Err(_) => break,
        };
        if fault == Fault::BlackHole {
            continue;
        }
        if to.write_all(&buffer[..count]).is_err() {
            break;
        }
        counter.fetch_add(count as u64, Ordering::SeqCst);
        sent += count as u64;
        if let Fault::Throttle(rate) = fault {
            let due = Duration::from_secs_f64(sent as f64 / rate as f64);
            thread::park_timeout(due.saturating_sub(began.elapsed()).min(Duration::from_secs(1)));
        }
    }
    let _gone = from.shutdown(Shutdown::Both);
    let _gone = to.shutdown(Shutdown::Both);
}
