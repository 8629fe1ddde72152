//! A Socket.IO client over long polling, one request at a time.

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use roomhub::probe::packet::{self, POLLING_PATH, Packet, SEPARATOR};
use serde_json::Value;

use super::http::{self, Response};

/// One connected member.
pub struct Client {
    address: SocketAddr,
    /// The session's id as the handshake gave it, sealed.
    pub session: String,
    /// Its public id.
    pub id: String,
    packets: VecDeque<String>,
    /// Whether the ping that opens every session has been fetched.
    is_pinged: bool,
}

impl Client {
    /// Connects, and has been greeted.
    pub fn connect(address: SocketAddr) -> Self {
        let opened = http::get(address, POLLING_PATH);
        let Packet::Opened(open) = Packet::read(&opened.body).unwrap() else { panic!("{opened:?}") };
        let session = open["sid"].as_str().unwrap().to_owned();
        let mut client =
            Self { address, session, id: String::new(), packets: VecDeque::new(), is_pinged: false };
        assert_eq!(client.post(&packet::connect("")).status, 200);
        match Packet::read(&client.packet()).unwrap() {
            Packet::Joined(id) if !id.is_empty() => client.id = id,
            other => panic!("{other:?}"),
        }
        client.expect("connected");
        client
    }

    pub fn path(&self) -> String {
        format!("{POLLING_PATH}&sid={}", self.session)
    }

    pub fn post(&self, payload: &str) -> Response {
        http::request(
            self.address,
            "POST",
            &self.path(),
            &[("Content-Type", "text/plain;charset=UTF-8")],
            payload,
        )
    }

    pub fn poll(&self) -> Response {
        http::get(self.address, &self.path())
    }

    /// Sends a poll that has nothing to fetch, and whose answer is still to be read.
    pub fn begin_poll(&mut self) -> TcpStream {
        while !self.is_pinged {
            self.fetch();
        }
        let mut stream = http::connect(self.address);
        write!(stream, "GET {} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n", self.path()).unwrap();
        stream
    }

    pub fn emit(&self, event: &str, payload: &Value) {
        let answer = self.post(&packet::event(event, payload));
        assert_eq!((answer.status, answer.body.as_str()), (200, "ok"));
    }

    /// Posts what the server may well stop reading half-way.
    pub fn post_regardless(&self, payload: &str) {
        let mut stream = http::connect(self.address);
        let length = payload.len();
        let path = self.path();
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: test\r\nContent-Type: text/plain\r\nContent-Length: {length}\r\n\r\n"
        );
        let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(payload.as_bytes()));
        let _ = stream.read(&mut [0]);
    }

    /// Posts many packets at once.
    pub fn post_all(&self, packets: &[String]) {
        let answer = self.post(&packets.join(&SEPARATOR.to_string()));
        assert_eq!(answer.status, 200, "{answer:?}");
    }

    /// The next event, which must be that one.
    pub fn expect(&mut self, event: &str) -> Value {
        match Packet::read(&self.packet()).unwrap() {
            Packet::Event(heard, payload) => {
                assert_eq!(heard, event, "{payload}");
                payload
            }
            other => panic!("{other:?}"),
        }
    }

    /// The next packet that is no ping.
    pub fn packet(&mut self) -> String {
        loop {
            if let Some(packet) = self.packets.pop_front() {
                if packet == packet::PING {
                    self.post(packet::PONG);
                    continue;
                }
                return packet;
            }
            self.fetch();
        }
    }

    fn fetch(&mut self) {
        let answer = self.poll();
        assert_eq!(answer.status, 200, "{answer:?}");
        self.is_pinged |= answer.body.split(SEPARATOR).any(|packet| packet == packet::PING);
        self.packets.extend(answer.body.split(SEPARATOR).map(str::to_owned));
    }
}
