//! What a node learns from the others: letters to its members, and rooms as they are by then.

use tokio::time::timeout;
use tracing::warn;

use super::Node;
use super::steps::Made;
use crate::cluster::{self, Stale, Stored};
use crate::effect::MemberId;
use crate::switchboard::Shared;
use crate::switchboard::letter::Letter;
use crate::switchboard::replica::Envelope;

impl<H: Shared> Node<H> {
    /// Notes what the rooms are from here on.
    pub(super) fn note(&mut self, made: Made<H>) {
        for (room, known) in made {
            match known {
                Some(known) => self.replica.note(room, known),
                None => self.replica.forget(&room),
            }
        }
    }

    /// Takes over a room as Redis has it; gives its members here that have no seat there.
    pub(super) fn learn(&mut self, stored: Stored) -> Vec<MemberId> {
        let Some(room) = H::room_id(&stored.room) else { return Vec::new() };
        let read = stored.state.and_then(|(version, envelope)| {
            let envelope: Envelope = serde_json::from_str(&envelope).ok()?;
            let state: H::Room = serde_json::from_str(envelope.room.get()).ok()?;
            Some((version, envelope, state))
        });
        let before = self.replica.own_occupants(&room).to_vec();
        if let Some((version, envelope, state)) = read {
            self.replica.learn(room.clone(), version, envelope);
            self.hub.rooms().put(room.clone(), Some(state));
        } else {
            self.replica.forget(&room);
            self.hub.rooms().put(room.clone(), None);
        }
        let seated = self.replica.own_occupants(&room);
        let unseated: Vec<MemberId> = before.into_iter().filter(|member| !seated.contains(member)).collect();
        for member in &unseated {
            self.unseat(*member, &room);
        }
        unseated
    }

    /// Makes of a room what is known of it.
    pub(super) fn restore(&mut self, room: &H::RoomId) {
        let known = self.replica.get(room).and_then(|known| serde_json::from_str(&known.text).ok());
        self.hub.rooms().put(room.clone(), known);
    }

    /// Takes over what is not what the rules saw; who has lost a seat and was not told comes back.
    pub(super) fn learn_stale(&mut self, Stale { rooms, facts }: Stale) {
        for stored in rooms {
            let unseated = self.learn(stored);
            self.members.send_back(unseated.into_iter());
        }
        for (fact, value) in facts {
            self.learn_fact(fact, value);
        }
    }

    /// Takes over a fact as Redis has it.
    pub(super) fn learn_fact(&mut self, fact: String, value: Option<String>) {
        match &value {
            Some(value) => self.learned.insert(fact.clone(), value.clone()),
            None => self.learned.remove(&fact),
        };
        if let Some(facts) = self.hub.facts() {
            facts.put(fact, value);
        }
    }

    fn unseat(&mut self, member: MemberId, room: &H::RoomId) {
        if self.members.has(member) {
            self.unseated.push((member, room.clone()));
            self.hub.unseat(member, room);
            self.hub.members().step();
        }
    }

    /// Does what a letter says.
    pub(super) fn read(&mut self, letter: cluster::Letter) {
        if letter.number != self.n_read + 1 {
            warn!(
                service = self.service,
                missing = letter.number - self.n_read - 1,
                "letters were lost: members are sent back"
            );
            metrics::counter!("roomhub_cluster_letters_lost_total", "service" => self.service).increment(1);
            self.send_all_back();
        }
        self.n_read = letter.number;
        let read = serde_json::from_str::<Letter>(&letter.text);
        self.last_read = Some(letter.text);
        let Ok(letter) = read else {
            warn!(service = self.service, "a letter cannot be read: is another node of another version?");
            return;
        };
        let enclosed = if self.is_comparing { &[][..] } else { &letter.rooms };
        for (room, version, envelope) in enclosed {
            let state = Some((version.clone(), envelope.get().to_owned()));
            let mut unseated = self.learn(Stored { room: room.clone(), state });
            unseated.retain(|member| !letter.unseated.iter().any(|(told, _)| told == member));
            self.members.send_back(unseated.into_iter());
        }
        for (member, room) in &letter.unseated {
            if let Some(room) = H::room_id(room) {
                self.unseat(*member, &room);
                self.replica.vacate(&room, *member);
            }
        }
        self.members.send_back(letter.lost.iter().copied());
        self.members.perform(letter.effects(), None);
    }

    /// Reads the letters that had been written when Redis said something; they are on their way.
    pub(super) async fn read_up_to(&mut self, number: u64) {
        if number < self.n_read {
            warn!(
                service = self.service,
                "redis knows of fewer letters than have been read: members are sent back"
            );
            self.give_up_letters(number);
        }
        let mut has_asked = false;
        while self.n_read < number {
            if let Ok(Some(letter)) = timeout(self.link.patience, self.mail.next()).await {
                self.read(letter);
                has_asked = false;
            } else if has_asked {
                warn!(service = self.service, "letters do not come: members are sent back");
                self.give_up_letters(number);
            } else {
                // Over another connection, which begins with asking.
                self.mail = self.link.mail(self.n_read);
                has_asked = true;
            }
        }
    }

    /// Goes on after that letter: nobody knows what this node has missed.
    pub(super) fn give_up_letters(&mut self, number: u64) {
        self.send_all_back();
        self.mail = self.link.mail(number);
        self.n_read = number;
        self.last_read = None;
        self.must_recount = false;
    }

    /// Members that sit in rooms have missed something: they come back and are told everything anew.
    fn send_all_back(&self) {
        let seated = self.replica.all().flat_map(|(room, _)| self.replica.own_occupants(room));
        self.members.send_back(seated.copied());
    }
}
