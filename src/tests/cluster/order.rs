//! Whoever says what on whichever node: every member sees the same, in one order, and it is what Redis has in the end.

use std::thread;

use serde_json::{Value, json};

use crate::harness::cluster::Cluster;
use crate::harness::process::Server;
use crate::harness::websocket::Client;

/// What each member says.
const N_CHATS: usize = 200;

/// The members, by the nodes that they are connected to.
const MEMBERS: [usize; 6] = [0, 1, 2, 0, 1, 2];

/// Nobody is told to talk less.
const TALKATIVE: [(&str, &str); 2] =
    [("ROOMHUB_WATCH__CHATS_PER_SECOND", "10000"), ("ROOMHUB_WATCH__CHAT_BURST", "10000")];

fn connect(cluster: &Cluster, n: usize) -> Client {
    Client::connect_by(cluster.nodes[n].address, "", &[], r#"{"token":"open sesame"}"#)
}

/// What a member has heard, up to the word that ends it.
fn heard_by(member: &mut Client) -> Vec<String> {
    let mut heard = Vec::new();
    loop {
        let (event, payload) = member.hear().expect("a member that stays");
        match event.as_str() {
            "chat:message" if payload["content"] == "the end" => return heard,
            "chat:message" => heard.push(format!("{} {}", payload["userName"], payload["content"])),
            "play:seek" => heard.push(format!("seek {payload}")),
            _ => {}
        }
    }
}

#[test]
fn all_members_hear_the_same_in_one_order_and_redis_has_what_it_came_to() {
    let cluster = Cluster::with("watch", &TALKATIVE);
    let mut members: Vec<Client> = MEMBERS.iter().map(|n| connect(&cluster, *n)).collect();
    let made =
        members[0].ask("room:create", Some(&json!({"name": "Films", "isPublic": true, "userName": "m0"})));
    let made: Value = serde_json::from_str::<Value>(&made).unwrap()[0].clone();
    let room = made["room"]["id"].as_str().unwrap().to_owned();
    for (n, member) in members.iter_mut().enumerate().skip(1) {
        let joined = member.ask("room:join", Some(&json!({"roomId": room, "userName": format!("m{n}")})));
        assert!(joined.contains(r#""success":true"#), "{joined}");
    }
    // A silent witness on another node than the owner's, which is told of every seek too.
    let mut witness = connect(&cluster, 1);
    witness.ask("room:join", Some(&json!({"roomId": room, "userName": "witness"})));
    let talkers: Vec<_> = members
        .into_iter()
        .enumerate()
        .map(|(n, mut member)| {
            thread::spawn(move || {
                for i in 0..N_CHATS {
                    member.emit("chat:message", &json!({"content": format!("{i}"), "type": "text"}));
                    // Not in step with the others.
                    if (i + n) % (n + 3) == 0 {
                        member.ask("chat:history", None);
                    }
                }
                member.ask("chat:history", None);
                member
            })
        })
        .collect();
    let mut members: Vec<Client> = talkers.into_iter().map(|talker| talker.join().unwrap()).collect();
    witness.emit("chat:message", &json!({"content": "the end", "type": "text"}));
    let seen = heard_by(&mut witness);
    for member in &mut members {
        assert_eq!(heard_by(member), seen);
    }
    for n in 0..MEMBERS.len() {
        let own: Vec<&String> = seen.iter().filter(|said| said.starts_with(&format!("\"m{n}\""))).collect();
        let expected: Vec<String> = (0..N_CHATS).map(|i| format!("\"m{n}\" \"{i}\"")).collect();
        assert!(own.iter().zip(&expected).all(|(own, expected)| *own == expected), "each in its own order");
        assert_eq!(own.len(), N_CHATS, "nothing is lost, and nothing doubled");
    }
    let history = witness.ask("chat:history", None);
    let history: Vec<Value> = serde_json::from_str::<Vec<Vec<Value>>>(&history).unwrap().remove(0);
    let kept: Vec<String> =
        history.iter().map(|chat| format!("{} {}", chat["userName"], chat["content"])).collect();
    let (last, before) = kept.split_last().unwrap();
    assert_eq!(last, "\"witness\" \"the end\"");
    assert_eq!(before, &seen[seen.len() - before.len()..], "what is kept is what was said last");
    assert_eq!(kept, played_alone(&seen), "what is kept is what the rules make of that order");
}

/// What the rules come to on a node alone, if the same members say the same in that order.
fn played_alone(seen: &[String]) -> Vec<String> {
    let server = Server::of(
        "watch",
        &[],
        &[("AUTH_KEY", "open sesame"), ("ROOMHUB_WATCH__CHATS_PER_SECOND", "10000")],
    );
    let connect = || Client::connect_by(server.address, "", &[], r#"{"token":"open sesame"}"#);
    let mut members: Vec<(String, Client)> = Vec::new();
    let mut room = String::new();
    for n in 0..=MEMBERS.len() {
        let name = if n < MEMBERS.len() { format!("m{n}") } else { "witness".to_owned() };
        let mut member = connect();
        if n == 0 {
            let made = member
                .ask("room:create", Some(&json!({"name": "Films", "isPublic": true, "userName": name})));
            let made: Value = serde_json::from_str::<Value>(&made).unwrap()[0].clone();
            made["room"]["id"].as_str().unwrap().clone_into(&mut room);
        } else {
            member.ask("room:join", Some(&json!({"roomId": room, "userName": name})));
        }
        members.push((name, member));
    }
    let end = r#""witness" "the end""#.to_owned();
    for said in seen.iter().chain([&end]) {
        let (name, content) = said.split_once(' ').unwrap();
        let [name, content]: [String; 2] = [name, content].map(|text| serde_json::from_str(text).unwrap());
        let (_, member) = members.iter_mut().find(|(known, _)| *known == name).unwrap();
        member.emit("chat:message", &json!({"content": content, "type": "text"}));
        // Its answer comes after what was said.
        member.ask("room:list", None);
    }
    let history = members[0].1.ask("chat:history", None);
    let history: Vec<Value> = serde_json::from_str::<Vec<Vec<Value>>>(&history).unwrap().remove(0);
    history.iter().map(|chat| format!("{} {}", chat["userName"], chat["content"])).collect()
}
