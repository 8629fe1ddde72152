//! Whether the services that run here are alive, asked at the addresses at which they really listen.
//!
//! The kernel knows those (`/proc`), whatever flags, variables or systemd sockets they came from. Only processes of the
//! same user can be seen, in a container all that run in it.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};

/// A service that does not answer in this time is not well.
const TIMEOUT: Duration = Duration::from_secs(3);

/// What the kernel calls a listening socket.
const LISTENING: &str = "0A";

/// The first byte of a TLS alert: what a listener with a certificate says to a plain request.
const TLS_ALERT: u8 = 0x15;

/// Where processes of this program listen: those that this user may look into, or one of them.
///
/// # Errors
/// None is there.
pub fn listening(pid: Option<u32>) -> Result<BTreeSet<SocketAddr>> {
    let processes = match pid {
        Some(pid) => vec![PathBuf::from(format!("/proc/{pid}"))],
        None => siblings()?,
    };
    let found: BTreeSet<SocketAddr> = processes.iter().flat_map(|process| listening_of(process)).collect();
    ensure!(
        !found.is_empty(),
        "no service of this user listens here; name the services to ask them at their configured ports"
    );
    Ok(found)
}

/// Asks the service that listens there for its `/livez`; of one that speaks TLS, whether it answers at all.
///
/// # Errors
/// It cannot be reached, or is not well.
pub fn ask(address: SocketAddr) -> Result<()> {
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
    let mut stream = stream.context("has no address")?.context("cannot be reached")?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.write_all(b"GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut status = Vec::new();
    BufReader::new(stream).read_until(b'\n', &mut status).context("does not answer")?;
    if status.first() == Some(&TLS_ALERT) {
        return Ok(());
    }
    let status = String::from_utf8_lossy(&status);
    if !status.contains(" 200 ") {
        bail!("answers {:?}", status.trim());
    }
    Ok(())
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

fn listening_of(process: &Path) -> BTreeSet<SocketAddr> {
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
    lines
        .filter_map(listening_socket)
        .filter(|(inode, _)| sockets.contains(*inode))
        .map(|(_, at)| at)
        .collect()
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
    }
}
