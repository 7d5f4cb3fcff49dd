//! The forward proxy of an agency's network: whether one is used, by what the environment says, and the way through it.
//!
//! Almost as curl reads it: the first of `https_proxy`, `HTTPS_PROXY`, `all_proxy` and `ALL_PROXY` that is there names the
//! proxy (one that is empty says that there is none), and `no_proxy` or `NO_PROXY` what is reached without it. This machine itself is no exception.

use crate::CertificateFault;
use std::{
    convert::Infallible,
    fmt,
    net::IpAddr,
    str::FromStr,
    sync::{Arc, OnceLock},
};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use zeroize::Zeroizing;

/// The port of a proxy whose address names none.
const DEFAULT_PORT: u16 = 80;
/// Bytes of what a proxy answers before its body.
const HEAD_BYTES_MAX: usize = 16 * 1024;

/// What the environment of this program says.
static OF_THIS_PROGRAM: OnceLock<Proxies> = OnceLock::new();

/// Why the proxy is of no help.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProxyFault {
    /// Nobody answers at its address. Worth another try.
    #[error("it does not answer")]
    NoAnswer,
    /// It wants to know who asks.
    #[error("it asks for a name and a password that it accepts (HTTP 407)")]
    WantsLogin,
    /// It does not let anybody through to the server: its answer's status.
    #[error("it refuses to connect to the server (HTTP {0})")]
    Refuses(u16),
    /// It does not reach the server itself. Worth another try.
    #[error("it says that it cannot reach the server (HTTP {0})")]
    CannotReach(u16),
    /// It does not answer as a proxy does.
    #[error("what answers at its address is not a proxy")]
    NotAProxy,
    /// Its address is none, or of a kind that is not used here.
    #[error("its address is not of the form http://HOST:PORT, the only kind that Alcove uses")]
    Address,
    /// Behind it is not the server: it opens what is encrypted to read it, or the address leads to another server.
    #[error(
        "what it leads to shows a certificate that is not the server's ({0}), as a proxy does that opens encrypted connections \
         to read them"
    )]
    ReadsAlong(CertificateFault),
}

impl ProxyFault {
    /// Whether the same may succeed in a moment.
    pub fn is_worth_retrying(self) -> bool {
        matches!(self, Self::NoAnswer | Self::CannotReach(_))
    }
}

/// The address of a proxy as it was given. It may hold a password.
#[derive(Clone)]
pub struct ProxyUrl(Zeroizing<String>);

impl FromStr for ProxyUrl {
    type Err = Infallible;

    fn from_str(url: &str) -> Result<Self, Infallible> {
        Ok(Self(Zeroizing::new(url.trim().to_owned())))
    }
}

impl fmt::Debug for ProxyUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("ProxyUrl")
    }
}

/// A proxy, and what it is told of who asks. Has no `Debug`: that may be a password.
pub(crate) struct Proxy {
    pub(crate) host: String,
    pub(crate) port: u16,
    /// The value of `Proxy-Authorization`.
    authorization: Option<Zeroizing<String>>,
}

/// Which proxy is used, and what is reached without it.
pub struct Proxies {
    proxy: Option<Result<Arc<Proxy>, ProxyFault>>,
    without: Vec<Without>,
}

/// An entry of `NO_PROXY`.
#[derive(Debug, PartialEq, Eq)]
struct Without {
    what: What,
    port: Option<u16>,
}

#[derive(Debug, PartialEq, Eq)]
enum What {
    Everything,
    /// The name itself, and every name below it.
    Name(String),
    /// Addresses of which so many leading bits are these.
    Addresses(IpAddr, u32),
}

impl Proxies {
    /// What these variables say: the address of the proxy, and the list of what is reached without it.
    pub fn new(proxy: Option<&ProxyUrl>, without: Option<&str>) -> Self {
        let proxy = proxy.map(|url| url.0.as_str()).filter(|url| !url.is_empty());
        let entries = without.unwrap_or_default().split([',', ' ', '\t']).filter(|entry| !entry.is_empty());
        Self {
            proxy: proxy.map(|url| Proxy::parse(url).map(Arc::new).ok_or(ProxyFault::Address)),
            without: entries.filter_map(Without::parse).collect(),
        }
    }

    /// Every connection of this program goes by it from now on; the first one given stays.
    pub fn use_everywhere(self) {
        let _set_before = OF_THIS_PROGRAM.set(self);
    }

    /// The proxy on the way to `host`.
    ///
    /// Errors: [`ProxyFault::Address`].
    fn to(&self, host: &str, port: u16) -> Result<Option<Arc<Proxy>>, ProxyFault> {
        if self.proxy.is_none() || self.without.iter().any(|without| without.is_for(host, port)) {
            return Ok(None);
        }
        self.proxy.clone().transpose()
    }
}

/// The proxy on this program's way to `host`.
///
/// Errors: [`ProxyFault::Address`].
pub(crate) fn to(host: &str, port: u16) -> Result<Option<Arc<Proxy>>, ProxyFault> {
    OF_THIS_PROGRAM.get().map_or(Ok(None), |proxies| proxies.to(host, port))
}

/// `host:port` of the proxy on this program's way to `address`, which is `host:port`, too. Never a name or a password.
pub fn proxy_on_the_way(address: &str) -> Option<String> {
    let (host, port) = address.rsplit_once(':')?;
    let proxy = to(host.trim_matches(['[', ']']), port.parse().ok()?).ok()??;
    Some(target(&proxy.host, proxy.port))
}

impl Proxy {
    fn parse(url: &str) -> Option<Self> {
        let rest = match url.split_once("://") {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") => rest,
            Some(_) => return None,
            None => url,
        };
        // A slash in a password is written %2F. Else what stands before it would be taken for the host, shown and looked up.
        if rest.rsplit_once('@').is_some_and(|(login, _)| login.contains('/')) {
            return None;
        }
        let authority = rest.split('/').next()?;
        let (login, place) = match authority.rsplit_once('@') {
            Some((login, place)) => (Some(login), place),
            None => (None, authority),
        };
        let (host, port) = split_port(place);
        let port = port.map_or(Some(DEFAULT_PORT), |port| port.parse().ok().filter(|port| *port != 0))?;
        let is_host = !host.is_empty() && !host.contains(|c: char| c.is_whitespace() || c.is_control());
        let authorization = login.map(|login| {
            // A name without a password is one with an empty password.
            let colon = if login.contains(':') { "" } else { ":" };
            let login = Zeroizing::new([unescaped(login).as_slice(), colon.as_bytes()].concat());
            Zeroizing::new(data_encoding::BASE64.encode(&login))
        });
        is_host.then(|| Self { host: host.to_owned(), port, authorization })
    }

    /// Asks the proxy at the other end of `io` for a connection to `host`; what is written and read afterwards, the server
    /// reads and has written.
    pub(crate) async fn open<Io: AsyncRead + AsyncWrite + Unpin>(
        &self,
        io: &mut Io,
        host: &str,
        port: u16,
    ) -> Result<(), ProxyFault> {
        let target = target(host, port);
        let (line, value) = match &self.authorization {
            Some(value) => ("Proxy-Authorization: Basic ", value.as_str()),
            None => ("User-Agent: ", "alcove"),
        };
        let request =
            Zeroizing::new(format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n{line}{value}\r\n\r\n"));
        io.write_all(request.as_bytes()).await.map_err(|_| ProxyFault::NoAnswer)?;
        let mut head = Vec::new();
        while !head.windows(4).any(|end| end == b"\r\n\r\n") {
            let read = io.read_buf(&mut head).await.map_err(|_| ProxyFault::NoAnswer)?;
            if head.len() > HEAD_BYTES_MAX {
                return Err(ProxyFault::NotAProxy);
            }
            if read == 0 {
                // What has said nothing may be a proxy that restarts.
                return Err(if head.is_empty() { ProxyFault::NoAnswer } else { ProxyFault::NotAProxy });
            }
        }
        match status(&head).ok_or(ProxyFault::NotAProxy)? {
            // The server says nothing before it is spoken to, so nothing comes behind the head.
            200..=299 if head.ends_with(b"\r\n\r\n") => Ok(()),
            200..=299 => Err(ProxyFault::NotAProxy),
            407 => Err(ProxyFault::WantsLogin),
            status @ (502..=504) => Err(ProxyFault::CannotReach(status)),
            status => Err(ProxyFault::Refuses(status)),
        }
    }
}

/// The status of an answer in HTTP/1.
fn status(head: &[u8]) -> Option<u16> {
    let rest = head.strip_prefix(b"HTTP/1.")?;
    let status = str::from_utf8(rest.get(2..5)?).ok()?;
    (rest.get(1) == Some(&b' ')).then(|| status.parse().ok())?
}

/// `host:port`, with an IPv6 literal in brackets.
fn target(host: &str, port: u16) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

/// Host (an IPv6 literal without its brackets) and port of what may have one.
fn split_port(place: &str) -> (&str, Option<&str>) {
    if let Some(rest) = place.strip_prefix('[') {
        let (host, rest) = rest.split_once(']').unwrap_or((rest, ""));
        return (host, rest.strip_prefix(':'));
    }
    match place.split_once(':') {
        // More than one colon is an address of IPv6.
        Some((host, port)) if !port.contains(':') => (host, Some(port)),
        _ => (place, None),
    }
}

/// The bytes that a part of a URL stands for (RFC 3986 section 2.1); a `%` that begins nothing stands for itself.
fn unescaped(text: &str) -> Zeroizing<Vec<u8>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(text.len()));
    let mut rest = text.as_bytes();
    while let Some((&first, behind)) = rest.split_first() {
        let digits = behind.get(..2).filter(|digits| digits.iter().all(u8::is_ascii_hexdigit));
        let escaped = digits
            .filter(|_| first == b'%')
            .and_then(|digits| u8::from_str_radix(str::from_utf8(digits).ok()?, 16).ok());
        bytes.push(escaped.unwrap_or(first));
        rest = if escaped.is_some() { &behind[2..] } else { behind };
    }
    bytes
}

impl Without {
    /// Nothing for an entry with a port that is none: without it, it would say more than was meant.
    fn parse(entry: &str) -> Option<Self> {
        if entry == "*" {
            return Some(Self { what: What::Everything, port: None });
        }
        let (addresses, bits) = entry.split_once('/').unwrap_or((entry, ""));
        if let Ok(address) = addresses.trim_matches(['[', ']']).parse::<IpAddr>() {
            let whole = if address.is_ipv4() { 32 } else { 128 };
            let bits = bits.parse().unwrap_or(whole).min(whole);
            return Some(Self { what: What::Addresses(address, bits), port: None });
        }
        let (host, port) = split_port(entry);
        let port = port.map(str::parse).transpose().ok()?;
        let what = match host.parse() {
            Ok(address @ IpAddr::V4(_)) => What::Addresses(address, 32),
            Ok(address @ IpAddr::V6(_)) => What::Addresses(address, 128),
            Err(_) => What::Name(plain(host.trim_start_matches("*."))),
        };
        Some(Self { what, port })
    }

    fn is_for(&self, host: &str, port: u16) -> bool {
        let is_host = match (&self.what, host.parse::<IpAddr>()) {
            (What::Everything, _) => true,
            (What::Addresses(net, bits), Ok(address)) => is_within(address, *net, *bits),
            (What::Name(name), Err(_)) => {
                let host = plain(host);
                host.strip_suffix(name.as_str()).is_some_and(|above| above.is_empty() || above.ends_with('.'))
            }
            (What::Addresses(..), Err(_)) | (What::Name(_), Ok(_)) => false,
        };
        is_host && self.port.is_none_or(|only| only == port)
    }
}

/// A name as names are compared.
fn plain(name: &str) -> String {
    name.trim_matches('.').to_ascii_lowercase()
}

fn is_within(address: IpAddr, net: IpAddr, bits: u32) -> bool {
    match (address, net) {
        (IpAddr::V4(address), IpAddr::V4(net)) => {
            let differs = u32::from(address) ^ u32::from(net);
            differs.checked_shr(32 - bits).unwrap_or(0) == 0
        }
        (IpAddr::V6(address), IpAddr::V6(net)) => {
            let differs = u128::from(address) ^ u128::from(net);
            differs.checked_shr(128 - bits).unwrap_or(0) == 0
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn way(proxy: &str, without: &str, host: &str) -> Option<String> {
        let proxies = Proxies::new(proxy.parse().ok().as_ref(), Some(without));
        proxies.to(host, 443).unwrap().map(|proxy| target(&proxy.host, proxy.port))
    }

    #[test]
    fn the_proxy_is_where_its_variable_says() {
        for (url, place) in [
            ("http://proxy.northmark.example:3128", "proxy.northmark.example:3128"),
            ("HTTP://proxy.northmark.example:3128/", "proxy.northmark.example:3128"),
            ("proxy.northmark.example:3128", "proxy.northmark.example:3128"),
            ("http://proxy.northmark.example", "proxy.northmark.example:80"),
            ("http://rosa:p%40ss:word@[fd00::1]:8080", "[fd00::1]:8080"),
            (" http://127.0.0.1:1 ", "127.0.0.1:1"),
        ] {
            assert_eq!(way(url, "", "alcove.northmark.example").as_deref(), Some(place), "{url}");
        }
        assert_eq!(way("", "", "alcove.northmark.example"), None, "an empty one is none");
        for url in [
            "socks5://127.0.0.1:1080",
            "https://proxy.example:443",
            "http://",
            "http://h:0",
            "http://a b",
            "http://rosa:1234/x@h:1",
        ] {
            let to = Proxies::new(url.parse().ok().as_ref(), None).to("alcove.northmark.example", 443);
            assert!(matches!(to, Err(ProxyFault::Address)), "{url} is not passed over in silence");
        }
    }

    #[test]
    fn what_the_list_names_is_reached_without_the_proxy() {
        let without = |list: &str, host: &str| way("http://127.0.0.1:3128", list, host).is_none();
        for (list, host) in [
            ("*", "alcove.northmark.example"),
            ("northmark.example", "alcove.northmark.example"),
            ("other.example, .Northmark.example", "ALCOVE.northmark.example."),
            ("*.northmark.example", "alcove.northmark.example"),
            ("alcove.northmark.example", "alcove.northmark.example"),
            ("localhost 127.0.0.1", "127.0.0.1"),
            ("alcove.northmark.example:443", "alcove.northmark.example"),
            ("127.0.0.0/8", "127.3.2.1"),
            ("0.0.0.0/0", "192.0.2.7"),
            ("fd00::/8", "fd12::1"),
            ("[::1]", "::1"),
        ] {
            assert!(without(list, host), "{list} is for {host}");
        }
        for (list, host) in [
            ("", "127.0.0.1"),
            ("localhost", "127.0.0.1"),
            ("northmark.example", "alcove.othernorthmark.example"),
            ("alcove.northmark.example:8443", "alcove.northmark.example"),
            ("alcove.northmark.example:https", "alcove.northmark.example"),
            ("127.0.0.0/8", "128.0.0.1"),
            ("10.0.0.0/8", "alcove.northmark.example"),
            ("fd00::/8", "127.0.0.1"),
        ] {
            assert!(!without(list, host), "{list} is not for {host}");
        }
    }

    /// What comes of asking a proxy that answers so, and what it was asked.
    async fn asked(url: &str, answer: &str) -> (Result<(), ProxyFault>, String) {
        let proxy = Proxy::parse(url).unwrap();
        let (mut ours, mut theirs) = tokio::io::duplex(64 * 1024);
        theirs.write_all(answer.as_bytes()).await.unwrap();
        theirs.shutdown().await.unwrap();
        let opened = proxy.open(&mut ours, "alcove.northmark.example", 443).await;
        drop(ours);
        let mut request = String::new();
        theirs.read_to_string(&mut request).await.unwrap();
        (opened, request)
    }

    #[tokio::test]
    async fn each_answer_of_a_proxy_says_something_else() {
        let plain = "http://127.0.0.1:3128";
        let (opened, request) = asked(plain, "HTTP/1.1 200 Connection established\r\n\r\n").await;
        assert_eq!(opened, Ok(()));
        let line = "CONNECT alcove.northmark.example:443 HTTP/1.1\r\nHost: alcove.northmark.example:443\r\n";
        assert!(request.starts_with(line) && request.ends_with("\r\n\r\n"), "{request}");
        for (answer, fault) in [
            ("", ProxyFault::NoAnswer),
            ("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", ProxyFault::WantsLogin),
            ("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno", ProxyFault::Refuses(403)),
            ("HTTP/1.0 502 Bad Gateway\r\n\r\n", ProxyFault::CannotReach(502)),
            ("HTTP/1.1 302 Found\r\nLocation: /login\r\n\r\n", ProxyFault::Refuses(302)),
            ("HTTP/1.1 200 OK\r\n\r\n<html>", ProxyFault::NotAProxy),
            ("HTTP/1.1 200 OK\r\n", ProxyFault::NotAProxy),
            ("SSH-2.0-OpenSSH\r\n\r\n", ProxyFault::NotAProxy),
            ("HTTP/1.1 \u{fc}\u{fc}\r\n\r\n", ProxyFault::NotAProxy),
        ] {
            assert_eq!(asked(plain, answer).await.0, Err(fault), "{answer:?}");
        }
    }

    #[tokio::test]
    async fn a_login_reaches_the_proxy_as_it_was_meant() {
        let ok = "HTTP/1.1 200 OK\r\n\r\n";
        let (_, request) = asked("http://Aladdin:open%20sesame@127.0.0.1:3128", ok).await;
        assert!(
            request.contains("\r\nProxy-Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n"),
            "{request}"
        );
        let (_, request) = asked("http://rosa@127.0.0.1:3128", ok).await;
        assert!(request.contains("Basic cm9zYTo=\r\n"), "without a password: {request}");
        assert_eq!(*unescaped("100%25%zz%4"), b"100%%zz%4");
    }
}
