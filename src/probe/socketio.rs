//! A Socket.IO client of the smallest kind: one namespace, one thread, over a WebSocket or by polling.

use std::collections::VecDeque;
use std::io::{ErrorKind, Write};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, bail};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::{self, Message, WebSocket};

use super::keyboard::{Keyboard, LOOK, Typed};
use super::packet::{self, Packet};
use super::polling::Polling;
use super::wire::{Place, Silence, Stream, is_silence};
use super::{Input, Target, Transport};

/// A connected client.
pub struct Client {
    session: Session,
    patience: Duration,
    waiting: VecDeque<(String, Value)>,
    n_asked: u64,
    /// Its id, by which others know it.
    pub id: String,
}

enum Session {
    Socket(Box<WebSocket<Stream>>),
    Polling(Box<Polling>),
}

impl Client {
    /// Connects, as far as the server's leave to send.
    pub fn connect(target: &Target, transport: Transport) -> Result<Self> {
        let place = Place::of(&target.url)?;
        let session = match transport {
            Transport::Polling => Session::Polling(Box::new(Polling::open(target, &place)?)),
            Transport::Websocket | Transport::Both => {
                let stream = Stream::open(target, &place)?;
                let url = place.websocket(packet::WEBSOCKET_PATH);
                let (socket, _) = tungstenite::client(url, stream)
                    .map_err(|problem| anyhow!("no WebSocket at {}: {problem}", target.url))?;
                Session::Socket(Box::new(socket))
            }
        };
        let is_socket = matches!(session, Session::Socket(_));
        let mut client = Self {
            session,
            patience: target.patience,
            waiting: VecDeque::new(),
            n_asked: 0,
            id: String::new(),
        };
        if is_socket {
            match client.read()?.context("closed at once")? {
                Packet::Opened(_) => {}
                other => bail!("no Engine.IO session: {other:?}"),
            }
        }
        let auth =
            if target.key.is_empty() { String::new() } else { json!({"token": target.key}).to_string() };
        client.send(&packet::connect(&auth))?;
        match client.read().context("the namespace is refused")? {
            Some(Packet::Joined(id)) => Ok(Self { id, ..client }),
            Some(other) => bail!("the namespace is refused: {other:?}"),
            None => bail!("closed before the namespace was joined"),
        }
    }

    /// Sends an event.
    pub fn emit(&mut self, event: &str, payload: &Value) -> Result<()> {
        self.send(&packet::event(event, payload))
    }

    /// The next event, which must have that name.
    pub fn expect(&mut self, event: &str) -> Result<Value> {
        match self.hear()? {
            Some((heard, payload)) if heard == event => Ok(payload),
            Some((heard, payload)) => bail!("{event} was expected, {heard} {payload} came"),
            None => bail!("{event} was expected, the connection was closed"),
        }
    }

    /// Sends an event and waits for its answer.
    pub fn ask(&mut self, event: &str, payload: &Value) -> Result<Value> {
        let id = self.n_asked;
        self.n_asked += 1;
        self.send(&packet::question(id, event, Some(payload)))?;
        loop {
            match self.read()? {
                Some(Packet::Answer(answered, value)) if answered == id => return Ok(value),
                Some(Packet::Event(name, payload)) => self.waiting.push_back((name, payload)),
                Some(Packet::Answer(..) | Packet::Opened(_) | Packet::Joined(_)) => {}
                Some(Packet::Left) | None => bail!("{event} was asked, the connection was closed"),
            }
        }
    }

    /// Waits for an event of that name; what comes before it is passed over.
    pub fn await_event(&mut self, event: &str) -> Result<Value> {
        let started = Instant::now();
        while started.elapsed() < self.patience {
            match self.hear()? {
                Some((heard, payload)) if heard == event => return Ok(payload),
                Some(_) => {}
                None => bail!("{event} was expected, the connection was closed"),
            }
        }
        bail!("{event} was expected and did not come")
    }

    /// The next event; `None` when the connection is closed.
    pub fn hear(&mut self) -> Result<Option<(String, Value)>> {
        if let Some(event) = self.waiting.pop_front() {
            return Ok(Some(event));
        }
        loop {
            match self.read()? {
                Some(Packet::Event(name, payload)) => return Ok(Some((name, payload))),
                Some(Packet::Answer(..) | Packet::Opened(_) | Packet::Joined(_)) => {}
                Some(Packet::Left) | None => return Ok(None),
            }
        }
    }

    /// The next event, if one comes within a moment.
    pub fn poll(&mut self, moment: Duration) -> Result<Option<(String, Value)>> {
        self.set_patience(moment)?;
        let heard = self.hear();
        self.set_patience(self.patience)?;
        match heard {
            Ok(None) => bail!("the server closed the connection"),
            Err(failure) if failure.is::<Silence>() => Ok(None),
            heard => heard,
        }
    }

    fn set_patience(&mut self, patience: Duration) -> Result<()> {
        match &mut self.session {
            Session::Socket(socket) => Ok(socket.get_ref().set_patience(patience)?),
            Session::Polling(session) => session.set_patience(patience),
        }
    }

    fn send(&mut self, text: &str) -> Result<()> {
        match &mut self.session {
            Session::Socket(socket) => socket.send(Message::text(text)).context("the connection ended"),
            Session::Polling(session) => session.send(text),
        }
    }

    /// The next packet, pings answered.
    fn read(&mut self) -> Result<Option<Packet>> {
        let started = Instant::now();
        loop {
            if started.elapsed() > self.patience {
                return Err(Silence.into());
            }
            let text = match &mut self.session {
                Session::Socket(socket) => read_socket(socket)?,
                Session::Polling(session) => session.read()?,
            };
            match text.as_deref() {
                Some(packet::PING) => self.send(packet::PONG)?,
                Some("" | packet::NOOP) => {}
                Some(text) => return Ok(Some(Packet::read(text)?)),
                None => return Ok(None),
            }
        }
    }
}

/// The next packet; empty for a frame that is none.
fn read_socket(socket: &mut WebSocket<Stream>) -> Result<Option<String>> {
    match socket.read() {
        Ok(Message::Text(text)) => Ok(Some(text.to_string())),
        Ok(Message::Close(_)) | Err(tungstenite::Error::ConnectionClosed) => Ok(None),
        Ok(_) => Ok(Some(String::new())),
        Err(tungstenite::Error::Io(problem)) if is_silence(&problem) => Err(Silence.into()),
        Err(tungstenite::Error::Io(problem)) if problem.kind() == ErrorKind::ConnectionReset => Ok(None),
        Err(problem) => Err(problem).context("the connection broke"),
    }
}

/// Has somebody type: what is typed becomes events, what comes is shown.
pub fn converse(
    target: &Target,
    help: &str,
    input: Input,
    out: &mut dyn Write,
    mut typed: impl FnMut(&str, &mut Client) -> Result<Option<&'static str>>,
) -> Result<()> {
    let mut client = Client::connect(target, Transport::Websocket)?;
    let keyboard = Keyboard::of(input);
    writeln!(out, "connected to {}; {help}", target.url)?;
    let started = Instant::now();
    loop {
        while let Some((event, payload)) = client.poll(LOOK)? {
            writeln!(out, "{:9.3} {event} {payload}", started.elapsed().as_secs_f64())?;
        }
        match keyboard.look() {
            Typed::Nothing => {}
            Typed::End => return Ok(()),
            Typed::Line(line) => {
                if let Some(hint) = typed(&line, &mut client)? {
                    writeln!(out, "{hint}")?;
                }
            }
        }
    }
}
