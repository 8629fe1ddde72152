//! What nodes write to each other: what is to be told to members that are connected elsewhere.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::effect::{Close, Delivery, Effect, Effects, Frame, MemberId};

/// A letter to one node: what a step asks for there, in order.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Letter {
    /// Rooms as they are from here on, with their versions, unless they are large.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rooms: Vec<(String, String, Box<RawValue>)>,
    /// Members that have lost their seats by no act of their own, and in which room.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unseated: Vec<(MemberId, String)>,
    /// Members that were given up for lost, and are told nothing of it: whoever is there all the same has to come back.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lost: Vec<MemberId>,
    /// What they are told.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    words: Vec<Word>,
}

/// One thing to be done.
#[derive(Debug, Serialize, Deserialize)]
enum Word {
    /// Tell them.
    #[serde(rename = "t")]
    Tell(Vec<MemberId>, String, Option<Box<RawValue>>),
    /// Tell them if it can be done at once.
    #[serde(rename = "f")]
    TellFleeting(Vec<MemberId>, String, Option<Box<RawValue>>),
    /// Let it go, with that close code.
    #[serde(rename = "d")]
    Disconnect(MemberId, u16),
}

/// Letters by the nodes that they are for.
pub type Letters = BTreeMap<String, Letter>;

/// Adds to the letters what effects ask for on other nodes; `homes` tells where members are.
pub fn address(letters: &mut Letters, effects: &Effects, homes: &HashMap<MemberId, String>) {
    for effect in effects {
        match effect {
            Effect::Emit { to, frame, delivery } => {
                let mut by_node: BTreeMap<&String, Vec<MemberId>> = BTreeMap::new();
                for member in to {
                    if let Some(node) = homes.get(member) {
                        by_node.entry(node).or_default().push(*member);
                    }
                }
                for (node, members) in by_node {
                    let (event, payload) = (frame.event.clone().into_owned(), frame.payload.clone());
                    let word = match delivery {
                        Delivery::Sure => Word::Tell(members, event, payload),
                        Delivery::Fleeting => Word::TellFleeting(members, event, payload),
                    };
                    letters.entry(node.clone()).or_default().words.push(word);
                }
            }
            Effect::Disconnect(member, close) => {
                if let Some(node) = homes.get(member) {
                    let word = Word::Disconnect(*member, close.code());
                    letters.entry(node.clone()).or_default().words.push(word);
                }
            }
            Effect::Ack(_)
            | Effect::Refused(_)
            | Effect::Note(_)
            | Effect::Keep(_)
            | Effect::Kept(_)
            | Effect::AwaitWrite(_) => {}
        }
    }
}

impl Letter {
    /// What is to be done here.
    pub fn effects(self) -> Effects {
        let mut effects = Effects::none();
        for word in self.words {
            match word {
                Word::Tell(to, event, payload) => {
                    effects.tell_all(to, Frame { event: event.into(), payload });
                }
                Word::TellFleeting(to, event, payload) => {
                    effects.tell_fleeting(to, Frame { event: event.into(), payload });
                }
                Word::Disconnect(member, code) => {
                    let known = [Close::Done, Close::GoingAway, Close::Violation, Close::TooBig];
                    let close = known.into_iter().find(|close| close.code() == code);
                    effects.disconnect(member, close.unwrap_or(Close::Violation));
                }
            }
        }
        effects
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(name: &str) -> MemberId {
        MemberId::new(name).unwrap()
    }

    #[test]
    fn a_letter_says_to_each_node_what_its_members_are_told_in_order() {
        let mut effects = Effects::none();
        effects.tell_all(vec![member("ann"), member("bob"), member("cyd")], Frame::new("play", &12.5));
        effects.ack();
        effects.tell_fleeting(vec![member("bob")], Frame::bare("voice"));
        effects.disconnect(member("cyd"), Close::Violation);
        let homes = [("bob", "east"), ("cyd", "west")].map(|(name, node)| (member(name), node.to_owned()));
        let mut letters = Letters::new();
        address(&mut letters, &effects, &HashMap::from(homes));
        let written: Vec<String> =
            letters.values().map(|letter| serde_json::to_string(letter).unwrap()).collect();
        assert_eq!(
            written,
            [
                r#"{"words":[{"t":[["bob"],"play",12.5]},{"f":[["bob"],"voice",null]}]}"#,
                r#"{"words":[{"t":[["cyd"],"play",12.5]},{"d":["cyd",1008]}]}"#
            ]
        );
        let read: Letter = serde_json::from_str(&written[1]).unwrap();
        let read = format!("{:?}", read.effects());
        assert!(read.contains("cyd") && read.contains("12.5") && read.contains("Violation"), "{read}");
    }
}
