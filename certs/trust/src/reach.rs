//! Which address of a name is connected to, when some of them are dead (RFC 8305).
//!
//! The HTTP library's own connector tries the two families side by side and, within one family, one address after the
//! other; a dead one among several of one family would take its share of the time.

use std::{
    future::Future,
    io,
    net::{SocketAddr, ToSocketAddrs},
    thread,
    time::Duration,
};
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinSet,
    time::{Instant, sleep_until},
};

/// Time an address is given before the next one is tried beside it: the one that RFC 8305 recommends.
const STAGGER: Duration = Duration::from_millis(250);
/// The same once an address has taken the connection: somebody is there, and may be slow.
const STAGGER_CONNECTED: Duration = Duration::from_secs(2);

/// Told when an attempt has its TCP connection.
pub(crate) type Up = mpsc::UnboundedSender<()>;

/// The addresses of `host` (a name or an address literal), in the order in which the system prefers them.
pub(crate) async fn addresses(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    if let Ok(address) = host.parse() {
        return Ok(vec![SocketAddr::new(address, port)]);
    }
    let (answer, answered) = oneshot::channel();
    let host = host.to_owned();
    // A thread that nobody waits for: the system's lookup cannot be broken off, and a program that has given up is not to
    // end later for its sake.
    thread::Builder::new().name("name lookup".into()).spawn(move || {
        let found = (host.as_str(), port).to_socket_addrs().map(Iterator::collect);
        let _nobody_waits = answer.send(found);
    })?;
    answered.await.unwrap_or_else(|_| Err(io::ErrorKind::Interrupted.into()))
}

/// The first attempt that succeeds, of those made at `addresses`: one after the other, and each without waiting for the
/// end of those before it. The others are dropped.
///
/// Errors: those of all attempts, in the order in which they failed.
pub(crate) async fn first<T, E, F>(
    addresses: Vec<SocketAddr>,
    attempt: impl Fn(SocketAddr, Up) -> F,
) -> Result<T, Vec<E>>
where
    T: Send + 'static,
    E: Send + 'static,
    F: Future<Output = Result<T, E>> + Send + 'static,
{
    let mut addresses = alternating(addresses).into_iter();
    let (up, mut is_up) = mpsc::unbounded_channel();
    let mut attempts = JoinSet::new();
    let mut failed = Vec::new();
    let mut next_at = Instant::now();
    while addresses.len() > 0 || !attempts.is_empty() {
        tokio::select! {
            biased;
            Some(ended) = attempts.join_next(), if !attempts.is_empty() => {
                match ended {
                    Ok(Ok(connection)) => return Ok(connection),
                    Ok(Err(error)) => failed.push(error),
                    // The program ends.
                    Err(_) => {}
                }
                next_at = Instant::now();
            }
            Some(()) = is_up.recv() => next_at = Instant::now() + STAGGER_CONNECTED,
            () = sleep_until(next_at), if addresses.len() > 0 => {
                if let Some(address) = addresses.next() {
                    attempts.spawn(attempt(address, up.clone()));
                }
                next_at = Instant::now() + STAGGER;
            }
        }
    }
    Err(failed)
}

/// The families in turn, the one first that the system prefers: a whole family may be dead.
fn alternating(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let first_is_v4 = addresses.first().is_some_and(SocketAddr::is_ipv4);
    let (preferred, others): (Vec<_>, Vec<_>) =
        addresses.into_iter().partition(|address| address.is_ipv4() == first_is_v4);
    let (mut preferred, mut others) = (preferred.into_iter(), others.into_iter());
    let mut turns = Vec::with_capacity(preferred.len() + others.len());
    while preferred.len() + others.len() > 0 {
        turns.extend(preferred.next());
        turns.extend(others.next());
    }
    turns
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    };

    fn address(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    #[test]
    fn the_families_take_turns_and_the_preferred_one_begins() {
        let of = |texts: &[&str]| texts.iter().map(|text| address(text)).collect::<Vec<_>>();
        let given = of(&["[::1]:1", "[::2]:1", "[::3]:1", "127.0.0.1:1"]);
        assert_eq!(alternating(given), of(&["[::1]:1", "127.0.0.1:1", "[::2]:1", "[::3]:1"]));
        let one_family = of(&["127.0.0.2:1", "127.0.0.1:1"]);
        assert_eq!(alternating(one_family.clone()), one_family);
        assert!(alternating(Vec::new()).is_empty());
    }

    /// Attempts at addresses of which all but the last do what `dead` says, for ever or by failing.
    async fn tried(dead: &'static str, count: u8) -> (Result<u16, Vec<u16>>, Duration, usize) {
        let addresses: Vec<_> = (1..=count).map(|number| address(&format!("127.0.0.{number}:9"))).collect();
        let last = addresses.last().copied();
        let (begun, made) = (Instant::now(), Arc::new(AtomicUsize::new(0)));
        let counter = Arc::clone(&made);
        let attempt = move |address: SocketAddr, up: Up| {
            let counter = Arc::clone(&counter);
            async move {
                counter.fetch_add(1, Ordering::SeqCst);
                match dead {
                    _ if Some(address) == last => Ok(1),
                    "silent" => std::future::pending().await,
                    "connected" => {
                        up.send(()).unwrap();
                        std::future::pending().await
                    }
                    _ => Err(2),
                }
            }
        };
        let result = first(addresses, attempt).await;
        (result, begun.elapsed(), made.load(Ordering::SeqCst))
    }

    #[tokio::test]
    async fn dead_addresses_of_one_family_hold_up_the_living_one_by_a_moment_each() {
        let (reached, lasted, made) = tried("silent", 3).await;
        assert_eq!((reached, made), (Ok(1), 3));
        assert!(lasted >= 2 * STAGGER, "{lasted:?}: each was given its time");
        // One that takes connections and says nothing is waited for longer, and not for ever.
        let (reached, lasted, made) = tried("connected", 2).await;
        assert_eq!((reached, made), (Ok(1), 2));
        assert!(lasted >= STAGGER_CONNECTED, "{lasted:?}");
    }

    #[tokio::test]
    async fn an_address_that_refuses_is_passed_over_at_once() {
        let (reached, lasted, made) = tried("refusing", 50).await;
        assert_eq!((reached, made), (Ok(1), 50));
        assert!(lasted < 49 * STAGGER, "{lasted:?}");
        let none: Result<u16, Vec<u16>> =
            first(vec![address("127.0.0.1:9"), address("127.0.0.2:9")], |_, _| async { Err(7) }).await;
        assert_eq!(none, Err(vec![7, 7]), "all that failed is told");
        assert_eq!(first(Vec::new(), |_, _| async { Ok::<u16, u16>(1) }).await, Err(Vec::new()));
    }
}
