//! Where services listen: TCP addresses and unix sockets, opened here or by systemd.
//!
//! A connection over a unix socket has no address: its peer is [`UNKNOWN`], which is neither this machine itself nor a
//! trusted proxy, unless `network.trusted_proxies` has `"unix"`.

use std::fmt;
use std::fs::{self, Permissions};
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, anyhow, bail};
use socket2::{Domain, Protocol, SockAddr, Type};
use tokio::net::{TcpListener, TcpStream, UnixListener};

use super::Config;
use super::address::UNKNOWN;
use crate::config::Findings;
use crate::runtime::systemd::Activated;

/// How addresses of unix sockets begin.
const UNIX: &str = "unix:";

/// The longest path of a unix socket that Linux takes.
const MAX_PATH_BYTES: usize = 107;

/// Where a service is to listen, as its section says it: on all of `listen`, else on `host` and `port`.
#[derive(Debug, Clone, Copy)]
pub struct Listen<'a> {
    /// The address, unless there is a list.
    pub host: &'a str,
    /// The port, unless there is a list.
    pub port: u16,
    /// The list.
    pub listen: &'a [String],
}

/// An address as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// A host, by address or name, and a port.
    Tcp(String, u16),
    /// The path of a unix socket.
    Unix(PathBuf),
}

/// An address that is listened on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// With the port that the system chose for port 0.
    Tcp(SocketAddr),
    /// The path of a unix socket.
    Unix(PathBuf),
}

impl Listen<'_> {
    /// Checks each address of the list.
    pub fn validate(&self, key: &str, findings: &mut Findings) {
        for text in self.listen {
            if let Err(problem) = Wanted::read(text) {
                findings.add(key, format!("{text:?}: {problem}"));
            }
        }
    }

    /// Every address.
    ///
    /// # Errors
    /// What is wrong with one.
    pub fn wanted(&self) -> Result<Vec<Wanted>> {
        if self.listen.is_empty() {
            return Ok(vec![Wanted::Tcp(self.host.to_owned(), self.port)]);
        }
        let read = |text: &String| Wanted::read(text).map_err(|problem| anyhow!("{text:?}: {problem}"));
        self.listen.iter().map(read).collect()
    }
}

impl Wanted {
    /// Reads `host:port`, `[address]:port` or `unix:/path`.
    fn read(text: &str) -> Result<Self, &'static str> {
        if let Some(path) = text.strip_prefix(UNIX) {
            if !path.starts_with('/') {
                return Err(
                    "the whole path of a unix socket is expected, like \"unix:/run/roomhub/music.sock\"",
                );
            }
            if path.len() > MAX_PATH_BYTES {
                return Err("the path of a unix socket has at most 107 bytes");
            }
            return Ok(Self::Unix(path.into()));
        }
        let expected =
            "an address with a port is expected, like \"0.0.0.0:3000\", \"[::]:3000\" or \"unix:/path\"";
        let (host, port) = text.rsplit_once(':').ok_or(expected)?;
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        let is_host = !host.is_empty() && (bare.is_some() || !host.contains([':', '/']));
        let port = port.parse().ok().filter(|_| is_host).ok_or(expected)?;
        Ok(Self::Tcp(bare.unwrap_or(host).to_owned(), port))
    }

    /// The socket address that its name stands for; none of a unix socket.
    ///
    /// # Errors
    /// The name stands for none.
    pub fn resolve(&self) -> Result<Option<SocketAddr>> {
        let Self::Tcp(host, port) = self else { return Ok(None) };
        let mut found = (host.as_str(), *port).to_socket_addrs().with_context(|| {
            format!("host = {host:?}: not an address of this machine; try 0.0.0.0 or 127.0.0.1")
        })?;
        found.next().map(Some).with_context(|| format!("host = {host:?}: has no address"))
    }
}

impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(host, port) if host.contains(':') => write!(f, "[{host}]:{port}"),
            Self::Tcp(host, port) => write!(f, "{host}:{port}"),
            Self::Unix(path) => write!(f, "{UNIX}{}", path.display()),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "{UNIX}{}", path.display()),
        }
    }
}

impl Address {
    /// The address as a browser takes it; what listens on every address is found on this machine.
    pub fn url(&self, is_tls: bool) -> String {
        let scheme = if is_tls { "https" } else { "http" };
        match self {
            Self::Tcp(address) if address.ip().is_unspecified() => {
                format!("{scheme}://localhost:{}", address.port())
            }
            Self::Tcp(address) => format!("{scheme}://{address}"),
            Self::Unix(_) => self.to_string(),
        }
    }

    /// Whether only this machine reaches it.
    pub fn is_of_this_machine(&self) -> bool {
        match self {
            Self::Tcp(address) => address.ip().to_canonical().is_loopback(),
            Self::Unix(_) => true,
        }
    }

    /// Its port, if it has one.
    pub fn port(&self) -> Option<u16> {
        match self {
            Self::Tcp(address) => Some(address.port()),
            Self::Unix(_) => None,
        }
    }
}

/// A listening socket.
pub struct Socket {
    listener: Accepting,
    /// The file of a unix socket that was made here, which goes with it.
    _file: Option<SocketFile>,
}

enum Accepting {
    Tcp(TcpListener),
    Unix(UnixListener),
}

/// A file, and which one it was.
struct SocketFile {
    path: PathBuf,
    inode: u64,
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        // Another process may have put its own in the place.
        if fs::symlink_metadata(&self.path).is_ok_and(|about| about.ino() == self.inode) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

impl Socket {
    /// A socket that systemd opened.
    pub fn adopt(activated: Activated) -> Result<Self> {
        let listener = match activated {
            Activated::Tcp(socket) => {
                socket.set_nonblocking(true)?;
                Accepting::Tcp(TcpListener::from_std(socket)?)
            }
            Activated::Unix(socket) => {
                socket.set_nonblocking(true)?;
                Accepting::Unix(UnixListener::from_std(socket)?)
            }
        };
        Ok(Self { listener, _file: None })
    }

    /// Where it listens.
    pub fn address(&self) -> Result<Address> {
        Ok(match &self.listener {
            Accepting::Tcp(listener) => {
                Address::Tcp(listener.local_addr().context("the address of a listening socket")?)
            }
            Accepting::Unix(listener) => {
                let address = listener.local_addr().context("the address of a listening socket")?;
                Address::Unix(address.as_pathname().unwrap_or(Path::new("")).to_owned())
            }
        })
    }

    /// Whether what comes in has not left this machine, so that TLS has nothing to do.
    pub fn is_unix(&self) -> bool {
        matches!(self.listener, Accepting::Unix(_))
    }

    /// The next connection, and the other end.
    pub async fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        match &self.listener {
            Accepting::Tcp(listener) => {
                let (stream, peer) = listener.accept().await?;
                // An IPv4 peer of a dual-stack socket is IPv4.
                Ok((stream, SocketAddr::new(IpAddr::to_canonical(&peer.ip()), peer.port())))
            }
            Accepting::Unix(listener) => {
                let (stream, _) = listener.accept().await?;
                // To read from and to write to, a connected socket is the same in every family.
                let stream = TcpStream::from_std(OwnedFd::from(stream.into_std()?).into())?;
                Ok((stream, SocketAddr::new(UNKNOWN, 0)))
            }
        }
    }
}

/// Opens every address of a service.
///
/// # Errors
/// One line that says what to do.
pub fn open(service: &str, listen: Listen<'_>, network: &Config) -> Result<Vec<Socket>> {
    let wanted = listen.wanted().with_context(|| format!("[{service}] listen"))?;
    let resolve = |wanted: &Wanted| wanted.resolve().with_context(|| format!("[{service}]"));
    let resolved: Vec<Option<SocketAddr>> = wanted.iter().map(resolve).collect::<Result<_>>()?;
    let open = |(wanted, address): (&Wanted, &Option<SocketAddr>)| match (wanted, address) {
        (Wanted::Unix(path), _) => bind_unix(service, path, network),
        (Wanted::Tcp(..), Some(address)) => bind_tcp(service, *address, &resolved, network.backlog),
        (Wanted::Tcp(..), None) => bail!("{service}: {wanted}: has no address"),
    };
    wanted.iter().zip(&resolved).map(open).collect()
}

/// Whether two addresses could not both be listened on.
pub fn is_same_place(a: SocketAddr, b: SocketAddr) -> bool {
    let is_any = |address: SocketAddr| address.ip().is_unspecified();
    a.port() == b.port() && a.port() != 0 && (a.ip() == b.ip() || is_any(a) || is_any(b))
}

fn bind_tcp(service: &str, address: SocketAddr, all: &[Option<SocketAddr>], backlog: i32) -> Result<Socket> {
    // `[::]` takes IPv4 too, unless the list has IPv4 on the same port.
    let is_only_v6 = all
        .iter()
        .flatten()
        .any(|other| other.is_ipv4() && other.port() == address.port() && other.port() != 0);
    let listen = || -> io::Result<std::net::TcpListener> {
        let socket = socket2::Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
        socket.set_reuse_address(true)?;
        if address.is_ipv6() {
            socket.set_only_v6(is_only_v6)?;
        }
        socket.bind(&address.into())?;
        socket.listen(backlog)?;
        socket.set_nonblocking(true)?;
        Ok(socket.into())
    };
    let listener = listen().map_err(|error| match error.kind() {
        io::ErrorKind::AddrInUse => anyhow!(
            "{service}: {address} is in use by another program; stop it or choose another port with --port"
        ),
        io::ErrorKind::PermissionDenied => anyhow!(
            "{service}: no permission to listen on {address}; choose a port from 1024 on, or grant CAP_NET_BIND_SERVICE"
        ),
        io::ErrorKind::AddrNotAvailable => {
            anyhow!("{service}: {address} is not an address of this machine; try --host 0.0.0.0")
        }
        _ => anyhow!("{service}: cannot listen on {address}: {error}"),
    })?;
    let listener = TcpListener::from_std(listener).context("a listening socket")?;
    Ok(Socket { listener: Accepting::Tcp(listener), _file: None })
}

fn bind_unix(service: &str, path: &Path, network: &Config) -> Result<Socket> {
    let shown = path.display();
    if look_at_path(service, path)? {
        fs::remove_file(path).with_context(|| format!("{service}: {shown}"))?;
    }
    let listen = || -> io::Result<std::os::unix::net::UnixListener> {
        let socket = socket2::Socket::new(Domain::UNIX, Type::STREAM, None)?;
        socket.bind(&SockAddr::unix(path)?)?;
        fs::set_permissions(path, Permissions::from_mode(network.socket_mode()))?;
        socket.listen(network.backlog)?;
        socket.set_nonblocking(true)?;
        Ok(OwnedFd::from(socket).into())
    };
    let listener = listen().with_context(|| format!("{service}: cannot listen on {UNIX}{shown}"))?;
    let inode = fs::symlink_metadata(path).with_context(|| format!("{service}: {shown}"))?.ino();
    let listener = UnixListener::from_std(listener).context("a listening socket")?;
    let file = SocketFile { path: path.to_owned(), inode };
    Ok(Socket { listener: Accepting::Unix(listener), _file: Some(file) })
}

/// Whether there is a socket that a process has left behind.
///
/// # Errors
/// Somebody listens there, or it is no socket.
pub fn look_at_path(service: &str, path: &Path) -> Result<bool> {
    let shown = path.display();
    let Ok(about) = fs::symlink_metadata(path) else { return Ok(false) };
    if !about.file_type().is_socket() {
        bail!("{service}: {shown} is there and is no socket; choose another path");
    }
    if std::os::unix::net::UnixStream::connect(path).is_ok() {
        bail!("{service}: {UNIX}{shown} is in use by another program; stop it or choose another path");
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_as_they_are_written() {
        let read = |text: &str| Wanted::read(text).map(|wanted| wanted.to_string());
        for text in ["0.0.0.0:3000", "[::]:3000", "localhost:0", "unix:/run/roomhub/music.sock"] {
            assert_eq!(read(text).as_deref(), Ok(text));
        }
        for text in ["", "3000", ":3000", "::1:3000", "host:", "host:70000", "unix:run/x", "http://host:80"] {
            assert!(read(text).is_err(), "{text}");
        }
        assert!(Wanted::read(&format!("unix:/{}", "x".repeat(107))).is_err());
    }

    #[test]
    fn two_sockets_of_one_port_are_in_each_others_way_where_one_of_them_is_everywhere() {
        let is_same = |a: &str, b: &str| is_same_place(a.parse().unwrap(), b.parse().unwrap());
        assert!(is_same("0.0.0.0:80", "127.0.0.1:80") && is_same("[::]:80", "10.0.0.1:80"));
        assert!(is_same("10.0.0.1:80", "10.0.0.1:80"));
        assert!(!is_same("10.0.0.1:80", "10.0.0.2:80") && !is_same("0.0.0.0:80", "0.0.0.0:81"));
        assert!(!is_same("0.0.0.0:0", "0.0.0.0:0"));
    }
}
