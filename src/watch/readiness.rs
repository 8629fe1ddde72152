//! Whom a room waits for, and for how much longer it would. No I/O, no clock.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::effect::MemberId;
use crate::party::PersonId;
use crate::time::Timestamp;

/// Whoever was waited for in vain is not waited for again within this time.
const PATIENCE_WINDOW: Duration = Duration::from_mins(1);

/// Whom a room waits for, and whether it asks who is ready.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Readiness {
    /// The wait, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wait: Option<Wait>,
    /// How long it has waited for whom lately.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    spent: Vec<Spent>,
    /// Who asks, and what it is called.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub check: Option<(MemberId, String)>,
}

/// The film stands still, because somebody loads.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Wait {
    /// All together are waited for until then.
    pub until: Timestamp,
    /// And each of these until its own moment.
    pub waited: Vec<Waited>,
}

/// Somebody who is waited for.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Waited {
    /// Who.
    pub person: PersonId,
    /// Since when.
    pub since: Timestamp,
    /// Until when at most.
    pub until: Timestamp,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Spent {
    person: PersonId,
    time: Duration,
    last_at: Timestamp,
}

impl Readiness {
    /// When somebody is waited for no longer.
    pub fn next_timeout(&self) -> Option<Timestamp> {
        self.wait.as_ref()?.waited.iter().map(|waited| waited.until).min()
    }

    /// For how much longer a person is waited for, within the limit.
    pub fn allowance(&self, person: PersonId, limit: Duration) -> Duration {
        let spent = self.spent.iter().find(|spent| spent.person == person);
        limit.saturating_sub(spent.map_or(Duration::ZERO, |spent| spent.time))
    }

    /// What was long ago does not count.
    pub fn forget(&mut self, now: Timestamp) {
        self.spent.retain(|spent| now.since(spent.last_at) < PATIENCE_WINDOW);
    }

    /// Somebody is waited for no longer.
    pub fn spend(&mut self, waited: Waited, now: Timestamp) {
        let time = now.min(waited.until).since(waited.since);
        match self.spent.iter_mut().find(|spent| spent.person == waited.person) {
            Some(spent) => (spent.time, spent.last_at) = (spent.time + time, now),
            None => self.spent.push(Spent { person: waited.person, time, last_at: now }),
        }
    }

    /// The wait is over, whatever ended it; false if there was none.
    pub fn end(&mut self, now: Timestamp) -> bool {
        let Some(wait) = self.wait.take() else { return false };
        for waited in wait.waited {
            self.spend(waited, now);
        }
        true
    }
}
