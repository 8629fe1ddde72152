//! A Socket.IO client over WebSocket that says what it is told and hears everything.

use std::collections::VecDeque;
use std::io::ErrorKind;
use std::net::{SocketAddr, TcpStream};

use roomhub::probe::packet::{self, Packet};
use serde_json::Value;
use tokio_tungstenite::tungstenite::{self, Error, Message, WebSocket, client::IntoClientRequest};

use super::http;

/// One connected member.
pub struct Client {
    socket: WebSocket<TcpStream>,
    heard: VecDeque<(String, Value)>,
    /// Its public id.
    pub id: String,
}

/// Opens a WebSocket and no more.
pub fn open(
    address: SocketAddr,
    path: &str,
    headers: &[(&str, &str)],
) -> Result<WebSocket<TcpStream>, String> {
    open_on(http::connect(address), path, headers)
}

/// Opens a WebSocket on a connection.
fn open_on(stream: TcpStream, path: &str, headers: &[(&str, &str)]) -> Result<WebSocket<TcpStream>, String> {
    let address = stream.peer_addr().unwrap();
    let mut request = format!("ws://{address}{path}").into_client_request().unwrap();
    for (name, value) in headers {
        let name: ::http::HeaderName = name.parse().unwrap();
        request.headers_mut().insert(name, value.parse().unwrap());
    }
    match tungstenite::client(request, stream) {
        Ok((socket, _)) => Ok(socket),
        Err(error) => Err(error.to_string()),
    }
}

impl Client {
    /// Connects, and has been greeted.
    pub fn connect(address: SocketAddr) -> Self {
        let mut client = Self::connect_silently(address);
        let greeting = client.expect("connected");
        assert_eq!(greeting["message"], "连接成功");
        client
    }

    /// Connects, and has not yet heard anything.
    pub fn connect_silently(address: SocketAddr) -> Self {
        Self::connect_by(address, "", &[], "")
    }

    /// Connects with more in the query, the headers and the packet that joins the namespace.
    pub fn connect_by(address: SocketAddr, query: &str, headers: &[(&str, &str)], auth: &str) -> Self {
        Self::connect_on(http::connect(address), query, headers, auth)
    }

    fn connect_on(stream: TcpStream, query: &str, headers: &[(&str, &str)], auth: &str) -> Self {
        let path = format!("{}{query}", packet::WEBSOCKET_PATH);
        let socket = open_on(stream, &path, headers).unwrap();
        let mut client = Self { socket, heard: VecDeque::new(), id: String::new() };
        let opened = client.read_text().unwrap();
        assert!(opened.starts_with(packet::OPEN), "{opened}");
        client.send_raw(&packet::connect(auth));
        match Packet::read(&client.read_text().unwrap()).unwrap() {
            Packet::Joined(id) if !id.is_empty() => Self { id, ..client },
            other => panic!("{other:?}"),
        }
    }

    /// Opens a room as its host.
    pub fn host(address: SocketAddr, room: &str) -> Self {
        let mut client = Self::connect(address);
        client.emit("create_room", &serde_json::json!({"room_id": room, "track": {"id": 1}}));
        client.expect("room_created");
        client.expect("room_users");
        client
    }

    /// Joins a room.
    pub fn guest(address: SocketAddr, room: &str) -> Self {
        Self::connect(address).joined(room)
    }

    /// Is not going to read: the kernel holds little for it.
    pub fn newcomer_that_sleeps(address: SocketAddr) -> Self {
        let mut client = Self::connect_on(http::connect_with_small_buffer(address), "", &[], "");
        client.expect("connected");
        client
    }

    /// Joins a room, and is not going to read.
    pub fn sleeper(address: SocketAddr, room: &str) -> Self {
        Self::newcomer_that_sleeps(address).joined(room)
    }

    fn joined(mut self, room: &str) -> Self {
        self.emit("join_room", &serde_json::json!({"room_id": room}));
        self.expect("room_joined");
        self.expect("room_users");
        self.expect("sync_state");
        self
    }

    /// The connection below, for tests of what happens there.
    pub fn stream(&self) -> &TcpStream {
        self.socket.get_ref()
    }

    pub fn emit(&mut self, event: &str, payload: &Value) {
        self.send_raw(&packet::event(event, payload));
    }

    /// Sends an Engine.IO packet as it is.
    pub fn send_raw(&mut self, text: &str) {
        self.socket.send(Message::text(text)).unwrap();
    }

    /// Sends it, whatever comes of it.
    pub fn try_send(&mut self, message: Message) -> bool {
        self.socket.send(message).is_ok()
    }

    /// The next event, which must be that one.
    pub fn expect(&mut self, event: &str) -> Value {
        let (heard, payload) = self.hear().unwrap_or_else(|| panic!("closed before {event}"));
        assert_eq!(heard, event, "{payload}");
        payload
    }

    /// The next event; `None` when the connection is closed.
    pub fn hear(&mut self) -> Option<(String, Value)> {
        if let Some(event) = self.heard.pop_front() {
            return Some(event);
        }
        loop {
            let text = self.read_text()?;
            if text.starts_with(packet::EVENT)
                && let Packet::Event(name, payload) = Packet::read(&text).unwrap()
            {
                return Some((name, payload));
            }
        }
    }

    /// Proves that nothing was sent meanwhile: whatever was, would come before the answer to this.
    pub fn expect_silence(&mut self) {
        self.emit("time_ping", &serde_json::json!({"clientTime": 7}));
        assert_eq!(self.expect("time_pong")["clientTime"], 7.0);
    }

    /// Emits with an acknowledgement, and gives what it holds; events that come before it are kept.
    pub fn ask(&mut self, event: &str, payload: Option<&Value>) -> String {
        self.send_raw(&packet::question(1, event, payload));
        loop {
            let text = self.read_text().expect("an acknowledgement before the end");
            if let Some(answer) = text.strip_prefix(packet::ANSWER).and_then(|rest| rest.strip_prefix('1')) {
                return answer.to_owned();
            }
            match Packet::read(&text).unwrap() {
                Packet::Event(name, payload) => self.heard.push_back((name, payload)),
                other => panic!("{other:?}"),
            }
        }
    }

    /// The ticket in what a page is told of itself; whatever comes before is lost.
    pub fn ticket(&mut self) -> String {
        loop {
            let (event, payload) = self.hear().unwrap();
            if event == "party:you" {
                return payload["ticket"].as_str().unwrap().to_owned();
            }
        }
    }

    /// Waits for a ping and answers it; whatever comes before is lost.
    pub fn answer_ping(&mut self) {
        loop {
            match self.socket.read().unwrap() {
                Message::Text(text) if text.as_str() == packet::PING => return self.send_raw(packet::PONG),
                _ => {}
            }
        }
    }

    /// The next packet, pings answered; `None` when the connection is closed.
    pub fn read_text(&mut self) -> Option<String> {
        loop {
            match self.socket.read() {
                Ok(Message::Text(text)) if text.as_str() == packet::PING => {
                    self.try_send(packet::PONG.into());
                }
                Ok(Message::Text(text)) => return Some(text.to_string()),
                Ok(Message::Close(_)) => return None,
                Ok(_) => {}
                Err(Error::Io(error)) if error.kind() == ErrorKind::WouldBlock => panic!("nothing came"),
                Err(_) => return None,
            }
        }
    }
}
