//! `roomhub watch` on the wire: its key, its HTTP, and voices that get in nobody's way.

use std::net::SocketAddr;

use serde_json::{Value, json};

use crate::harness::deployment::{ADMIN_BEARER, Deployment, everywhere};
use crate::harness::process::{Server, run};
use crate::harness::websocket::Client;
use crate::harness::{eventually, http};

const KEY: &str = "open sesame";
const AUTH: &str = r#"{"token":"open sesame"}"#;

/// The key as people paste it.
const KEY_AS_FOUND: (&str, &str) = ("AUTH_KEY", " \"open sesame\" ");

fn member(deployment: &Deployment) -> Client {
    Client::connect_by(deployment.address, "", &[], AUTH)
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
    everywhere("watch", &[KEY_AS_FOUND], |deployment| {
        for auth in ["", r#"{"token":"sesame"}"#, r#"{"token":""}"#, r#"{"token":7}"#, "[]"] {
            let mut client = Client::connect_by(deployment.address, "", &[], auth);
            assert_eq!(client.read_text().as_deref(), Some(r#"42["error","Unauthorized"]"#), "{auth}");
            assert_eq!(client.read_text().as_deref(), Some("41"), "{auth}");
            assert_eq!(client.read_text(), None, "{auth}");
        }
        eventually("nobody", || {
            (deployment.metric(r#"roomhub_members{service="watch"}"#) == 0.0).then_some(())
        });
        assert!(!deployment.log().contains("sesame"), "keys are never logged");
    });
}

#[test]
fn the_key_may_come_in_three_ways() {
    everywhere("watch", &[KEY_AS_FOUND], |deployment| {
        let bearer = format!("Bearer {KEY}");
        let mut clients = [
            member(deployment),
            Client::connect_by(deployment.address, "", &[("authorization", &bearer)], ""),
            Client::connect_by(deployment.address, "&auth=open%20sesame", &[], ""),
        ];
        for client in &mut clients {
            client.emit("heartbeat", &json!({}));
            assert!(client.expect("heartbeat:pong")["timestamp"].is_u64());
        }
    });
}

#[test]
fn an_invitation_opens_its_room_without_the_key() {
    everywhere("watch", &[KEY_AS_FOUND], |deployment| {
        let mut owner = member(deployment);
        let room = create(&mut owner, "Films");
        let other = create(&mut member(deployment), "Other");
        let made = ask(&mut owner, "party:invite", &json!({"expiresIn": 3600, "skipsPassword": true}));
        let token = made["invitation"]["token"].as_str().unwrap();
        // On several nodes, the guest's may not know of it yet.
        let mut guest = eventually("the guest is let in", || {
            let auth = json!({ "token": token }).to_string();
            let mut guest = Client::connect_by(deployment.address, "", &[], &auth);
            guest.emit("heartbeat", &json!({}));
            (guest.hear()?.0 == "heartbeat:pong").then_some(guest)
        });
        assert_eq!(ask(&mut guest, "room:list", &json!({})), json!([]));
        let given = json!({"name": "Mine", "isPublic": true, "userName": "Bob"});
        assert_eq!(ask(&mut guest, "room:create", &given)["success"], false);
        let refused = ask(&mut guest, "room:join", &json!({"roomId": other, "userName": "Bob"}));
        assert_eq!(refused["success"], false);
        guest.emit("introduce", &json!({"person": "a secret of sixteen"}));
        join(&mut guest, &room, "Bob");
        assert_eq!(guest.expect("party:members")["count"], 2);
        let you = guest.expect("party:you");
        assert_eq!((&you["role"], &you["id"]), (&json!("guest"), &json!(guest.id)));
        assert_eq!(owner.expect("room:member-joined")["name"], "Bob");

        let id = &made["invitation"]["id"];
        assert_eq!(ask(&mut owner, "party:revoke", &json!({ "id": id }))["success"], true);
        let auth = json!({ "token": token }).to_string();
        eventually("the invitation is revoked", || {
            let mut late = Client::connect_by(deployment.address, "", &[], &auth);
            late.emit("heartbeat", &json!({}));
            let (event, payload) = late.hear()?;
            if event == "heartbeat:pong" {
                return None;
            }
            assert_eq!((event.as_str(), &payload["code"]), ("party:notice", &json!("no_such_invitation")));
            assert_eq!(late.expect("error"), "Unauthorized");
            Some(())
        });
        guest.emit("chat:message", &json!({"content": "still here", "type": "text"}));
        assert_eq!(owner.expect("chat:message")["content"], "still here");
        assert!(!deployment.log().contains(token), "tokens are never logged");
    });
}

#[test]
fn http_answers_as_the_original_does() {
    everywhere("watch", &[KEY_AS_FOUND], |deployment| {
        let front = http::get(deployment.address, "/");
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
        assert_eq!(http::get(deployment.address, "/health").json()["status"], "ok");

        let mut owner = member(deployment);
        let given = json!({"name": "Films", "password": "pw", "isPublic": false, "userName": "Ann"});
        let made = ask(&mut owner, "room:create", &given);
        let refused = http::get(deployment.address, "/stats");
        assert_eq!((refused.status, refused.json()), (401, json!({"error": "Unauthorized"})));
        let bearer = format!("Bearer {KEY}");
        let is_there = |stats: &http::Response| stats.json()["totalMembers"] == 1;
        let stats = deployment.told("/stats", &[("authorization", &bearer)], is_there);
        let told = stats.json();
        assert_eq!((&told["totalRooms"], &told["totalMembers"]), (&json!(1), &json!(1)));
        assert_eq!(told["rooms"][0]["id"], made["room"]["id"]);
        assert_eq!(told["rooms"][0]["hasPassword"], true);
        assert!(
            !stats.body.contains("pw") && !stats.body.contains(made["room"]["ownerToken"].as_str().unwrap())
        );
    });
}

#[test]
fn a_browser_is_shown_a_page_that_may_load_films_from_anywhere() {
    let server = Server::of("watch", &[], &[("AUTH_KEY", KEY)]);
    let page = http::get_with(server.address, "/", &[("accept", "text/html,*/*;q=0.8")]);
    assert!(page.header("content-type").starts_with("text/html"));
    let policy = page.header("content-security-policy");
    for rule in ["script-src 'self'", "media-src * blob:", "connect-src *", "worker-src 'self' blob:"] {
        assert!(policy.contains(rule), "{rule} in {policy}");
    }
    assert_eq!(http::get(server.address, "/assets/js/main.js").status, 200);
    assert_eq!(http::get(server.address, "/assets/js/nothing.js").status, 404);
}

#[test]
fn an_owner_that_only_answers_pings_is_heard() {
    let often = [
        ("ROOMHUB_WATCH__PING_INTERVAL", "200ms"),
        ("ROOMHUB_WATCH__OWNER_SILENCE", "7s"),
        ("ROOMHUB_WATCH__STATE_SILENCE", "7s"),
        ("ROOMHUB_WATCH__SWEEP_INTERVAL", "100ms"),
    ];
    everywhere("watch", &often, |deployment| {
        let mut owner = member(deployment);
        create(&mut owner, "Hidden");
        let made_at = heard_at(deployment);
        eventually("a sign of life", || {
            owner.answer_ping();
            (heard_at(deployment) > made_at).then_some(())
        });
    });
}

/// When the owner of the only room was last heard.
fn heard_at(deployment: &Deployment) -> u64 {
    eventually("the room", || {
        let overview = admin(deployment, "GET", "overview", &Value::Null).json();
        overview["rooms"][0]["lastOwnerHeartbeat"].as_u64()
    })
}

#[test]
fn voices_never_hold_up_a_control_and_the_oldest_are_dropped() {
    let limits =
        [("ROOMHUB_MEMBERS__MAX_LOSSY_BYTES", "400000"), ("ROOMHUB_WATCH__VOICE_BURST_BYTES", "400000000")];
    everywhere("watch", &limits, |deployment| {
        let mut owner = member(deployment);
        let room = create(&mut owner, "Talk");
        let mut sleeper = member(deployment);
        join(&mut sleeper, &room, "Bob");
        assert_eq!(owner.expect("room:member-joined")["name"], "Bob");

        let dropped = || deployment.metric(r#"roomhub_lossy_frames_dropped_total{service="watch"}"#);
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
    });
}

/// Calls the admin API with the key.
fn admin(deployment: &Deployment, method: &str, path: &str, body: &Value) -> http::Response {
    admin_at(deployment.address, method, path, body)
}

fn admin_at(address: SocketAddr, method: &str, path: &str, body: &Value) -> http::Response {
    let headers = [("authorization", ADMIN_BEARER), ("content-type", "application/json")];
    let body = if body.is_null() { String::new() } else { body.to_string() };
    http::request(address, method, &format!("/admin/api/{path}"), &headers, &body)
}

#[test]
fn operators_see_everything_and_act_on_it() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("events.jsonl");
    everywhere("watch", &[("ROOMHUB_WATCH__EVENT_LOG", log.to_str().unwrap())], |deployment| {
        let mut owner = member(deployment);
        let room = create(&mut owner, "Films");
        let mut guest = member(deployment);
        join(&mut guest, &room, "Bob");
        owner.expect("room:member-joined");
        guest.emit("chat:message", &json!({"content": "a secret word", "type": "text"}));
        owner.expect("chat:message");

        let on_every_server = |is_so: &dyn Fn(&Value) -> bool| {
            for server in deployment.servers() {
                eventually("what has happened", || {
                    let told = admin_at(server.address, "GET", "overview", &Value::Null).json();
                    is_so(&told).then_some(())
                });
            }
        };
        on_every_server(&|overview| {
            overview["sinceStart"]["chats"] == 1
                && overview["connected"] == 2
                && overview["rooms"][0]["memberCount"] == 2
        });
        for server in deployment.servers() {
            let overview = admin_at(server.address, "GET", "overview", &Value::Null).json();
            assert_eq!(overview["rooms"][0]["id"], room.as_str());
            assert_eq!(overview["rooms"][0]["members"][1]["name"], "Bob");
            assert_eq!(overview["rooms"][0]["members"][1]["address"], "127.0.0.1");
        }

        let banner = format!("rooms/{room}/banner");
        assert_eq!(admin(deployment, "POST", &banner, &json!({"message": "Tea at five"})).status, 204);
        assert_eq!(owner.expect("room:banner")["message"], "Tea at five");
        assert_eq!(admin(deployment, "POST", &banner, &json!({"message": ""})).status, 400);
        assert_eq!(admin(deployment, "POST", &banner, &json!([])).status, 400);
        assert_eq!(admin(deployment, "POST", "rooms/NOROOM/close", &Value::Null).status, 404);
        assert_eq!(admin(deployment, "POST", "members/nobody/kick", &Value::Null).status, 404);

        let kicked = guest.id.clone();
        assert_eq!(admin(deployment, "POST", &format!("members/{kicked}/kick"), &Value::Null).status, 204);
        assert_eq!(owner.expect("room:member-left"), kicked.as_str());
        while guest.hear().is_some() {}

        assert_eq!(admin(deployment, "POST", &format!("rooms/{room}/close"), &Value::Null).status, 204);
        assert_eq!(owner.expect("room:deleted")["reason"], "closed_by_admin");

        let ban = json!({"address": "127.0.0.1", "seconds": 60});
        assert_eq!(admin(deployment, "POST", "bans", &ban).status, 204);
        assert_eq!(
            admin(deployment, "POST", "bans", &json!({"address": "nowhere", "seconds": 60})).status,
            400
        );
        assert_eq!(
            admin(deployment, "POST", "bans", &json!({"address": "10.0.0.1", "seconds": 0})).status,
            400
        );
        while owner.hear().is_some() {}
        on_every_server(&|overview| overview["bans"][0]["address"] == "127.0.0.1");
        let mut stranger = member(deployment);
        assert_eq!(stranger.expect("error"), "Banned");
        assert_eq!(admin(deployment, "DELETE", "bans/127.0.0.1", &Value::Null).status, 204);
        assert_eq!(admin(deployment, "DELETE", "bans/127.0.0.1", &Value::Null).status, 404);
        on_every_server(&|overview| overview["bans"] == json!([]));
        create(&mut member(deployment), "Again");

        let lines = eventually("the last line of the event log", || {
            let text = std::fs::read_to_string(&log).unwrap();
            text.contains("Again").then_some(text)
        });
        std::fs::remove_file(&log).unwrap();
        let mut events: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        // Servers that write the same file do so without an order among them.
        events.sort_by_key(|event| event["time"].to_string());
        let events: Vec<&str> = events.iter().map(|event| event["event"].as_str().unwrap()).collect();
        let expected =
            "room_created joined banner_by_admin kicked_by_admin cut_off closed_by_admin room_deleted";
        assert_eq!(events[..7].join(" "), expected);
        assert!(!lines.contains("secret word") && !lines.contains(KEY));
    });
}

#[test]
fn the_admin_api_is_described_and_wants_the_key() {
    everywhere("watch", &[KEY_AS_FOUND], |deployment| {
        let described = http::get(deployment.address, "/admin/openapi.json").json();
        let mut n_operations = 0;
        for (path, operations) in described["paths"].as_object().unwrap() {
            for method in operations.as_object().unwrap().keys() {
                let path = path.replace("{id}", "ABCDEF").replace("{address}", "10.0.0.1");
                let of_members = format!("Bearer {KEY}");
                for headers in [&[][..], &[("authorization", of_members.as_str())]] {
                    let refused =
                        http::request(deployment.address, &method.to_uppercase(), &path, headers, "");
                    assert_eq!(refused.status, 401, "{method} {path}");
                }
                n_operations += 1;
            }
        }
        assert_eq!(n_operations, 6);
        let page = http::get(deployment.address, "/admin/");
        assert_eq!(page.status, 200);
        assert!(page.header("content-security-policy").contains("script-src 'self'"));
    });
}
