//! Browsers that are signed in: a cookie that a key has signed, so that it holds on every node that has the key, and after
//! a restart, and ends with the key. It takes no memory here; only what is ended before its time is remembered.

use std::collections::VecDeque;
use std::num::NonZeroU32;
use std::sync::OnceLock;
use std::time::Duration;

use http::HeaderMap;
use http::header::COOKIE as COOKIES;
use parking_lot::Mutex;
use ring::{hmac, pbkdf2};

use crate::random;
use crate::secret::Secret;
use crate::time::Timestamp;

/// The cookie. It has no `Path`, so browsers send it to where it was set and nowhere else, under any path of a proxy.
pub const COOKIE: &str = "roomhub-admin";

/// What the keys of sessions are made for.
const PURPOSE: &[u8] = b"roomhub admin sessions 1";

/// Whoever gets at a cookie must not be able to try words as the key any faster than this lets it.
const ROUNDS: NonZeroU32 = NonZeroU32::new(100_000).expect("more than none");

/// The longest cookie that is read.
const MAX_CHARS: usize = 256;

type SessionId = [u8; 16];

/// What signs the sessions of one key; it is made when it is first needed, for that takes a moment of a core.
#[derive(Default)]
pub struct SessionKey(OnceLock<hmac::Key>);

impl SessionKey {
    fn of(&self, key: &Secret) -> &hmac::Key {
        self.0.get_or_init(|| {
            let mut derived = [0; 32];
            let word = key.expose().as_bytes();
            pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, ROUNDS, PURPOSE, word, &mut derived);
            hmac::Key::new(hmac::HMAC_SHA256, &derived)
        })
    }
}

/// A session, as a cookie tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// The key that signed it.
    pub key: String,
    ends_at: Timestamp,
    id: SessionId,
    said: String,
    tag: Vec<u8>,
}

/// Sessions that ended before their time.
pub struct Sessions {
    time: Duration,
    max_ended: usize,
    ended: Mutex<Ended>,
}

#[derive(Default)]
struct Ended {
    /// In the order of their ends.
    sessions: VecDeque<(Timestamp, SessionId)>,
    /// All that were begun by then are ended.
    before: Timestamp,
}

impl Sessions {
    /// None has ended yet.
    pub fn new(time: Duration, max_ended: usize) -> Self {
        Self { time, max_ended, ended: Mutex::default() }
    }

    /// How long one lasts.
    pub fn time(&self) -> Duration {
        self.time
    }

    /// The value of the cookie of a new session of a key.
    pub fn begin(&self, name: &str, key: &Secret, session_key: &SessionKey, wall: Timestamp) -> String {
        let id: SessionId = random::bytes();
        let said = format!("{name}~{}~{}", (wall + self.time).as_millis(), hex::encode(id));
        let tag = hmac::sign(session_key.of(key), said.as_bytes());
        format!("{said}~{}", hex::encode(tag))
    }

    /// Whether a claim is a session of that key that goes on.
    pub fn holds(&self, claim: &Claim, key: &Secret, session_key: &SessionKey, wall: Timestamp) -> bool {
        if claim.ends_at <= wall
            || hmac::verify(session_key.of(key), claim.said.as_bytes(), &claim.tag).is_err()
        {
            return false;
        }
        let ended = self.ended.lock();
        claim.ends_at.earlier(self.time) > ended.before
            && !ended.sessions.iter().any(|(_, id)| *id == claim.id)
    }

    /// Ends a session that goes on.
    pub fn end(&self, claim: &Claim, wall: Timestamp) {
        let mut ended = self.ended.lock();
        ended.sessions.retain(|(ends_at, _)| *ends_at > wall);
        if ended.sessions.len() >= self.max_ended {
            ended.sessions.clear();
            ended.before = wall;
        } else {
            ended.sessions.push_back((claim.ends_at, claim.id));
        }
    }
}

impl Claim {
    /// What the cookies of a request tell; `None` if none of them was ever a session's.
    pub fn of(headers: &HeaderMap) -> Option<Self> {
        let lines = headers.get_all(COOKIES).iter().filter_map(|line| line.to_str().ok());
        let mut cookies = lines.flat_map(|line| line.split(';')).filter_map(|cookie| cookie.split_once('='));
        let (_, value) = cookies.find(|(name, _)| name.trim() == COOKIE)?;
        Self::read(value.trim())
    }

    fn read(value: &str) -> Option<Self> {
        if value.len() > MAX_CHARS {
            return None;
        }
        let (said, tag) = value.rsplit_once('~')?;
        let [key, ends_at, id] = said.split('~').collect::<Vec<_>>().try_into().ok()?;
        let mut session = SessionId::default();
        hex::decode_to_slice(id, &mut session).ok()?;
        Some(Self {
            key: key.to_owned(),
            ends_at: Timestamp::from_millis(ends_at.parse().ok()?),
            id: session,
            said: said.to_owned(),
            tag: hex::decode(tag).ok()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);
    const HOUR: Duration = Duration::from_hours(1);

    #[test]
    fn a_session_holds_for_its_time_unless_it_is_ended_and_none_can_be_made_up() {
        let (sessions, key, signs) = (Sessions::new(HOUR, 2), Secret::new("right"), SessionKey::default());
        let begin = || Claim::read(&sessions.begin("admin.key", &key, &signs, NOW)).unwrap();
        let holds = |claim: &Claim, at| sessions.holds(claim, &key, &signs, at);
        let claim = begin();
        assert_eq!(claim.key, "admin.key");
        assert!(holds(&claim, NOW) && !holds(&claim, NOW + HOUR));
        assert!(
            !sessions.holds(&claim, &Secret::new("other"), &SessionKey::default(), NOW),
            "of another key"
        );
        let value = sessions.begin("admin.key", &key, &signs, NOW);
        for (part, by) in [("admin.key", "admin.kex"), ("~1700003600000~", "~1700003600001~")] {
            let forged = Claim::read(&value.replace(part, by)).unwrap();
            assert!(!holds(&forged, NOW), "{by}");
        }
        for wrong in ["", "~", "a~b~c~d", "admin.key~1~00~00", &"~".repeat(300)] {
            assert_eq!(Claim::read(wrong), None, "{wrong}");
        }
        // With more than are remembered, all end that were begun by then.
        let others = [begin(), begin(), begin()];
        sessions.end(&claim, NOW);
        sessions.end(&others[0], NOW);
        assert!(!holds(&claim, NOW) && !holds(&others[0], NOW) && holds(&others[2], NOW));
        sessions.end(&others[1], NOW);
        assert!(!others.iter().chain([&claim]).any(|claim| holds(claim, NOW)));
        let later = NOW + Duration::from_secs(1);
        let fresh = Claim::read(&sessions.begin("admin.key", &key, &signs, later)).unwrap();
        assert!(holds(&fresh, later));
    }
}
