//! Ten thousand rude packets: nothing breaks, nothing leaks, and a room beside them works.

use proptest::prelude::{Strategy, any, prop_oneof};
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::json;
use tokio_tungstenite::tungstenite::Message;

use crate::harness::process::Server;
use crate::harness::{eventually, http, websocket};

const PACKETS: usize = 10_000;

/// Packets after which a client hangs up by itself.
const PACKETS_PER_CLIENT: usize = 50;

/// Always the same packets.
const SEED: [u8; 32] = *b"rude packets come from this seed";

fn packet() -> impl Strategy<Value = Message> {
    let event = proptest::sample::select(vec![
        "create_room",
        "create-room",
        "join_room",
        "join-room",
        "leave_room",
        "track_change",
        "track-change",
        "play",
        "pause",
        "seek",
        "sync_progress",
        "sync-progress",
        "get_room_state",
        "playlist-update",
        "introduce",
        "time_ping",
        "connect",
        "disconnect",
        "error",
        "__proto__",
        "",
    ]);
    let value = proptest::sample::select(vec![
        "null",
        "0",
        "-1",
        "1e999",
        "\"\"",
        "\"rude\"",
        "{}",
        "[]",
        "true",
        "{\"room_id\":\"rude\"}",
        "{\"room_id\":\"rude\",\"current_time\":-5}",
        "{\"roomId\":null}",
        "{\"room_id\":1e400}",
        "{\"room_id\":\"rude\",\"track\":{\"_placeholder\":true,\"num\":0}}",
        "{\"room_id\":[[[[[]]]]]}",
        "{\"roomId\":\"\\u0000\"}",
        "{\"room_id\":\"a\",\"room_id\":\"b\"}",
        "{\"room_id\":\"rude\",\"playlist\":{}}",
    ]);
    let deep = (1..4000usize).prop_map(|depth| format!("42[\"play\",{}", "[".repeat(depth)));
    prop_oneof![
        8 => (event, value.clone()).prop_map(|(event, value)| format!("42[{event:?},{value}]").into()),
        2 => value.prop_map(|value| format!("42{value}").into()),
        1 => (any::<u16>(), ".{0,20}").prop_map(|(id, text)| format!("42{id}[{text:?}]").into()),
        1 => "[0-9]{0,3}[^\u{0}]{0,40}".prop_map(Message::from),
        1 => "4[0-6][0-9]{0,2}-?[/a-z,]{0,9}.{0,30}".prop_map(Message::from),
        1 => deep.prop_map(Message::from),
        1 => (1..30_000usize).prop_map(|n| format!("42[\"join_room\",{{\"room_id\":\"{}\"}}]", "z".repeat(n)).into()),
        1 => proptest::collection::vec(any::<u8>(), 0..300).prop_map(Message::binary),
        1 => proptest::sample::select(vec!["41", "40", "40{}", "44", "43[1]", "451-[\"x\",{\"_placeholder\":true,\"num\":0}]", "2", "3", "5", "6"]).prop_map(Message::from),
    ]
}

#[test]
fn after_ten_thousand_rude_packets_a_room_still_works_and_the_memory_is_back() {
    let server = Server::start();
    let mut host = websocket::Client::host(server.address, "good");
    let mut guest = websocket::Client::guest(server.address, "good");
    host.expect("room_users");
    let mut runner =
        TestRunner::new_with_rng(Config::default(), TestRng::from_seed(RngAlgorithm::ChaCha, &SEED));
    let packets = packet();
    let mut sent = 0;
    let mut rude = websocket::Client::connect_silently(server.address);
    let mut settled = None;
    while sent < PACKETS {
        let packet = packets.new_tree(&mut runner).unwrap().current();
        sent += 1;
        if !rude.try_send(packet) || sent % PACKETS_PER_CLIENT == 0 {
            rude = websocket::Client::connect_silently(server.address);
        }
        if sent == PACKETS / 4 {
            settled = Some(server.rss_kib());
        }
    }
    drop(rude);
    host.emit("seek", &json!({"room_id": "good", "current_time": 12.5}));
    assert_eq!(guest.expect("seek"), json!({"current_time": 12.5}));
    host.expect_silence();
    eventually("only good members", || {
        (server.metric(r#"roomhub_members{service="music"}"#) == 2.0).then_some(())
    });
    let rooms = http::get(server.address, "/rooms").json();
    assert_eq!(rooms["rooms"][0]["id"], "good");
    assert_eq!(server.metric("roomhub_panics_total"), 0.0);
    let grown = server.rss_kib().saturating_sub(settled.unwrap());
    assert!(grown < 16 * 1024, "{grown} KiB more than after the first quarter");
}
