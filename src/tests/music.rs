//! `roomhub music` on the wire: a page and old clients of both dialects in one room that is not for everybody.

use serde_json::{Value, json};

use crate::harness::deployment::everywhere;
use crate::harness::http;
use crate::harness::websocket::Client;

/// Hears everything up to an event of that name, which comes last.
fn hear_until(client: &mut Client, event: &str) -> Vec<(String, Value)> {
    let mut heard = Vec::new();
    loop {
        let next = client.hear().unwrap_or_else(|| panic!("closed before {event}"));
        let is_last = next.0 == event;
        heard.push(next);
        if is_last {
            return heard;
        }
    }
}

/// Asks for something and gives the one argument of the answer.
fn ask(client: &mut Client, event: &str, payload: &Value) -> Value {
    let answer: Vec<Value> = serde_json::from_str(&client.ask(event, Some(payload))).unwrap();
    answer.into_iter().next().unwrap_or_default()
}

#[test]
fn pages_share_a_private_room_with_old_clients_who_hear_what_they_know() {
    everywhere("music", &[], |deployment| {
        let address = deployment.address;
        let (mut ann, mut bob) = (Client::connect(address), Client::connect(address));
        let (mut snake, mut kebab) = (Client::connect(address), Client::connect(address));

        let person = json!({"name": "Ann", "person": "the person of Ann"});
        ann.emit("introduce", &person);
        let opening = json!({"roomId": "AB12", "track": {"id": 0, "name": "Zero"}, "isPublic": false, "password": "secret"});
        ann.emit("create-room", &opening);
        let told = hear_until(&mut ann, "party:members");
        let is_told = |event: &str, key: &str, value: Value| {
            told.iter().any(|(name, payload)| name == event && payload[key] == value)
        };
        assert!(is_told("party:you", "role", json!("owner")), "{told:?}");
        assert!(is_told("party:room", "hasPassword", json!(true)), "{told:?}");

        snake.emit("join_room", &json!({"room_id": "AB12"}));
        assert_eq!(snake.expect("error")["code"], "password_required");
        kebab.emit("join-room", &json!({"roomId": "AB12", "password": "wrong"}));
        assert_eq!(kebab.expect("error")["code"], "wrong_password");
        assert_eq!(http::get(address, "/room/AB12").status, 404);
        assert_eq!(http::get(address, "/rooms").json()["count"], 0);

        snake.emit("join_room", &json!({"room_id": "AB12", "password": "secret"}));
        assert_eq!(snake.expect("room_joined")["user_count"], 2);
        snake.expect("room_users");
        snake.expect("sync_state");
        let invited = ask(&mut ann, "party:invite", &json!({"expiresIn": 60, "skipsPassword": true}));
        let token = &invited["invitation"]["token"];
        kebab.emit("join-room", &json!({"roomId": "AB12", "invitation": token}));
        assert_eq!(kebab.expect("room-joined")["userCount"], 3);
        kebab.expect("room-users");
        kebab.expect("sync-state");
        bob.emit("introduce", &json!({"name": "Bob"}));
        bob.emit("join-room", &json!({"roomId": "AB12", "password": "secret"}));
        hear_until(&mut bob, "party:members");
        snake.expect("room_users");
        snake.expect("room_users");
        kebab.expect("room-users");

        // Pages talk and suggest; old clients hear nothing of it.
        let said = ask(&mut bob, "party:chat", &json!({"content": "hello", "type": "text"}));
        assert_eq!(said["success"], true);
        let suggested = ask(&mut bob, "queue:add", &json!({"track": {"id": 1}}));
        assert_eq!((&suggested["success"], &suggested["isSuggested"]), (&json!(true), &json!(true)));
        snake.expect_silence();
        kebab.expect_silence();
        let history = ask(&mut ann, "chat:history", &json!({}));
        assert_eq!((&history[0]["userName"], &history[0]["content"]), (&json!("Bob"), &json!("hello")));

        // What comes of it reaches all of them.
        let approved = ask(&mut ann, "queue:approve", &json!({"id": suggested["id"]}));
        assert_eq!(approved["success"], true);
        for old in [&mut snake, &mut kebab] {
            assert_eq!(old.expect("playlist-update")["playlist"][0]["addedBy"]["name"], "Bob");
        }
        for voter in [&mut bob, &mut ann] {
            assert_eq!(ask(voter, "party:vote", &json!({"subject": "skip"}))["success"], true);
        }
        assert_eq!(snake.expect("track_change"), json!({"track": {"id": 1}, "current_time": 0}));
        assert_eq!(kebab.expect("track-change"), json!({"track": {"id": 1}, "currentTime": 0}));
        for old in [&mut snake, &mut kebab] {
            assert_eq!(old.expect("playlist-update")["playlist"], json!([]));
            old.expect_silence();
        }

        let kicked = json!({"targetUserId": kebab.id});
        assert_eq!(ask(&mut bob, "party:kick", &kicked)["code"], "forbidden");
        assert_eq!(ask(&mut ann, "party:kick", &kicked)["success"], true);
        assert_eq!(kebab.expect("room-left")["roomId"], "AB12");
        snake.expect("room_users");
        assert!(!deployment.log().contains("secret"), "passwords are never logged");
    });
}
