//! The rules of a room's pages, without the room.

use std::time::Duration;

use serde_json::value::RawValue;

use super::protocol::{ClientEvent, Refusal};
use super::{
    Done, FollowUp, HALF_PERCENT, Limits, Newcomer, Party, PersonId, Preset, Right, Role, Scene, Terms,
    VoteTerms,
};
use crate::effect::Effect;
use crate::rooms::test_stage::{START, member};
use crate::rooms::{Allowance, Departure, Rng, Seed};
use crate::time::{Timestamp, WallOffset};

const SEED: Seed = [7; 32];

/// A room, and what stands around it.
struct Room {
    party: Party,
    terms: Terms,
    rng: Rng,
    now: Timestamp,
}

/// What a service may let its rooms do.
pub fn terms() -> Terms {
    let limits = Limits {
        kick_time: Duration::from_mins(10),
        votes: VoteTerms { time: Duration::from_mins(1), skip_percent: HALF_PERCENT },
        max_slow_mode: Duration::from_hours(1),
        wait_limit: Duration::from_secs(5),
        max_wait_limit: Duration::from_mins(1),
        max_invitations: 2,
        max_invitation_time: Duration::from_hours(24),
        ticket_grace: Duration::from_mins(1),
        max_absent_persons: 3,
        max_password_chars: 8,
        reactions: Allowance::new(1, 2),
    };
    Terms::new(&SEED, Preset::Controlled.table(), true, limits)
}

impl Room {
    /// Ann owns it.
    fn with(names: &[&str]) -> Self {
        let mut room = Self { party: Party::default(), terms: terms(), rng: Rng::new(&SEED), now: START };
        for name in names {
            room.enter(name, Role::Member);
        }
        room
    }

    fn enter(&mut self, name: &str, role: Role) {
        self.party.enter(
            Newcomer {
                id: member(name),
                name: name.to_uppercase(),
                person: Some(person(name)),
                is_page: true,
                role,
                address: Some([10, 0, 0, name.len() as u8].into()),
            },
            self.now,
        );
    }

    fn scene(&self) -> Scene<'_> {
        scene(&self.terms, self.now)
    }

    fn act(&mut self, name: &str, event: &str, payload: &str) -> Result<Done, Refusal> {
        let payload = RawValue::from_string(payload.to_owned()).unwrap();
        let Some(Ok(ClientEvent::Room(event))) = ClientEvent::read(event, Some(&payload)) else {
            panic!("{event} {} is no event", payload.get());
        };
        self.party.act(member(name), event, Some(1.5), &mut self.rng, scene(&self.terms, self.now))
    }

    /// What comes of an event beside what is told.
    fn ask(&mut self, name: &str, event: &str, payload: &str) -> Result<Vec<FollowUp>, Refusal> {
        self.act(name, event, payload).map(|done| done.follow_ups)
    }

    fn may(&self, name: &str, right: Right) -> bool {
        self.party.may(member(name), right, self.scene())
    }

    fn admits(&self, name: &str) -> Result<(), Refusal> {
        self.party.admits(Some(person(name)), None, self.now)
    }

    fn exit(&mut self, name: &str) {
        self.exit_by(name, Departure::CutOff);
    }

    fn exit_by(&mut self, name: &str, departure: Departure) {
        self.party.exit(member(name), departure, &self.terms, self.now);
    }
}

fn scene(terms: &Terms, now: Timestamp) -> Scene<'_> {
    Scene { room: "AB12CD", owner: member("ann"), terms, now, wall: WallOffset::default() }
}

fn person(name: &str) -> PersonId {
    PersonId::of_secret(&format!("the secret of {name}")).unwrap()
}

fn told(done: &Done, event: &str) -> Vec<String> {
    let told = done.effects.iter().filter_map(|effect| match effect {
        Effect::Emit { frame, .. } if frame.event == event => Some(frame.text().to_owned()),
        _ => None,
    });
    told.collect()
}

fn answer(done: &Done) -> serde_json::Value {
    let answer = done.effects.iter().find_map(|effect| match effect {
        Effect::Ack(Some(payload)) => Some(serde_json::from_str(payload.get()).unwrap()),
        _ => None,
    });
    answer.unwrap()
}

const BOB: &str = r#"{"targetUserId":"bob"}"#;

#[test]
fn the_owner_grants_and_takes_and_nobody_else_does() {
    let mut room = Room::with(&["ann", "bob", "cyd"]);
    assert!(!room.may("bob", Right::Control) && room.may("ann", Right::Control));
    let grant = r#"{"targetUserId":"bob","role":"cohost"}"#;
    assert_eq!(room.ask("cyd", "party:grant", grant), Err(Refusal::Forbidden));
    let done = room.act("ann", "party:grant", grant).unwrap();
    assert!(told(&done, "party:you")[0].contains(r#""role":"cohost""#));
    assert!(room.may("bob", Right::Control) && room.may("bob", Right::Kick));
    assert_eq!(room.ask("bob", "party:grant", grant), Err(Refusal::Forbidden));
    let to_owner = r#"{"targetUserId":"bob","role":"owner"}"#;
    assert_eq!(room.ask("ann", "party:grant", to_owner), Ok(vec![FollowUp::HandOver(member("bob"))]));
    room.exit("bob");
    room.enter("bob", Role::Guest);
    assert!(room.may("bob", Right::Control), "whoever comes back has its role again");
    assert_eq!(
        room.ask("ann", "party:grant", r#"{"targetUserId":"bob","role":"guest"}"#).map(|_| ()),
        Ok(())
    );
    assert!(!room.may("bob", Right::Control));
    assert_eq!(
        room.ask("ann", "party:grant", r#"{"targetUserId":"dan","role":"guest"}"#),
        Err(Refusal::NoSuchMember)
    );
}

#[test]
fn a_cohost_keeps_order_and_sets_nothing_else() {
    let mut room = Room::with(&["ann", "bob"]);
    room.ask("ann", "party:grant", r#"{"targetUserId":"bob","role":"cohost"}"#).unwrap();
    let order = r#"{"slowMode":10,"isLocked":true}"#;
    assert_eq!(room.ask("bob", "party:set", order), Ok(vec![FollowUp::TellRoom]));
    for other in [
        r#"{"preset":"open"}"#,
        r#"{"isPublic":true}"#,
        r#"{"password":""}"#,
        r#"{"slowMode":0,"waitLimit":1}"#,
    ] {
        assert_eq!(room.ask("bob", "party:set", other), Err(Refusal::Forbidden), "{other}");
    }
    for wrong in [
        r#"{"slowMode":3601}"#,
        r#"{"waitLimit":61}"#,
        r#"{"waitLimit":-1}"#,
        r#"{"password":"123456789"}"#,
        r#"{"preset":"open","rights":{"cohost":[],"member":[],"guest":[]}}"#,
    ] {
        assert_eq!(room.ask("ann", "party:set", wrong), Err(Refusal::Invalid), "{wrong}");
    }
    let none = r#"{"rights":{"cohost":[],"member":[],"guest":[]},"isPublic":false,"password":"pw"}"#;
    let set = room.ask("ann", "party:set", none).unwrap();
    let password = FollowUp::SetPassword(Some("pw".to_owned()));
    assert_eq!(set, [FollowUp::SetPublic(false), password, FollowUp::TellRoom]);
    assert!(!room.may("bob", Right::Chat) && room.may("ann", Right::Kick), "nobody locks the owner out");
}

#[test]
fn who_is_muted_says_nothing_and_who_is_kicked_stays_out_for_a_time() {
    let mut room = Room::with(&["ann", "bob", "cyd"]);
    assert_eq!(room.ask("cyd", "party:kick", BOB), Err(Refusal::Forbidden));
    assert_eq!(room.ask("ann", "party:kick", r#"{"targetUserId":"ann"}"#), Err(Refusal::Forbidden));
    room.ask("ann", "party:mute", r#"{"targetUserId":"bob","isMuted":true}"#).unwrap();
    assert!(!room.may("bob", Right::Voice));
    assert_eq!(room.ask("bob", "party:react", r#"{"emoji":"🎉"}"#), Err(Refusal::Muted));
    let now = room.now;
    assert_eq!(room.party.take_chat(member("bob"), scene(&room.terms, now)), Err(Refusal::Muted));
    room.exit("bob");
    room.enter("bob", Role::Member);
    assert!(!room.may("bob", Right::Chat), "a reload does not help");
    room.enter("bob2", Role::Member);
    room.party.introduce(member("bob2"), None, Some(person("bob")), &room.terms, now);
    let out = room.ask("ann", "party:kick", BOB).unwrap();
    assert_eq!(out, [FollowUp::PutOut(vec![member("bob"), member("bob2")])]);
    room.exit("bob");
    room.exit("bob2");
    assert_eq!(room.admits("bob"), Err(Refusal::Kicked));
    assert_eq!(room.admits("dan"), Ok(()));
    let from_there =
        |address: u8, who: Option<PersonId>, at| room.party.admits(who, Some([10, 0, 0, address].into()), at);
    assert_eq!(from_there(3, None, now), Err(Refusal::Kicked), "nor by another name from its address");
    assert_eq!(from_there(3, Some(person("cyd")), now), Ok(()), "whoever is known there may");
    assert_eq!(from_there(9, None, now), Ok(()));
    let later = now + Duration::from_mins(10);
    assert_eq!(from_there(3, Some(person("bob")), later), Ok(()));
    assert_eq!(from_there(3, None, later), Ok(()));
}

#[test]
fn who_introduces_itself_as_a_person_that_was_kicked_is_put_out() {
    let mut room = Room::with(&["ann", "bob"]);
    room.ask("ann", "party:kick", BOB).unwrap();
    room.exit("bob");
    let nobody = Newcomer {
        id: member("eve"),
        name: "Eve".to_owned(),
        person: None,
        is_page: false,
        role: Role::Member,
        address: None,
    };
    room.party.enter(nobody, room.now);
    let follow_ups = room.party.introduce(member("eve"), None, Some(person("bob")), &room.terms, room.now);
    assert_eq!(follow_ups, [FollowUp::PutOut(vec![member("eve")])]);
}

#[test]
fn a_ticket_outlives_a_broken_connection_for_a_while_and_ends_with_who_leaves_or_is_put_out() {
    let mut room = Room::with(&["ann", "bob"]);
    let honours = |room: &Room, after_secs| {
        room.party.honours(person("bob"), room.now + Duration::from_secs(after_secs))
    };
    assert!(honours(&room, 3600));
    room.exit("bob");
    assert_eq!((honours(&room, 59), honours(&room, 60)), (true, false));
    room.enter("bob", Role::Member);
    assert!(honours(&room, 3600));
    room.exit_by("bob", Departure::Said);
    assert!(!honours(&room, 0), "he has left");
    room.enter("bob", Role::Member);
    room.ask("ann", "party:kick", BOB).unwrap();
    room.exit("bob");
    assert!(!honours(&room, 0), "he is put out");
    let stranger = PersonId::of_connection(member("eve"));
    assert!(!room.party.honours(stranger, room.now));
}

#[test]
fn a_locked_room_takes_in_whom_it_knows() {
    let mut room = Room::with(&["ann", "bob"]);
    room.exit("bob");
    room.ask("ann", "party:set", r#"{"isLocked":true}"#).unwrap();
    assert_eq!((room.admits("bob"), room.admits("cyd")), (Ok(()), Err(Refusal::Locked)));
    assert_eq!(room.party.admits(None, None, room.now), Err(Refusal::Locked));
    room.ask("ann", "party:set", r#"{"isLocked":false}"#).unwrap();
    for n in 0..4 {
        room.now = room.now + Duration::from_secs(1);
        room.enter(&format!("m{n}"), Role::Member);
        room.exit(&format!("m{n}"));
    }
    room.ask("ann", "party:set", r#"{"isLocked":true}"#).unwrap();
    assert_eq!(room.admits("bob"), Err(Refusal::Locked), "so many are remembered");
    assert_eq!(room.admits("m3"), Ok(()));
}

#[test]
fn in_slow_mode_a_member_writes_once_in_so_many_seconds() {
    let mut room = Room::with(&["ann", "bob"]);
    room.ask("ann", "party:set", r#"{"slowMode":10}"#).unwrap();
    let mut say = |name: &str, after_ms| {
        let now = START + Duration::from_millis(after_ms);
        room.party.take_chat(member(name), scene(&room.terms, now))
    };
    assert_eq!(say("bob", 0), Ok(()));
    assert_eq!(say("bob", 2500), Err(Refusal::SlowMode { retry_after: 8 }));
    assert_eq!((say("ann", 0), say("ann", 1)), (Ok(()), Ok(())));
    assert_eq!(say("bob", 10_000), Ok(()));
}

#[test]
fn a_vote_to_kick_passes_with_more_than_half_of_those_who_count() {
    let mut room = Room::with(&["ann", "bob", "cyd", "dan", "eve"]);
    let kick_eve = r#"{"subject":"kick","targetUserId":"eve"}"#;
    let done = room.act("bob", "party:vote", kick_eve).unwrap();
    assert_eq!(
        told(&done, "party:vote"),
        [
            r#"{"subject":"kick","target":"eve","by":{"id":"bob","name":"BOB"},"yes":1,"needed":3,"endsAt":1700000060000,"isOpen":true,"outcome":null}"#
        ]
    );
    assert_eq!(room.ask("eve", "party:vote", kick_eve), Err(Refusal::Forbidden));
    assert_eq!(room.ask("cyd", "party:vote", r#"{"subject":"skip"}"#), Err(Refusal::TooMany));
    room.enter("fay", Role::Member);
    assert_eq!(room.ask("fay", "party:vote", kick_eve), Err(Refusal::Forbidden), "it came later");
    assert_eq!(room.ask("cyd", "party:vote", kick_eve), Ok(Vec::new()), "two of four are no more than half");
    let done = room.act("dan", "party:vote", kick_eve).unwrap();
    assert!(told(&done, "party:vote")[0].ends_with(r#""isOpen":false,"outcome":"passed"}"#));
    assert_eq!(done.follow_ups, [FollowUp::PutOut(vec![member("eve")])]);
    room.exit("eve");
    assert_eq!(room.ask("cyd", "party:unvote", "{}"), Err(Refusal::NoSuchVote));
    let owner = r#"{"subject":"kick","targetUserId":"ann"}"#;
    assert_eq!(room.ask("cyd", "party:vote", owner), Err(Refusal::Forbidden));
    assert_eq!(room.ask("bob", "party:vote", r#"{"subject":"skip"}"#), Err(Refusal::TooMany), "so soon");
    assert_eq!(
        room.ask("cyd", "party:vote", r#"{"subject":"skip","targetUserId":"bob"}"#),
        Err(Refusal::Invalid)
    );
}

#[test]
fn a_vote_is_counted_again_when_somebody_goes() {
    let mut room = Room::with(&["ann", "bob", "cyd", "dan", "eve"]);
    let skip = r#"{"subject":"skip"}"#;
    room.ask("bob", "party:vote", skip).unwrap();
    assert_eq!(room.ask("cyd", "party:vote", skip), Ok(Vec::new()), "two of five are not half");
    room.exit("dan");
    let mut done = Done::default();
    room.party.recount(&mut done, scene(&room.terms, room.now));
    assert_eq!(done.follow_ups, [FollowUp::Skip], "half of four is two: {done:?}");
}

#[test]
fn a_vote_that_nobody_follows_fails_in_time() {
    let mut room = Room::with(&["ann", "bob", "cyd", "dan", "eve"]);
    room.ask("bob", "party:vote", r#"{"subject":"skip"}"#).unwrap();
    room.ask("bob", "party:unvote", "{}").unwrap();
    room.ask("ann", "party:mute", r#"{"targetUserId":"eve","isMuted":true}"#).unwrap();
    assert_eq!(room.ask("eve", "party:vote", r#"{"subject":"skip"}"#), Err(Refusal::Muted));
    let mut done = Done::default();
    room.now = room.party.next_timeout().unwrap();
    room.party.handle_timeout(&mut done, scene(&room.terms, room.now));
    assert!(told(&done, "party:vote")[0].contains(r#""needed":2"#), "the muted one does not count");
    assert!(told(&done, "party:vote")[0].ends_with(r#""outcome":"failed"}"#));
    assert!(done.follow_ups.is_empty() && room.party.next_timeout().is_none());
}

#[test]
fn who_may_invite_makes_tokens_that_its_owner_can_revoke() {
    let mut room = Room::with(&["ann", "bob", "cyd"]);
    let invite = r#"{"expiresIn":3600,"skipsPassword":true}"#;
    assert_eq!(room.ask("bob", "party:invite", invite), Err(Refusal::Forbidden));
    room.ask("ann", "party:set", r#"{"preset":"open"}"#).unwrap();
    let made = answer(&room.act("bob", "party:invite", invite).unwrap());
    let token = made["invitation"]["token"].as_str().unwrap().to_owned();
    let claim = room.terms.invitations.read(&token).unwrap();
    assert_eq!(claim.room, "AB12CD");
    assert_eq!(room.party.invitation(&claim.id, room.now), Some(true));
    assert_eq!(room.party.invitation(&claim.id, room.now + Duration::from_hours(1)), None);
    let revoke = format!(r#"{{"id":"{}"}}"#, claim.id);
    assert_eq!(room.ask("cyd", "party:revoke", &revoke), Err(Refusal::Forbidden));
    let long = answer(&room.act("ann", "party:invite", r#"{"expiresIn":1e9}"#).unwrap());
    assert_eq!(long["invitation"]["expiresAt"], 1_700_086_400_000_u64, "for a day at most");
    assert_eq!(room.ask("ann", "party:invite", invite), Err(Refusal::TooMany));
    let list = answer(&room.act("cyd", "party:invitations", "{}").unwrap());
    assert_eq!(list["invitations"][0]["by"], "BOB");
    assert_eq!(list["invitations"][0]["token"], serde_json::Value::Null, "a token is told once");
    assert_eq!(room.ask("ann", "party:revoke", &revoke), Ok(Vec::new()));
    assert_eq!(room.party.invitation(&claim.id, room.now), None);
    assert_eq!(room.ask("ann", "party:revoke", &revoke), Err(Refusal::NoSuchInvitation));
}

#[test]
fn reactions_and_typing_are_told_to_pages_and_bounded() {
    let mut room = Room::with(&["ann", "bob"]);
    let react = r#"{"emoji":"🎉"}"#;
    let done = room.act("bob", "party:react", react).unwrap();
    assert_eq!(
        told(&done, "party:reaction"),
        [r#"{"userId":"bob","userName":"BOB","emoji":"🎉","position":1.5}"#]
    );
    room.ask("bob", "party:react", react).unwrap();
    assert_eq!(room.ask("bob", "party:react", react), Err(Refusal::TooMany));
    let typing =
        |room: &mut Room| told(&room.act("ann", "party:typing", "{}").unwrap(), "party:typing").len();
    assert_eq!((typing(&mut room), typing(&mut room)), (1, 0));
    room.now = room.now + Duration::from_secs(1);
    assert_eq!(typing(&mut room), 1);
}

#[test]
fn strangers_ask_in_vain_and_a_room_is_kept_as_it_is() {
    let mut room = Room::with(&["ann", "bob"]);
    assert_eq!(room.ask("eve", "party:set", "{}"), Err(Refusal::NotInARoom));
    room.ask("ann", "party:invite", r#"{"expiresIn":60}"#).unwrap();
    room.ask("ann", "party:vote", &format!(r#"{{"subject":"kick",{}"#, &BOB[1..])).unwrap();
    room.ask("ann", "party:set", r#"{"preset":"lecture","waitLimit":0}"#).unwrap();
    let kept = serde_json::to_value(&room.party).unwrap();
    let back: Party = serde_json::from_value(kept.clone()).unwrap();
    assert_eq!(serde_json::to_value(&back).unwrap(), kept);
    assert_eq!(back.wait_limit(&room.terms), Duration::ZERO);
    let before: Party = serde_json::from_str("{}").unwrap();
    assert_eq!(before.wait_limit(&room.terms), Duration::from_secs(5));
}

#[test]
fn whoever_is_another_person_each_moment_is_not_remembered_as_all_of_them() {
    let mut room = Room::with(&["ann", "bob"]);
    for n in 0..50 {
        room.party.introduce(member("bob"), None, Some(person(&format!("bob {n}"))), &room.terms, room.now);
    }
    let n_absent = room.party.persons.len() - 2;
    assert_eq!(n_absent, room.terms.limits.max_absent_persons);
}
