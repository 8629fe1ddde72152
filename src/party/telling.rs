//! What pages are told of a party: who they are, how the room is, who is there.

use super::protocol::{MemberView, RoomView, ServerEvent};
use super::{Facts, Party, Present, Scene};
use crate::effect::{Effects, Frame, MemberId};
use crate::rooms::Allowance;
use crate::time::Timestamp;

/// Members that pages are told by name; the count tells of all.
const MAX_NAMED_MEMBERS: usize = 100;

/// How often pages are told who is there, a second and at once: that may be some ten kilobytes for each of thousands.
const MEMBERS_TOLD_PER_SECOND: u32 = 4;
const MEMBERS_TOLD_AT_ONCE: u32 = 40;

impl Party {
    /// Tells all pages something.
    pub fn tell_pages(&self, effects: &mut Effects, frame: Frame) {
        effects.tell_all(self.pages(), frame);
    }

    /// Tells a page who it is here.
    pub fn tell_you(&self, effects: &mut Effects, member: MemberId, scene: Scene<'_>) {
        let Some(person) = self.get(member).filter(|present| present.is_page).map(|present| present.person)
        else {
            return;
        };
        let role = self.role_of(member, scene.owner);
        let event = ServerEvent::You {
            id: member,
            role,
            rights: self.table(scene.terms).of(role),
            is_muted: self.is_muted(member),
            ticket: &scene.terms.tickets.sign(person, scene.room),
        };
        effects.tell(member, event.frame());
    }

    /// Tells each page who it is here.
    pub fn tell_each(&self, effects: &mut Effects, scene: Scene<'_>) {
        for page in self.pages() {
            self.tell_you(effects, page, scene);
        }
    }

    /// Tells pages how the room is: all of them, or one.
    pub fn tell_room(&self, effects: &mut Effects, to: Vec<MemberId>, facts: Facts<'_>, scene: Scene<'_>) {
        if to.is_empty() {
            return;
        }
        let view = RoomView {
            room_id: scene.room,
            name: facts.name,
            preset: self.policy.preset(),
            rights: self.table(scene.terms),
            slow_mode: self.slow_mode.as_secs(),
            is_locked: self.is_locked,
            is_permanent: self.permanence.is_permanent,
            is_public: facts.is_public,
            has_password: facts.has_password,
            wait_limit: self.wait_limit(scene.terms).as_secs_f64(),
            recording: self.recording.view(),
            recording_stopped: self.recording.stopped_at(),
            replay: self.recording.replay_view(),
        };
        effects.tell_all(to, ServerEvent::Room(&view).frame());
    }

    /// Whether pages are told now who is there. They are later, by a [`FollowUp`](super::FollowUp), if they are told too often: whoever comes
    /// and goes, or has another name each time, would have the whole list sent to everybody.
    pub fn may_tell_members(&mut self, now: Timestamp) -> bool {
        let allowance = Allowance::new(MEMBERS_TOLD_PER_SECOND, MEMBERS_TOLD_AT_ONCE);
        self.present.iter().any(|present| present.is_page) && self.member_news.take(allowance, now)
    }

    /// Tells all pages who is there.
    pub fn tell_members(&self, effects: &mut Effects, scene: Scene<'_>) {
        let pages = self.pages();
        if pages.is_empty() {
            return;
        }
        let view = |present| member_view(self, present, scene.owner);
        let members: Vec<MemberView<'_>> = self.present.iter().take(MAX_NAMED_MEMBERS).map(view).collect();
        let event = ServerEvent::Members { count: self.present.len(), members: &members };
        effects.tell_all(pages, event.frame());
    }

    /// Tells a page that has come in, or has said that it is one, all but who is there.
    pub fn greet(&self, effects: &mut Effects, member: MemberId, facts: Facts<'_>, scene: Scene<'_>) {
        if !self.get(member).is_some_and(|present| present.is_page) {
            return;
        }
        self.tell_you(effects, member, scene);
        self.tell_room(effects, vec![member], facts, scene);
        if let Some(ballot) = &self.ballot {
            let view = ballot.view(ballot.count(&self.speakers()), None, scene.wall);
            effects.tell(member, ServerEvent::Vote(&view).frame());
        }
    }
}

fn member_view<'a>(party: &Party, present: &'a Present, owner: MemberId) -> MemberView<'a> {
    MemberView {
        id: present.id,
        name: &present.name,
        role: party.role_of(present.id, owner),
        is_muted: party.is_muted(present.id),
        is_page: present.is_page,
        is_buffering: present.is_buffering,
        is_ready: present.is_ready,
    }
}
