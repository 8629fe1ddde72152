//! A device that says what it is told and hears everything.

use std::io::ErrorKind;
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::{Error, Message, WebSocket};

use crate::harness::websocket::open;

/// One connection of a device.
pub struct Device {
    socket: WebSocket<TcpStream>,
    /// Its room.
    pub room: String,
}

impl Device {
    /// Connects, and has been greeted.
    pub fn connect(address: SocketAddr) -> Self {
        Self::connect_to(address, "/any/path")
    }

    /// The same, on a path of its own.
    pub fn connect_to(address: SocketAddr, path: &str) -> Self {
        Self::connect_as(address, path, &[])
    }

    /// The same, with headers.
    pub fn connect_as(address: SocketAddr, path: &str, headers: &[(&str, &str)]) -> Self {
        let mut device = Self { socket: open(address, path, headers).unwrap(), room: String::new() };
        device.expect(&json!({"type": "connection", "message": "Connected successfully"}));
        device
    }

    /// Connects and says who it is; the status is how it came into its room.
    pub fn join(address: SocketAddr, device_id: &str, room: Option<&str>) -> (Self, String) {
        let mut device = Self::connect(address);
        let mut first = json!({"device_id": device_id, "identity": "test"});
        if let Some(room) = room {
            first["room_id"] = room.into();
        }
        device.say(&first);
        let told = device.hear();
        let status = told["status"].as_str().unwrap_or_else(|| panic!("{told}")).to_owned();
        told["room_id"].as_str().unwrap_or_else(|| panic!("{told}")).clone_into(&mut device.room);
        (device, status)
    }

    /// Joins a room, if the server is there for long enough.
    pub fn try_join(address: SocketAddr, device_id: &str, room: &str) -> Option<Self> {
        let mut device = Self { socket: open(address, "/", &[]).ok()?, room: room.to_owned() };
        device.try_say(&json!({"device_id": device_id, "identity": "test", "room_id": room}));
        let is_room = |told: &Value| told["type"] == "room";
        let greeted = device.try_hear().ok()?;
        if is_room(&greeted) || is_room(&device.try_hear().ok()?) { Some(device) } else { None }
    }

    /// Says it, whatever comes of it.
    pub fn try_say(&mut self, frame: &Value) -> bool {
        self.send(Message::text(frame.to_string()))
    }

    /// From here on, [`Self::poll`] waits for moments only.
    pub fn be_impatient(&mut self) {
        self.socket.get_ref().set_read_timeout(Some(Duration::from_millis(20))).unwrap();
    }

    /// The next frame if there is one.
    pub fn poll(&mut self) -> Result<Option<Value>, ()> {
        match self.socket.read() {
            Ok(Message::Text(text)) => Ok(Some(serde_json::from_str(&text).unwrap())),
            Ok(Message::Close(_)) => Err(()),
            Ok(_) => Ok(None),
            Err(Error::Io(error)) if error.kind() == ErrorKind::WouldBlock => Ok(None),
            Err(_) => Err(()),
        }
    }

    pub fn say(&mut self, frame: &Value) {
        self.send(Message::text(frame.to_string()));
    }

    /// Sends it, whatever comes of it.
    pub fn send(&mut self, message: Message) -> bool {
        self.socket.send(message).is_ok()
    }

    /// The next frame.
    pub fn hear(&mut self) -> Value {
        self.try_hear().unwrap_or_else(|code| panic!("closed with {code}"))
    }

    /// The next frame, or the code that the connection was closed with; 0 for none.
    pub fn try_hear(&mut self) -> Result<Value, u16> {
        loop {
            match self.socket.read() {
                Ok(Message::Text(text)) => return Ok(serde_json::from_str(&text).unwrap()),
                Ok(Message::Close(close)) => return Err(close.map_or(0, |close| close.code.into())),
                Ok(_) => {}
                Err(Error::Io(error)) if error.kind() == ErrorKind::WouldBlock => panic!("nothing came"),
                Err(_) => return Err(0),
            }
        }
    }

    /// The next frame as it was written.
    pub fn hear_text(&mut self) -> String {
        loop {
            if let Message::Text(text) = self.socket.read().unwrap() {
                return text.to_string();
            }
        }
    }

    pub fn expect(&mut self, frame: &Value) {
        assert_eq!(self.hear(), *frame);
    }

    pub fn expect_close(&mut self, code: u16) {
        assert_eq!(self.try_hear(), Err(code));
    }

    /// Sends a message under a name of its own, and waits until it is kept.
    pub fn say_for_sure(&mut self, message_id: &str) {
        self.say(&json!({"type": "message", "content": message_id, "message_id": message_id}));
        self.expect(&json!({"type": "ack", "message_id": message_id, "status": "stored"}));
    }
}
