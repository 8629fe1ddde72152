//! Ten thousand rude packets: nothing breaks, nothing leaks, and a room beside them works.

use proptest::prelude::{Strategy, any, prop_oneof};
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use crate::harness::deployment::{Deployment, everywhere};
use crate::harness::{eventually, websocket};

const PACKETS: usize = 10_000;

/// Packets after which a client hangs up by itself.
const PACKETS_PER_CLIENT: usize = 50;

/// Always the same packets.
const SEED: [u8; 32] = *b"rude packets come from this seed";

/// What a service listens for, and values that it may not expect there.
struct Manners {
    events: &'static [&'static str],
    values: &'static [&'static str],
}

const MUSIC: Manners = Manners {
    events: &[
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
        "queue:add",
        "queue:approve",
        "queue:vote",
        "queue:move",
        "queue:remove",
        "queue:mode",
        "queue:next",
        "queue:previous",
        "queue:play",
        "party:set",
        "party:grant",
        "party:mute",
        "party:kick",
        "party:invite",
        "party:revoke",
        "party:vote",
        "party:chat",
        "party:react",
        "chat:history",
        "connect",
        "disconnect",
        "error",
        "__proto__",
        "",
    ],
    values: &[
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
        "{\"room_id\":\"rude\",\"password\":[],\"person\":7,\"invitation\":\"invitation...\",\"isPublic\":\"no\"}",
        "{\"track\":{\"entryId\":{},\"votes\":-1}}",
        "{\"id\":\"1\",\"to\":18446744073709551615,\"isUp\":true}",
        "{\"id\":1e19,\"to\":-1,\"isUp\":\"up\"}",
        "{\"repeat\":\"all\",\"isShuffled\":true,\"byVotes\":true}",
        "{\"endedAt\":1e308}",
        "{\"preset\":\"lecture\",\"isPermanent\":true,\"slowMode\":-1}",
        "{\"targetUserId\":\"x\",\"role\":\"owner\",\"isMuted\":true}",
        "{\"subject\":\"kick\",\"targetUserId\":\"\"}",
        "{\"content\":\"x\",\"type\":\"text\",\"emoji\":\"👍\"}",
        "{\"expiresIn\":1e308,\"skipsPassword\":true}",
    ],
};

const WATCH: Manners = Manners {
    events: &[
        "room:create",
        "room:join",
        "room:leave",
        "room:list",
        "room:transfer",
        "play:update",
        "play:change",
        "play:seek",
        "play:play",
        "play:pause",
        "live:change",
        "music:change",
        "music:play",
        "screen:helper-register",
        "screen:start",
        "screen:stop",
        "screen:viewer-ready",
        "screen:offer",
        "screen:ice",
        "voice:answer",
        "voice:audio-chunk",
        "chat:message",
        "chat:history",
        "state:clear",
        "heartbeat",
        "introduce",
        "time_ping",
        "party:set",
        "party:grant",
        "party:mute",
        "party:kick",
        "party:invite",
        "party:invitations",
        "party:revoke",
        "party:vote",
        "party:unvote",
        "party:buffering",
        "party:ready-check",
        "party:ready",
        "party:speed",
        "party:react",
        "party:typing",
        "recording:start",
        "replay:start",
        "__proto__",
        "",
    ],
    values: &[
        "null",
        "0",
        "-1",
        "1e999",
        "\"\"",
        "{}",
        "[]",
        "true",
        "{\"name\":\"rude\",\"userName\":\"r\",\"isPublic\":true}",
        "{\"name\":\"rude\",\"userName\":7}",
        "{\"roomId\":\"AAAAAA\",\"userName\":\"r\",\"ownerToken\":\"\"}",
        "{\"roomId\":\"\\u0000\",\"userName\":\"\\ud800\"}",
        "{\"targetUserId\":\"x\",\"offer\":null,\"candidate\":[]}",
        "{\"audioData\":[1,2],\"sampleRate\":{}}",
        "{\"content\":\"x\",\"type\":\"text\"}",
        "{\"type\":\"play\",\"currentTime\":1e308,\"isPlaying\":true}",
        "{\"person\":\"0123456789abcdef\",\"name\":\"\\u0000\"}",
        "{\"preset\":\"open\",\"slowMode\":1e308,\"waitLimit\":-1}",
        "{\"rights\":{\"cohost\":[],\"member\":[],\"guest\":[]},\"isPermanent\":true}",
        "{\"targetUserId\":\"x\",\"role\":\"owner\",\"isMuted\":true,\"subject\":\"kick\"}",
        "{\"expiresIn\":1e300,\"id\":\"\",\"emoji\":\"🎉\"}",
        "{\"isBuffering\":true,\"isReady\":true,\"speed\":2}",
        "{\"type\":\"play\",\"currentTime\":\"soon\",\"isPlaying\":\"yes\"}",
    ],
};

const SIGNAL: Manners = Manners {
    events: &["join", "leave", "message", "offer", "answer", "candidate", "joined", "chat", "__proto__", ""],
    values: &[
        "null",
        "0",
        "1e999",
        "\"\"",
        "{}",
        "[]",
        "\"{\\\"type\\\":\\\"join\\\"}\"",
        "{\"userId\":\"rude\",\"roomId\":\"r\"}",
        "{\"userId\":7,\"roomId\":-7,\"resume\":true}",
        "{\"userId\":\"rude\",\"roomId\":\"r\",\"resume\":{}}",
        "{\"type\":\"join\",\"userId\":\"\",\"roomId\":\"r\"}",
        "{\"type\":\"join\",\"userId\":\"rude\",\"roomId\":\"q\"}",
        "{\"roomId\":\"r\",\"to\":[]}",
        "{\"roomId\":\"r\",\"to\":\"rude\",\"from\":{}}",
        "{\"roomId\":1.5}",
    ],
};

fn packet(manners: &Manners) -> impl Strategy<Value = Message> + use<> {
    let event = proptest::sample::select(manners.events.to_vec());
    let value = proptest::sample::select(manners.values.to_vec());
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

/// Frames of a plain WebSocket, from nearly right to nonsense.
fn frame(manners: &'static Manners) -> impl Strategy<Value = Message> {
    let event = proptest::sample::select(manners.events);
    let value = proptest::sample::select(manners.values);
    let deep = (1..5_000usize).prop_map(|n| format!("{{\"type\":{}", "[".repeat(n)));
    prop_oneof![
        4 => (event, value.clone()).prop_map(|(event, value)| match value.strip_prefix('{') {
            Some("}") | None => format!("{{\"type\":\"{event}\",\"roomId\":{value}}}").into(),
            Some(rest) => format!("{{\"type\":\"{event}\",{rest}").into(),
        }),
        2 => value.prop_map(Message::from),
        1 => "[^\u{0}]{0,60}".prop_map(Message::from),
        1 => deep.prop_map(Message::from),
        1 => (1..30_000usize).prop_map(|n| format!("{{\"type\":\"join\",\"roomId\":\"{}\"}}", "z".repeat(n)).into()),
        1 => proptest::collection::vec(any::<u8>(), 0..300).prop_map(Message::binary),
        1 => proptest::collection::vec(any::<u8>(), 0..120).prop_map(|bytes| Message::Ping(bytes.into())),
    ]
}

/// Sends a message; false if the connection is closed.
type Mouth = Box<dyn FnMut(Message) -> bool>;

/// The mouth of a Socket.IO client.
fn mouth(mut client: websocket::Client) -> Mouth {
    Box::new(move |packet| client.try_send(packet))
}

/// Sends all of them, from clients that come and go; the memory must be back after that.
fn be_rude(deployment: &Deployment, packets: &impl Strategy<Value = Message>, connect: impl Fn() -> Mouth) {
    let mut runner =
        TestRunner::new_with_rng(Config::default(), TestRng::from_seed(RngAlgorithm::ChaCha, &SEED));
    let mut rude = connect();
    let mut settled = 0;
    for sent in 1..=PACKETS {
        let packet = packets.new_tree(&mut runner).unwrap().current();
        if !rude(packet) || sent % PACKETS_PER_CLIENT == 0 {
            rude = connect();
        }
        if sent == PACKETS / 4 {
            settled = deployment.rss_kib();
        }
    }
    drop(rude);
    assert_eq!(deployment.metric("roomhub_panics_total"), 0.0);
    let grown = deployment.rss_kib().saturating_sub(settled);
    assert!(grown < 32 * 1024, "{grown} KiB more than after the first quarter");
}

#[test]
fn after_ten_thousand_rude_packets_a_room_still_works_and_the_memory_is_back() {
    everywhere("music", &[], |deployment| {
        let mut host = websocket::Client::host(deployment.address, "good");
        let mut guest = websocket::Client::guest(deployment.address, "good");
        host.expect("room_users");
        be_rude(deployment, &packet(&MUSIC), || {
            mouth(websocket::Client::connect_silently(deployment.address))
        });
        host.emit("seek", &json!({"room_id": "good", "current_time": 12.5}));
        assert_eq!(guest.expect("seek"), json!({"current_time": 12.5}));
        host.expect_silence();
        eventually("only good members", || {
            (deployment.metric(r#"roomhub_members{service="music"}"#) == 2.0).then_some(())
        });
        deployment.told("/rooms", &[], |rooms| rooms.json()["rooms"][0]["id"] == "good");
    });
}

#[test]
fn after_ten_thousand_rude_packets_a_watch_party_goes_on() {
    everywhere("watch", &[], |deployment| {
        let connect =
            || websocket::Client::connect_by(deployment.address, "", &[], r#"{"token":"open sesame"}"#);
        let mut owner = connect();
        let given = json!({"name": "Films", "isPublic": true, "userName": "Ann"});
        let made: Value = serde_json::from_str(&owner.ask("room:create", Some(&given))).unwrap();
        let mut guest = connect();
        guest.ask("room:join", Some(&json!({"roomId": made[0]["room"]["id"], "userName": "Bob"})));
        owner.expect("room:member-joined");
        be_rude(deployment, &packet(&WATCH), || mouth(connect()));
        guest.emit("play:seek", &json!(12.5));
        assert_eq!(owner.expect("play:seek"), 12.5);
        eventually("only good members", || {
            (deployment.metric(r#"roomhub_members{service="watch"}"#) == 2.0).then_some(())
        });
    });
}

#[test]
fn after_ten_thousand_rude_packets_signalling_goes_on() {
    everywhere("signal", &[], |deployment| {
        let connect = || websocket::Client::connect_silently(deployment.address);
        let mut ann = connect();
        ann.expect("connected");
        ann.emit("join", &json!({"userId": "ann", "roomId": "good"}));
        ann.expect("joined");
        be_rude(deployment, &packet(&SIGNAL), || mouth(connect()));
        be_rude(deployment, &frame(&SIGNAL), || {
            let mut socket = websocket::open(deployment.address, "/ws", &[]).unwrap();
            Box::new(move |message| socket.send(message).is_ok())
        });
        eventually("only good members", || {
            (deployment.metric(r#"roomhub_members{service="signal"}"#) == 1.0).then_some(())
        });
        let mut bob = connect();
        bob.expect("connected");
        bob.emit("join", &json!({"userId": "bob", "roomId": "good"}));
        assert_eq!(bob.expect("joined")["users"], json!(["ann", "bob"]));
        assert_eq!(ann.expect("user-joined")["userId"], "bob");
    });
}
