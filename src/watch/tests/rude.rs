//! Whatever members say in the words of pages, the rules hold.

use serde_json::value::RawValue;

use super::{ROOM, stage};
use crate::rooms::Hub as _;
use crate::rooms::test_stage::member;
use crate::watch::Config;
use crate::watch::room::Room;

const EVENTS: [&str; 24] = [
    "introduce",
    "time_ping",
    "party:set",
    "party:grant",
    "party:mute",
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
    "recording:stop",
    "replay:start",
    "replay:stop",
    "play:change",
    "play:pause",
    "play:play",
    "party:kick",
];

const PAYLOADS: [&str; 26] = [
    "null",
    "0",
    "-1e308",
    "1e999",
    "[]",
    "{}",
    "\"\"",
    r#"{"name":null,"person":"0123456789abcdef"}"#,
    r#"{"name":{},"person":[]}"#,
    r#"{"person":"\u0000\u0000\u0000\u0000\u0000\u0000\u0000\u0000\u0000\u0000\u0000\u0000\u0000\u0000\u0000\u0000"}"#,
    r#"{"clientTime":1e308}"#,
    r#"{"preset":"open","slowMode":18446744073709551615}"#,
    r#"{"slowMode":3600,"waitLimit":60,"isLocked":true,"isPermanent":true}"#,
    r#"{"waitLimit":1e308}"#,
    r#"{"waitLimit":-0.0,"isPermanent":false,"isLocked":false,"slowMode":0}"#,
    r#"{"rights":{"cohost":["kick","kick"],"member":["control","chat"],"guest":[]}}"#,
    r#"{"rights":{}}"#,
    r#"{"targetUserId":"ann","role":"guest","isMuted":true,"subject":"kick"}"#,
    r#"{"targetUserId":"bob","role":"cohost","isMuted":true,"subject":"kick"}"#,
    r#"{"targetUserId":"a name that is far too long for a member's","subject":"skip"}"#,
    r#"{"expiresIn":1e18,"skipsPassword":true}"#,
    r#"{"expiresIn":1e-300,"id":"x"}"#,
    r#"{"isBuffering":true,"isReady":true,"speed":2}"#,
    r#"{"isBuffering":false,"isReady":false,"speed":1e300}"#,
    r#"{"emoji":"🎉","id":"🎉"}"#,
    r#"{"type":"play","currentTime":1e308,"isPlaying":true}"#,
];

#[test]
fn no_payload_breaks_a_room_or_what_is_kept_of_it() {
    let mut stage = stage(&Config::default());
    stage.play(
        &r#"
        ann connects with key
        ann: introduce {"person":"the secret of ann"}
        ann: room:create {"name":"Films","userName":"Ann"}
        bob connects with key
        bob: room:join {"roomId":"ROOM","userName":"Bob"}
        cyd connects with key
        cyd: introduce {"person":"the secret of cyd"}
        cyd: room:join {"roomId":"ROOM","userName":"Cyd"}
        eve connects with key
        "#
        .replace("ROOM", ROOM),
    );
    let mut n_said = 0;
    for event in EVENTS {
        for payload in PAYLOADS {
            let payload = RawValue::from_string(payload.replace("1e999", "1e300")).unwrap();
            for who in ["ann", "bob", "cyd", "eve"] {
                stage.hub.handle(member(who), event, Some(&payload), stage.now);
                stage.hub.handle(member(who), event, None, stage.now);
                n_said += 2;
            }
            stage.play("700ms pass");
            for room in stage.hub.rooms.values() {
                let kept = serde_json::to_string(room).unwrap();
                let back: Room = serde_json::from_str(&kept).unwrap();
                assert_eq!(
                    serde_json::to_value(&back).unwrap(),
                    serde_json::to_value(room).unwrap(),
                    "{event}"
                );
            }
        }
    }
    assert!(n_said > 4000);
    let transcript = stage.play("ann asks: room:transfer {\"targetUserId\":\"nobody\"}");
    assert!(transcript.contains("Member not found"), "it is still the owner's: {transcript}");
}
