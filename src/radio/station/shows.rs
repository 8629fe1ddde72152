//! Shows of a station: one takes the place of another, or of what plays without one.

use std::mem;
use std::sync::Arc;

use super::Station;
use crate::radio::news::Event;
use crate::radio::sources::source_slot::SourceKind;
use crate::radio::station_handle::{ShowOnAir, Switch, SwitchTo};

impl Station {
    /// Plays a show, or what plays without one.
    pub(super) fn switch(&mut self, Switch { to, show, .. }: Switch) {
        let (program, relayed) = match to {
            SwitchTo::Tracks(program) => (Some(program), None),
            SwitchTo::Relay(url) => (None, Some(url)),
            SwitchTo::Regular => (None, self.state.regular_relay.clone()),
        };
        let show_queue = program.as_ref().map(|program| Arc::clone(&program.queue));
        if let Some(program) = program {
            // Without a show, the next track plays after it, and not the rest of this one.
            self.skip();
            let before = std::mem::replace(&mut self.program, program);
            self.parked.get_or_insert(before);
        } else if let Some(parked) = self.parked.take() {
            self.program = parked;
        }
        // A live source goes before every show.
        let is_relayed = self.state.on_air.lock().source == SourceKind::Relay;
        if is_relayed && *self.state.relayed.borrow() != relayed {
            self.end_external_source();
        }
        self.state.relayed.send_replace(relayed);
        let mut on_air = self.state.on_air.lock();
        let before = mem::replace(&mut on_air.show, show.clone());
        on_air.show_queue = show_queue;
        drop(on_air);
        self.tell_show(before, show);
        self.state.changes.send_modify(|n| *n += 1);
    }

    /// Tells that one show is over and another one on.
    fn tell_show(&self, before: Option<ShowOnAir>, show: Option<ShowOnAir>) {
        let now = self.context.clock.now();
        let (before, show) = (before.map(|before| before.name), show.map(|show| show.name));
        if before == show {
            return;
        }
        let ended = before.map(Event::ShowEnd);
        ended.into_iter().chain(show.map(Event::ShowStart)).for_each(|event| self.state.tell(now, &event));
    }
}
