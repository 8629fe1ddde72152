//! All rooms, and who is in which. Pure: time comes in with each event, frames go out as effects.

use std::collections::{HashMap, HashSet, VecDeque};
use std::time::Duration;

use ring::hmac;
use serde_json::value::RawValue;

use super::names::Id;
use super::protocol::{ClientEvent, Refusal, Relay, Resume, Seating, ServerEvent};
use super::room::{Holder, Room};
use super::turn::IceServers;
use super::{Config, DuplicateUser};
use crate::effect::{Close, Effects, MemberId};
use crate::secret::Secret;
use crate::switchboard::{self, Allowance, Bucket, Census, Newcomer};
use crate::time::Timestamp;

/// Bytes of the key that all words of places come from.
pub const SEED_BYTES: usize = 32;

/// Bytes of such a word, which nobody can guess.
const WORD_BYTES: usize = 16;

/// Every room and every connected member.
pub struct Hub {
    rooms: HashMap<Id, Room>,
    members: HashMap<MemberId, Member>,
    /// Users that are away, in the order in which their time is up.
    away: VecDeque<(Timestamp, Id, Id)>,
    key: Secret,
    ice: IceServers,
    rules: Rules,
    words: hmac::Key,
    n_words: u64,
    n_seated: usize,
}

/// What the rules go by.
struct Rules {
    duplicate_user: DuplicateUser,
    legacy_relay: bool,
    max_rooms: usize,
    room_capacity: usize,
    resume_window: Duration,
    events: Allowance,
}

/// A connected member.
#[derive(Default)]
struct Member {
    rooms: HashSet<Id>,
    events: Bucket,
}

impl Hub {
    /// No rooms yet; words of places come from `seed`.
    pub fn new(config: &Config, key: Secret, turn_secret: Secret, seed: &[u8; SEED_BYTES]) -> Self {
        Self {
            rooms: HashMap::new(),
            members: HashMap::new(),
            away: VecDeque::new(),
            key,
            ice: IceServers {
                stun_urls: config.stun_urls.clone(),
                turn_urls: config.turn_urls.clone(),
                turn_secret,
                ttl: config.turn_ttl,
            },
            rules: Rules {
                duplicate_user: config.duplicate_user,
                legacy_relay: config.legacy_relay,
                max_rooms: config.max_rooms,
                room_capacity: config.room_capacity,
                resume_window: config.resume_window,
                events: Allowance::new(config.events_per_second, config.event_burst),
            },
            words: hmac::Key::new(hmac::HMAC_SHA256, seed),
            n_words: 0,
            n_seated: 0,
        }
    }

    /// The servers that help a user to reach others.
    pub fn ice(&self) -> &IceServers {
        &self.ice
    }

    fn join(
        &mut self,
        from: MemberId,
        asked: &Seating,
        name: Option<&'static str>,
        now: Timestamp,
    ) -> Effects {
        let Seating { user_id, room_id, resume } = asked;
        let is_new = !self.rooms.contains_key(room_id);
        if is_new && self.rooms.len() >= self.rules.max_rooms {
            return refuse(from, Refusal::TooManyRooms, name);
        }
        let word = self.next_word(resume.as_ref());
        let room = self.rooms.entry(room_id.clone()).or_default();
        let holder = room.holder(user_id);
        let returns = matches!(resume, Some(Resume::Word(known)) if room.is_word_of(user_id, known));
        let mut effects = Effects::none();
        match holder {
            Holder::Nobody if room.n_users() >= self.rules.room_capacity => {
                return refuse(from, Refusal::RoomFull, name);
            }
            Holder::Member(other) if other != from => {
                if self.rules.duplicate_user == DuplicateUser::Reject {
                    return refuse(from, Refusal::UserIdTaken, name);
                }
                effects.append(refuse(other, Refusal::Replaced, None));
            }
            Holder::Nobody | Holder::Away | Holder::Member(_) => {}
        }
        room.seat(user_id, from, word.clone());
        self.n_seated += usize::from(holder == Holder::Nobody);
        if let Holder::Member(other) = holder
            && room.id_of(other).is_none()
            && let Some(other) = self.members.get_mut(&other)
        {
            other.rooms.remove(room_id);
        }
        if let Some(member) = self.members.get_mut(&from) {
            member.rooms.insert(room_id.clone());
        }
        let ice_servers = self.ice.of(user_id.as_str(), now);
        let joined = ServerEvent::Joined {
            user_id,
            room_id,
            users: room.users(),
            ice_servers: &ice_servers,
            resume: word.as_deref(),
        };
        effects.tell(from, joined.frame(name));
        if !returns {
            effects.tell_all(room.others(from), ServerEvent::UserJoined { user_id, room_id }.frame(None));
        }
        effects
    }

    fn leave_room(&mut self, from: MemberId, asked: &Seating, name: Option<&'static str>) -> Effects {
        let Seating { user_id, room_id, .. } = asked;
        let mut effects = Effects::none();
        effects.tell(from, ServerEvent::Leaved { user_id, room_id }.frame(name));
        let Some(room) = self.rooms.get(room_id) else { return effects };
        let holder = room.holder(user_id);
        if holder == Holder::Member(from) || (self.rules.legacy_relay && holder != Holder::Nobody) {
            effects.append(self.remove(user_id, room_id, from));
        }
        effects
    }

    /// Takes a user out of a room, and the room away with its last one.
    fn remove(&mut self, user_id: &Id, room_id: &Id, by: MemberId) -> Effects {
        let mut effects = Effects::none();
        let Some(room) = self.rooms.get_mut(room_id) else { return effects };
        let member = room.member_of(user_id);
        if !room.remove(user_id) {
            return effects;
        }
        self.n_seated -= 1;
        effects.tell_all(room.others(by), ServerEvent::UserLeft { user_id, room_id }.frame(None));
        if let Some(member) = member
            && room.id_of(member).is_none()
            && let Some(member) = self.members.get_mut(&member)
        {
            member.rooms.remove(room_id);
        }
        if room.n_users() == 0 {
            self.rooms.remove(room_id);
        }
        effects
    }

    fn relay(&self, from: MemberId, relay: &Relay) -> Effects {
        let mut effects = Effects::none();
        let room = self.rooms.get(&relay.room);
        let sender = room.and_then(|room| room.id_of(from));
        if sender.is_none() && !self.rules.legacy_relay {
            return refuse(from, Refusal::NotInRoom, None);
        }
        let Some(room) = room else { return effects };
        match &relay.to {
            None => effects.tell_all(room.others(from), relay.frame(None)),
            Some(to) => {
                if let Some(member) = room.member_of(to) {
                    effects.tell(member, relay.frame(sender));
                }
            }
        }
        effects
    }

    /// A word for who wants its place kept.
    fn next_word(&mut self, resume: Option<&Resume>) -> Option<String> {
        match resume {
            None | Some(Resume::Wanted(false)) => None,
            Some(Resume::Wanted(true) | Resume::Word(_)) if self.rules.resume_window.is_zero() => None,
            Some(Resume::Wanted(true) | Resume::Word(_)) => {
                self.n_words += 1;
                let tag = hmac::sign(&self.words, &self.n_words.to_be_bytes());
                Some(hex::encode(&tag.as_ref()[..WORD_BYTES]))
            }
        }
    }
}

impl switchboard::Hub for Hub {
    fn connect(&mut self, member: MemberId, newcomer: Newcomer, _: Timestamp) -> Effects {
        if self.key.is_set() && !newcomer.token.is_some_and(|token| self.key.is(&token)) {
            let mut effects = refuse(member, Refusal::Unauthorized, None);
            effects.disconnect(member, Close::Violation);
            return effects;
        }
        self.members.insert(member, Member::default());
        let mut effects = Effects::none();
        effects.tell(member, ServerEvent::Connected { sid: member }.frame(None));
        effects
    }

    fn handle(&mut self, from: MemberId, event: &str, payload: Option<&RawValue>, now: Timestamp) -> Effects {
        let Some(member) = self.members.get(&from) else { return Effects::none() };
        let mut effects = if member.events.take(self.rules.events, now) {
            match ClientEvent::read(event, payload) {
                Ok((ClientEvent::Join(asked), name)) => self.join(from, &asked, name, now),
                Ok((ClientEvent::Leave(asked), name)) => self.leave_room(from, &asked, name),
                Ok((ClientEvent::Relay(relay), _)) => self.relay(from, &relay),
                Err(Some(refusal)) => refuse(from, refusal, None),
                Err(None) => Effects::none(),
            }
        } else {
            refuse(from, Refusal::RateLimited, None)
        };
        effects.ack();
        effects
    }

    fn leave(&mut self, member: MemberId, now: Timestamp) -> Effects {
        let mut effects = Effects::none();
        let Some(gone) = self.members.remove(&member) else { return effects };
        let until = now + self.rules.resume_window;
        let mut rooms: Vec<Id> = gone.rooms.into_iter().collect();
        rooms.sort_by(|one, other| one.as_str().cmp(other.as_str()));
        for room_id in rooms {
            let Some(room) = self.rooms.get_mut(&room_id) else { continue };
            let before: Vec<Id> = room.users().into_iter().cloned().collect();
            let left = room.cut_off(member, until);
            self.n_seated -= left.len();
            for user_id in &left {
                let event = ServerEvent::UserLeft { user_id, room_id: &room_id };
                effects.tell_all(room.others(member), event.frame(None));
            }
            let away = before.into_iter().filter(|id| room.holder(id) == Holder::Away);
            self.away.extend(away.map(|user| (until, room_id.clone(), user)));
            if room.n_users() == 0 {
                self.rooms.remove(&room_id);
            }
        }
        effects
    }

    fn next_timeout(&self) -> Option<Timestamp> {
        self.away.front().map(|(until, ..)| *until)
    }

    fn handle_timeout(&mut self, now: Timestamp) -> Effects {
        let mut effects = Effects::none();
        while let Some((_, room_id, user_id)) = self.away.pop_front_if(|(until, ..)| *until <= now) {
            let is_overdue = self.rooms.get(&room_id).is_some_and(|room| room.is_overdue(&user_id, now));
            if is_overdue {
                effects.append(self.remove(&user_id, &room_id, nobody()));
            }
        }
        effects
    }

    fn census(&self) -> Census {
        Census { n_rooms: self.rooms.len(), n_seated: self.n_seated }
    }
}

fn refuse(to: MemberId, refusal: Refusal, name: Option<&'static str>) -> Effects {
    let mut effects = Effects::none();
    effects.tell(to, ServerEvent::from(refusal).frame(name));
    effects.refused(refusal.code());
    effects
}

/// Whoever is told, it is not the one that this leaves out.
fn nobody() -> MemberId {
    MemberId::new("-").expect("one byte is a name")
}
