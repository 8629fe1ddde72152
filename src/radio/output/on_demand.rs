//! An encoder that runs on demand: while its mountpoint has listeners, or its HLS is fetched, and until it has been idle for some
//! time. No clock.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use crate::time::Timestamp;

/// Whether the encoder of a mountpoint runs.
#[derive(Debug)]
pub struct OnDemand {
    /// How long the encoder runs without listeners.
    idle_timeout: Duration,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    n_listeners: usize,
    /// HLS has had listeners without a pause since then, and has until then.
    hls_since: Timestamp,
    hls_until: Timestamp,
    /// When the encoder is stopped.
    idle_at: Timestamp,
    is_running: bool,
    n_stops: u64,
}

/// What is to be done with sound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// The encoder runs, and gets it.
    Encode,
    /// The encoder starts, with the sound before it.
    Start,
    /// The encoder stops.
    Stop,
    /// There are no listeners.
    Idle,
}

/// A listener, who keeps an encoder running.
#[derive(Debug)]
pub struct ListenerGuard(Arc<OnDemand>);

impl Drop for ListenerGuard {
    fn drop(&mut self) {
        self.0.state.lock().n_listeners -= 1;
    }
}

impl OnDemand {
    /// Without listeners.
    pub fn new(idle_timeout: Duration) -> Arc<Self> {
        Arc::new(Self { idle_timeout, state: Mutex::default() })
    }

    /// Counts a listener until that is dropped.
    pub fn listener(self: &Arc<Self>) -> ListenerGuard {
        self.state.lock().n_listeners += 1;
        ListenerGuard(Arc::clone(self))
    }

    /// HLS has listeners for so long. Returns since when it has had some, without a pause.
    pub fn extend_hls(&self, now: Timestamp, time: Duration) -> Timestamp {
        let mut state = self.state.lock();
        if now >= state.hls_until {
            state.hls_since = now;
        }
        state.hls_until = state.hls_until.max(now + time);
        state.hls_since
    }

    /// How often the encoder has been stopped: what it made before the latest time is old.
    pub fn n_stops(&self) -> u64 {
        self.state.lock().n_stops
    }

    /// What is to be done with sound that is on the air now.
    pub fn decide(&self, now: Timestamp) -> Decision {
        let mut state = self.state.lock();
        let has_listeners = state.n_listeners > 0 || now < state.hls_until;
        if has_listeners {
            state.idle_at = now + self.idle_timeout;
        }
        match (state.is_running, has_listeners || now < state.idle_at) {
            (true, true) => Decision::Encode,
            (true, false) => {
                state.is_running = false;
                state.n_stops += 1;
                Decision::Stop
            }
            (false, true) => {
                state.is_running = true;
                Decision::Start
            }
            (false, false) => Decision::Idle,
        }
    }

    /// A decision that could not be followed is made again with the next sound.
    pub fn undo(&self, decision: Decision) {
        let mut state = self.state.lock();
        match decision {
            Decision::Start => state.is_running = false,
            Decision::Stop => {
                state.is_running = true;
                state.n_stops -= 1;
            }
            Decision::Encode | Decision::Idle => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: u64) -> Timestamp {
        Timestamp::from_millis(1_700_000_000_000 + second * 1000)
    }

    #[test]
    fn an_encoder_runs_while_there_are_listeners_and_half_a_minute_more() {
        let on_demand = OnDemand::new(Duration::from_secs(30));
        assert_eq!(on_demand.decide(at(0)), Decision::Idle);
        let (one, other) = (on_demand.listener(), on_demand.listener());
        assert_eq!((on_demand.decide(at(1)), on_demand.decide(at(2))), (Decision::Start, Decision::Encode));
        drop(one);
        assert_eq!(on_demand.decide(at(100)), Decision::Encode);
        drop(other);
        assert_eq!((on_demand.decide(at(129)), on_demand.n_stops()), (Decision::Encode, 0));
        assert_eq!((on_demand.decide(at(130)), on_demand.n_stops()), (Decision::Stop, 1));
        assert_eq!(on_demand.decide(at(131)), Decision::Idle);
    }

    #[test]
    fn hls_has_listeners_until_they_are_taken_for_gone() {
        let on_demand = OnDemand::new(Duration::ZERO);
        let time = Duration::from_secs(20);
        assert_eq!(on_demand.extend_hls(at(0), time), at(0));
        assert_eq!((on_demand.decide(at(1)), on_demand.extend_hls(at(6), time)), (Decision::Start, at(0)));
        assert_eq!((on_demand.decide(at(25)), on_demand.decide(at(26))), (Decision::Encode, Decision::Stop));
        assert_eq!(on_demand.extend_hls(at(60), time), at(60));
    }

    #[test]
    fn what_could_not_be_done_is_decided_again() {
        let on_demand = OnDemand::new(Duration::ZERO);
        let listener = on_demand.listener();
        for _ in 0..2 {
            assert_eq!(on_demand.decide(at(0)), Decision::Start);
            on_demand.undo(Decision::Start);
        }
        assert_eq!(on_demand.decide(at(0)), Decision::Start);
        drop(listener);
        for _ in 0..2 {
            assert_eq!((on_demand.decide(at(1)), on_demand.n_stops()), (Decision::Stop, 1));
            on_demand.undo(Decision::Stop);
        }
        assert_eq!(on_demand.n_stops(), 0);
    }
}
