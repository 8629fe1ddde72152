//! The Socket.IO endpoint with small clients: greeting, acknowledgements, order, sizes, namespaces, origins.

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use crate::harness::deployment::everywhere;
use crate::harness::{eventually, http, polling, websocket};

/// Frames of one client that must arrive in the order they were sent in.
const FRAMES: u64 = 2_000;

#[test]
fn the_handshake_announces_the_protocols_numbers() {
    everywhere("music", &[], |deployment| {
        let opened = http::get(deployment.address, "/socket.io/?EIO=4&transport=polling");
        let open: Value = serde_json::from_str(opened.body.strip_prefix('0').unwrap()).unwrap();
        assert_eq!(open["pingInterval"], 25_000);
        assert_eq!(open["pingTimeout"], 20_000);
        assert_eq!(open["maxPayload"], 1_000_000);
        assert_eq!(open["upgrades"], json!(["websocket"]));
    });
}

#[test]
fn a_room_is_shared_over_websocket_and_polling() {
    everywhere("music", &[], |deployment| {
        let mut host = websocket::Client::host(deployment.address, "AB12");
        let mut guest = polling::Client::connect(deployment.address);
        guest.emit("join-room", &json!({"roomId": "AB12"}));
        assert_eq!(guest.expect("room-joined")["userCount"], 2);
        assert_eq!(host.expect("room_users"), json!({"count": 2}));
        guest.expect("room-users");
        assert_eq!(guest.expect("sync-state")["currentTrack"], json!({"id": 1}));
        host.emit("pause", &json!({"room_id": "AB12", "current_time": 4.5}));
        assert_eq!(guest.expect("pause"), json!({"currentTime": 4.5}));
    });
}

#[test]
fn frames_of_one_client_arrive_in_order_over_websocket() {
    everywhere("music", &[], |deployment| {
        let mut host = websocket::Client::host(deployment.address, "AB12");
        let mut guest = websocket::Client::guest(deployment.address, "AB12");
        host.expect("room_users");
        for n in 0..FRAMES {
            host.emit("seek", &json!({"room_id": "AB12", "current_time": n}));
        }
        for n in 0..FRAMES {
            assert_eq!(guest.expect("seek")["current_time"], n);
        }
    });
}

#[test]
fn frames_of_one_client_arrive_in_order_over_polling() {
    everywhere("music", &[], |deployment| {
        let mut guest = websocket::Client::connect(deployment.address);
        let mut host = polling::Client::connect(deployment.address);
        host.emit("create_room", &json!({"room_id": "AB12", "track": {}}));
        host.expect("room_created");
        guest.emit("join_room", &json!({"room_id": "AB12"}));
        guest.expect("room_joined");
        guest.expect("room_users");
        guest.expect("sync_state");
        let packets: Vec<String> = (0..FRAMES)
            .map(|n| format!("42{}", json!(["seek", {"room_id": "AB12", "current_time": n}])))
            .collect();
        host.post_all(&packets);
        for n in 0..FRAMES {
            assert_eq!(guest.expect("seek")["current_time"], n);
        }
    });
}

#[test]
fn every_acknowledgement_is_answered_also_for_events_without_arguments_or_sense() {
    everywhere("music", &[], |deployment| {
        let mut client = websocket::Client::connect(deployment.address);
        assert_eq!(client.ask("create_room", None), "[]");
        assert_eq!(client.expect("error")["code"], "room_id_required");
        for payload in [json!(null), json!(7), json!("text"), json!([1, [2]]), json!({"room_id": {"a": "b"}})]
        {
            assert_eq!(client.ask("play", Some(&payload)), "[]");
        }
        assert_eq!(client.ask("no such event", Some(&json!({}))), "[]");
        assert_eq!(client.ask("", None), "[]");
        client.expect_silence();
    });
}

#[test]
fn a_message_over_the_limit_is_refused_on_both_transports() {
    everywhere("music", &[], |deployment| {
        let big = format!(
            "42{}",
            json!(["track_change", {"room_id": "AB12", "track": {"x": "y".repeat(1_100_000)}}])
        );

        let mut client = websocket::Client::connect(deployment.address);
        client.try_send(Message::text(big.as_str()));
        assert_eq!(client.hear(), None, "the connection is closed");

        let mut client = polling::Client::connect(deployment.address);
        client.emit("create_room", &json!({"room_id": "AB12"}));
        client.expect("room_created");
        client.post_regardless(&big);
        eventually("the end of the session", || (client.poll().status == 400).then_some(()));
    });
}

#[test]
fn a_message_under_the_limit_is_relayed_to_the_letter() {
    everywhere("music", &[("ROOMHUB_MUSIC__MAX_TRACK_BYTES", "1000000")], |deployment| {
        let mut host = websocket::Client::host(deployment.address, "AB12");
        let mut guest = websocket::Client::guest(deployment.address, "AB12");
        host.expect("room_users");
        let text = "é".repeat(400_000);
        let track = format!(r#"{{"z":1.50,"a":123456789012345678901234567890,"text":"{text}"}}"#);
        host.send_raw(&format!(r#"42["track_change",{{"room_id":"AB12","track":{track}}}]"#));
        let relayed = guest.read_text().unwrap();
        assert!(relayed == format!(r#"42["track_change",{{"track":{track},"current_time":0}}]"#));
    });
}

#[test]
fn no_other_namespace_exists() {
    everywhere("music", &[], |deployment| {
        let mut client = websocket::Client::connect(deployment.address);
        client.send_raw("40/admin,");
        assert_eq!(client.read_text().unwrap(), r#"44/admin,{"message":"Invalid namespace"}"#);
        client.expect_silence();
    });
}

#[test]
fn only_listed_origins_may_open_a_websocket() {
    everywhere("music", &[("CORS_ORIGIN", "https://one.example, https://two.example")], |deployment| {
        let path = "/socket.io/?EIO=4&transport=websocket";
        assert!(websocket::open(deployment.address, path, &[("Origin", "https://two.example")]).is_ok());
        assert!(websocket::open(deployment.address, path, &[]).is_ok(), "what is no browser sends no origin");
        let refused =
            websocket::open(deployment.address, path, &[("Origin", "https://evil.example")]).unwrap_err();
        assert!(refused.contains("403"), "{refused}");
        let preflight = http::request(
            deployment.address,
            "OPTIONS",
            "/socket.io/?EIO=4&transport=polling",
            &[("Origin", "https://one.example"), ("Access-Control-Request-Method", "POST")],
            "",
        );
        assert_eq!(preflight.header("access-control-allow-origin"), "https://one.example");
        assert_eq!(preflight.header("access-control-allow-credentials"), "true");
    });
}

#[test]
fn any_origin_is_reflected_by_default() {
    everywhere("music", &[], |deployment| {
        let origin = [("Origin", "https://any.example")];
        for path in ["/socket.io/?EIO=4&transport=polling", "/rooms", "/"] {
            let answer = http::get_with(deployment.address, path, &origin);
            assert_eq!(answer.header("access-control-allow-origin"), "https://any.example", "{path}");
        }
    });
}

#[test]
fn what_is_no_engine_io_gets_an_error_and_no_session() {
    everywhere("music", &[], |deployment| {
        for path in [
            "/socket.io/",
            "/socket.io/?EIO=4",
            "/socket.io/?EIO=9&transport=polling",
            "/socket.io/?EIO=4&transport=telepathy",
            "/socket.io/?EIO=4&transport=polling&sid=nonsense",
            "/socket.io/?EIO=4&transport=websocket",
        ] {
            let status = http::get(deployment.address, path).status;
            assert!((400..500).contains(&status), "{path}: {status}");
        }
        let status =
            http::request(deployment.address, "POST", "/socket.io/?EIO=4&transport=polling", &[], "40")
                .status;
        assert_eq!(status, 400);
    });
}
