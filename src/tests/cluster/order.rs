//! Whoever does what on whichever node: every member hears the same, in one order, and what Redis has in the end is what
//! the rules alone make of that order.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use serde_json::{Value, json};

use crate::harness::cluster::Cluster;
use crate::harness::deployment::ADMIN_BEARER;
use crate::harness::process::Server;
use crate::harness::websocket::Client;
use crate::harness::{eventually, http};

/// The key, and nobody is told to talk less.
const TALKATIVE: [(&str, &str); 3] = [
    ("AUTH_KEY", "open sesame"),
    ("ROOMHUB_WATCH__CHATS_PER_SECOND", "10000"),
    ("ROOMHUB_WATCH__CHAT_BURST", "10000"),
];

/// What each member does.
const N_ACTS: u64 = 200;

/// The nodes that the members are connected to; the first one owns the room.
const MEMBERS: [usize; 6] = [0, 1, 2, 0, 1, 2];

/// Others come and go meanwhile.
const N_VISITORS: usize = 30;

/// What a member hears.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Heard {
    Chat { by: String, content: String },
    Seek(u64),
    Joined { id: String, name: String },
    Left(String),
}

/// What the rules come to.
#[derive(Debug, PartialEq)]
struct Outcome {
    chats: Vec<(String, String)>,
    position: Value,
    n_members: Value,
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

fn connect(address: SocketAddr) -> Client {
    Client::connect_by(address, "", &[], r#"{"token":"open sesame"}"#)
}

fn ask(client: &mut Client, event: &str, payload: &Value) -> Value {
    serde_json::from_str::<Value>(&client.ask(event, Some(payload))).unwrap()[0].take()
}

/// Members in a room that looks at a video, by the addresses that they come to; the last one will only listen.
fn gather(addresses: &[SocketAddr]) -> (String, Vec<Client>) {
    let mut members: Vec<Client> = addresses.iter().map(|address| connect(*address)).collect();
    let given = json!({"name": "Films", "isPublic": true, "userName": "m0"});
    let room = text(&ask(&mut members[0], "room:create", &given)["room"]["id"]);
    for (n, member) in members.iter_mut().enumerate().skip(1) {
        join(member, &room, &format!("m{n}"));
    }
    members[0].emit("play:change", &json!({"type": "play", "currentTime": 0, "isPlaying": false}));
    members[0].emit("chat:message", &json!({"content": "the beginning", "type": "text"}));
    for member in &mut members {
        while !is_chat(&member.hear().unwrap(), "the beginning") {}
    }
    (room, members)
}

fn join(member: &mut Client, room: &str, name: &str) {
    let joined = ask(member, "room:join", &json!({"roomId": room, "userName": name}));
    assert_eq!(joined["success"], true, "{joined}");
}

fn is_chat((event, payload): &(String, Value), content: &str) -> bool {
    event == "chat:message" && payload["content"] == content
}

/// What a member has heard, up to the word that ends it.
fn heard_by(member: &mut Client) -> Vec<Heard> {
    let mut heard = Vec::new();
    loop {
        let (event, payload) = member.hear().expect("a member that stays");
        if is_chat(&(event.clone(), payload.clone()), "the end") {
            return heard;
        }
        heard.push(match event.as_str() {
            "chat:message" => {
                Heard::Chat { by: text(&payload["userName"]), content: text(&payload["content"]) }
            }
            "play:seek" => Heard::Seek(payload.as_f64().unwrap() as u64),
            "room:member-joined" => Heard::Joined { id: text(&payload["id"]), name: text(&payload["name"]) },
            "room:member-left" => Heard::Left(text(&payload)),
            _ => panic!("{event} {payload}"),
        });
    }
}

/// Chats and seeks at random; the position tells who seeks.
fn act(mut member: Client, n: u64) -> Client {
    let mut chance = n + 1;
    for i in 0..N_ACTS {
        chance = chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        if chance >> 63 == 0 {
            member.emit("chat:message", &json!({"content": i.to_string(), "type": "text"}));
        } else {
            member.emit("play:seek", &json!(n * 1_000 + i));
        }
        // Not in step with the others.
        if (chance >> 60) % 8 < 2 {
            member.ask("chat:history", None);
        }
    }
    member.ask("chat:history", None);
    member
}

#[test]
fn all_members_hear_the_same_in_one_order_and_redis_has_what_it_came_to() {
    let cluster = Cluster::with("watch", &TALKATIVE);
    let nodes = [0, 1, 2].map(|n| cluster.nodes[n].address);
    let mut addresses: Vec<SocketAddr> = MEMBERS.iter().map(|n| nodes[*n]).collect();
    addresses.push(nodes[1]);
    let (room, mut members) = gather(&addresses);
    let mut witness = members.pop().unwrap();
    let visited = room.clone();
    let visitors = thread::spawn(move || {
        for n in 0..N_VISITORS {
            let mut visitor = connect(nodes[n % 3]);
            join(&mut visitor, &visited, &format!("v{n}"));
            // Half of them say that they go.
            if n % 2 == 0 {
                visitor.ask("room:leave", None);
            }
        }
    });
    let actors: Vec<_> =
        (0..).zip(members).map(|(n, member)| thread::spawn(move || act(member, n))).collect();
    let mut members: Vec<Client> = actors.into_iter().map(|actor| actor.join().unwrap()).collect();
    visitors.join().unwrap();
    eventually("the last visitor gone", || {
        let told = overview(nodes[1]);
        (told["rooms"][0]["memberCount"] == MEMBERS.len() + 1).then_some(())
    });
    witness.emit("chat:message", &json!({"content": "the end", "type": "text"}));

    let seen = heard_by(&mut witness);
    for (n, member) in (0..).zip(&mut members) {
        // A member hears a seek of its own only where it crossed one of another member.
        let is_own = |heard: &Heard| matches!(heard, Heard::Seek(position) if position / 1_000 == n);
        let of_others =
            |heard: Vec<Heard>| heard.into_iter().filter(|heard| !is_own(heard)).collect::<Vec<_>>();
        assert_eq!(of_others(heard_by(member)), of_others(seen.clone()), "m{n}");
        let own = seen.iter().filter_map(|heard| match heard {
            Heard::Chat { by, content } if *by == format!("m{n}") => Some(content.parse().unwrap()),
            Heard::Seek(position) if position / 1_000 == n => Some(position % 1_000),
            _ => None,
        });
        assert!(own.eq(0..N_ACTS), "all that m{n} did, once and in its own order");
    }
    let is_visit = |heard: &&Heard| matches!(heard, Heard::Joined { .. } | Heard::Left(_));
    assert_eq!(seen.iter().filter(is_visit).count(), 2 * N_VISITORS);

    let alone = played_alone(&seen);
    for node in nodes {
        eventually("what the rules make of that order", || {
            (outcome(&mut witness, &overview(node)) == alone).then_some(())
        });
    }
}

#[test]
fn whoever_answers_is_heard_after_what_it_answers_however_much_else_goes_on() {
    const N_QUESTIONS: usize = 120;
    let cluster = Cluster::with("watch", &TALKATIVE);
    let [a, b, _] = [0, 1, 2].map(|n| cluster.nodes[n].address);
    let (_, mut members) = gather(&[a, b, a]);
    // Rooms that fill the asker's node with work.
    let is_over = Arc::new(AtomicBool::new(false));
    let noise: Vec<_> = (0..6)
        .map(|_| {
            let (until, (_, mut members)) = (Arc::clone(&is_over), gather(&[a, b]));
            thread::spawn(move || {
                while !until.load(Ordering::Relaxed) {
                    for _ in 0..20 {
                        let content = "noise".repeat(100);
                        members[0].emit("chat:message", &json!({"content": content, "type": "text"}));
                    }
                    ask(&mut members[0], "room:list", &json!({}));
                }
            })
        })
        .collect();
    let mut listener = members.pop().unwrap();
    let mut answerer = members.pop().unwrap();
    let mut asker = members.pop().unwrap();
    let asking = thread::spawn(move || {
        for n in 0..N_QUESTIONS {
            asker.emit("chat:message", &json!({"content": format!("question {n}"), "type": "text"}));
            asker.ask("room:list", None);
        }
        asker
    });
    let answering = thread::spawn(move || {
        for n in 0..N_QUESTIONS {
            while !is_chat(&answerer.hear().unwrap(), &format!("question {n}")) {}
            answerer.emit("chat:message", &json!({"content": format!("answer {n}"), "type": "text"}));
        }
        answerer
    });
    let (mut n_asked, mut n_answered) = (0, 0);
    while n_answered < N_QUESTIONS {
        let (_, chat) = listener.hear().unwrap();
        if chat["content"] == format!("question {n_asked}") {
            n_asked += 1;
        } else {
            assert_eq!(chat["content"], format!("answer {n_answered}"));
            n_answered += 1;
            assert!(n_answered <= n_asked, "answer {n_answered} of {n_asked} questions");
        }
    }
    is_over.store(true, Ordering::Relaxed);
    for room in noise {
        room.join().unwrap();
    }
    drop((asking.join().unwrap(), answering.join().unwrap()));
}

/// What the rules come to on one server, if the same members do the same in that order, each after the other.
fn played_alone(seen: &[Heard]) -> Outcome {
    let server = Server::of("watch", &[], &TALKATIVE);
    let (room, mut members) = gather(&[server.address; MEMBERS.len() + 1]);
    let mut visitors: HashMap<&str, Client> = HashMap::new();
    for heard in seen {
        match heard {
            Heard::Chat { by, content } => {
                let member = &mut members[by[1..].parse::<usize>().unwrap()];
                member.emit("chat:message", &json!({"content": content, "type": "text"}));
                member.ask("chat:history", None);
            }
            Heard::Seek(position) => {
                let member = &mut members[(position / 1_000) as usize];
                member.emit("play:seek", &json!(position));
                member.ask("chat:history", None);
            }
            Heard::Joined { id, name } => {
                let mut visitor = connect(server.address);
                join(&mut visitor, &room, name);
                visitors.insert(id, visitor);
            }
            Heard::Left(id) => {
                visitors.remove(id.as_str()).unwrap().ask("room:leave", None);
            }
        }
    }
    let witness = members.last_mut().unwrap();
    witness.emit("chat:message", &json!({"content": "the end", "type": "text"}));
    outcome(witness, &overview(server.address))
}

fn overview(address: SocketAddr) -> Value {
    http::get_with(address, "/admin/api/overview", &[("authorization", ADMIN_BEARER)]).json()
}

fn outcome(member: &mut Client, overview: &Value) -> Outcome {
    let chats = ask(member, "chat:history", &json!({}));
    let room = &overview["rooms"][0];
    Outcome {
        chats: chats
            .as_array()
            .unwrap()
            .iter()
            .map(|chat| (text(&chat["userName"]), text(&chat["content"])))
            .collect(),
        position: room["currentState"]["currentTime"].clone(),
        n_members: room["memberCount"].clone(),
    }
}
