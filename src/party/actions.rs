//! What pages have done in a room: each event of theirs, who may, and what comes of it.

use std::time::Duration;

use super::invitations::{Invitation, InvitationView, draw_id};
use super::protocol::{Refusal, RoomEvent, ServerEvent, Settings, Success};
use super::roles::{Policy, Right, Role};
use super::votes::{Ballot, Outcome, VoteSubject};
use super::{Done, FollowUp, Party, Scene};
use crate::effect::{Effects, MemberId};
use crate::rooms::Rng;

/// Between two signs of one member that it types.
const TYPING_EVERY: Duration = Duration::from_secs(1);

impl Party {
    /// Does what a page asks for; `position` is the second of what plays.
    ///
    /// # Errors
    /// It has no right to it, or it cannot be done: nothing has been.
    pub fn act(
        &mut self,
        from: MemberId,
        event: RoomEvent,
        position: Option<f64>,
        rng: &mut Rng,
        scene: Scene<'_>,
    ) -> Result<Done, Refusal> {
        if self.get(from).is_none() {
            return Err(Refusal::NotInARoom);
        }
        let mut done = Done::default();
        match event {
            RoomEvent::Set(settings) => self.set(from, settings, &mut done, scene)?,
            RoomEvent::Grant { to, role } => self.grant(from, to, role, &mut done, scene)?,
            RoomEvent::Mute { target, is_muted } => self.mute(from, target, is_muted, &mut done, scene)?,
            RoomEvent::Kick { target } => {
                self.check_over(from, target, scene)?;
                done.follow_ups.push(self.put_out(target, scene));
            }
            RoomEvent::Invite { expires_in, skips_password } => {
                let id = draw_id(rng);
                return self.invite(from, id, expires_in, skips_password, scene);
            }
            RoomEvent::ListInvitations => return self.list_invitations(from, scene),
            RoomEvent::Revoke { id } => self.revoke(from, &id, scene)?,
            RoomEvent::Vote { subject, target } => self.vote(from, subject, target, &mut done, scene)?,
            RoomEvent::Unvote => self.unvote(from, &mut done, scene)?,
            RoomEvent::React { emoji } => self.react(from, &emoji, position, &mut done.effects, scene)?,
            RoomEvent::Type => self.note_typing(from, &mut done.effects, scene)?,
        }
        done.effects.answer(&Success::plain());
        Ok(done)
    }

    fn set(
        &mut self,
        from: MemberId,
        settings: Settings,
        done: &mut Done,
        scene: Scene<'_>,
    ) -> Result<(), Refusal> {
        let limits = &scene.terms.limits;
        let is_order_alone = settings.preset.is_none()
            && settings.rights.is_none()
            && settings.is_permanent.is_none()
            && settings.wait_limit.is_none()
            && settings.is_public.is_none()
            && settings.password.is_none();
        match self.role_of(from, scene.owner) {
            Role::Owner => {}
            Role::Cohost if is_order_alone => {}
            Role::Cohost | Role::Member | Role::Guest => return Err(Refusal::Forbidden),
        }
        let slow_mode = settings.slow_mode.map(Duration::from_secs);
        let wait_limit = match settings.wait_limit.map(Duration::try_from_secs_f64) {
            Some(limit) => Some(limit.map_err(|_| Refusal::Invalid)?),
            None => None,
        };
        let n_password_chars = settings.password.as_deref().map_or(0, |password| password.chars().count());
        if slow_mode.is_some_and(|pause| pause > limits.max_slow_mode)
            || wait_limit.is_some_and(|limit| limit > limits.max_wait_limit)
            || n_password_chars > limits.max_password_chars
            || (settings.preset.is_some() && settings.rights.is_some())
        {
            return Err(Refusal::Invalid);
        }
        let policy = settings.preset.map(Policy::Preset).or(settings.rights.map(Policy::Own));
        self.policy = policy.unwrap_or(self.policy);
        self.slow_mode = slow_mode.unwrap_or(self.slow_mode);
        self.is_locked = settings.is_locked.unwrap_or(self.is_locked);
        self.wait_limit = wait_limit.or(self.wait_limit);
        self.permanence.is_permanent = settings.is_permanent.unwrap_or(self.permanence.is_permanent);
        if policy.is_some() {
            self.tell_each(&mut done.effects, scene);
        }
        done.follow_ups.extend(settings.is_public.map(FollowUp::SetPublic));
        let password = settings.password.map(|password| Some(password).filter(|word| !word.is_empty()));
        done.follow_ups.extend(password.map(FollowUp::SetPassword));
        done.follow_ups.push(FollowUp::TellRoom);
        Ok(())
    }

    fn grant(
        &mut self,
        from: MemberId,
        to: MemberId,
        role: Role,
        done: &mut Done,
        scene: Scene<'_>,
    ) -> Result<(), Refusal> {
        if from != scene.owner {
            return Err(Refusal::Forbidden);
        }
        let person = self.person_of(to).ok_or(Refusal::NoSuchMember)?;
        if from == to {
            return Err(Refusal::Invalid);
        }
        if role == Role::Owner {
            done.follow_ups.push(FollowUp::HandOver(to));
            return Ok(());
        }
        self.persons.of(person).role = role;
        self.tell_person(to, &mut done.effects, scene);
        Ok(())
    }

    fn mute(
        &mut self,
        from: MemberId,
        target: MemberId,
        is_muted: bool,
        done: &mut Done,
        scene: Scene<'_>,
    ) -> Result<(), Refusal> {
        self.check_over(from, target, scene)?;
        let person = self.person_of(target).ok_or(Refusal::NoSuchMember)?;
        self.persons.of(person).is_muted = is_muted;
        self.tell_person(target, &mut done.effects, scene);
        self.recount(done, scene);
        Ok(())
    }

    /// A person has become something else: its pages are told, and all see it in the list.
    fn tell_person(&mut self, member: MemberId, effects: &mut Effects, scene: Scene<'_>) {
        let person = self.person_of(member);
        for present in self.present.iter().filter(|present| Some(present.person) == person) {
            self.tell_you(effects, present.id, scene);
        }
        if self.may_tell_members(scene.now) {
            self.tell_members(effects, scene);
        }
    }

    fn invite(
        &mut self,
        from: MemberId,
        id: String,
        expires_in: Duration,
        skips_password: bool,
        scene: Scene<'_>,
    ) -> Result<Done, Refusal> {
        if !self.may(from, Right::Invite, scene) {
            return Err(Refusal::Forbidden);
        }
        let present = self.get(from).ok_or(Refusal::NotInARoom)?;
        let limits = &scene.terms.limits;
        let token = scene.terms.invitations.sign(scene.room, &id);
        let invitation = Invitation {
            id,
            expires_at: scene.now + expires_in.min(limits.max_invitation_time),
            skips_password,
            by: present.person,
            by_name: present.name.clone(),
        };
        let made = self.invitations.add(invitation, limits.max_invitations, scene.now);
        let view = made.ok_or(Refusal::TooMany)?.view(Some(token), scene.wall);
        let mut done = Done::default();
        done.effects.answer(&Success::invited(view));
        Ok(done)
    }

    fn list_invitations(&self, from: MemberId, scene: Scene<'_>) -> Result<Done, Refusal> {
        if !self.may(from, Right::Invite, scene) {
            return Err(Refusal::Forbidden);
        }
        let live = self.invitations.live(scene.now);
        let views: Vec<InvitationView<'_>> =
            live.map(|invitation| invitation.view(None, scene.wall)).collect();
        let mut done = Done::default();
        done.effects.answer(&Success::invitations(views));
        Ok(done)
    }

    fn revoke(&mut self, from: MemberId, id: &str, scene: Scene<'_>) -> Result<(), Refusal> {
        if !self.may(from, Right::Invite, scene) {
            return Err(Refusal::Forbidden);
        }
        let invitation = self.invitations.get(id, scene.now).ok_or(Refusal::NoSuchInvitation)?;
        if from != scene.owner && self.person_of(from) != Some(invitation.by) {
            return Err(Refusal::Forbidden);
        }
        self.invitations.revoke(id);
        Ok(())
    }

    fn vote(
        &mut self,
        from: MemberId,
        subject: VoteSubject,
        target: Option<MemberId>,
        done: &mut Done,
        scene: Scene<'_>,
    ) -> Result<(), Refusal> {
        let present = self.get(from).ok_or(Refusal::NotInARoom)?;
        let (person, by) = (present.person, (from, present.name.clone()));
        if self.is_muted(from) {
            return Err(Refusal::Muted);
        }
        let target = match (subject, target) {
            (VoteSubject::Skip, None) if scene.terms.has_queue => None,
            (VoteSubject::Kick, Some(target)) => {
                Some((self.person_of(target).ok_or(Refusal::NoSuchMember)?, target))
            }
            (VoteSubject::Skip | VoteSubject::Kick, _) => return Err(Refusal::Invalid),
        };
        if target.is_some_and(|(id, member)| id == person || self.is_owner(member, scene)) {
            return Err(Refusal::Forbidden);
        }
        let about = target.map(|(person, _)| person);
        match &self.ballot {
            Some(ballot) if !ballot.is_about(subject, about) => return Err(Refusal::TooMany),
            Some(ballot) if !ballot.may_vote(person) => return Err(Refusal::Forbidden),
            Some(_) => {}
            None => {
                let terms = scene.terms.limits.votes;
                let record = self.persons.of(person);
                if record.opened_vote_at.is_some_and(|at| scene.now.since(at) < terms.time) {
                    return Err(Refusal::TooMany);
                }
                record.opened_vote_at = Some(scene.now);
                let electorate = self.speakers();
                self.ballot = Some(Ballot::open(subject, target, by, electorate, terms, scene.now));
            }
        }
        if let Some(ballot) = &mut self.ballot {
            ballot.say_yes(person);
        }
        self.tell_vote(done, scene);
        Ok(())
    }

    fn unvote(&mut self, from: MemberId, done: &mut Done, scene: Scene<'_>) -> Result<(), Refusal> {
        let person = self.person_of(from).ok_or(Refusal::NotInARoom)?;
        self.ballot.as_mut().ok_or(Refusal::NoSuchVote)?.take_back(person);
        self.tell_vote(done, scene);
        Ok(())
    }

    /// Looks at the vote again: somebody has come, gone or been muted, or its time is over.
    pub fn recount(&mut self, done: &mut Done, scene: Scene<'_>) {
        if self.ballot.is_some() {
            self.tell_vote(done, scene);
        }
    }

    /// Does what is due by itself: a vote whose time is over fails, and pages are told who is there by now.
    pub fn handle_timeout(&mut self, done: &mut Done, scene: Scene<'_>) {
        if self.ballot.as_ref().is_some_and(|ballot| ballot.ends_at() <= scene.now) {
            self.recount(done, scene);
        }
        if self.member_news.take_due(scene.now) {
            done.follow_ups.push(FollowUp::TellMembers);
        }
    }

    /// Tells pages how the vote stands, and ends it if it has ended.
    fn tell_vote(&mut self, done: &mut Done, scene: Scene<'_>) {
        let Some(ballot) = self.ballot.take() else { return };
        let speakers = self.speakers();
        // Whoever it is about may have gone before it was put out.
        let target = ballot.target.map(|(person, _)| person);
        let is_moot = target.is_some_and(|person| !self.is_there(person));
        let outcome = if is_moot { Some(Outcome::Failed) } else { ballot.outcome(&speakers, scene.now) };
        let view = ballot.view(ballot.count(&speakers), outcome, scene.wall);
        self.tell_pages(&mut done.effects, ServerEvent::Vote(&view).frame());
        match outcome {
            None => self.ballot = Some(ballot),
            Some(Outcome::Failed) => {}
            Some(Outcome::Passed) => match ballot.subject {
                VoteSubject::Skip => done.follow_ups.push(FollowUp::Skip),
                VoteSubject::Kick => {
                    let member = self.present.iter().find(|present| Some(present.person) == target);
                    if let Some(member) = member.map(|present| present.id) {
                        done.follow_ups.push(self.put_out(member, scene));
                    }
                }
            },
        }
    }

    fn react(
        &mut self,
        from: MemberId,
        emoji: &str,
        position: Option<f64>,
        effects: &mut Effects,
        scene: Scene<'_>,
    ) -> Result<(), Refusal> {
        self.may_chat(from, scene)?;
        let present = self.get_mut(from).ok_or(Refusal::NotInARoom)?;
        if !present.reactions.take(scene.terms.limits.reactions, scene.now) {
            return Err(Refusal::TooMany);
        }
        let by = self.get(from).ok_or(Refusal::NotInARoom)?.named();
        effects.tell_lossy(self.pages(), ServerEvent::Reaction { by, emoji, position }.frame());
        if let Some(present) = self.present.iter().find(|present| present.id == from) {
            self.recording.note_reaction(effects, present, emoji, position, scene.now);
        }
        Ok(())
    }

    fn note_typing(
        &mut self,
        from: MemberId,
        effects: &mut Effects,
        scene: Scene<'_>,
    ) -> Result<(), Refusal> {
        self.may_chat(from, scene)?;
        let present = self.get_mut(from).ok_or(Refusal::NotInARoom)?;
        if present.typed_at.is_some_and(|at| scene.now.since(at) < TYPING_EVERY) {
            return Ok(());
        }
        present.typed_at = Some(scene.now);
        let by = self.get(from).ok_or(Refusal::NotInARoom)?.named();
        let others = self.pages().into_iter().filter(|page| *page != from).collect();
        effects.tell_lossy(others, ServerEvent::Typing(by).frame());
        Ok(())
    }
}
