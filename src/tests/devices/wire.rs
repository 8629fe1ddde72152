//! Every row of the wire, over real sockets.

use serde_json::json;
use tokio_tungstenite::tungstenite::Message;

use super::client::Device;
use super::start;
use crate::harness::deployment::everywhere;
use crate::harness::eventually;

#[test]
fn devices_meet_in_a_room_and_talk() {
    everywhere("devices", &[], |deployment| {
        let (mut ann, status) = Device::join(deployment.address, "d1", None);
        assert_eq!(status, "created_new");
        let (mut bob, status) = Device::join(deployment.address, "d2", Some(&ann.room.to_lowercase()));
        assert_eq!((status.as_str(), &bob.room), ("joined_existing", &ann.room));

        ann.say(&json!({"type": "message", "content": "hi", "timestamp": 12.5}));
        bob.expect(&json!({"type": "message", "content": "hi", "from_device_id": "d1",
        "message_type": "broadcast", "timestamp": 12.5}));
        bob.send(Message::binary(r#"{"type":"photo","content":{"b":1,"a":2},"target_device_id":"d1"}"#));
        ann.expect(&json!({"type": "photo", "content": {"b": 1, "a": 2}, "from_device_id": "d2",
        "message_type": "direct", "timestamp": ""}));
        ann.say(&json!({"type": "query_room"}));
        ann.expect(&json!({"type": "room_info", "room_id": ann.room, "total_clients": 2,
        "clients": [{"device_id": "d2", "identity": "test"}]}));
        drop(bob);
        let (back, status) = Device::join(deployment.address, "d2", None);
        assert_eq!((status.as_str(), &back.room), ("reconnected", &ann.room));
    });
}

#[test]
fn a_bad_first_frame_is_told_and_closed() {
    everywhere("devices", &[], |deployment| {
        let long = "x".repeat(256);
        for (frame, message) in [
            ("nonsense".to_owned(), "Invalid JSON format for identity"),
            ("[1]".to_owned(), "Invalid JSON format for identity"),
            (json!({"device_id": "d1"}).to_string(), "Missing identity field"),
            (json!({"device_id": 7, "identity": true}).to_string(), "Missing identity field"),
            (json!({"device_id": "d1", "identity": long}).to_string(), "Missing identity field"),
            (json!({"identity": "x"}).to_string(), "Missing device_id field"),
            (json!({"identity": "x", "device_id": long}).to_string(), "Missing device_id field"),
        ] {
            let mut device = Device::connect(deployment.address);
            device.send(Message::text(frame));
            device.expect(&json!({"type": "error", "message": message}));
            device.expect_close(1000);
        }
        let mut device = Device::connect(deployment.address);
        device.say(&json!({"device_id": "d1", "identity": "x", "room_id": "nowhere1"}));
        device.expect(
            &json!({"type": "error", "message": "Room nowhere1 does not exist", "status": "room_not_found"}),
        );
        device.expect_close(1000);
        eventually("the warning", || deployment.log().contains("Room nowhere1 does not exist").then_some(()));
    });
}

#[test]
fn a_bad_later_frame_is_told_and_the_connection_stays() {
    everywhere("devices", &[], |deployment| {
        let (mut ann, _) = Device::join(deployment.address, "d1", None);
        for (frame, message) in [
            ("nonsense", "Invalid JSON format"),
            (r#"{"type":"message","content":NaN}"#, "Invalid JSON format"),
            ("{}", "Missing required fields (type, content)"),
            (r#"{"type":"message"}"#, "Missing required fields (type, content)"),
            (r#"{"content":"x"}"#, "Missing required fields (type, content)"),
            (r#"{"type":"message","content":7}"#, "Invalid content format"),
            (r#"{"type":"message","content":[7]}"#, "Invalid content format"),
            (
                r#"{"type":"message","content":"x","target_device_id":"d9"}"#,
                "Target device d9 not found in room",
            ),
        ] {
            ann.send(Message::text(frame));
            ann.expect(&json!({"type": "error", "message": message}));
        }
        ann.say_for_sure("still here");
    });
}

#[test]
fn a_device_may_be_there_twice() {
    everywhere("devices", &[], |deployment| {
        let (mut ann, _) = Device::join(deployment.address, "d1", None);
        let (mut left, _) = Device::join(deployment.address, "d2", Some(&ann.room));
        let (mut right, _) = Device::join(deployment.address, "d2", Some(&ann.room));
        ann.say(&json!({"type": "message", "content": "both", "target_device_id": "d2"}));
        assert_eq!((&left.hear()["content"], &right.hear()["content"]), (&json!("both"), &json!("both")));
        left.say(&json!({"type": "message", "content": "others"}));
        assert_eq!((&right.hear()["content"], &ann.hear()["content"]), (&json!("others"), &json!("others")));
        left.say(&json!({"type": "query_room"}));
        let told = left.hear();
        assert_eq!((&told["total_clients"], told["clients"].as_array().unwrap().len()), (&json!(3), 2));
    });
}

#[test]
fn a_message_of_the_same_id_is_delivered_and_stored_once() {
    let data = tempfile::tempdir().unwrap();
    let server = start(data.path(), &[], &[]);
    let (mut ann, _) = Device::join(server.address, "d1", None);
    let (mut bob, _) = Device::join(server.address, "d2", Some(&ann.room));
    for name in ["m1", "m1", "m2"] {
        ann.say_for_sure(name);
    }
    assert_eq!((bob.hear()["content"].as_str(), bob.hear()["content"].as_str()), (Some("m1"), Some("m2")));
    drop(server);
    let server = start(data.path(), &[], &[]);
    let (mut bob, _) = Device::join(server.address, "d2", None);
    let (mut ann, _) = Device::join(server.address, "d1", None);
    ann.say_for_sure("m1");
    ann.say_for_sure("m3");
    assert_eq!(bob.hear()["content"], "m3");
}

#[test]
fn what_is_acked_under_an_id_that_was_used_before_is_in_the_database() {
    let data = tempfile::tempdir().unwrap();
    let mut server = start(data.path(), &[], &[]);
    let (mut ann, _) = Device::join(server.address, "d1", None);
    let (mut bob, _) = Device::join(server.address, "d2", Some(&ann.room));
    for content in ["first", "second", "second"] {
        ann.say(&json!({"type": "message", "content": content, "message_id": 7}));
        ann.expect(&json!({"type": "ack", "message_id": 7, "status": "stored"}));
    }
    assert_eq!((&bob.hear()["content"], &bob.hear()["content"]), (&json!("first"), &json!("second")));
    server.signal("TERM");
    assert_eq!(server.wait(), 0);
    // What was said is forgotten, as after a million others.
    let directory = rusqlite::Connection::open(data.path().join("directory.db")).unwrap();
    assert_eq!(directory.execute("DELETE FROM said", []).unwrap(), 2);
    drop(directory);
    let mut server = start(data.path(), &[], &[]);
    let (mut ann, _) = Device::join(server.address, "d1", None);
    for content in ["second", "third"] {
        ann.say(&json!({"type": "message", "content": content, "message_id": 7}));
        ann.expect(&json!({"type": "ack", "message_id": 7, "status": "stored"}));
    }
    server.signal("TERM");
    assert_eq!(server.wait(), 0);
    assert_eq!(super::database::Sqlite::open(data.path()).contents(), ["first", "second", "third"]);
}

#[test]
fn ids_may_be_numbers_and_binary_frames_may_begin_with_a_byte_order_mark() {
    everywhere("devices", &[], |deployment| {
        let mut ann = Device::connect(deployment.address);
        ann.send(Message::binary("\u{feff}{\"device_id\":7,\"identity\":1.5}\n"));
        let told = ann.hear();
        let (mut bob, _) = Device::join(deployment.address, "8", told["room_id"].as_str());
        ann.send(Message::text(
            r#"{"type":"message","content":{"n":1e400,"t":"\ud83d"},"target_device_id":8,"message_id":42}"#,
        ));
        ann.expect(&json!({"type": "ack", "message_id": 42, "status": "stored"}));
        // The number is passed on as it came, which no number type here holds.
        let heard = bob.hear_text();
        assert!(heard.contains(r#""content":{"n":1e400,"t":"\ufffd"},"from_device_id":7,"#), "{heard}");
        bob.say(&json!({"type": "query_room"}));
        assert_eq!(bob.hear()["clients"], json!([{"device_id": 7, "identity": 1.5}]));
        let (_, status) = Device::join(deployment.address, "7", None);
        assert_eq!(status, "reconnected");
    });
}

#[test]
fn a_flood_is_refused_and_not_stored() {
    let data = tempfile::tempdir().unwrap();
    let limits = [("ROOMHUB_DEVICES__BURST_BYTES", "1048576"), ("ROOMHUB_DEVICES__BYTES_PER_SECOND", "1")];
    let mut server = start(data.path(), &[], &limits);
    let (mut ann, _) = Device::join(server.address, "d1", None);
    let content = "x".repeat(300_000);
    for n in 0..3 {
        ann.say(&json!({"type": "message", "content": content, "message_id": n}));
        ann.expect(&json!({"type": "ack", "message_id": n, "status": "stored"}));
    }
    ann.say(&json!({"type": "message", "content": content, "message_id": "over"}));
    ann.expect(&json!({"type": "error", "message": "Rate limit exceeded", "status": "rate_limited",
        "message_id": "over"}));
    ann.say_for_sure("small");
    server.signal("TERM");
    assert_eq!(server.wait(), 0);
    assert_eq!(super::database::Sqlite::open(data.path()).contents().len(), 4);
}

#[test]
fn who_does_not_say_who_it_is_is_let_go_in_time() {
    everywhere("devices", &[("ROOMHUB_DEVICES__IDENTIFICATION_TIMEOUT", "200ms")], |deployment| {
        let mut silent = Device::connect(deployment.address);
        silent.expect(&json!({"type": "error", "message": "Identification timeout"}));
        silent.expect_close(1008);
    });
}

#[test]
fn a_frame_beyond_the_limit_closes_and_one_within_passes() {
    everywhere("devices", &[], |deployment| {
        let (mut ann, _) = Device::join(deployment.address, "d1", None);
        let (mut bob, _) = Device::join(deployment.address, "d2", Some(&ann.room));
        let content = "ü".repeat(500_000);
        ann.say(&json!({"type": "message", "content": content}));
        assert_eq!(bob.hear()["content"], content);
        ann.send(Message::text(json!({"type": "message", "content": "x".repeat(1_100_000)}).to_string()));
        ann.expect_close(1009);
    });
}

#[test]
fn a_stop_keeps_everything_and_closes_with_1001() {
    let data = tempfile::tempdir().unwrap();
    let mut server = start(data.path(), &[], &[]);
    let (mut ann, _) = Device::join(server.address, "d1", None);
    ann.say_for_sure("last words");
    server.signal("TERM");
    ann.expect_close(1001);
    assert_eq!(server.wait(), 0);
    let database = super::database::Sqlite::open(data.path());
    assert_eq!(database.contents(), ["last words"]);
    assert_eq!(database.count("SELECT COUNT(*) FROM connections WHERE disconnected_at IS NULL"), 0);
}

#[test]
fn a_direct_message_waits_for_a_device_that_is_away_if_asked_to() {
    let data = tempfile::tempdir().unwrap();
    let queue = [("ROOMHUB_DEVICES__OFFLINE_QUEUE", "2")];
    let server = start(data.path(), &[], &queue);
    let (mut ann, _) = Device::join(server.address, "d1", None);
    drop(Device::join(server.address, "d2", Some(&ann.room)));
    let to_bob = |content: &str| {
        json!({"type": "message", "content": content, "target_device_id": "d2",
        "message_id": content})
    };
    eventually("the departure", || {
        ann.say(&json!({"type": "query_room"}));
        (ann.hear()["total_clients"] == 1).then_some(())
    });
    for content in ["one", "two"] {
        ann.say(&to_bob(content));
        ann.expect(&json!({"type": "ack", "message_id": content, "status": "stored"}));
    }
    ann.say(&to_bob("three"));
    ann.expect(&json!({"type": "error", "message": "Offline queue of device d2 is full",
        "status": "offline_queue_full", "message_id": "three"}));
    drop(server);
    let server = start(data.path(), &[], &queue);
    let (mut bob, status) = Device::join(server.address, "d2", None);
    assert_eq!(status, "reconnected");
    for content in ["one", "two"] {
        bob.expect(&json!({"type": "message", "content": content, "from_device_id": "d1",
            "message_type": "direct", "timestamp": "", "queued": true}));
    }
    let (mut again, _) = Device::join(server.address, "d2", None);
    again.say_for_sure("nothing is given twice");
}

#[test]
fn a_token_is_good_for_its_own_device_alone() {
    let data = tempfile::tempdir().unwrap();
    let tokens = data.path().join("tokens");
    std::fs::write(&tokens, "d1 secret-1\nd2 secret-2\n").unwrap();
    let server = start(
        data.path(),
        &[],
        &[("ROOMHUB_DEVICES__AUTH", "tokens"), ("ROOMHUB_DEVICES__TOKEN_FILE", tokens.to_str().unwrap())],
    );
    for headers in [&[][..], &[("authorization", "Bearer wrong")][..]] {
        let refused = crate::harness::websocket::open(server.address, "/", headers).unwrap_err();
        assert!(refused.contains("401"), "{refused}");
    }
    let mut own = Device::connect_to(server.address, "/?auth=secret-1");
    own.say(&json!({"device_id": "d1", "identity": "x"}));
    assert_eq!(own.hear()["status"], "created_new");
    let mut other = Device::connect_to(server.address, "/?auth=secret-1");
    other.say(&json!({"device_id": "d2", "identity": "x"}));
    other.expect(&json!({"type": "error", "message": "Not authorized for this device_id"}));
    other.expect_close(1008);
    assert!(!server.log().contains("secret-1"));
    // Who has lost its token, and who has got one, counts from the next SIGHUP on.
    std::fs::write(&tokens, "d3 secret-3\n").unwrap();
    server.signal("HUP");
    let open = |key: &str| crate::harness::websocket::open(server.address, &format!("/?auth={key}"), &[]);
    eventually("the new token", || open("secret-3").is_ok().then_some(()));
    assert!(open("secret-1").is_err());
}

#[test]
fn a_reader_that_never_reads_is_let_go_and_disturbs_nobody() {
    everywhere("devices", &[], |deployment| {
        let (mut ann, _) = Device::join(deployment.address, "d1", None);
        let (mut sleeper, _) = Device::join(deployment.address, "sleeper", Some(&ann.room));
        let (mut bob, _) = Device::join(deployment.address, "d2", Some(&ann.room));
        let content = "x".repeat(500_000);
        let cut = r#"roomhub_connections_killed_total{service="devices",reason="slow"}"#;
        let send = |ann: &mut Device, bob: &mut Device| {
            ann.say(&json!({"type": "message", "content": content}));
            assert_eq!(bob.hear()["content"], content);
        };
        let before = deployment.rss_kib();
        for n in 0.. {
            // Several times what the kernel may hold on the way.
            assert!(n < 400, "it is never cut");
            send(&mut ann, &mut bob);
            if deployment.metric(cut) == 1.0 {
                break;
            }
        }
        let grown = deployment.rss_kib().saturating_sub(before);
        assert!(grown < 64 * 1024, "{grown} KiB more than before");
        // It has two seconds to hear why.
        let code = std::iter::from_fn(|| Some(sleeper.try_hear())).find_map(Result::err);
        assert_eq!(code, Some(1008));
        send(&mut ann, &mut bob);
    });
}

#[test]
fn a_device_that_answers_no_ping_is_let_go_and_one_that_does_stays() {
    let pings = [("ROOMHUB_DEVICES__PING_INTERVAL", "1s"), ("ROOMHUB_DEVICES__PING_TIMEOUT", "3s")];
    everywhere("devices", &pings, |deployment| {
        let (mut ann, _) = Device::join(deployment.address, "d1", None);
        // Pings are answered by reading.
        let (_dead, _) = Device::join(deployment.address, "dead", Some(&ann.room));
        eventually("the dead one's end", || {
            ann.say(&json!({"type": "query_room"}));
            (ann.hear()["total_clients"] == 1).then_some(())
        });
    });
}

#[test]
fn the_log_tells_who_is_there_and_never_what_is_said() {
    let data = tempfile::tempdir().unwrap();
    let server = start(data.path(), &[], &[("ROOMHUB_DEVICES__STATUS_INTERVAL", "100ms")]);
    let (mut ann, _) = Device::join(server.address, "d1", None);
    ann.say_for_sure("a secret");
    let room = format!("Room {}: d1(test)", ann.room);
    eventually("the status", || {
        let told = server.log();
        (told.contains("Server status: 1 clients connected, 1 active rooms") && told.contains(&room))
            .then_some(())
    });
    server.await_log("message forwarded");
    assert!(!server.log().contains("a secret"));
}

#[test]
fn a_trusted_proxy_says_where_a_device_is_and_a_stranger_does_not() {
    for (trusted, address) in [("127.0.0.1", "203.0.113.9"), ("192.0.2.1", "127.0.0.1")] {
        let data = tempfile::tempdir().unwrap();
        let server = start(data.path(), &[], &[("ROOMHUB_NETWORK__TRUSTED_PROXIES", trusted)]);
        let mut ann = Device::connect_as(server.address, "/", &[("x-forwarded-for", "203.0.113.9")]);
        ann.say(&json!({"device_id": "d1", "identity": "x"}));
        ann.hear();
        let database = super::database::Sqlite::open(data.path());
        eventually("the connection", || {
            (database.texts("SELECT client_ip FROM connections") == [address]).then_some(())
        });
    }
}

#[test]
fn relaxed_durability_delivers_and_keeps_as_well() {
    let data = tempfile::tempdir().unwrap();
    let mut server = start(data.path(), &[], &[("ROOMHUB_DEVICES__DURABILITY", "relaxed")]);
    let (mut ann, _) = Device::join(server.address, "d1", None);
    let (mut bob, _) = Device::join(server.address, "d2", Some(&ann.room));
    ann.say_for_sure("one");
    assert_eq!(bob.hear()["content"], "one");
    server.signal("TERM");
    assert_eq!(server.wait(), 0);
    assert_eq!(super::database::Sqlite::open(data.path()).contents(), ["one"]);
}
