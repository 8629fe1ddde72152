//! A screen that somebody shares by WebRTC: who may, who is told, and what is passed on between two.

use serde_json::value::RawValue;

use super::on_screen::OnScreen;
use super::protocol::{ServerEvent, Signal};
use super::room::Room;
use crate::effect::{Effects, MemberId};

impl Room {
    /// Whether a socket may share its screen for the owner.
    pub fn is_helper(&self, member: MemberId) -> bool {
        self.helper == Some(member)
    }

    /// Lets a socket share the screen for the owner, in place of whoever did before.
    pub fn set_helper(&mut self, helper: MemberId) -> Effects {
        self.helper = Some(helper);
        self.end_orphaned_share()
    }

    /// The helper is gone; what it shared goes with it.
    pub fn drop_helper(&mut self) -> Effects {
        self.helper = None;
        self.end_orphaned_share()
    }

    /// A share ends with its sharer, whatever took that one away.
    pub(super) fn end_orphaned_share(&mut self) -> Effects {
        let mut effects = Effects::none();
        if let OnScreen::Share { by, .. } = self.on_screen
            && !self.has(by)
            && !self.is_helper(by)
        {
            self.on_screen = OnScreen::Nothing;
            effects.tell_all(self.members(), ServerEvent::SharingStopped.frame());
        }
        effects
    }

    /// Starts a screen share. Everybody is told, `from` too.
    pub fn start_sharing(&mut self, from: MemberId, state: Box<RawValue>) -> Effects {
        let effects = self.tell_all_and(from, &ServerEvent::SharingStarted(&state));
        self.on_screen = OnScreen::Share { state, by: from };
        effects
    }

    /// Ends a screen share, as [`Self::start_sharing`] starts it; its sharer may also do so when it has no right to
    /// any more.
    pub fn stop_sharing(&mut self, from: MemberId, may_share: bool) -> Effects {
        if !may_share && self.sharer() != Some(from) {
            return Effects::none();
        }
        self.on_screen = OnScreen::Nothing;
        self.tell_all_and(from, &ServerEvent::SharingStopped)
    }

    /// Tells whoever shares the screen that a member is ready to see it.
    pub fn viewer_ready(&self, from: MemberId) -> Effects {
        let mut effects = Effects::none();
        let Some(by) = self.sharer() else { return effects };
        let is_for_owner = self.is_owner(by) || self.is_helper(by);
        let is_viewer = by != from && !(is_for_owner && self.is_owner(from));
        if is_viewer && self.has(from) {
            let sharer = if is_for_owner { self.helper.unwrap_or(self.owner) } else { by };
            effects.tell(sharer, ServerEvent::ViewerReady { from }.frame());
        }
        effects
    }

    fn sharer(&self) -> Option<MemberId> {
        match self.on_screen {
            OnScreen::Share { by, .. } => Some(by),
            OnScreen::Nothing | OnScreen::Video(_) | OnScreen::Live(_) | OnScreen::Music(_) => None,
        }
    }

    /// Passes a word of WebRTC's on to one other of the room.
    pub fn signal(&self, from: MemberId, event: Signal, to: MemberId, body: &RawValue) -> Effects {
        let mut effects = Effects::none();
        if self.has(to) || self.is_helper(to) {
            effects.tell(to, ServerEvent::Signal { event, from, body }.frame());
        }
        effects
    }

    /// Tells the whole room, and `from` also if it is no member.
    fn tell_all_and(&self, from: MemberId, event: &ServerEvent<'_>) -> Effects {
        let mut effects = Effects::none();
        let mut all = self.members();
        if !all.contains(&from) {
            all.push(from);
        }
        effects.tell_all(all, event.frame());
        effects
    }
}
