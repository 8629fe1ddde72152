//! What listeners of one station have asked for: who may ask, what waits, and what is next. Pure.
//!
//! Moments are the process's uptime. A person is an address as limits count it.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::settings::Rules;

/// Tracks that are remembered as played: a day of tracks of nine seconds.
const MAX_PLAYED: usize = 10_000;

/// A track that can be asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct Wish {
    /// Its file.
    pub path: Arc<Path>,
    /// By what clients name it.
    pub id: u64,
    /// Its title.
    pub title: String,
    /// Its artist; empty if unknown.
    pub artist: String,
    /// Its length, if known.
    pub duration_seconds: Option<f64>,
}

/// A request. It is never copied: thousands may have voted for it.
#[derive(Debug)]
pub struct Request {
    /// Its number.
    pub id: u64,
    /// What was asked for.
    pub wish: Arc<Wish>,
    /// Who asked.
    pub by: IpAddr,
    /// When.
    pub at: Duration,
    /// Whether it was taken to be read, and plays soon.
    pub is_next: bool,
    voters: BTreeSet<IpAddr>,
}

impl Request {
    /// The number of votes, including that of the person who made the request.
    pub fn votes(&self) -> usize {
        self.voters.len()
    }

    /// Whether a person has asked or voted for it.
    pub fn is_wanted_by(&self, person: IpAddr) -> bool {
        self.voters.contains(&person)
    }
}

/// Why a request or a vote is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The person has asked for something lately.
    Early(Duration),
    /// So many requests of the person wait already.
    Enough(usize),
    /// So many requests wait already.
    Full(usize),
    /// The track has played lately.
    Played(Duration),
    /// It was asked for already.
    Asked,
    /// The person has voted for it already.
    Voted,
    /// It has as many votes as are counted.
    TooManyVotes,
    /// It plays next.
    Next,
    /// It does not wait any more.
    Gone,
}

/// What has been asked for.
#[derive(Debug)]
pub struct RequestBook {
    /// The limits.
    pub rules: Rules,
    requests: Vec<Request>,
    last_id: u64,
    /// Other tracks since the last one that was asked for.
    n_between: usize,
    /// When persons asked last. Whoever waits long enough is forgotten; and only so many requests are taken within that time.
    asked: HashMap<IpAddr, Duration>,
    played: HashMap<Arc<Path>, Duration>,
    /// The same, the first first; those that have played again since are in it twice.
    in_order: VecDeque<(Duration, Arc<Path>)>,
}

impl RequestBook {
    /// Nobody has asked for anything yet.
    pub fn new(rules: Rules) -> Self {
        Self {
            rules,
            requests: Vec::new(),
            last_id: 0,
            n_between: usize::MAX,
            asked: HashMap::new(),
            played: HashMap::new(),
            in_order: VecDeque::new(),
        }
    }

    /// All requests, in the order in which they play.
    pub fn all(&self) -> Vec<&Request> {
        let mut all: Vec<&Request> = self.requests.iter().collect();
        all.sort_by_key(|request| (!request.is_next, std::cmp::Reverse(request.votes()), request.id));
        all
    }

    /// How many requests there are.
    pub fn n_requests(&self) -> usize {
        self.requests.len()
    }

    /// Takes a request.
    ///
    /// # Errors
    /// A limit forbids it.
    pub fn ask(&mut self, wish: Wish, by: IpAddr, now: Duration) -> Result<u64, Refusal> {
        self.forget(now);
        if self.requests.iter().any(|request| request.wish.path == wish.path) {
            return Err(Refusal::Asked);
        }
        if let Some(wait) = self.wait_for_track(&wish.path, now) {
            return Err(Refusal::Played(wait));
        }
        if let Some(asked_at) = self.asked.get(&by) {
            return Err(Refusal::Early((*asked_at + self.rules.interval).saturating_sub(now)));
        }
        if self.requests.iter().filter(|request| request.by == by).count() >= self.rules.max_per_person {
            return Err(Refusal::Enough(self.rules.max_per_person));
        }
        if self.requests.len() >= self.rules.max_waiting {
            return Err(Refusal::Full(self.rules.max_waiting));
        }
        self.last_id += 1;
        if !self.rules.interval.is_zero() {
            self.asked.insert(by, now);
        }
        let voters = BTreeSet::from([by]);
        let id = self.last_id;
        self.requests.push(Request { id, wish: Arc::new(wish), by, at: now, is_next: false, voters });
        Ok(id)
    }

    /// Counts a vote.
    ///
    /// # Errors
    /// There is no such request, or the person has voted for it.
    pub fn vote(&mut self, id: u64, by: IpAddr) -> Result<usize, Refusal> {
        let max_votes = self.rules.max_votes;
        let request = self.requests.iter_mut().find(|request| request.id == id).ok_or(Refusal::Gone)?;
        if request.voters.contains(&by) {
            return Err(Refusal::Voted);
        }
        if request.is_next {
            return Err(Refusal::Next);
        }
        if request.voters.len() >= max_votes {
            return Err(Refusal::TooManyVotes);
        }
        request.voters.insert(by);
        Ok(request.voters.len())
    }

    /// Takes a request out.
    pub fn remove(&mut self, id: u64) -> Option<Request> {
        let place = self.requests.iter().position(|request| request.id == id)?;
        Some(self.requests.remove(place))
    }

    /// How long a track cannot be asked for, because it has played.
    pub fn wait_for_track(&self, path: &Path, now: Duration) -> Option<Duration> {
        let until = *self.played.get(path)? + self.rules.track_interval;
        until.checked_sub(now).filter(|wait| !wait.is_zero())
    }

    /// The request that plays next, if one is due.
    pub fn due(&self, can_play: impl Fn(&Arc<Path>) -> bool) -> Option<&Request> {
        if self.n_between < self.rules.every_tracks {
            return None;
        }
        let is_due = |request: &&Request| !request.is_next && can_play(&request.wish.path);
        self.all().into_iter().find(is_due)
    }

    /// Takes the request that is due out of those that wait: its track is read from now on.
    pub fn take_due(&mut self, now: Duration, can_play: impl Fn(&Arc<Path>) -> bool) -> Option<Arc<Path>> {
        let path = Arc::clone(&self.due(can_play)?.wish.path);
        self.mark_next(&path);
        self.note_played(&path, now);
        Some(path)
    }

    /// Counts a track whose turn has come without a request; returns whether one waited for it all the same.
    pub fn note_turn(&mut self, path: &Arc<Path>, now: Duration) -> bool {
        self.n_between = self.n_between.saturating_add(1);
        self.note_played(path, now);
        self.mark_next(path)
    }

    /// Counts a track that is on the air; returns whether it was asked for.
    pub fn note_on_air(&mut self, path: &Arc<Path>, now: Duration) -> bool {
        self.note_played(path, now);
        self.drop_track(path)
    }

    /// Drops the request for a track; returns whether there was one.
    pub fn drop_track(&mut self, path: &Path) -> bool {
        let n_before = self.requests.len();
        self.requests.retain(|request| *request.wish.path != *path);
        self.requests.len() < n_before
    }

    /// Lets a track wait again that was being read.
    pub fn put_back(&mut self, path: &Path) {
        if let Some(request) = self.requests.iter_mut().find(|request| *request.wish.path == *path) {
            request.is_next = false;
        }
    }

    fn mark_next(&mut self, path: &Path) -> bool {
        let Some(request) = self.requests.iter_mut().find(|request| *request.wish.path == *path) else {
            return false;
        };
        request.is_next = true;
        self.n_between = 0;
        true
    }

    fn note_played(&mut self, path: &Arc<Path>, now: Duration) {
        self.forget(now);
        if self.rules.track_interval.is_zero() {
            return;
        }
        if self.in_order.len() >= MAX_PLAYED {
            self.forget_oldest();
        }
        self.played.insert(Arc::clone(path), now);
        self.in_order.push_back((now, Arc::clone(path)));
    }

    /// Forgets whatever limits nothing any more.
    fn forget(&mut self, now: Duration) {
        let Rules { interval, track_interval, .. } = self.rules;
        while self.in_order.front().is_some_and(|(at, _)| *at + track_interval <= now) {
            self.forget_oldest();
        }
        self.asked.retain(|_, at| *at + interval > now);
    }

    fn forget_oldest(&mut self) {
        let Some((at, path)) = self.in_order.pop_front() else { return };
        if self.played.get(&path) == Some(&at) {
            self.played.remove(&path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: Rules = Rules {
        enabled: true,
        every_tracks: 1,
        max_per_person: 2,
        interval: Duration::from_secs(10),
        track_interval: Duration::from_hours(1),
        max_waiting: 4,
        max_votes: 3,
        max_results: 20,
        max_searches_per_person: 4,
    };

    fn wish(name: &str) -> Wish {
        let path: Arc<Path> = Path::new(name).into();
        Wish { path, id: 0, title: name.into(), artist: String::new(), duration_seconds: None }
    }

    fn person(number: u8) -> IpAddr {
        [192, 0, 2, number].into()
    }

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(10_000 + seconds)
    }

    /// A book in which each of these was requested by another person.
    fn book(rules: Rules, names: &[&str]) -> RequestBook {
        let mut book = RequestBook::new(rules);
        for (n, name) in names.iter().enumerate() {
            book.ask(wish(name), person(100 + n as u8), at(0)).unwrap();
        }
        book
    }

    fn names(book: &RequestBook) -> String {
        let name = |request: &&Request| {
            let mark = if request.is_next { "!" } else { "" };
            format!("{}{}{mark}", request.wish.title, request.votes())
        };
        book.all().iter().map(name).collect::<Vec<_>>().join(" ")
    }

    fn any(_: &Arc<Path>) -> bool {
        true
    }

    /// What plays, where `t` are tracks whose turn has come.
    fn played(book: &mut RequestBook, n: usize) -> String {
        let mut play = || {
            let Some(path) = book.take_due(at(1), any) else {
                book.note_turn(&Path::new("t").into(), at(1));
                return "t".to_owned();
            };
            book.note_on_air(&path, at(1));
            path.to_string_lossy().into_owned()
        };
        (0..n).map(|_| play()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn votes_come_first_and_then_time() {
        let mut book = book(RULES, &["a", "b", "c"]);
        assert_eq!(names(&book), "a1 b1 c1");
        assert_eq!((book.vote(3, person(1)), book.vote(2, person(1))), (Ok(2), Ok(2)));
        assert_eq!(names(&book), "b2 c2 a1");
        assert_eq!(book.vote(3, person(2)), Ok(3));
        assert_eq!(names(&book), "c3 b2 a1");
        assert_eq!(played(&mut book, 6), "c t b t a t");
    }

    #[test]
    fn so_many_other_tracks_play_between_two_requests() {
        for (every_tracks, expected) in [(0, "a b c t t t"), (1, "a t b t c t"), (2, "a t t b t t")] {
            let mut book = book(Rules { every_tracks, ..RULES }, &["a", "b", "c"]);
            assert_eq!(played(&mut book, 6), expected);
        }
    }

    #[test]
    fn a_vote_counts_once_a_person_and_whoever_asked_has_voted() {
        let mut book = book(RULES, &["a"]);
        assert_eq!(book.vote(1, person(100)), Err(Refusal::Voted));
        assert_eq!((book.vote(1, person(1)), book.vote(1, person(1))), (Ok(2), Err(Refusal::Voted)));
        assert_eq!((book.vote(1, person(2)), book.vote(1, person(3))), (Ok(3), Err(Refusal::TooManyVotes)));
        assert_eq!(book.vote(2, person(1)), Err(Refusal::Gone));
        book.take_due(at(1), any);
        assert_eq!(book.vote(1, person(4)), Err(Refusal::Next));
        assert_eq!(names(&book), "a3!");
    }

    #[test]
    fn a_person_waits_between_requests_and_has_so_many_waiting() {
        let mut book = RequestBook::new(RULES);
        let mut ask = |name, seconds| book.ask(wish(name), person(1), at(seconds));
        assert_eq!((ask("a", 0), ask("b", 3)), (Ok(1), Err(Refusal::Early(Duration::from_secs(7)))));
        assert_eq!((ask("b", 10), ask("c", 20)), (Ok(2), Err(Refusal::Enough(2))));
        book.take_due(at(21), any);
        book.note_on_air(&Path::new("a").into(), at(21));
        assert_eq!(book.ask(wish("c"), person(1), at(22)), Ok(3));
    }

    #[test]
    fn no_more_wait_than_the_limit_and_none_twice() {
        let mut book = book(RULES, &["a", "b", "c"]);
        assert_eq!(book.ask(wish("b"), person(1), at(0)), Err(Refusal::Asked));
        assert_eq!(book.ask(wish("d"), person(1), at(0)), Ok(4));
        assert_eq!(book.ask(wish("e"), person(2), at(0)), Err(Refusal::Full(4)));
        assert!(book.remove(2).is_some() && book.remove(2).is_none());
        assert_eq!(book.ask(wish("e"), person(2), at(0)), Ok(5));
        assert_eq!(names(&book), "a1 c1 d1 e1");
    }

    #[test]
    fn a_track_that_has_played_cannot_be_asked_for_within_its_time() {
        let mut book = RequestBook::new(RULES);
        book.note_turn(&Path::new("a").into(), at(0));
        book.note_on_air(&Path::new("a").into(), at(20));
        let wait = Duration::from_secs(3600 - 10);
        assert_eq!(book.ask(wish("a"), person(1), at(30)), Err(Refusal::Played(wait)));
        assert_eq!(book.ask(wish("a"), person(1), at(3620)), Ok(1));
        assert!(book.played.is_empty() && book.in_order.is_empty());
    }

    #[test]
    fn a_track_whose_turn_comes_before_its_request_fulfils_it() {
        let mut book = book(RULES, &["a", "b"]);
        assert!(book.note_turn(&Path::new("b").into(), at(1)));
        assert_eq!((names(&book).as_str(), book.take_due(at(1), any)), ("b1! a1", None));
        assert!(book.note_on_air(&Path::new("b").into(), at(2)));
        assert!(!book.note_on_air(&Path::new("b").into(), at(2)));
        assert_eq!(names(&book), "a1");
    }

    #[test]
    fn what_cannot_play_yet_lets_others_pass_and_what_is_put_back_waits_again() {
        let mut book = book(RULES, &["later", "now"]);
        let taken = book.take_due(at(1), |path| **path != *Path::new("later"));
        assert_eq!(taken.as_deref(), Some(Path::new("now")));
        assert_eq!(names(&book), "now1! later1");
        book.put_back(Path::new("now"));
        assert_eq!(names(&book), "later1 now1");
    }

    #[test]
    fn what_strangers_make_it_remember_is_bounded() {
        let mut book = RequestBook::new(RULES);
        for n in 0..MAX_PLAYED + 10 {
            book.note_turn(&Path::new(&n.to_string()).into(), at(0));
        }
        assert_eq!((book.played.len(), book.in_order.len()), (MAX_PLAYED, MAX_PLAYED));
        for n in 0..=255 {
            let _ = book.ask(wish(&format!("x{n}")), person(n), at(1));
        }
        assert_eq!((book.n_requests(), book.asked.len()), (4, 4));
    }
}
