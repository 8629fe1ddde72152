//! Listeners of streams. They throw away what they read, without copying it, and notice what does not come.

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::mem::MaybeUninit;
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};
use rustix::io::Errno;
use socket2::{Domain, SockRef, Socket, Type};

/// Each socket is emptied once in this time…
const ROUND: Duration = Duration::from_millis(200);

/// …some at a time, so that they are read evenly.
const N_STEPS: usize = 50;
const STEP: Duration = Duration::from_millis(ROUND.as_millis() as u64 / N_STEPS as u64);

/// Listeners who join in a step, 1,250 a second: Icecast's queue of connections has five places, and a connection that finds none
/// is tried again after 1, 3 and 7 seconds.
const JOIN_AT_ONCE: usize = 5;

/// Whoever has no answer so long after the last one has joined is not connected.
const LONGEST_WAIT: Duration = Duration::from_secs(15);

/// The most that is thrown away by one call.
const READ_BYTES: usize = 1024 * 1024;

/// Has the kernel throw away what is read (`MSG_TRUNC` of Linux).
const THROW_AWAY: i32 = 0x20;

/// So much sound less than was played, and a listener has starved.
const MISSING: Duration = Duration::from_secs(1);

/// The longest time without a byte: as much as a player has in hand, which is the burst.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// What is listened to.
#[derive(Debug, Clone, Copy)]
pub struct Stream {
    pub path: &'static str,
    /// Bytes a second, where the bitrate is constant; else they are those of the listener in the middle.
    pub rate: Option<f64>,
}

/// Some who listen.
pub struct Audience {
    streams: &'static [Stream],
    listeners: Vec<Listener>,
    nothing: Vec<MaybeUninit<u8>>,
    step: usize,
    counted_since: Instant,
}

struct Listener {
    /// `None` once the server has refused or hung up.
    socket: Option<TcpStream>,
    stream: usize,
    /// What it has not asked yet, while the connection is made.
    request: Vec<u8>,
    is_admitted: bool,
    n_bytes: u64,
    heard_at: Instant,
    longest_pause: Duration,
}

/// What was heard in all.
#[derive(Debug, Default)]
pub struct Heard {
    /// Bytes of all listeners.
    pub n_bytes: u64,
    /// Listeners who were admitted.
    pub n_connected: usize,
    /// Those of them whose connection ended.
    pub n_dropped: usize,
    /// Listeners who had less sound than was played.
    pub n_starved: usize,
    /// The longest time that one of the others had nothing.
    pub longest_pause: Duration,
    /// How long that was.
    pub span: Duration,
}

impl Audience {
    /// So many listeners join, spread over the streams, and wait for their answers.
    pub async fn join(address: SocketAddr, streams: &'static [Stream], n_listeners: usize) -> Result<Self> {
        let nothing = vec![MaybeUninit::uninit(); READ_BYTES];
        let mut audience =
            Self { streams, listeners: Vec::new(), nothing, step: 0, counted_since: Instant::now() };
        while audience.listeners.len() < n_listeners {
            for _ in 0..JOIN_AT_ONCE.min(n_listeners - audience.listeners.len()) {
                let stream = audience.listeners.len() % streams.len();
                audience.listeners.push(Listener::join(address, streams[stream].path, stream)?);
            }
            audience.step().await;
        }
        let until = Instant::now() + LONGEST_WAIT;
        while audience.listeners.iter().any(Listener::is_waiting) && Instant::now() < until {
            audience.step().await;
        }
        Ok(audience)
    }

    /// Listens for so long.
    pub async fn listen(&mut self, span: Duration) {
        let until = Instant::now() + span;
        while Instant::now() < until {
            self.step().await;
        }
    }

    /// Empties a part of the sockets, and those that are waiting.
    async fn step(&mut self) {
        tokio::time::sleep(STEP).await;
        self.step = (self.step + 1) % N_STEPS;
        let now = Instant::now();
        for (number, listener) in self.listeners.iter_mut().enumerate() {
            if number % N_STEPS == self.step || listener.is_waiting() {
                listener.empty(&mut self.nothing, now);
            }
        }
    }

    /// Counts from now on; who has been dropped before counts too.
    pub fn count_anew(&mut self) {
        self.counted_since = Instant::now();
        for listener in &mut self.listeners {
            listener.n_bytes = 0;
            listener.heard_at = self.counted_since;
            listener.longest_pause = Duration::ZERO;
        }
    }

    /// What was heard since.
    pub fn heard(&self) -> Heard {
        let span = self.counted_since.elapsed();
        let mut heard = Heard { span, ..Heard::default() };
        for (number, stream) in self.streams.iter().enumerate() {
            let all = self.listeners.iter().filter(|listener| listener.stream == number);
            let here: Vec<&Listener> = all.clone().filter(|listener| listener.is_listening()).collect();
            heard.n_bytes += all.clone().map(|listener| listener.n_bytes).sum::<u64>();
            let n_connected = all.filter(|listener| listener.is_admitted).count();
            heard.n_connected += n_connected;
            heard.n_dropped += n_connected - here.len();
            let mut amounts: Vec<u64> = here.iter().map(|listener| listener.n_bytes).collect();
            amounts.sort_unstable();
            let Some(middle) = amounts.get(amounts.len() / 2) else { continue };
            let rate = stream.rate.unwrap_or(*middle as f64 / span.as_secs_f64());
            let least = rate * span.saturating_sub(MISSING).as_secs_f64();
            for listener in here {
                let pause = listener.longest_pause.max(listener.heard_at.elapsed());
                if (listener.n_bytes as f64) < least || pause > LONGEST_PAUSE {
                    heard.n_starved += 1;
                } else {
                    heard.longest_pause = heard.longest_pause.max(pause);
                }
            }
        }
        heard
    }

    /// How many hear something.
    pub fn n_listening(&self) -> usize {
        self.listeners.iter().filter(|listener| listener.is_listening()).count()
    }
}

impl Listener {
    fn join(address: SocketAddr, path: &str, stream: usize) -> Result<Self> {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
        socket.set_nonblocking(true)?;
        // Where the queue of connections is full, this takes a second, and nobody else waits for it.
        if let Err(error) = socket.connect(&address.into()) {
            ensure!(error.raw_os_error() == Some(Errno::INPROGRESS.raw_os_error()), "a listener: {error}");
        }
        let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nUser-Agent: load\r\n\r\n");
        let heard_at = Instant::now();
        let listener = Self {
            socket: Some(socket.into()),
            stream,
            request: request.into(),
            is_admitted: false,
            n_bytes: 0,
            heard_at,
            longest_pause: Duration::ZERO,
        };
        Ok(listener)
    }

    /// Whether it has not been answered yet.
    fn is_waiting(&self) -> bool {
        self.socket.is_some() && !self.is_admitted
    }

    fn is_listening(&self) -> bool {
        self.socket.is_some() && self.is_admitted
    }

    /// Takes what is there.
    fn empty(&mut self, nothing: &mut [MaybeUninit<u8>], now: Instant) {
        match self.read(nothing) {
            Ok(0) => {}
            Ok(n) => {
                self.n_bytes += n as u64;
                self.longest_pause = self.longest_pause.max(now.duration_since(self.heard_at));
                self.heard_at = now;
            }
            Err(_) => self.socket = None,
        }
    }

    /// How much was there.
    fn read(&mut self, nothing: &mut [MaybeUninit<u8>]) -> Result<usize> {
        let Some(mut socket) = self.socket.as_ref() else { return Ok(0) };
        let mut n_bytes = 0;
        if !self.request.is_empty() {
            match socket.write(&self.request) {
                Err(error) if is_early(&error) => return Ok(0),
                outcome => drop(self.request.drain(..outcome?)),
            }
        }
        if !self.is_admitted {
            let mut head = [0; 16];
            match socket.read(&mut head) {
                Err(error) if is_early(&error) => return Ok(0),
                outcome => n_bytes += outcome?,
            }
            if !head.starts_with(b"HTTP/1.1 200") && !head.starts_with(b"HTTP/1.0 200") {
                bail!("refused: {}", String::from_utf8_lossy(&head));
            }
            self.is_admitted = true;
        }
        loop {
            match SockRef::from(socket).recv_with_flags(nothing, THROW_AWAY) {
                Ok(0) => bail!("the server hung up"),
                Ok(n) if n == nothing.len() => n_bytes += n,
                Ok(n) => return Ok(n_bytes + n),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(n_bytes),
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// Whether there is nothing yet, or not even a connection.
fn is_early(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::NotConnected)
}
