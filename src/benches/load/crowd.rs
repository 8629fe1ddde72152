//! Listeners whose sockets are emptied rarely, one call for many frames, so that they cost little of the CPUs that they share
//! with the server.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Result, ensure};

use crate::member::Member;
use crate::tally;

/// Each socket is emptied once in this time…
const ROUND: Duration = Duration::from_millis(200);

/// …some at a time, so that nobody else waits for long.
const N_STEPS: u32 = 20;

const BUFFER_BYTES: usize = 256 * 1024;

/// In place of a length: the length is in the next two bytes.
const LENGTH_FOLLOWS: usize = 126;

const PING: &[u8] = b"2";
/// A masked text frame with a pong in it.
const PONG: [u8; 7] = [0x81, 0x81, 0, 0, 0, 0, b'3'];

/// The listeners, and how much they have heard.
pub struct Crowd {
    listeners: Vec<Listener>,
    buffer: Vec<u8>,
    /// Deliveries so far.
    pub n_heard: usize,
}

struct Listener {
    socket: TcpStream,
    /// The beginning of a frame whose end has not come.
    rest: Vec<u8>,
}

impl Crowd {
    /// Nobody yet.
    pub fn new() -> Self {
        Self { listeners: Vec::new(), buffer: vec![0; BUFFER_BYTES], n_heard: 0 }
    }

    /// Adds a member, which from here on only listens.
    pub fn add(&mut self, member: Member) -> Result<()> {
        let (socket, rest) = member.into_socket()?;
        self.listeners.push(Listener { socket, rest });
        Ok(())
    }

    /// Empties the sockets of one step in a round.
    pub fn empty_some(&mut self, step: u32) -> Result<()> {
        for listener in self.listeners.iter_mut().skip(step as usize).step_by(N_STEPS as usize) {
            self.n_heard += listener.empty(&mut self.buffer)?;
        }
        Ok(())
    }

    /// Empties all sockets.
    pub fn empty(&mut self) -> Result<()> {
        (0..N_STEPS).try_for_each(|step| self.empty_some(step))
    }
}

/// Empties the crowd's sockets for ever.
pub async fn attend(crowd: &std::cell::RefCell<Crowd>) -> Result<std::convert::Infallible> {
    let mut steps = (0..N_STEPS).cycle();
    loop {
        tokio::time::sleep(ROUND / N_STEPS).await;
        crowd.borrow_mut().empty_some(steps.next().unwrap_or_default())?;
    }
}

impl Listener {
    /// Reads what is there, and returns how many deliveries that was.
    fn empty(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let mut n_heard = 0;
        loop {
            let n_rest = self.rest.len();
            buffer[..n_rest].copy_from_slice(&self.rest);
            let n = match self.socket.read(&mut buffer[n_rest..]) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(n_heard),
                outcome => outcome?,
            };
            ensure!(n > 0, "the server hung up");
            let mut left = &buffer[..n_rest + n];
            while let Some((payload, after)) = frame(left) {
                if payload == PING {
                    self.socket.write_all(&PONG)?;
                }
                n_heard += usize::from(tally::is_stamped(payload));
                left = after;
            }
            self.rest = left.to_vec();
            if n_rest + n < buffer.len() {
                return Ok(n_heard);
            }
        }
    }
}

/// The payload of the first frame, and what comes after it.
fn frame(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (head, length) = match usize::from(*bytes.get(1)?) {
        LENGTH_FOLLOWS => (4, usize::from(u16::from_be_bytes([*bytes.get(2)?, *bytes.get(3)?]))),
        length => (2, length),
    };
    (bytes.len() >= head + length).then(|| (&bytes[head..head + length], &bytes[head + length..]))
}
