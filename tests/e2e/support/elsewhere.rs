//! A way to a server from an address of its own: whoever is counted by address is somebody else there.

use super::caller::trust;
use alcove_tests::world::World;
use alcove_trust::Connector;
use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
    thread,
};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpSocket, TcpStream},
    sync::oneshot,
};
use tonic::transport::{Channel, Endpoint};

/// The way. It ends when dropped.
pub(crate) struct Elsewhere {
    address: SocketAddr,
    _stop: oneshot::Sender<()>,
}

impl Elsewhere {
    /// From `127.0.0.number` to `server`.
    pub(crate) fn at(number: u8, server: SocketAddr) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a loopback port is free");
        listener.set_nonblocking(true).expect("a listener can be made non-blocking");
        let address = listener.local_addr().expect("a bound listener has an address");
        let from = IpAddr::from(Ipv4Addr::new(127, 0, 0, number));
        let (stop, stopped) = oneshot::channel();
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime can be made").block_on(async move {
                let listener = TcpListener::from_std(listener).expect("a listener can be taken over");
                tokio::select! {
                    () = pass(listener, from, server) => {}
                    _ended = stopped => {}
                }
            });
        });
        Self { address, _stop: stop }
    }

    /// A channel to the desk of the world's server, which is at the end of this way, for whoever is nobody.
    pub(crate) fn to_desk(&self, world: &World) -> Channel {
        let connector = Connector::to_desk(Arc::new(trust(world))).expect("the charter names the server");
        Endpoint::from_shared(format!("https://{}", self.address))
            .expect("a socket address is an authority")
            .connect_with_connector_lazy(connector)
    }
}

async fn pass(listener: TcpListener, from: IpAddr, server: SocketAddr) {
    while let Ok((mut here, _)) = listener.accept().await {
        tokio::spawn(async move {
            if let Ok(mut there) = connect(from, server).await {
                // A connection that breaks is a connection that breaks, here as there.
                let _broken = copy_bidirectional(&mut here, &mut there).await;
            }
        });
    }
}

/// A connection from that address.
async fn connect(from: IpAddr, server: SocketAddr) -> std::io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::new(from, 0))?;
    socket.connect(server).await
}
