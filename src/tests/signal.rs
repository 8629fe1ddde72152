//! `roomhub signal` on the wire: both wires in one room, keys, and credentials by HTTP.

use std::net::{SocketAddr, TcpStream};

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::{Message, WebSocket};

use crate::harness::http;
use crate::harness::process::Server;
use crate::harness::websocket::{self, Client};

/// A plain WebSocket that has been greeted.
fn plain(address: SocketAddr) -> WebSocket<TcpStream> {
    let mut socket = websocket::open(address, "/ws", &[]).unwrap();
    assert_eq!(heard(&mut socket)["type"], "connected");
    socket
}

fn say(socket: &mut WebSocket<TcpStream>, message: &Value) {
    socket.send(Message::text(message.to_string())).unwrap();
}

fn heard(socket: &mut WebSocket<TcpStream>) -> Value {
    loop {
        if let Message::Text(text) = socket.read().unwrap() {
            return serde_json::from_str(&text).unwrap();
        }
    }
}

#[test]
fn socketio_and_plain_websockets_meet_in_one_room() {
    let server = Server::of("signal", &[], &[]);
    let mut ann = Client::connect_silently(server.address);
    assert_eq!(ann.expect("connected")["sid"], ann.id.as_str());
    ann.emit("join", &json!({"userId": "ann", "roomId": "r"}));
    assert_eq!(ann.expect("joined")["users"], json!(["ann"]));

    let mut bob = plain(server.address);
    say(&mut bob, &json!({"type": "join", "userId": 2, "roomId": "r"}));
    assert_eq!(heard(&mut bob)["users"], json!(["ann", 2]));
    assert_eq!(ann.expect("user-joined")["userId"], 2);

    say(&mut bob, &json!({"type": "offer", "roomId": "r", "to": "ann", "sdp": "x"}));
    let offer = ann.expect("offer");
    assert_eq!((&offer["sdp"], &offer["from"]), (&json!("x"), &json!(2)));
    ann.emit("answer", &json!({"roomId": "r", "to": 2, "sdp": "y"}));
    let answer = heard(&mut bob);
    assert_eq!((&answer["type"], &answer["from"]), (&json!("answer"), &json!("ann")));
    ann.emit("message", &json!({"roomId": "r", "text": "hi"}));
    assert_eq!(heard(&mut bob), json!({"roomId": "r", "text": "hi"}));

    for rude in ["", "[", "[1]", "{\"type\":7}", "\u{0}"] {
        bob.send(Message::text(rude)).unwrap();
        assert_eq!(heard(&mut bob)["code"], "invalid_request", "{rude:?}");
    }
    drop(bob);
    assert_eq!(ann.expect("user-left")["userId"], 2);
}

#[test]
fn the_key_is_asked_for_on_every_way_in() {
    let server = Server::of("signal", &[], &[("ROOMHUB_SIGNAL__AUTH_KEY", "key")]);
    let mut stranger = Client::connect_silently(server.address);
    assert_eq!(stranger.expect("error")["code"], "unauthorized");
    assert_eq!(stranger.read_text().as_deref(), Some("41"));
    let mut stranger = websocket::open(server.address, "/ws", &[]).unwrap();
    assert_eq!(heard(&mut stranger)["code"], "unauthorized");
    let Message::Close(Some(close)) = stranger.read().unwrap() else { panic!("it is let go") };
    assert_eq!(u16::from(close.code), 1008);
    let mut friend = websocket::open(server.address, "/ws?auth=key", &[]).unwrap();
    assert_eq!(heard(&mut friend)["type"], "connected");
    assert_eq!(http::get(server.address, "/ice?userId=ann").status, 401);
    assert_eq!(http::get(server.address, "/ice?userId=ann&auth=key").status, 200);
}

#[test]
fn credentials_come_by_http_too_and_are_not_kept() {
    let file = tempfile::Builder::new().suffix(".toml").tempfile().unwrap();
    std::fs::write(file.path(), "[signal]\nturn_urls = [\"turn:localhost\"]\nturn_secret = \"north\"\n")
        .unwrap();
    let server = Server::of("signal", &["--config", file.path().to_str().unwrap()], &[]);
    let answer = http::get(server.address, "/ice?userId=ann");
    assert_eq!(answer.header("cache-control"), "no-store");
    let told = answer.json();
    assert!(told["iceServers"][0]["username"].as_str().unwrap().ends_with(":ann"));
    assert!(!answer.body.contains("north"));
    assert_eq!(http::get(server.address, "/ice").status, 400);
}
