//! Seek, resume and pause: the video moves, and whoever must hear of it does.

use std::time::Duration;

use super::on_screen::OnScreen;
use super::protocol::ServerEvent;
use super::room::{Moment, Room};
use crate::effect::{Effects, MemberId};
use crate::party::protocol::Refusal;
use crate::party::{Crossing, Right};
use crate::time::Timestamp;

impl Room {
    /// Moves the video; `position` is in seconds.
    pub fn seek(&mut self, from: MemberId, position: f64, window: Duration, now: Timestamp) -> Effects {
        if let OnScreen::Video(video) = &mut self.on_screen {
            video.seek(position, now);
        }
        let crossing = self.presses.seek(from, position, window, now);
        self.tell_pressed(from, crossing, &ServerEvent::Seek(position))
    }

    /// Lets the video go on.
    pub fn resume(&mut self, from: MemberId, window: Duration, now: Timestamp) -> Effects {
        self.toggle(from, true, window, now)
    }

    /// Halts the video.
    pub fn pause(&mut self, from: MemberId, window: Duration, now: Timestamp) -> Effects {
        self.toggle(from, false, window, now)
    }

    /// Has the film play faster or slower: pages are told, other clients know of no speeds.
    ///
    /// # Errors
    /// It has no right to it, or no film is on.
    pub fn set_speed(&mut self, from: MemberId, speed: f64, moment: Moment<'_>) -> Result<Effects, Refusal> {
        if !self.may(from, Right::Control, moment) {
            return Err(Refusal::Forbidden);
        }
        let OnScreen::Video(video) = &mut self.on_screen else { return Err(Refusal::Invalid) };
        video.set_speed(speed, moment.now);
        let mut effects = Effects::none();
        self.tell_playhead(&mut effects, moment.now);
        Ok(effects)
    }

    fn toggle(&mut self, from: MemberId, is_playing: bool, window: Duration, now: Timestamp) -> Effects {
        if let OnScreen::Video(video) = &mut self.on_screen {
            video.set_playing(is_playing, now);
        }
        let crossing = self.presses.toggle(from, is_playing, window, now);
        let event = if is_playing { ServerEvent::Resume } else { ServerEvent::Pause };
        self.tell_pressed(from, crossing, &event)
    }

    /// Tells the others what a member pressed, and itself if another's press may have come between.
    fn tell_pressed(&self, from: MemberId, crossing: Crossing, event: &ServerEvent<'_>) -> Effects {
        match crossing {
            Crossing::None => self.tell_others(from, event),
            Crossing::Possible => {
                let mut effects = Effects::none();
                effects.tell_all(self.members(), event.frame());
                effects
            }
        }
    }
}
