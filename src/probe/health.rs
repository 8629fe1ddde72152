//! Whether the services that run here are alive, asked at the addresses at which they really listen.
//!
//! The kernel knows those (`/proc`), whatever flags, variables or systemd sockets they came from. Only processes of the
//! same user can be seen, in a container all that run in it.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, SignatureScheme, StreamOwned};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

use crate::control;
use crate::http::socket::Address;

/// A service that does not answer in this time is not well.
const TIMEOUT: Duration = Duration::from_secs(3);

/// What the kernel calls a listening socket.
const LISTENING: &str = "0A";

/// The flag of a unix socket that listens.
const ACCEPTS: u32 = 0x10000;

/// A line with a status is shorter.
const MAX_STATUS_BYTES: u64 = 1024;

/// The first byte of a TLS alert: what a listener with a certificate says to a plain request.
const TLS_ALERT: u8 = 0x15;

/// Where processes of this program listen: those that this user may look into, or one of them.
///
/// # Errors
/// None is there.
pub fn listening(pid: Option<u32>) -> Result<Vec<Address>> {
    let processes = match pid {
        Some(pid) => vec![PathBuf::from(format!("/proc/{pid}"))],
        None => siblings()?,
    };
    let mut found: Vec<Address> = Vec::new();
    for address in processes.iter().flat_map(|process| listening_of(process)) {
        if !found.contains(&address) {
            found.push(address);
        }
    }
    ensure!(
        !found.is_empty(),
        "no service of this user listens here; name the services to ask them at their configured ports"
    );
    Ok(found)
}

/// Asks the service that listens there for its `/livez`, by TLS if it wants that. Whose certificate it has is of no concern:
/// it is this machine's, and nothing is told it.
///
/// # Errors
/// It cannot be reached, or is not well.
pub fn ask(address: &Address) -> Result<()> {
    match address {
        Address::Tcp(address) => {
            let mut stream = connect(*address)?;
            match request(&mut stream)? {
                Answer::Http(status) => judge(&status),
                Answer::TlsWanted => {
                    let name = ServerName::from(address.ip());
                    let client = ClientConnection::new(Arc::new(trusting_client()?), name)?;
                    match request(&mut StreamOwned::new(client, connect(*address)?))? {
                        Answer::Http(status) => judge(&status),
                        Answer::TlsWanted => bail!("does not answer by TLS either"),
                    }
                }
            }
        }
        Address::Unix(path) => {
            let mut stream = UnixStream::connect(path).context("cannot be reached")?;
            stream.set_read_timeout(Some(TIMEOUT))?;
            match request(&mut stream)? {
                Answer::Http(status) => judge(&status),
                Answer::TlsWanted => bail!("speaks TLS on a unix socket"),
            }
        }
    }
}

/// What came back.
enum Answer {
    /// A line with a status.
    Http(String),
    /// A word that TLS is wanted.
    TlsWanted,
}

fn request(stream: &mut (impl Read + Write)) -> Result<Answer> {
    stream.write_all(b"GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut status = Vec::new();
    BufReader::new(stream)
        .take(MAX_STATUS_BYTES)
        .read_until(b'\n', &mut status)
        .context("does not answer")?;
    if status.first() == Some(&TLS_ALERT) {
        return Ok(Answer::TlsWanted);
    }
    Ok(Answer::Http(String::from_utf8_lossy(&status).trim().to_owned()))
}

fn judge(status: &str) -> Result<()> {
    ensure!(status.contains(" 200 "), "answers {status:?}");
    Ok(())
}

/// Takes every certificate.
fn trusting_client() -> Result<ClientConfig> {
    let provider = Arc::new(ring::default_provider());
    Ok(ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .context("TLS versions")?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(AnyCertificate(provider)))
        .with_no_client_auth())
}

#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, signed, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, signed, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

fn connect(address: SocketAddr) -> Result<TcpStream> {
    let reachable = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => vec![IpAddr::V4(Ipv4Addr::LOCALHOST)],
        IpAddr::V6(ip) if ip.is_unspecified() => {
            vec![IpAddr::V6(Ipv6Addr::LOCALHOST), IpAddr::V4(Ipv4Addr::LOCALHOST)]
        }
        ip => vec![ip],
    };
    let connect = |ip| TcpStream::connect_timeout(&SocketAddr::new(ip, address.port()), TIMEOUT);
    let mut stream = None;
    for ip in reachable {
        stream = Some(connect(ip));
        if matches!(stream, Some(Ok(_))) {
            break;
        }
    }
    let stream = stream.context("has no address")?.context("cannot be reached")?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    Ok(stream)
}

/// Processes that run this program, also those that run a version which was replaced on disk.
fn siblings() -> Result<Vec<PathBuf>> {
    let own = program(Path::new("/proc/self")).context("/proc cannot be read")?;
    let entries = fs::read_dir("/proc").context("/proc cannot be read")?;
    let is_process = |path: &PathBuf| {
        path.file_name().is_some_and(|name| name.as_encoded_bytes().iter().all(u8::is_ascii_digit))
    };
    let processes = entries.flatten().map(|entry| entry.path()).filter(is_process);
    Ok(processes.filter(|process| program(process).as_ref() == Some(&own)).collect())
}

fn program(process: &Path) -> Option<String> {
    let path = fs::read_link(process.join("exe")).ok()?;
    Some(path.to_string_lossy().trim_end_matches(" (deleted)").to_owned())
}

fn listening_of(process: &Path) -> Vec<Address> {
    let sockets: BTreeSet<String> = fs::read_dir(process.join("fd"))
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|file| fs::read_link(file.path()).ok())
        .filter_map(|link| link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']').map(str::to_owned))
        .collect();
    let table = |name: &str| fs::read_to_string(process.join("net").join(name)).unwrap_or_default();
    let tables = [table("tcp"), table("tcp6")];
    let lines = tables.iter().flat_map(|table| table.lines().skip(1));
    let tcp = lines.filter_map(listening_socket).map(|(inode, at)| (inode, Address::Tcp(at)));
    let unix_table = table("unix");
    let unix = unix_table.lines().skip(1).filter_map(listening_unix_socket);
    let unix = unix.map(|(inode, path)| (inode, Address::Unix(path)));
    tcp.chain(unix).filter(|(inode, _)| sockets.contains(*inode)).map(|(_, at)| at).collect()
}

/// The inode and path of a line of `/proc/net/unix`, if it is of a listening socket with a path; those of this program's own
/// commands are none of a service's.
fn listening_unix_socket(line: &str) -> Option<(&str, PathBuf)> {
    let mut fields = line.split_whitespace();
    let (flags, inode, path) = (fields.nth(3)?, fields.nth(2)?, fields.next()?);
    let is_listening = u32::from_str_radix(flags, 16).ok()? & ACCEPTS != 0;
    let is_of_service = path.starts_with('/') && !path.ends_with(control::SUFFIX);
    (is_listening && is_of_service).then(|| (inode, path.into()))
}

/// The inode and address of a line of `/proc/net/tcp`, if it is of a listening socket.
fn listening_socket(line: &str) -> Option<(&str, SocketAddr)> {
    let mut fields = line.split_whitespace();
    let (local, _remote, state) = (fields.nth(1)?, fields.next()?, fields.next()?);
    let inode = fields.nth(5)?;
    let (ip, port) = local.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    // Words of an address are in the byte order of the machine.
    let words: Vec<[u8; 4]> = ip
        .as_bytes()
        .chunks(8)
        .map(|word| Some(u32::from_str_radix(std::str::from_utf8(word).ok()?, 16).ok()?.to_ne_bytes()))
        .collect::<Option<_>>()?;
    let ip = match words.as_slice() {
        [word] => IpAddr::from(*word),
        [a, b, c, d] => IpAddr::from(<[u8; 16]>::try_from([*a, *b, *c, *d].concat()).ok()?),
        _ => return None,
    };
    (state == LISTENING).then_some((inode, SocketAddr::new(ip, port)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_endian = "little")]
    fn listening_sockets_are_read_from_the_kernels_tables() {
        let listening =
            "   0: 0100007F:0BB8 00000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 4711 1";
        assert_eq!(listening_socket(listening), Some(("4711", "127.0.0.1:3000".parse().unwrap())));
        let v6 = "   0: 00000000000000000000000001000000:1389 0:0 0A 0:0 0:0 0 0 0 12 1";
        assert_eq!(listening_socket(v6), Some(("12", "[::1]:5001".parse().unwrap())));
        let connected = listening.replace(" 0A ", " 01 ");
        assert_eq!(listening_socket(&connected), None);
        assert_eq!(listening_socket("nothing"), None);
        let unix = "0000000000000000: 00000002 00000000 00010000 0001 01 4711 /run/roomhub/music.sock";
        assert_eq!(listening_unix_socket(unix), Some(("4711", "/run/roomhub/music.sock".into())));
        assert_eq!(listening_unix_socket(&unix.replace(".sock", ".7.control")), None);
        assert_eq!(listening_unix_socket(&unix.replace("00010000", "00000000")), None);
        assert_eq!(listening_unix_socket("nothing"), None);
    }
}
