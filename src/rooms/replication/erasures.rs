//! Who was erased lately, as all nodes know it: a node that was away does the same to its files when it is back.
//!
//! They are facts, so they are in the snapshot too.

use std::collections::BTreeSet;

use crate::control::KEPT;
use crate::effect::Erasure;
use crate::rooms::TrackedMap;
use crate::time::Timestamp;

/// The beginning of the names of erasures.
const ERASED: &str = "erased/";

/// Erasures that are remembered; over it, the oldest are forgotten.
const MAX_ERASURES: usize = 100_000;

/// What all nodes know beside rooms and members.
type Facts = TrackedMap<String, String>;

/// The facts that are erasures, by the microsecond that they are from.
#[derive(Default)]
pub struct Erasures(BTreeSet<(u64, String)>);

impl Erasures {
    /// Those among the facts.
    pub fn among(facts: &Facts) -> Self {
        let named = facts.all().filter(|(fact, _)| fact.starts_with(ERASED));
        Self(named.map(|(fact, text)| (micros(text), fact.clone())).collect())
    }

    /// Takes note of one.
    pub fn add(&mut self, facts: &mut Facts, name: &str, at: Timestamp) {
        let fact = format!("{ERASED}{name}");
        if let Some(before) = facts.insert(fact.clone(), at.as_micros().to_string()) {
            self.0.remove(&(micros(&before), fact.clone()));
        }
        self.0.insert((at.as_micros(), fact));
    }

    /// Forgets those that are old.
    pub fn forget_old(&mut self, facts: &mut Facts, now: Timestamp) {
        let last_old = now.earlier(KEPT).as_micros();
        while let Some((at, fact)) = self.0.first()
            && (*at <= last_old || self.0.len() > MAX_ERASURES)
        {
            facts.remove(fact);
            self.0.pop_first();
        }
    }

    /// All of them, in order, for a node that was away.
    pub fn late(&self) -> Vec<Erasure> {
        let named = self.0.iter().filter_map(|(at, fact)| Some((*at, name_in(fact)?)));
        named
            .map(|(at, name)| Erasure { is_late: true, ..Erasure::new(name, Timestamp::from_micros(at)) })
            .collect()
    }
}

/// Who was erased, if a fact is about that.
pub fn name_in(fact: &str) -> Option<&str> {
    fact.strip_prefix(ERASED)
}

/// When somebody was erased, as the fact says it.
pub fn micros(text: &str) -> u64 {
    text.parse().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn erasures_are_remembered_for_a_month_from_the_last_time_on() {
        let (mut facts, mut erasures) = (Facts::default(), Erasures::default());
        let start = Timestamp::from_millis(1_700_000_000_000);
        erasures.add(&mut facts, "Ann", start);
        erasures.add(&mut facts, "Bob", start);
        erasures.add(&mut facts, "Ann", start + Duration::from_hours(1));
        facts.insert("wrong/AB12".to_owned(), "{}".to_owned());
        let mut erasures = Erasures::among(&facts);
        let names = |erasures: &Erasures| {
            erasures.late().into_iter().map(|late| String::from(late.name)).collect::<Vec<_>>()
        };
        assert_eq!(names(&erasures), ["Bob", "Ann"]);
        erasures.forget_old(&mut facts, start + KEPT);
        assert_eq!(names(&erasures), ["Ann"]);
        erasures.forget_old(&mut facts, start + KEPT + Duration::from_hours(1));
        assert!(names(&erasures).is_empty() && facts.count() == 1);
    }
}
