//! Who may broadcast: whoever brings the source password, and DJs at their stations in their times. Wrong passwords are counted
//! by address, for all of them together.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Result;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use jiff::tz::TimeZone;
use parking_lot::Mutex;
use tokio::time::sleep;

use crate::http::keys::{Denied, WrongKeys, warn_if_short};
use crate::http::routes::bearer;
use crate::radio::djs::{DjConfig, SOURCE};
use crate::radio::schedule::{self, Schedule};
use crate::radio::{Config, paths};
use crate::runtime::Clock;
use crate::secret::Secret;
use crate::time::Timestamp;

/// The door whose wrong passwords are counted.
const DOOR: &str = "radio.source_password";

/// The system's clock is looked at this often while somebody broadcasts whose time ends.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// The accounts of all who may broadcast.
pub struct SourceLogins {
    password: Secret,
    djs: Vec<Arc<Dj>>,
    /// The time zones of stations that have one of their own, and of all others.
    zones: BTreeMap<String, TimeZone>,
    zone: TimeZone,
    end_grace: Duration,
    wrong: Arc<WrongKeys>,
    /// Until when operators keep somebody out: a DJ everywhere, and who brings the source password at one station.
    kept_out: Mutex<HashMap<Arc<str>, Timestamp>>,
}

/// An account.
struct Dj {
    name: Arc<str>,
    password: Secret,
    /// Empty is all.
    routes: BTreeSet<String>,
    schedule: Option<schedule::Times>,
    /// What an operator is told once until it is right again: that it comes at another time, or to another station.
    is_warned: AtomicBool,
}

/// Whoever has brought a right password.
#[derive(Clone)]
pub struct Broadcaster(Option<Arc<Dj>>);

/// Why somebody with a right password may not broadcast.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unwelcome {
    /// Not to this station.
    Elsewhere,
    /// Not at this time.
    OutOfTime,
    /// An operator keeps it out for this time.
    KeptOut(Duration),
}

/// The right to broadcast, until it ends.
pub struct Leave {
    schedule: Option<Schedule>,
    grace: Duration,
}

impl SourceLogins {
    /// Those of the configuration.
    ///
    /// # Errors
    /// A time zone or a time is no such thing.
    pub fn of(config: &Config, wrong: &Arc<WrongKeys>) -> Result<Self> {
        warn_if_short(DOOR, &config.source_password);
        let own = config.stations.iter().filter(|station| !station.time_zone.is_empty());
        let zones: Result<BTreeMap<_, _>, String> = own
            .map(|station| Ok((station.normalized_route(), schedule::zone(&station.time_zone)?)))
            .collect();
        let djs: Result<Vec<_>, String> = config.djs.iter().map(Dj::of).collect();
        Ok(Self {
            password: config.source_password.clone(),
            djs: djs.map_err(anyhow::Error::msg)?,
            zones: zones.map_err(anyhow::Error::msg)?,
            zone: schedule::zone(&config.time_zone).map_err(anyhow::Error::msg)?,
            end_grace: config.end_grace,
            wrong: Arc::clone(wrong),
            kept_out: Mutex::default(),
        })
    }

    /// Whether anybody may broadcast.
    pub fn has_any(&self) -> bool {
        self.password.is_set() || !self.djs.is_empty()
    }

    /// Who has the name and the password in an `Authorization` header.
    ///
    /// # Errors
    /// Nobody has, or its address has brought too many wrong ones.
    pub fn login(
        &self,
        address: IpAddr,
        authorization: Option<&str>,
        now: Timestamp,
    ) -> Result<Broadcaster, Denied> {
        let brought = authorization.and_then(credentials).filter(|(_, password)| !password.is_empty());
        let is_brought = brought.is_some();
        let found = brought.and_then(|(user, password)| self.find(&user, &password));
        self.judge(address, is_brought.then_some(found.is_some()), now)?;
        found.ok_or(Denied::Wrong)
    }

    /// The same for a request, which may have the source password as a bearer token too.
    ///
    /// # Errors
    /// As above.
    pub fn login_by(&self, peer: IpAddr, headers: &HeaderMap, now: Timestamp) -> Result<Broadcaster, Denied> {
        let address = self.wrong.address(peer, headers);
        if let Some(token) = bearer(headers) {
            let found = self.find(SOURCE, token);
            self.judge(address, Some(found.is_some()), now)?;
            return found.ok_or(Denied::Wrong);
        }
        self.login(address, headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()), now)
    }

    fn judge(&self, address: IpAddr, is_right: Option<bool>, now: Timestamp) -> Result<(), Denied> {
        self.wrong.judge(DOOR, address, is_right, now)
    }

    /// A client without a field for the user name has `NAME:PASSWORD` in that for the password.
    fn find(&self, user: &str, password: &str) -> Option<Broadcaster> {
        if user != SOURCE {
            return self.dj(user, password);
        }
        if self.password.is(password) {
            return Some(Broadcaster(None));
        }
        let (name, password) = password.split_once(':')?;
        self.dj(name, password)
    }

    fn dj(&self, name: &str, password: &str) -> Option<Broadcaster> {
        let mut known = self.djs.iter();
        known.find(|dj| *dj.name == *name && dj.password.is(password)).cloned().map(Some).map(Broadcaster)
    }

    /// Whether somebody may broadcast to a station, and for how long.
    ///
    /// # Errors
    /// It may not.
    pub fn admit(&self, who: &Broadcaster, route: &str, clock: Clock) -> Result<Leave, Unwelcome> {
        let wait = {
            let mut kept_out = self.kept_out.lock();
            let now = clock.now();
            kept_out.retain(|_, until| *until > now);
            kept_out.get(&who.key(route)).map(|until| until.since(now))
        };
        if let Some(wait) = wait {
            return Err(Unwelcome::KeptOut(wait));
        }
        let Some(dj) = &who.0 else { return Ok(Leave { schedule: None, grace: self.end_grace }) };
        if !dj.routes.is_empty() && !dj.routes.contains(route) {
            return Err(Unwelcome::Elsewhere);
        }
        let zone = self.zone_of(route).clone();
        let schedule = dj.schedule.clone().map(|times| Schedule::new(zone, vec![times]));
        if schedule.as_ref().is_some_and(|schedule| schedule.agenda(clock.wall()).on.is_none()) {
            return Err(Unwelcome::OutOfTime);
        }
        dj.is_warned.store(false, Ordering::Relaxed);
        Ok(Leave { schedule, grace: self.end_grace })
    }

    /// The clocks of a station.
    pub fn zone_of(&self, route: &str) -> &TimeZone {
        self.zones.get(route).unwrap_or(&self.zone)
    }

    /// Keeps whoever broadcasts to a station out for a time: there are no more of them than DJs and stations.
    pub fn keep_out(&self, dj: Option<&Arc<str>>, route: &str, until: Timestamp) {
        let key = dj.map_or_else(|| route.into(), Arc::clone);
        self.kept_out.lock().insert(key, until);
    }
}

impl Dj {
    fn of(config: &DjConfig) -> Result<Arc<Self>, String> {
        warn_if_short("radio.djs.password", &config.password);
        Ok(Arc::new(Self {
            name: config.name.as_str().into(),
            password: config.password.clone(),
            routes: config.routes.iter().map(|route| paths::route(route)).collect(),
            schedule: config.times()?,
            is_warned: AtomicBool::new(false),
        }))
    }
}

impl Broadcaster {
    /// The DJ's name; `None` for whoever brought the source password.
    pub fn dj(&self) -> Option<&Arc<str>> {
        self.0.as_ref().map(|dj| &dj.name)
    }

    /// Whether operators are to be told that it was turned away, which they are once: clients try again and again.
    pub fn is_news(&self) -> bool {
        self.0.as_ref().is_none_or(|dj| !dj.is_warned.swap(true, Ordering::Relaxed))
    }

    /// What it is kept out by. No name of a DJ is a route: it has no slash.
    fn key(&self, route: &str) -> Arc<str> {
        self.dj().map_or_else(|| route.into(), Arc::clone)
    }
}

impl Leave {
    /// Waits until the time is over, with the grace after it; for ever if it does not end.
    pub async fn over(&self, clock: Clock) {
        let Some(schedule) = &self.schedule else { return std::future::pending().await };
        let mut ends_at = clock.wall();
        loop {
            let wall = clock.wall();
            if let Some(on) = schedule.agenda(wall).on {
                ends_at = on.ends_at;
            }
            let left = (ends_at + self.grace).since(wall);
            if left.is_zero() {
                return;
            }
            sleep(left.min(LOOK_INTERVAL) + Duration::from_millis(1)).await;
        }
    }
}

/// User and password in a `Basic` header.
fn credentials(authorization: &str) -> Option<(String, String)> {
    let (scheme, words) = authorization.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let pair = String::from_utf8(STANDARD.decode(words.trim()).ok()?).ok()?;
    pair.split_once(':').map(|(user, password)| (user.to_owned(), password.to_owned()))
}

/// The password of that user in a `Basic` header.
pub fn password_of(authorization: Option<&str>, wanted: &str) -> Option<String> {
    credentials(authorization?).filter(|(user, _)| user == wanted).map(|(_, password)| password)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http;

    const ANN: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(203, 0, 113, 1));

    fn logins(djs: &[(&str, &str, &[&str], &str)]) -> SourceLogins {
        let dj = |(name, password, routes, times): &(&str, &str, &[&str], &str)| DjConfig {
            name: (*name).into(),
            password: Secret::new(*password),
            password_file: String::new(),
            routes: routes.iter().map(|route| (*route).to_owned()).collect(),
            times: (*times).into(),
        };
        let config = Config {
            source_password: Secret::new("hack:me"),
            djs: djs.iter().map(dj).collect(),
            ..Config::default()
        };
        SourceLogins::of(&config, &WrongKeys::new(&http::Config::default())).unwrap()
    }

    fn login(logins: &SourceLogins, pair: &str) -> Result<Option<String>, Denied> {
        let header = format!("basic {}", STANDARD.encode(pair));
        let found = logins.login(ANN, Some(&header), Clock::start().now());
        found.map(|who| who.dj().map(ToString::to_string))
    }

    #[test]
    fn a_dj_logs_in_by_name_or_with_the_name_in_the_password() {
        let logins = logins(&[("Ann", "secret:1", &[], ""), ("ann", "other", &[], "")]);
        assert_eq!(login(&logins, "source:hack:me"), Ok(None));
        for pair in ["Ann:secret:1", "source:Ann:secret:1"] {
            assert_eq!(login(&logins, pair), Ok(Some("Ann".into())), "{pair}");
        }
        assert_eq!(login(&logins, "ann:other"), Ok(Some("ann".into())));
        for pair in ["ANN:other", "Ann:other", "Bob:secret:1", "source:secret:1", "source:Ann", ":x"] {
            assert_eq!(login(&logins, pair), Err(Denied::Wrong), "{pair}");
        }
        for pair in ["source", "source:", "Ann:", ""] {
            assert_eq!(login(&logins, pair), Err(Denied::Missing), "{pair}");
        }
        assert!(matches!(logins.login(ANN, Some("Basic %%%"), Clock::start().now()), Err(Denied::Missing)));
    }

    #[test]
    fn a_dj_is_admitted_to_its_stations_until_an_operator_keeps_it_out() {
        let logins = logins(&[("Ann", "secret", &["/night", "day/"], ""), ("Bob", "word", &[], "")]);
        let clock = Clock::start();
        let (ann, bob, owner) = (logins.dj("Ann", "secret"), logins.dj("Bob", "word"), Broadcaster(None));
        let admit = |who: &Broadcaster, route: &str| logins.admit(who, route, clock).map(|_| ()).err();
        let (ann, bob) = (ann.unwrap(), bob.unwrap());
        assert_eq!(
            ["/night", "/day", "/"].map(|route| admit(&ann, route)),
            [None, None, Some(Unwelcome::Elsewhere)]
        );
        logins.keep_out(ann.dj(), "/night", clock.now() + Duration::from_mins(5));
        logins.keep_out(None, "/night", clock.now() + Duration::from_mins(5));
        for (who, route) in [(&ann, "/night"), (&ann, "/day"), (&owner, "/night")] {
            let told = admit(who, route);
            assert!(
                matches!(told, Some(Unwelcome::KeptOut(left)) if left.as_secs() > 200),
                "{route} {told:?}"
            );
        }
        assert_eq!([admit(&owner, "/day"), admit(&bob, "/night")], [None, None]);
        logins.keep_out(ann.dj(), "/night", clock.now());
        assert_eq!(admit(&ann, "/night"), None);
    }

    #[test]
    fn a_dj_is_admitted_in_its_times_by_the_clocks_of_the_station() {
        let clock = Clock::start();
        let wall = jiff::Timestamp::from_microsecond(clock.wall().as_micros().cast_signed()).unwrap();
        // The hour that is, with its neighbours, in one zone is not that of another one.
        let hour = |zone: &str| i32::from(schedule::zone(zone).unwrap().to_datetime(wall).hour());
        let here = hour("Etc/GMT+6");
        let times = format!("{:02}:00-{:02}:59", (here + 23) % 24, (here + 1) % 24);
        let dj =
            DjConfig { name: "Ann".into(), password: Secret::new("secret"), times, ..DjConfig::default() };
        let station = |route: &str, zone: &str| crate::radio::config::station::StationConfig {
            route: route.into(),
            time_zone: zone.into(),
            ..Default::default()
        };
        let stations = vec![station("/west", "Etc/GMT+6"), station("/east", "Etc/GMT-6")];
        let config = Config { djs: vec![dj], stations, ..Config::default() };
        let logins = SourceLogins::of(&config, &WrongKeys::new(&http::Config::default())).unwrap();
        let ann = logins.dj("Ann", "secret").unwrap();
        assert!(logins.admit(&ann, "/west", clock).is_ok());
        assert_eq!(logins.admit(&ann, "/east", clock).err(), Some(Unwelcome::OutOfTime));
        assert!(ann.is_news() && !ann.is_news());
        assert!(logins.admit(&ann, "/west", clock).is_ok() && ann.is_news());
    }

    #[tokio::test]
    async fn a_time_ends_with_its_grace_and_one_without_times_does_not() {
        let always = Leave { schedule: None, grace: Duration::ZERO };
        let wait = Duration::from_millis(50);
        assert!(tokio::time::timeout(wait, always.over(Clock::start())).await.is_err());
        let never = Schedule::new(TimeZone::UTC, Vec::new());
        let over = Leave { schedule: Some(never), grace: Duration::ZERO };
        assert!(tokio::time::timeout(wait, over.over(Clock::start())).await.is_ok());
    }
}
