//! Order in a room: who is muted or put out, and how often members may write.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::protocol::Refusal;
use super::roles::{Right, Role};
use super::{Done, FollowUp, Party, Scene};
use crate::effect::MemberId;
use crate::time::Timestamp;

/// Addresses that a room bars at a time; with one more, the first of them goes. A room that needs more is to be locked.
const MAX_BARRED: usize = 100;

/// An address from which only persons come in whom the room has known before.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Barred {
    address: IpAddr,
    until: Timestamp,
}

impl Party {
    /// Whether a member may neither chat nor speak.
    pub fn is_muted(&self, member: MemberId) -> bool {
        let record = self.person_of(member).and_then(|person| self.persons.get(person));
        record.is_some_and(|record| record.is_muted)
    }

    /// Whether a member may write now; if so, it is taken for having done it.
    ///
    /// # Errors
    /// It is muted, has no right to it, or has to wait.
    pub fn take_chat(&mut self, member: MemberId, scene: Scene<'_>) -> Result<(), Refusal> {
        self.may_chat(member, scene)?;
        let Some(person) = self.person_of(member) else { return Ok(()) };
        if !self.slow_mode.is_zero() && !self.may(member, Right::Kick, scene) {
            let record = self.persons.of(person);
            let waited = record.chatted_at.map(|at| scene.now.since(at));
            if let Some(waited) = waited.filter(|waited| *waited < self.slow_mode) {
                let retry_after = self.slow_mode.saturating_sub(waited).as_secs_f64().ceil() as u64;
                return Err(Refusal::SlowMode { retry_after });
            }
            record.chatted_at = Some(scene.now);
        }
        Ok(())
    }

    /// Whether a member may say anything at all.
    pub(super) fn may_chat(&self, member: MemberId, scene: Scene<'_>) -> Result<(), Refusal> {
        if self.may(member, Right::Chat, scene) {
            Ok(())
        } else if self.is_muted(member) {
            Err(Refusal::Muted)
        } else {
            Err(Refusal::Forbidden)
        }
    }

    /// Whether somebody may kick or mute another one.
    pub(super) fn check_over(
        &self,
        from: MemberId,
        target: MemberId,
        scene: Scene<'_>,
    ) -> Result<(), Refusal> {
        if !self.may(from, Right::Kick, scene) {
            return Err(Refusal::Forbidden);
        }
        if self.get(target).is_none() {
            return Err(Refusal::NoSuchMember);
        }
        let is_over = from == scene.owner || !self.may(target, Right::Kick, scene);
        if from == target || self.is_owner(target, scene) || !is_over {
            return Err(Refusal::Forbidden);
        }
        Ok(())
    }

    /// Whether somebody is the owner, in this connection or another.
    pub(super) fn is_owner(&self, member: MemberId, scene: Scene<'_>) -> bool {
        let owner = self.person_of(scene.owner);
        member == scene.owner || (owner.is_some() && owner == self.person_of(member))
    }

    /// Somebody may not come back for a time: all its connections are put out.
    pub(super) fn put_out(&mut self, target: MemberId, scene: Scene<'_>) -> FollowUp {
        let Some(person) = self.person_of(target) else { return FollowUp::PutOut(Vec::new()) };
        let until = scene.now + scene.terms.limits.kick_time;
        let record = self.persons.of(person);
        record.kicked_until = Some(until);
        if record.role == Role::Cohost {
            record.role = Role::Member;
        }
        let out: Vec<(MemberId, Option<IpAddr>)> = self
            .present
            .iter()
            .filter(|present| present.person == person)
            .map(|present| (present.id, present.address))
            .collect();
        for address in out.iter().filter_map(|(_, address)| *address) {
            self.barred.retain(|barred| barred.until > scene.now && barred.address != address);
            if self.barred.len() >= MAX_BARRED {
                self.barred.remove(0);
            }
            self.barred.push(Barred { address, until });
        }
        FollowUp::PutOut(out.into_iter().map(|(member, _)| member).collect())
    }

    /// An operator puts somebody out, whoever it is.
    pub fn expel(&mut self, target: MemberId, scene: Scene<'_>) -> Done {
        Done { follow_ups: vec![self.put_out(target, scene)], ..Done::default() }
    }

    /// Whether strangers from an address stay out.
    pub(super) fn is_barred(&self, address: Option<IpAddr>, now: Timestamp) -> bool {
        self.barred.iter().any(|barred| Some(barred.address) == address && barred.until > now)
    }
}
