//! Sessions are sealed: a member's public id is no key to them.

use serde_json::json;

use crate::harness::deployment::{Deployment, everywhere};
use crate::harness::{eventually, http, polling, websocket};

/// Digits of the code that seals a session's id.
const CODE_DIGITS: usize = 32;

fn post(deployment: &Deployment, session: &str, payload: &str) -> http::Response {
    let path = format!("/socket.io/?EIO=4&transport=polling&sid={session}");
    http::request(deployment.address, "POST", &path, &[("Content-Type", "text/plain")], payload)
}

#[test]
fn a_post_forged_with_a_polling_members_public_id_is_refused() {
    everywhere("music", &[], |deployment| {
        let mut victim = polling::Client::connect(deployment.address);
        victim.emit("create_room", &json!({"room_id": "AB12", "track": {}}));
        victim.expect("room_created");
        let told = deployment.told("/room/AB12", &[], |room| room.status == 200);
        let public = told.json()["host_id"].as_str().unwrap().to_owned();
        assert_eq!(public, victim.id);

        let stranger = polling::Client::connect(deployment.address);
        let (_, code_of_stranger) = stranger.session.split_once('.').unwrap();
        // What leads a load balancer to the victim's server.
        let home = victim.session.get(victim.id.len() + 1 + CODE_DIGITS..).unwrap();
        let forgeries = [
            public.clone(),
            format!("{public}."),
            format!("{public}.{}{home}", "0".repeat(CODE_DIGITS)),
            format!("{public}.{code_of_stranger}"),
            format!("{public}&sid={}", stranger.session),
        ];
        for forged in &forgeries {
            for payload in [r#"42["leave_room",{"room_id":"AB12"}]"#, "1", "41"] {
                assert_eq!(post(deployment, forged, payload).status, 400, "{forged}");
            }
            let poll =
                http::get(deployment.address, &format!("/socket.io/?EIO=4&transport=polling&sid={forged}"));
            assert_eq!(poll.status, 400, "{forged}");
            let path = format!("/socket.io/?EIO=4&transport=websocket&sid={forged}");
            assert!(websocket::open(deployment.address, &path, &[]).is_err(), "{forged}");
        }
        // The victim's room still stands.
        deployment.told("/room/AB12", &[], |room| room.status == 200);
        victim.emit("time_ping", &json!({"clientTime": 1}));
        victim.expect("room_users");
        victim.expect("time_pong");
    });
}

#[test]
fn a_websocket_session_takes_no_posts() {
    everywhere("music", &[], |deployment| {
        let mut victim = websocket::Client::host(deployment.address, "AB12");
        assert_eq!(post(deployment, &victim.id, "1").status, 400);
        assert_eq!(post(deployment, &victim.id, r#"42["leave_room",{"room_id":"AB12"}]"#).status, 400);
        victim.expect_silence();
    });
}

#[test]
fn a_polling_session_goes_over_to_websocket_and_loses_nothing() {
    everywhere("music", &[], |deployment| {
        let mut host = websocket::Client::host(deployment.address, "AB12");
        let mut guest = polling::Client::connect(deployment.address);
        guest.emit("join_room", &json!({"room_id": "AB12"}));
        guest.expect("room_joined");
        host.expect("room_users");

        let path = format!("/socket.io/?EIO=4&transport=websocket&sid={}", guest.session);
        let mut socket = websocket::open(deployment.address, &path, &[]).unwrap();
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
    });
}

#[test]
fn an_upgrade_that_breaks_off_ends_the_session() {
    everywhere("music", &[], |deployment| {
        let mut client = polling::Client::connect(deployment.address);
        client.emit("create_room", &json!({"room_id": "AB12"}));
        client.expect("room_created");
        let path = format!("/socket.io/?EIO=4&transport=websocket&sid={}", client.session);
        let mut socket = websocket::open(deployment.address, &path, &[]).unwrap();
        socket.send("nonsense".into()).unwrap();
        drop(socket);
        eventually("the end of the session", || {
            (http::get(deployment.address, "/room/AB12").status == 404).then_some(())
        });
        assert_eq!(client.poll().status, 400);
    });
}

#[test]
fn a_polling_client_that_says_goodbye_leaves_its_room() {
    everywhere("music", &[], |deployment| {
        let mut client = polling::Client::connect(deployment.address);
        client.emit("create_room", &json!({"room_id": "AB12"}));
        client.expect("room_created");
        assert_eq!(client.post("1").status, 200);
        eventually("the end of the room", || {
            (http::get(deployment.address, "/room/AB12").status == 404).then_some(())
        });
    });
}

#[test]
fn a_client_that_speaks_at_once_is_heard_and_answered() {
    everywhere("music", &[], |deployment| {
        let address = deployment.address;
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
    });
}
