//! Members on different nodes are in one room, and cannot tell.

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::cluster::Cluster;
use crate::harness::deployment::ADMIN_BEARER;
use crate::harness::faulty_proxy::FaultyProxy;
use crate::harness::redis::{Redis, redis_cluster};
use crate::harness::websocket::Client;
use crate::harness::{eventually, http, polling};

const KEY: &str = r#"{"token":"open sesame"}"#;

#[test]
fn a_listening_room_is_one_room_on_three_nodes() {
    let cluster = Cluster::of("music");
    let [a, b, c] = [0, 1, 2].map(|n| cluster.nodes[n].address);
    let mut ann = Client::host(a, "AB12");
    let mut bob = Client::guest(b, "AB12");
    ann.expect("room_users");
    let mut cyd = polling::Client::connect(c);
    cyd.emit("join_room", &json!({"room_id": "AB12"}));
    assert_eq!(cyd.expect("room_joined")["user_count"], 3);
    for member in [&mut ann, &mut bob] {
        assert_eq!(member.expect("room_users")["count"], 3);
    }
    ann.emit("seek", &json!({"room_id": "AB12", "current_time": 42.5}));
    assert_eq!(bob.expect("seek")["current_time"], 42.5);
    bob.emit("seek", &json!({"room_id": "AB12", "current_time": 1}));
    bob.emit("get_room_state", &json!({"room_id": "AB12"}));
    let position = bob.expect("room_state")["current_time"].as_f64().unwrap();
    assert!((42.5..50.0).contains(&position), "the host alone steers: {position}");
    ann.emit("leave_room", &json!({"room_id": "AB12"}));
    ann.expect("room_left");
    assert_eq!(bob.expect("become_host")["room_id"], "AB12");
    bob.emit("pause", &json!({"room_id": "AB12", "current_time": 7}));
    for (event, field, value) in [("room_users", "count", json!(3)), ("sync_state", "current_time", json!(0))]
    {
        let heard = cyd.expect(event);
        assert!(event == "sync_state" || heard[field] == value, "{heard}");
    }
    assert_eq!(cyd.expect("seek")["current_time"], 42.5);
    assert_eq!(cyd.expect("room_users")["count"], 2);
    assert_eq!(cyd.expect("pause")["current_time"], 7);
    for node in [a, b, c] {
        eventually("the room on every node", || {
            let room = http::get(node, "/room/AB12");
            (room.status == 200 && room.json()["user_count"] == 2 && room.json()["current_time"] == 7.0)
                .then_some(())
        });
    }
}

/// A page asks for files and call servers as soon as it is told its ticket, of whichever node the balancer chooses.
#[test]
fn a_ticket_is_good_at_once_on_a_node_that_has_yet_to_hear_of_its_member() {
    let redis = Redis::start();
    let way = FaultyProxy::to(redis.port);
    let urls = [redis.url(), redis.url(), format!("redis://127.0.0.1:{}/", way.port)];
    let cluster = Cluster::at("watch", redis, &urls, &[]);
    let (near, far) = (cluster.nodes[0].address, cluster.nodes[2].address);
    let mut ann = Client::connect_by(near, "", &[], KEY);
    let held = way.hold();
    ann.emit("introduce", &json!({"name": "Ann"}));
    ann.emit(
        "room:create",
        &json!({"name": "Films", "description": "", "isPublic": true, "userName": "Ann"}),
    );
    let ticket = ann.ticket();
    let (tell, told) = mpsc::channel();
    thread::spawn(move || tell.send(http::get(far, &format!("/ice?ticket={ticket}")).status));
    // Less than a node takes for a Redis that is gone; a node that refuses has done so by then.
    let early = told.recv_timeout(Duration::from_millis(200)).ok();
    drop(held);
    assert_eq!(early.unwrap_or_else(|| told.recv().unwrap()), 200);
}

#[test]
fn a_watch_party_is_one_party_on_three_nodes() {
    let cluster = Cluster::of("watch");
    let connect = |n: usize| Client::connect_by(cluster.nodes[n].address, "", &[], KEY);
    let (mut ann, mut bob, mut cyd) = (connect(0), connect(1), connect(2));
    let made = ann.ask(
        "room:create",
        Some(&json!({"name": "Films", "description": "", "password": "pw", "isPublic": true, "userName": "Ann"})),
    );
    let made: Value = serde_json::from_str::<Value>(&made).unwrap()[0].clone();
    let room = made["room"]["id"].as_str().unwrap().to_owned();
    let wrong = bob.ask("room:join", Some(&json!({"roomId": room, "password": "no", "userName": "Bob"})));
    assert!(wrong.contains("密码错误"), "{wrong}");
    for (member, name) in [(&mut bob, "Bob"), (&mut cyd, "Cyd")] {
        let joined =
            member.ask("room:join", Some(&json!({"roomId": room, "password": "pw", "userName": name})));
        assert!(joined.contains(r#""success":true"#), "{joined}");
        assert_eq!(ann.expect("room:member-joined")["name"], name);
    }
    bob.expect("room:member-joined");
    // What is for one member finds its node.
    bob.emit("voice:offer", &json!({"targetUserId": cyd.id, "offer": {"sdp": "v=0"}}));
    assert_eq!(cyd.expect("voice:offer")["userId"], bob.id);
    cyd.emit("voice:audio-chunk", &json!({"roomId": room, "audioData": [1, 2, 3]}));
    for member in [&mut ann, &mut bob] {
        assert_eq!(member.expect("voice:audio-chunk")["audioData"], json!([1, 2, 3]));
    }
    cyd.emit("chat:message", &json!({"content": "hello", "type": "text"}));
    for member in [&mut ann, &mut bob, &mut cyd] {
        assert_eq!(member.expect("chat:message")["content"], "hello");
    }
    // The owner's token is good on every node; the socket that had it before stays a member.
    let mut ann2 = connect(2);
    let token = made["room"]["ownerToken"].as_str().unwrap();
    let back = ann2.ask("room:join", Some(&json!({"roomId": room, "userName": "Ann", "ownerToken": token})));
    assert!(back.contains(token), "{back}");
    for member in [&mut ann, &mut bob, &mut cyd] {
        assert_eq!(member.expect("room:member-joined")["isOwner"], true);
    }
    ann.emit("chat:message", &json!({"content": "which tab am I?", "type": "text"}));
    for member in [&mut ann, &mut bob, &mut cyd, &mut ann2] {
        assert_eq!(member.expect("chat:message")["content"], "which tab am I?");
    }
    eventually("the list as it is everywhere", || {
        ann.ask("room:list", None).contains(r#""memberCount":4"#).then_some(())
    });
    // The tab that shares its screen goes with its node: the share ends, and the first tab owns the room again.
    ann2.emit("screen:start", &json!({"type": "screen", "status": "sharing"}));
    for member in [&mut ann, &mut bob, &mut cyd] {
        member.expect("screen:start");
    }
    let ann2_id = ann2.id.clone();
    drop(ann2);
    for member in [&mut ann, &mut bob, &mut cyd] {
        assert_eq!(member.expect("room:member-left"), ann2_id);
        member.expect("screen:stop");
    }
    // Two press at once on two nodes: all end where the last one is told to be.
    ann.emit("play:play", &json!(null));
    bob.emit("play:pause", &json!(null));
    for member in [&mut ann, &mut bob, &mut cyd] {
        member.emit("chat:message", &json!({"content": "over", "type": "text"}));
    }
    let last = [&mut ann, &mut bob, &mut cyd].map(|member| {
        let mut last = String::new();
        let mut n_over = 0;
        while n_over < 3 {
            match member.hear().unwrap() {
                (event, _) if event == "chat:message" => n_over += 1,
                (event, _) => last = event,
            }
        }
        last
    });
    assert!(last[0].starts_with("play:") && last.iter().all(|event| *event == last[0]), "{last:?}");
    ann.emit("room:leave", &json!({}));
    for member in [&mut bob, &mut cyd] {
        assert_eq!(member.expect("room:deleted")["reason"], "owner_left");
    }
    let key = [("Authorization", "Bearer open sesame")];
    for node in &cluster.nodes {
        eventually("no room on any node", || {
            (http::get_with(node.address, "/stats", &key).json()["totalRooms"] == 0).then_some(())
        });
    }
}

#[test]
fn operators_act_on_every_node_from_any() {
    let cluster = Cluster::of("watch");
    let connect = |n: usize| Client::connect_by(cluster.nodes[n].address, "", &[], KEY);
    let (mut ann, mut bob) = (connect(0), connect(1));
    let made = ann.ask("room:create", Some(&json!({"name": "Films", "isPublic": true, "userName": "Ann"})));
    let made: Value = serde_json::from_str::<Value>(&made).unwrap()[0].clone();
    let room = made["room"]["id"].as_str().unwrap().to_owned();
    bob.ask("room:join", Some(&json!({"roomId": room, "userName": "Bob"})));
    let order = |path: &str| {
        let key = [("Authorization", ADMIN_BEARER), ("Content-Type", "application/json")];
        http::request(cluster.nodes[2].address, "POST", path, &key, r#"{"message":"soon"}"#).status
    };
    eventually("the room on the third node", || {
        (order(&format!("/admin/api/rooms/{room}/banner")) == 204).then_some(())
    });
    assert_eq!(bob.expect("room:banner")["message"], "soon");
    assert_eq!(order(&format!("/admin/api/members/{}/kick", bob.id)), 204);
    assert_eq!(ann.expect("room:member-joined")["name"], "Bob");
    ann.expect("room:banner");
    assert_eq!(ann.expect("room:member-left"), bob.id);
    assert!(bob.hear().is_none(), "whoever is kicked is disconnected, wherever it is");
    assert_eq!(order(&format!("/admin/api/rooms/{room}/close")), 204);
    assert_eq!(ann.expect("room:deleted")["reason"], "closed_by_admin");
}

#[test]
fn chances_to_guess_a_password_are_those_of_all_nodes_together() {
    let cluster = Cluster::with("watch", &[("ROOMHUB_WATCH__WRONG_PASSWORDS", "3")]);
    let connect =
        |n: usize, headers: &[(&str, &str)]| Client::connect_by(cluster.nodes[n].address, "", headers, KEY);
    let mut ann = connect(0, &[]);
    let given = json!({"name": "Films", "password": "pw", "isPublic": true, "userName": "Ann"});
    let made: Value = serde_json::from_str(&ann.ask("room:create", Some(&given))).unwrap();
    let room = made[0]["room"]["id"].as_str().unwrap();
    let eve = [("x-forwarded-for", "203.0.113.7")];
    let try_at = |client: &mut Client, password: &str| {
        client.ask("room:join", Some(&json!({"roomId": room, "password": password, "userName": "Eve"})))
    };
    let mut eves = [0, 1, 2].map(|n| connect(n, &eve));
    for eve in &mut eves {
        assert!(try_at(eve, "guess").contains("密码错误"));
    }
    for eve in &mut eves {
        assert!(try_at(eve, "pw").contains("密码错误"), "it has had its tries");
    }
    assert!(try_at(&mut connect(1, &[]), "pw").contains(r#""success":true"#), "nobody else waits");
}

#[test]
fn whom_an_operator_bans_has_to_go_from_every_node() {
    const FROM: [(&str, &str); 1] = [("x-forwarded-for", "203.0.113.7")];
    let mut cluster = Cluster::of("watch");
    let mut there = [0, 1, 2].map(|n| Client::connect_by(cluster.nodes[n].address, "", &FROM, KEY));
    let mut friend = Client::connect_by(cluster.nodes[0].address, "", &[], KEY);
    let order = |cluster: &Cluster, n: usize, method: &str, path: &str, body: &str| {
        let key = [("Authorization", ADMIN_BEARER), ("Content-Type", "application/json")];
        http::request(cluster.nodes[n].address, method, path, &key, body)
    };
    let bans = |cluster: &Cluster, n: usize| {
        order(cluster, n, "GET", "/admin/api/overview", "").json()["bans"].clone()
    };
    let ban = r#"{"address":"203.0.113.7","seconds":600}"#;
    assert_eq!(order(&cluster, 2, "POST", "/admin/api/bans", ban).status, 204);
    for client in &mut there {
        assert_eq!(client.hear(), None, "it is let go");
    }
    for n in 0..3 {
        let mut again = Client::connect_by(cluster.nodes[n].address, "", &FROM, KEY);
        assert_eq!(again.expect("error"), "Banned");
        assert_eq!(bans(&cluster, n)[0]["address"], "203.0.113.7");
    }
    friend.emit("heartbeat", &json!({}));
    friend.expect("heartbeat:pong");

    // A node that comes later hears of it too; whoever lifts the ban may do so anywhere.
    cluster.restart(1);
    eventually("the ban", || (bans(&cluster, 1)[0]["address"] == "203.0.113.7").then_some(()));
    assert_eq!(order(&cluster, 1, "DELETE", "/admin/api/bans/203.0.113.7", "").status, 204);
    for n in 0..3 {
        eventually("no ban", || (bans(&cluster, n) == json!([])).then_some(()));
        let mut back = Client::connect_by(cluster.nodes[n].address, "", &FROM, KEY);
        back.emit("heartbeat", &json!({}));
        back.expect("heartbeat:pong");
    }
    assert_eq!(order(&cluster, 0, "DELETE", "/admin/api/bans/203.0.113.7", "").status, 404);
}

#[test]
fn a_call_is_signalled_over_nodes() {
    let cluster = Cluster::of("signal");
    let connect = |n: usize| {
        let mut client = Client::connect_silently(cluster.nodes[n].address);
        client.expect("connected");
        client
    };
    let (mut ann, mut bob) = (connect(0), connect(1));
    ann.emit("join", &json!({"userId": "ann", "roomId": "r1"}));
    ann.expect("joined");
    bob.emit("join", &json!({"userId": "bob", "roomId": "r1"}));
    assert_eq!(bob.expect("joined")["users"], json!(["ann", "bob"]));
    assert_eq!(ann.expect("user-joined")["userId"], "bob");
    ann.emit("offer", &json!({"roomId": "r1", "to": "bob", "sdp": "v=0"}));
    assert_eq!(bob.expect("offer")["from"], "ann");
    bob.emit("message", &json!({"roomId": "r1", "text": "hi"}));
    assert_eq!(ann.expect("message")["text"], "hi");
    // The same user on another node takes the id over.
    let mut bob2 = connect(2);
    bob2.emit("join", &json!({"userId": "bob", "roomId": "r1"}));
    bob2.expect("joined");
    assert_eq!(bob.expect("error")["code"], "replaced");
    ann.expect("user-joined");
    bob.emit("message", &json!({"roomId": "r1", "text": "still here?"}));
    assert_eq!(bob.expect("error")["code"], "not_in_room");
    drop(bob);
    bob2.emit("leave", &json!({"userId": "bob", "roomId": "r1"}));
    bob2.expect("leaved");
    assert_eq!(ann.expect("user-left")["userId"], "bob");
}

#[test]
fn a_redis_cluster_keeps_the_rooms_wherever_it_wants() {
    let mut redises = redis_cluster();
    let urls: Vec<String> = redises.iter().map(Redis::url).collect();
    // Each node begins at another Redis; one of them knows of one that is not there.
    let lists = [urls[0].clone(), format!("redis://127.0.0.1:1,{}", urls[1]), urls[2].clone()];
    for service in ["music", "signal"] {
        let cluster = Cluster::at(service, redises.pop().unwrap(), &lists, &[]);
        if service == "music" {
            let mut ann = Client::host(cluster.nodes[0].address, "AB12");
            let mut bob = Client::guest(cluster.nodes[1].address, "AB12");
            let _cyd = Client::guest(cluster.nodes[2].address, "AB12");
            ann.expect("room_users");
            bob.expect("room_users");
            ann.emit("seek", &json!({"room_id": "AB12", "current_time": 42.5}));
            assert_eq!(bob.expect("seek")["current_time"], 42.5);
        } else {
            let mut ann = Client::connect_silently(cluster.nodes[0].address);
            ann.expect("connected");
            ann.emit("join", &json!({"userId": "ann", "roomId": "r1"}));
            ann.expect("joined");
        }
        redises.push(cluster.redis);
    }
}

#[test]
fn an_invitation_that_was_made_on_one_node_opens_another_at_once() {
    let cluster = Cluster::of("watch");
    let [near, far] = [0, 2].map(|n| cluster.nodes[n].address);
    let mut ann = Client::connect_by(near, "", &[], KEY);
    let answer = |text: String| serde_json::from_str::<Value>(&text).unwrap()[0].clone();
    let given = json!({"name": "Films", "description": "", "isPublic": false, "userName": "Ann"});
    let room = answer(ann.ask("room:create", Some(&given)))["room"]["id"].clone();
    for n in 0..30 {
        let made = answer(ann.ask("party:invite", Some(&json!({"expiresIn": 3600}))));
        let auth = json!({ "token": made["invitation"]["token"] }).to_string();
        let mut guest = Client::connect_by(far, "", &[], &auth);
        guest.emit(
            "room:join",
            &json!({"roomId": room, "userName": "Bob", "invitation": made["invitation"]["token"]}),
        );
        assert_eq!(ann.expect("room:member-joined")["name"], "Bob", "guest {n}");
        drop(guest);
        ann.expect("room:member-left");
        let gone = answer(ann.ask("party:revoke", Some(&json!({ "id": made["invitation"]["id"] }))));
        assert_eq!(gone["success"], true, "{gone}");
    }
}
