//! Sessions are sealed: a member's public id is no key to them.

use serde_json::json;

use crate::harness::process::Server;
use crate::harness::{http, polling, websocket};

fn post(server: &Server, session: &str, payload: &str) -> http::Response {
    let path = format!("/socket.io/?EIO=4&transport=polling&sid={session}");
    http::request(server.address, "POST", &path, &[("Content-Type", "text/plain")], payload)
}

#[test]
fn a_post_forged_with_a_polling_members_public_id_is_refused() {
    let server = Server::start();
    let mut victim = polling::Client::connect(server.address);
    victim.emit("create_room", &json!({"room_id": "AB12", "track": {}}));
    victim.expect("room_created");
    let public = http::get(server.address, "/room/AB12").json()["host_id"].as_str().unwrap().to_owned();
    assert_eq!(public, victim.id);

    let stranger = polling::Client::connect(server.address);
    let (_, code_of_stranger) = stranger.session.split_once('.').unwrap();
    let forgeries = [
        public.clone(),
        format!("{public}."),
        format!("{public}.{}", "0".repeat(32)),
        format!("{public}.{code_of_stranger}"),
        format!("{public}&sid={}", stranger.session),
    ];
    for forged in &forgeries {
        for payload in [r#"42["leave_room",{"room_id":"AB12"}]"#, "1", "41"] {
            assert_eq!(post(&server, forged, payload).status, 400, "{forged}");
        }
        let poll = http::get(server.address, &format!("/socket.io/?EIO=4&transport=polling&sid={forged}"));
        assert_eq!(poll.status, 400, "{forged}");
        let path = format!("/socket.io/?EIO=4&transport=websocket&sid={forged}");
        assert!(websocket::open(server.address, &path, &[]).is_err(), "{forged}");
    }
    assert_eq!(http::get(server.address, "/room/AB12").status, 200, "the victim's room still stands");
    victim.emit("time_ping", &json!({"clientTime": 1}));
    victim.expect("room_users");
    victim.expect("time_pong");
}

#[test]
fn a_websocket_session_takes_no_posts() {
    let server = Server::start();
    let mut victim = websocket::Client::host(server.address, "AB12");
    assert_eq!(post(&server, &victim.id, "1").status, 400);
    assert_eq!(post(&server, &victim.id, r#"42["leave_room",{"room_id":"AB12"}]"#).status, 400);
    victim.expect_silence();
}

#[test]
fn a_polling_session_goes_over_to_websocket_and_loses_nothing() {
    let server = Server::start();
    let mut host = websocket::Client::host(server.address, "AB12");
    let mut guest = polling::Client::connect(server.address);
    guest.emit("join_room", &json!({"room_id": "AB12"}));
    guest.expect("room_joined");
    host.expect("room_users");

    let path = format!("/socket.io/?EIO=4&transport=websocket&sid={}", guest.session);
    let mut socket = websocket::open(server.address, &path, &[]).unwrap();
    for n in 0..100 {
        host.emit("seek", &json!({"room_id": "AB12", "current_time": n}));
    }
    host.expect_silence();
    socket.send("2probe".into()).unwrap();
    assert_eq!(socket.read().unwrap().to_text().unwrap(), "3probe");
    socket.send("5".into()).unwrap();
    for n in 100..200 {
        host.emit("seek", &json!({"room_id": "AB12", "current_time": n}));
    }
    let mut heard = Vec::new();
    while heard.len() < 200 {
        let message = socket.read().unwrap();
        let text = message.to_text().unwrap();
        if let Some(seek) = text.strip_prefix(r#"42["seek",{"current_time":"#) {
            heard.push(seek.trim_end_matches("}]").parse::<usize>().unwrap());
        }
    }
    assert!(heard.iter().copied().eq(0..200), "{heard:?}");
}

#[test]
fn an_upgrade_that_breaks_off_ends_the_session() {
    let server = Server::start();
    let mut client = polling::Client::connect(server.address);
    client.emit("create_room", &json!({"room_id": "AB12"}));
    client.expect("room_created");
    let path = format!("/socket.io/?EIO=4&transport=websocket&sid={}", client.session);
    let mut socket = websocket::open(server.address, &path, &[]).unwrap();
    socket.send("nonsense".into()).unwrap();
    drop(socket);
    crate::harness::eventually("the end of the session", || {
        (http::get(server.address, "/room/AB12").status == 404).then_some(())
    });
    assert_eq!(client.poll().status, 400);
}

#[test]
fn a_polling_client_that_says_goodbye_leaves_its_room() {
    let server = Server::start();
    let mut client = polling::Client::connect(server.address);
    client.emit("create_room", &json!({"room_id": "AB12"}));
    client.expect("room_created");
    assert_eq!(client.post("1").status, 200);
    crate::harness::eventually("the end of the room", || {
        (http::get(server.address, "/room/AB12").status == 404).then_some(())
    });
}

#[test]
fn a_client_that_speaks_at_once_is_heard_and_answered() {
    let server = Server::start();
    let address = server.address;
    let crowd: Vec<_> = (0..8)
        .map(|n| {
            std::thread::spawn(move || {
                for round in 0..250 {
                    let mut client = websocket::Client::connect_silently(address);
                    client.emit("create_room", &json!({"room_id": format!("{n}-{round}")}));
                    client.expect("connected");
                    client.expect("room_created");
                }
            })
        })
        .collect();
    for member in crowd {
        member.join().unwrap();
    }
}
