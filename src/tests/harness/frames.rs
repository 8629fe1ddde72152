//! A WebSocket as bytes, for what no library would send.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use super::client_frames::{frame, upgrade_request};
use super::http;

/// Opens a WebSocket, and gives what it runs over.
pub fn open(address: SocketAddr, path: &str) -> TcpStream {
    let mut stream = http::connect(address);
    stream.write_all(upgrade_request("test", path).as_bytes()).unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        answer.push(byte[0]);
    }
    assert!(answer.starts_with(b"HTTP/1.1 101 "), "{}", String::from_utf8_lossy(&answer));
    stream
}

/// The code of the frame that closes the connection, after which it must end; `None` if it ends without one.
pub fn close_code(stream: &mut TcpStream) -> Option<u16> {
    loop {
        let mut head = [0; 2];
        stream.read_exact(&mut head).ok()?;
        let length = match head[1] {
            126 => u64::from(u16::from_be_bytes(read(stream)?)),
            127 => u64::from_be_bytes(read(stream)?),
            length => u64::from(length),
        };
        let mut payload = vec![0; length as usize];
        stream.read_exact(&mut payload).ok()?;
        if head[0] == 0x88 {
            let code = payload.get(..2).map(|code| u16::from_be_bytes([code[0], code[1]]));
            // A client that has been told goes.
            let _ = stream.write_all(&frame(0x88, &payload));
            let mut rest = Vec::new();
            let _ = stream.read_to_end(&mut rest);
            return code;
        }
    }
}

fn read<const N: usize>(stream: &mut TcpStream) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    stream.read_exact(&mut bytes).ok()?;
    Some(bytes)
}
