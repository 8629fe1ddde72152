//! Whether a mountpoint's encoder runs: while somebody listens or fetches its HLS, and for some time after that. No clock.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use crate::time::Timestamp;

/// Who wants a mountpoint.
#[derive(Debug)]
pub struct Demand {
    /// The encoder runs for so long after nobody has wanted it any more.
    idle_timeout: Duration,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    n_holds: usize,
    /// HLS has been wanted without a pause since then, and is until then.
    hls_since: Timestamp,
    hls_until: Timestamp,
    /// When the encoder may sleep.
    idle_at: Timestamp,
    is_awake: bool,
    n_sleeps: u64,
}

/// What is to be done with sound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// The encoder runs, and gets it.
    Encode,
    /// The encoder starts, with the sound before it.
    Wake,
    /// The encoder stops.
    Sleep,
    /// Nobody wants it.
    Rest,
}

/// A listener, who keeps an encoder running.
#[derive(Debug)]
pub struct Hold(Arc<Demand>);

impl Drop for Hold {
    fn drop(&mut self) {
        self.0.state.lock().n_holds -= 1;
    }
}

impl Demand {
    /// Nobody wants it yet.
    pub fn new(idle_timeout: Duration) -> Arc<Self> {
        Arc::new(Self { idle_timeout, state: Mutex::default() })
    }

    /// A listener, until that is dropped.
    pub fn hold(self: &Arc<Self>) -> Hold {
        self.state.lock().n_holds += 1;
        Hold(Arc::clone(self))
    }

    /// HLS is wanted for so long. Returns since when it has been, without a pause.
    pub fn want_hls(&self, now: Timestamp, time: Duration) -> Timestamp {
        let mut state = self.state.lock();
        if now >= state.hls_until {
            state.hls_since = now;
        }
        state.hls_until = state.hls_until.max(now + time);
        state.hls_since
    }

    /// How often the encoder has been put to sleep: what it made before the latest time is old.
    pub fn n_sleeps(&self) -> u64 {
        self.state.lock().n_sleeps
    }

    /// What is to be done with sound that is on the air now.
    pub fn decide(&self, now: Timestamp) -> Decision {
        let mut state = self.state.lock();
        let is_wanted = state.n_holds > 0 || now < state.hls_until;
        if is_wanted {
            state.idle_at = now + self.idle_timeout;
        }
        match (state.is_awake, is_wanted || now < state.idle_at) {
            (true, true) => Decision::Encode,
            (true, false) => {
                state.is_awake = false;
                state.n_sleeps += 1;
                Decision::Sleep
            }
            (false, true) => {
                state.is_awake = true;
                Decision::Wake
            }
            (false, false) => Decision::Rest,
        }
    }

    /// A decision that could not be followed is made again with the next sound.
    pub fn undo(&self, decision: Decision) {
        let mut state = self.state.lock();
        match decision {
            Decision::Wake => state.is_awake = false,
            Decision::Sleep => {
                state.is_awake = true;
                state.n_sleeps -= 1;
            }
            Decision::Encode | Decision::Rest => {}
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
    fn an_encoder_runs_while_somebody_listens_and_half_a_minute_more() {
        let demand = Demand::new(Duration::from_secs(30));
        assert_eq!(demand.decide(at(0)), Decision::Rest);
        let (one, other) = (demand.hold(), demand.hold());
        assert_eq!((demand.decide(at(1)), demand.decide(at(2))), (Decision::Wake, Decision::Encode));
        drop(one);
        assert_eq!(demand.decide(at(100)), Decision::Encode);
        drop(other);
        assert_eq!((demand.decide(at(129)), demand.n_sleeps()), (Decision::Encode, 0));
        assert_eq!((demand.decide(at(130)), demand.n_sleeps()), (Decision::Sleep, 1));
        assert_eq!(demand.decide(at(131)), Decision::Rest);
    }

    #[test]
    fn hls_is_wanted_until_its_listeners_are_taken_for_gone() {
        let demand = Demand::new(Duration::ZERO);
        let time = Duration::from_secs(20);
        assert_eq!(demand.want_hls(at(0), time), at(0));
        assert_eq!((demand.decide(at(1)), demand.want_hls(at(6), time)), (Decision::Wake, at(0)));
        assert_eq!((demand.decide(at(25)), demand.decide(at(26))), (Decision::Encode, Decision::Sleep));
        assert_eq!(demand.want_hls(at(60), time), at(60));
    }

    #[test]
    fn what_could_not_be_done_is_decided_again() {
        let demand = Demand::new(Duration::ZERO);
        let hold = demand.hold();
        for _ in 0..2 {
            assert_eq!(demand.decide(at(0)), Decision::Wake);
            demand.undo(Decision::Wake);
        }
        assert_eq!(demand.decide(at(0)), Decision::Wake);
        drop(hold);
        for _ in 0..2 {
            assert_eq!((demand.decide(at(1)), demand.n_sleeps()), (Decision::Sleep, 1));
            demand.undo(Decision::Sleep);
        }
        assert_eq!(demand.n_sleeps(), 0);
    }
}
