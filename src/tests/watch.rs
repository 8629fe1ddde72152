//! `roomhub watch` on the wire: its key, its HTTP, and voices that get in nobody's way.

use serde_json::{Value, json};

use crate::harness::process::{Server, run};
use crate::harness::websocket::Client;
use crate::harness::{eventually, http};

const KEY: &str = "open sesame";
const AUTH: &str = r#"{"token":"open sesame"}"#;

fn server() -> Server {
    Server::of("watch", &[], &[("AUTH_KEY", " \"open sesame\" ")])
}

fn member(server: &Server) -> Client {
    Client::connect_by(server.address, "", &[], AUTH)
}

/// Asks for something and gives the one argument of the answer.
fn ask(client: &mut Client, event: &str, payload: &Value) -> Value {
    let answer: Vec<Value> = serde_json::from_str(&client.ask(event, Some(payload))).unwrap();
    answer.into_iter().next().unwrap_or_default()
}

fn create(owner: &mut Client, name: &str) -> String {
    let given = json!({"name": name, "description": "", "isPublic": true, "userName": "Ann"});
    let made = ask(owner, "room:create", &given);
    made["room"]["id"].as_str().unwrap().to_owned()
}

fn join(guest: &mut Client, room: &str, name: &str) {
    let joined = ask(guest, "room:join", &json!({"roomId": room, "userName": name}));
    assert_eq!(joined["success"], true, "{joined}");
}

#[test]
fn without_a_key_it_does_not_start_and_says_what_to_do() {
    let output = run(&["watch", "--port", "0"], &[]);
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.lines().last().unwrap().contains("set AUTH_KEY"), "{said}");
}

#[test]
fn a_wrong_key_is_told_first_and_let_go_then() {
    let server = server();
    for auth in ["", r#"{"token":"sesame"}"#, r#"{"token":""}"#, r#"{"token":7}"#, "[]"] {
        let mut client = Client::connect_by(server.address, "", &[], auth);
        assert_eq!(client.read_text().as_deref(), Some(r#"42["error","Unauthorized"]"#), "{auth}");
        assert_eq!(client.read_text().as_deref(), Some("41"), "{auth}");
        assert_eq!(client.read_text(), None, "{auth}");
    }
    eventually("nobody", || (server.metric(r#"roomhub_members{service="watch"}"#) == 0.0).then_some(()));
    assert!(!server.log().contains("sesame"), "keys are never logged");
}

#[test]
fn the_key_may_come_in_three_ways() {
    let server = server();
    let bearer = format!("Bearer {KEY}");
    let mut clients = [
        member(&server),
        Client::connect_by(server.address, "", &[("authorization", &bearer)], ""),
        Client::connect_by(server.address, "&auth=open%20sesame", &[], ""),
    ];
    for client in &mut clients {
        client.emit("heartbeat", &json!({}));
        assert!(client.expect("heartbeat:pong")["timestamp"].is_u64());
    }
}

#[test]
fn http_answers_as_the_original_does() {
    let server = server();
    let front = http::get(server.address, "/");
    let told = front.json();
    assert_eq!(told["name"], "Watch Room Server");
    assert_eq!(told["endpoints"]["stats"], "/stats (requires auth)");
    for (name, value) in [
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "cross-origin"),
        ("origin-agent-cluster", "?1"),
        ("referrer-policy", "no-referrer"),
        ("x-content-type-options", "nosniff"),
        ("x-dns-prefetch-control", "off"),
        ("x-download-options", "noopen"),
        ("x-frame-options", "SAMEORIGIN"),
        ("x-permitted-cross-domain-policies", "none"),
        ("x-xss-protection", "0"),
    ] {
        assert_eq!(front.header(name), value, "{name}");
    }
    assert!(!front.header("content-security-policy").is_empty());
    assert!(!front.header("strict-transport-security").is_empty());
    assert_eq!(http::get(server.address, "/health").json()["status"], "ok");

    let mut owner = member(&server);
    let given = json!({"name": "Films", "password": "pw", "isPublic": false, "userName": "Ann"});
    let made = ask(&mut owner, "room:create", &given);
    let refused = http::get(server.address, "/stats");
    assert_eq!((refused.status, refused.json()), (401, json!({"error": "Unauthorized"})));
    let bearer = format!("Bearer {KEY}");
    let stats = http::get_with(server.address, "/stats", &[("authorization", &bearer)]);
    let told = stats.json();
    assert_eq!((&told["totalRooms"], &told["totalMembers"]), (&json!(1), &json!(1)));
    assert_eq!(told["rooms"][0]["id"], made["room"]["id"]);
    assert_eq!(told["rooms"][0]["hasPassword"], true);
    assert!(!stats.body.contains("pw") && !stats.body.contains(made["room"]["ownerToken"].as_str().unwrap()));
}

#[test]
fn voices_never_hold_up_a_control_and_the_oldest_are_dropped() {
    let server = Server::of(
        "watch",
        &[],
        &[
            ("AUTH_KEY", KEY),
            ("ROOMHUB_MEMBERS__MAX_FLEETING_BYTES", "400000"),
            ("ROOMHUB_WATCH__VOICE_BURST_BYTES", "400000000"),
        ],
    );
    let mut owner = member(&server);
    let room = create(&mut owner, "Talk");
    let mut sleeper = member(&server);
    join(&mut sleeper, &room, "Bob");
    assert_eq!(owner.expect("room:member-joined")["name"], "Bob");

    let dropped = || server.metric(r#"roomhub_fleeting_dropped_total{service="watch"}"#);
    let mut n_chunks = 0;
    while dropped() < 20.0 {
        for _ in 0..10 {
            let audio = vec![n_chunks; 20_000];
            owner.emit("voice:audio-chunk", &json!({"roomId": room, "audioData": audio}));
            n_chunks += 1;
        }
        owner.emit("heartbeat", &json!({}));
        owner.expect("heartbeat:pong");
        assert!(n_chunks < 10_000, "nothing was dropped");
    }
    owner.emit("play:seek", &json!(42));
    owner.emit("heartbeat", &json!({}));
    owner.expect("heartbeat:pong");

    let mut before = Vec::new();
    let mut after = Vec::new();
    let mut has_come = false;
    while after.last() != Some(&(n_chunks - 1)) {
        match sleeper.hear().expect("it was only asleep") {
            (event, position) if event == "play:seek" => {
                assert_eq!(position, 42.0);
                has_come = true;
            }
            (event, chunk) => {
                assert_eq!(event, "voice:audio-chunk");
                let number = chunk["audioData"][0].as_u64().unwrap();
                if has_come { after.push(number) } else { before.push(number) }
            }
        }
    }
    assert!(has_come && !after.is_empty(), "the control went before what waited");
    assert!(after.len() * 40_000 <= 500_000, "{} chunks waited", after.len());
    let heard: Vec<u64> = before.into_iter().chain(after).collect();
    assert!(heard.is_sorted() && heard.len() < n_chunks as usize, "in order, the oldest dropped");
}
