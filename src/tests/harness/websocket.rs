//! A Socket.IO client over WebSocket that says what it is told and hears everything.

use std::collections::VecDeque;
use std::io::ErrorKind;
use std::net::{SocketAddr, TcpStream};

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
        let path = format!("/socket.io/?EIO=4&transport=websocket{query}");
        let socket = open_on(stream, &path, headers).unwrap();
        let mut client = Self { socket, heard: VecDeque::new(), id: String::new() };
        let opened = client.read_text().unwrap();
        assert!(opened.starts_with('0'), "{opened}");
        client.send_raw(&format!("40{auth}"));
        let joined = client.read_text().unwrap();
        let answer: Value = serde_json::from_str(joined.strip_prefix("40").unwrap()).unwrap();
        answer["sid"].as_str().unwrap().clone_into(&mut client.id);
        client
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
        self.send_raw(&format!("42{}", serde_json::json!([event, payload])));
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
            if let Some(event) = text.strip_prefix("42") {
                let mut parts: Vec<Value> = serde_json::from_str(event).unwrap();
                let payload = if parts.len() > 1 { parts.remove(1) } else { Value::Null };
                return Some((parts[0].as_str().unwrap().to_owned(), payload));
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
        let text = payload.map_or_else(
            || format!("[{event:?}]"),
            |payload| serde_json::json!([event, payload]).to_string(),
        );
        self.send_raw(&format!("421{text}"));
        loop {
            let text = self.read_text().expect("an acknowledgement before the end");
            if let Some(answer) = text.strip_prefix("431") {
                return answer.to_owned();
            }
            let parts: (String, Value) = serde_json::from_str(text.strip_prefix("42").unwrap()).unwrap();
            self.heard.push_back(parts);
        }
    }

    /// Waits for a ping and answers it; whatever comes before is lost.
    pub fn answer_ping(&mut self) {
        loop {
            match self.socket.read().unwrap() {
                Message::Text(text) if text.as_str() == "2" => return self.send_raw("3"),
                _ => {}
            }
        }
    }

    /// The next packet, pings answered; `None` when the connection is closed.
    pub fn read_text(&mut self) -> Option<String> {
        loop {
            match self.socket.read() {
                Ok(Message::Text(text)) if text.as_str() == "2" => {
                    self.try_send("3".into());
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
