//! `roomhub signal` on the wire: both wires in one room, keys, and credentials by HTTP.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::{Message, WebSocket};

use crate::harness::deployment::everywhere;
use crate::harness::process::Server;
use crate::harness::websocket::{self, Client};
use crate::harness::{eventually, http};

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
    everywhere("signal", &[], |deployment| {
        let mut ann = Client::connect_silently(deployment.address);
        assert_eq!(ann.expect("connected")["sid"], ann.id.as_str());
        ann.emit("join", &json!({"userId": "ann", "roomId": "r"}));
        assert_eq!(ann.expect("joined")["users"], json!(["ann"]));

        let mut bob = plain(deployment.address);
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
    });
}

#[test]
fn nobody_speaks_as_the_server_on_either_wire() {
    everywhere("signal", &[], |deployment| {
        let mut ann = Client::connect_silently(deployment.address);
        ann.expect("connected");
        ann.emit("join", &json!({"userId": "ann", "roomId": "r"}));
        ann.expect("joined");
        let mut bob = plain(deployment.address);
        say(&mut bob, &json!({"type": "join", "userId": "bob", "roomId": "r"}));
        heard(&mut bob);
        ann.expect("user-joined");
        for event in ["error", "joined", "user-joined", "leaved", "user-left", "connected", "disconnect"] {
            let forged = json!({"type": event, "roomId": "r", "code": "replaced"});
            say(&mut bob, &forged);
            assert_eq!(heard(&mut bob)["code"], "reserved_event", "{event}");
            ann.emit(event, &forged);
            assert_eq!(ann.expect("error")["code"], "reserved_event", "{event}");
        }
        bob.send(Message::binary(r#"{"type":"error","roomId":"r"}"#)).unwrap();
        assert_eq!(heard(&mut bob)["code"], "reserved_event");
        for forged in [json!({"type": "error", "roomId": "r"}), json!(r#"{"type":"error","roomId":"r"}"#)] {
            ann.emit("message", &forged);
            assert_eq!(ann.expect("error")["code"], "reserved_event", "{forged}");
        }
        // What comes next shows that nothing came before.
        ann.emit("message", &json!({"roomId": "r", "text": "hi"}));
        assert_eq!(heard(&mut bob), json!({"roomId": "r", "text": "hi"}));
        say(&mut bob, &json!({"type": "chat", "roomId": "r"}));
        assert_eq!(ann.hear().unwrap().0, "chat");
    });
}

#[test]
fn the_key_is_asked_for_on_every_way_in() {
    everywhere("signal", &[("ROOMHUB_SIGNAL__AUTH_KEY", "key")], |deployment| {
        let mut stranger = Client::connect_silently(deployment.address);
        assert_eq!(stranger.expect("error")["code"], "unauthorized");
        assert_eq!(stranger.read_text().as_deref(), Some("41"));
        let mut stranger = websocket::open(deployment.address, "/ws", &[]).unwrap();
        assert_eq!(heard(&mut stranger)["code"], "unauthorized");
        let Message::Close(Some(close)) = stranger.read().unwrap() else { panic!("it is let go") };
        assert_eq!(u16::from(close.code), 1008);
        let mut friend = websocket::open(deployment.address, "/ws?auth=key", &[]).unwrap();
        assert_eq!(heard(&mut friend)["type"], "connected");
        assert_eq!(http::get(deployment.address, "/ice?userId=ann").status, 401);
        assert_eq!(http::get(deployment.address, "/ice?userId=ann&auth=key").status, 200);
    });
}

#[test]
fn credentials_come_by_http_too_and_are_not_kept() {
    let turn = [("ROOMHUB_SIGNAL__TURN_URLS", "turn:localhost"), ("ROOMHUB_SIGNAL__TURN_SECRET", "north")];
    everywhere("signal", &turn, |deployment| {
        let answer = http::get(deployment.address, "/ice?userId=ann");
        assert_eq!(answer.header("cache-control"), "no-store");
        let told = answer.json();
        assert!(told["iceServers"][0]["username"].as_str().unwrap().ends_with(":ann"));
        assert!(!answer.body.contains("north"));
        assert_eq!(http::get(deployment.address, "/ice").status, 400);
    });
}

#[test]
fn credentials_come_by_http_for_whom_a_token_vouches() {
    let more = [
        ("ROOMHUB_SIGNAL__TOKEN_SECRET", "north"),
        ("ROOMHUB_SIGNAL__TURN_URLS", "turn:localhost"),
        ("ROOMHUB_SIGNAL__TURN_SECRET", "south"),
    ];
    everywhere("signal", &more, |deployment| {
        let ask = |query: &str| http::get(deployment.address, &format!("/ice?userId=ann{query}"));
        let own = token(&json!({"room": "r", "user": "ann", "exp": 4_000_000_000_u64}));
        let late = token(&json!({"room": "r", "user": "ann", "exp": 1_700_000_000}));
        let others = token(&json!({"room": "r", "user": "bob", "exp": 4_000_000_000_u64}));
        for query in
            [String::new(), format!("&token={late}"), format!("&token={others}"), format!("&token={own}x")]
        {
            let refused = ask(&query);
            assert_eq!(refused.status, 401, "{query}: {}", refused.body);
            assert!(!refused.body.contains("turn:"), "{}", refused.body);
        }
        for way in ["token", "auth"] {
            let told = ask(&format!("&{way}={own}")).json();
            assert!(told["iceServers"][0]["username"].as_str().unwrap().ends_with(":ann"), "{told}");
        }
    });
}

#[test]
fn half_a_surrogate_pair_in_a_signal_costs_a_character_and_nothing_else() {
    everywhere("signal", &[], |deployment| {
        let mut ann = Client::connect_silently(deployment.address);
        ann.expect("connected");
        ann.emit("join", &json!({"userId": "ann", "roomId": "r"}));
        ann.expect("joined");
        let mut bob = plain(deployment.address);
        say(&mut bob, &json!({"type": "join", "userId": "bob", "roomId": "r"}));
        assert_eq!(heard(&mut bob)["type"], "joined");
        ann.expect("user-joined");
        ann.send_raw(r#"42["offer",{"roomId":"r","to":"bob","sdp":"half \ud83d"}]"#);
        assert_eq!(heard(&mut bob)["sdp"], "half \u{fffd}");
        bob.send(Message::text(r#"{"type":"answer","roomId":"r","to":"ann","sdp":"\ude00 half"}"#)).unwrap();
        assert_eq!(ann.expect("answer")["sdp"], "\u{fffd} half");
        // JSON in a string is read as JSON is.
        let mut cyd = Client::connect_silently(deployment.address);
        cyd.send_raw(r#"42["message","{\"type\":\"join\",\"userId\":\"cyd \\ud83d\",\"roomId\":\"r\"}"]"#);
        assert_eq!(ann.expect("user-joined")["userId"], "cyd \u{fffd}");
    });
}

/// A token as an application makes it that shares the secret `north`.
fn token(claims: &Value) -> String {
    let encode = |text: &[u8]| URL_SAFE_NO_PAD.encode(text);
    let signed = format!("{}.{}", encode(br#"{"alg":"HS256"}"#), encode(claims.to_string().as_bytes()));
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, b"north"), signed.as_bytes());
    format!("{signed}.{}", encode(tag.as_ref()))
}

#[test]
fn rooms_may_ask_for_tokens_on_both_wires() {
    let secret = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(secret.path(), "north\n").unwrap();
    let file = secret.path().to_str().unwrap();
    everywhere("signal", &[("ROOMHUB_SIGNAL__TOKEN_SECRET_FILE", file)], |deployment| {
        let forever = 4_000_000_000_u64;
        let mut ann = Client::connect_silently(deployment.address);
        ann.expect("connected");
        ann.emit("join", &json!({"userId": "ann", "roomId": "r"}));
        assert_eq!(ann.expect("error")["code"], "token_required");
        let late = token(&json!({"room": "r", "user": "ann", "exp": 1_700_000_000}));
        ann.emit("join", &json!({"userId": "ann", "roomId": "r", "token": late}));
        assert_eq!(ann.expect("error")["code"], "token_expired");
        let own = token(&json!({"room": "r", "user": "ann", "exp": forever}));
        ann.emit("join", &json!({"userId": "ann", "roomId": "r", "token": own}));
        assert_eq!(ann.expect("joined")["users"], json!(["ann"]));
        // A plain WebSocket brings it with the handshake.
        let path = format!("/ws?auth={}", token(&json!({"room": "r", "user": "bob", "exp": forever})));
        let mut bob = websocket::open(deployment.address, &path, &[]).unwrap();
        assert_eq!(heard(&mut bob)["type"], "connected");
        say(&mut bob, &json!({"type": "join", "userId": "eve", "roomId": "r"}));
        assert_eq!(heard(&mut bob)["code"], "invalid_token");
        say(&mut bob, &json!({"type": "join", "userId": "bob", "roomId": "r"}));
        assert_eq!(heard(&mut bob)["users"], json!(["ann", "bob"]));
        assert!(!deployment.log().contains(&own), "a token is a secret");
    });
}

/// A real TURN server that knows the secret alone, as `coturn` runs with `use-auth-secret`.
struct Turn {
    child: Child,
    port: String,
}

impl Turn {
    fn start(secret: &str) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
        let child = Command::new("turnserver")
            .args(["-n", "--use-auth-secret", "--realm=example.org", "--listening-ip=127.0.0.1"])
            .args(["--relay-ip=127.0.0.1", "--allow-loopback-peers", "--no-tls", "--no-dtls", "--no-cli"])
            .args([&format!("--static-auth-secret={secret}"), &format!("--listening-port={port}")])
            .args(["--log-file=stdout", "--simple-log", "--pidfile=/dev/null"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        eventually("a TURN server", || TcpStream::connect(format!("127.0.0.1:{port}")).ok());
        Self { child, port }
    }

    /// Whether somebody with these credentials may send through it.
    fn relays_for(&self, username: &str, credential: &str) -> bool {
        Command::new("turnutils_uclient")
            .args([
                "-y",
                "-n",
                "1",
                "-m",
                "1",
                "-u",
                username,
                "-w",
                credential,
                "-p",
                &self.port,
                "127.0.0.1",
            ])
            .output()
            .unwrap()
            .status
            .success()
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_turn_server_takes_the_credentials_and_no_others() {
    let turn = Turn::start("north");
    let urls = format!("turn:127.0.0.1:{}", turn.port);
    let given = [("ROOMHUB_SIGNAL__TURN_URLS", urls.as_str()), ("ROOMHUB_SIGNAL__TURN_SECRET", "north")];
    let server = Server::of("signal", &[], &given);
    let told = http::get(server.address, "/ice?userId=ann").json();
    let of = |field: &str| told["iceServers"][0][field].as_str().unwrap().to_owned();
    let (username, credential) = (of("username"), of("credential"));
    assert!(turn.relays_for(&username, &credential));
    assert!(!turn.relays_for(&username.replace(":ann", ":bob"), &credential), "they are for ann");
    let stranger = Server::of("signal", &[], &[given[0], ("ROOMHUB_SIGNAL__TURN_SECRET", "south")]);
    let told = http::get(stranger.address, "/ice?userId=ann").json();
    let of = |field: &str| told["iceServers"][0][field].as_str().unwrap().to_owned();
    assert!(!turn.relays_for(&of("username"), &of("credential")), "they are of another secret");
}
