//! One vote at a time: who may say yes, when it passes, and when it has failed.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::person::PersonId;
use super::present::{Named, clear};
use crate::effect::MemberId;
use crate::time::{Timestamp, WallOffset};

/// What a vote is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum VoteSubject {
    /// On to what is next in the queue.
    Skip,
    /// Somebody has to go.
    Kick,
}

/// How a vote has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// Enough have said yes.
    Passed,
    /// Not enough have, in time.
    Failed,
}

/// How long votes last, and what passes them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VoteTerms {
    /// A vote fails after so long.
    pub time: Duration,
    /// So many percent of those who may vote have to say yes to what is next in the queue.
    pub skip_percent: u32,
}

/// A vote that is open.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Ballot {
    /// What it is about.
    pub subject: VoteSubject,
    /// Whom it is about, as it was called then.
    pub target: Option<(PersonId, MemberId)>,
    by: (MemberId, String),
    /// Who was there when it was opened.
    electorate: Vec<PersonId>,
    yes: Vec<PersonId>,
    ends_at: Timestamp,
    #[serde(default = "half", skip_serializing_if = "is_half")]
    skip_percent: u32,
}

/// Half of those who may vote, as in rooms of earlier versions.
pub const HALF_PERCENT: u32 = 50;

fn half() -> u32 {
    HALF_PERCENT
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde gives it a reference")]
fn is_half(percent: &u32) -> bool {
    *percent == HALF_PERCENT
}

/// A vote as pages see it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct VoteView<'a> {
    subject: VoteSubject,
    target: Option<MemberId>,
    by: Named<'a>,
    yes: usize,
    needed: usize,
    ends_at: u64,
    is_open: bool,
    outcome: Option<Outcome>,
}

/// How a vote stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Count {
    /// So many have said yes.
    pub yes: usize,
    /// So many have to.
    pub needed: usize,
}

impl Ballot {
    /// Opens a vote among the persons who are there.
    pub fn open(
        subject: VoteSubject,
        target: Option<(PersonId, MemberId)>,
        by: (MemberId, String),
        electorate: Vec<PersonId>,
        terms: VoteTerms,
        now: Timestamp,
    ) -> Self {
        let (ends_at, skip_percent) = (now + terms.time, terms.skip_percent);
        Self { subject, target, by, electorate, yes: Vec::new(), ends_at, skip_percent }
    }

    /// Takes the name of who opened it away, if it is that one; gives how many names.
    pub(super) fn erase(&mut self, name: &str) -> u64 {
        clear(&mut self.by.1, name)
    }

    /// When it fails.
    pub fn ends_at(&self) -> Timestamp {
        self.ends_at
    }

    /// Whether it asks the same.
    pub fn is_about(&self, subject: VoteSubject, target: Option<PersonId>) -> bool {
        self.subject == subject && self.target.map(|(person, _)| person) == target
    }

    /// Whether somebody may say anything to it.
    pub fn may_vote(&self, person: PersonId) -> bool {
        self.electorate.contains(&person) && !self.is_target(person)
    }

    /// Somebody says yes.
    pub fn say_yes(&mut self, person: PersonId) {
        if self.may_vote(person) && !self.yes.contains(&person) {
            self.yes.push(person);
        }
    }

    /// Somebody takes its yes back.
    pub fn take_back(&mut self, person: PersonId) {
        self.yes.retain(|yes| *yes != person);
    }

    /// How it stands among those who are there and may speak.
    pub fn count(&self, speakers: &[PersonId]) -> Count {
        let voters = self.electorate.iter().filter(|person| !self.is_target(**person));
        let voters: Vec<&PersonId> = voters.filter(|person| speakers.contains(person)).collect();
        let yes = voters.iter().filter(|person| self.yes.contains(person)).count();
        let needed = match self.subject {
            VoteSubject::Skip => (voters.len() * self.skip_percent as usize).div_ceil(100).max(1),
            // More than half, always: nobody is put out by a minority.
            VoteSubject::Kick => voters.len() / 2 + 1,
        };
        Count { yes, needed }
    }

    /// How it has ended, if it has.
    pub fn outcome(&self, speakers: &[PersonId], now: Timestamp) -> Option<Outcome> {
        let count = self.count(speakers);
        if count.yes >= count.needed {
            Some(Outcome::Passed)
        } else {
            (now >= self.ends_at).then_some(Outcome::Failed)
        }
    }

    /// As pages see it.
    pub fn view(&self, count: Count, outcome: Option<Outcome>, wall: WallOffset) -> VoteView<'_> {
        VoteView {
            subject: self.subject,
            target: self.target.map(|(_, member)| member),
            by: Named { id: self.by.0, name: &self.by.1 },
            yes: count.yes,
            needed: count.needed,
            ends_at: wall.wall(self.ends_at).as_millis(),
            is_open: outcome.is_none(),
            outcome,
        }
    }

    fn is_target(&self, person: PersonId) -> bool {
        self.target.is_some_and(|(target, _)| target == person)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rooms::test_stage::{START, member};

    const MINUTE: Duration = Duration::from_mins(1);
    const TERMS: VoteTerms = VoteTerms { time: MINUTE, skip_percent: HALF_PERCENT };

    fn person(name: &str) -> PersonId {
        PersonId::of_connection(member(name))
    }

    fn persons(names: &[&str]) -> Vec<PersonId> {
        names.iter().map(|name| person(name)).collect()
    }

    fn skip(names: &[&str]) -> Ballot {
        let by = (member("ann"), "Ann".to_owned());
        Ballot::open(VoteSubject::Skip, None, by, persons(names), TERMS, START)
    }

    #[test]
    fn half_of_those_who_are_still_there_and_were_then_pass_it() {
        let all = ["ann", "bob", "cyd", "dan", "eve"];
        let mut ballot = skip(&all);
        for name in ["ann", "ann", "bob", "late"] {
            ballot.say_yes(person(name));
        }
        let late = persons(&["ann", "bob", "cyd", "dan", "eve", "late"]);
        assert_eq!(ballot.count(&late), Count { yes: 2, needed: 3 });
        assert_eq!(ballot.outcome(&late, START), None);
        assert_eq!(ballot.outcome(&late, START + MINUTE), Some(Outcome::Failed));
        assert_eq!(ballot.outcome(&persons(&["ann", "bob", "cyd", "dan"]), START), Some(Outcome::Passed));
        ballot.take_back(person("bob"));
        assert_eq!(ballot.outcome(&persons(&["ann", "bob", "cyd", "dan"]), START), None);
        assert_eq!(ballot.outcome(&[], START), None, "nobody passes nothing");
    }

    #[test]
    fn as_many_percent_pass_it_as_are_configured_and_a_vote_of_an_earlier_version_takes_half() {
        let all = persons(&["ann", "bob", "cyd", "dan", "eve"]);
        let needed = |skip_percent| {
            let by = (member("ann"), "Ann".to_owned());
            let terms = VoteTerms { skip_percent, ..TERMS };
            let ballot = Ballot::open(VoteSubject::Skip, None, by, all.clone(), terms, START);
            let written = serde_json::to_value(&ballot).unwrap();
            let read: Ballot = serde_json::from_value(written.clone()).unwrap();
            assert_eq!(read.count(&all), ballot.count(&all));
            (ballot.count(&all).needed, written.get("skip_percent").is_some())
        };
        assert_eq!(
            [1, 50, 60, 61, 100].map(needed),
            [(1, true), (3, false), (3, true), (4, true), (5, true)]
        );
    }

    #[test]
    fn the_target_does_not_count() {
        let by = (member("ann"), "Ann".to_owned());
        let target = Some((person("bob"), member("bob")));
        let electorate = persons(&["ann", "bob", "cyd"]);
        let mut ballot = Ballot::open(VoteSubject::Kick, target, by, electorate.clone(), TERMS, START);
        ballot.say_yes(person("bob"));
        assert_eq!(ballot.count(&electorate), Count { yes: 0, needed: 2 }, "nobody puts anybody out alone");
        assert!(!ballot.may_vote(person("bob")) && ballot.may_vote(person("cyd")));
    }
}
