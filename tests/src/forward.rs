//! A forward proxy, as the networks of agencies have one: it connects to whom it is asked for, or says why not.

use std::{
    io::{self, BufRead, BufReader, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

/// What a proxy does with whoever asks.
#[derive(Debug, Clone, Copy)]
pub enum Manner {
    /// Connects them to where they want.
    Connects,
    /// Connects everybody here instead.
    Diverts(SocketAddr),
    /// Answers with this status line.
    Answers(&'static str),
}

/// The proxy. It takes connections until the test ends.
pub struct Forward {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Forward {
    /// A proxy on a fresh loopback port.
    pub fn new(manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a loopback port is free");
        let address = listener.local_addr().expect("a bound listener has an address");
        let asked = Arc::<Mutex<Vec<String>>>::default();
        let heads = Arc::clone(&asked);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let heads = Arc::clone(&heads);
                thread::spawn(move || serve(client, manner, &heads));
            }
        });
        Self { address, asked }
    }

    /// As a program's environment names it, with what stands before the `@`.
    pub fn url(&self, login: &str) -> String {
        format!("http://{login}{}", self.address)
    }

    /// Where it is.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it was asked so far, one text for each connection.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().expect("no holder panics").clone()
    }
}

fn serve(client: TcpStream, manner: Manner, asked: &Mutex<Vec<String>>) -> Option<()> {
    let mut reader = BufReader::new(client.try_clone().ok()?);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).ok()? == 0 {
            return None;
        }
    }
    let wanted = head.split(' ').nth(1)?.parse::<SocketAddr>().ok();
    asked.lock().expect("no holder panics").push(head);
    let target = match manner {
        Manner::Connects => wanted?,
        Manner::Diverts(target) => target,
        Manner::Answers(status) => {
            (&client).write_all(format!("{status}\r\nConnection: close\r\n\r\n").as_bytes()).ok()?;
            return client.shutdown(Shutdown::Write).ok();
        }
    };
    let server = TcpStream::connect(target).ok()?;
    (&client).write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").ok()?;
    let (mut from_server, mut to_client) = (server.try_clone().ok()?, client.try_clone().ok()?);
    thread::spawn(move || {
        let _gone = io::copy(&mut from_server, &mut to_client);
        to_client.shutdown(Shutdown::Both)
    });
    let _gone = io::copy(&mut reader, &mut &server);
    server.shutdown(Shutdown::Both).ok()
}
