//! The bytes that a WebSocket's client sends: the request that it begins with, and its frames. Tests and benchmarks write
//! them alike.

/// The first byte of a whole text, and of one that goes on.
pub const TEXT: u8 = 0x81;
pub const TEXT_BEGINS: u8 = 0x01;

/// The first byte of a frame in the middle of a message, of one that ends it and of a ping.
pub const GOES_ON: u8 = 0x00;
pub const ENDS: u8 = 0x80;
pub const PING: u8 = 0x89;

/// The longest head of a frame.
const MAX_HEAD_BYTES: usize = 14;

/// The request for a WebSocket at a path.
pub fn upgrade_request(host: &str, path: &str) -> String {
    format!(
        "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
}

/// A frame. Its mask is zero, which is a key like any other and lets the payload show.
pub fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = Vec::with_capacity(MAX_HEAD_BYTES + payload.len());
    write_head(&mut frame, first, payload.len());
    frame.extend(payload);
    frame
}

/// The head of a frame.
pub fn head(first: u8, length: usize) -> Vec<u8> {
    let mut head = Vec::with_capacity(MAX_HEAD_BYTES);
    write_head(&mut head, first, length);
    head
}

fn write_head(bytes: &mut Vec<u8>, first: u8, length: usize) {
    bytes.push(first);
    match length {
        0..=125 => bytes.push(0x80 | length as u8),
        126..=0xffff => {
            bytes.push(0xfe);
            bytes.extend((length as u16).to_be_bytes());
        }
        _ => {
            bytes.push(0xff);
            bytes.extend((length as u64).to_be_bytes());
        }
    }
    bytes.extend([0; 4]);
}
