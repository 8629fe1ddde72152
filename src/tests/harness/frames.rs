//! Frames of a WebSocket client as bytes, for what no library would send.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use super::http;

/// The first byte of a whole text, and of one that goes on.
pub const TEXT: u8 = 0x81;
pub const TEXT_BEGINS: u8 = 0x01;

/// The first byte of a frame in the middle of a message, of one that ends it, and of a ping.
pub const GOES_ON: u8 = 0x00;
pub const ENDS: u8 = 0x80;
pub const PING: u8 = 0x89;

/// A frame whose mask is zero, so that its payload shows.
pub fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    [head(first, payload.len()), payload.to_vec()].concat()
}

/// The head of a frame.
pub fn head(first: u8, length: usize) -> Vec<u8> {
    let mut head = vec![first];
    match length {
        0..=125 => head.push(0x80 | length as u8),
        126..=0xffff => {
            head.push(0xfe);
            head.extend((length as u16).to_be_bytes());
        }
        _ => {
            head.push(0xff);
            head.extend((length as u64).to_be_bytes());
        }
    }
    head.extend([0; 4]);
    head
}

/// Opens a WebSocket, and gives what it runs over.
pub fn open(address: SocketAddr, path: &str) -> TcpStream {
    let mut stream = http::connect(address);
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    .unwrap();
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
