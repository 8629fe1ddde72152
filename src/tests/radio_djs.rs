//! DJs: who may broadcast where and when, under its own name, and what operators do about it.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::clock::WrongClock;
use crate::harness::process::{Server, run};
use crate::harness::radio::{Recording, make, on_air, station};
use crate::harness::{eventually, http};

const ANN: &str = "the password of Ann";
const BOB: &str = "the password of Bob";
const KEY: &str = "the key of the operators";

/// Ann broadcasts to `/night` alone, Bob everywhere, in the evening.
const DJS: &str = "[{ name = \"Ann\", password = \"the password of Ann\", routes = [\"/night\"] }, \
    { name = \"Bob\", password = \"the password of Bob\", times = \"20:00-22:00\" }]";

/// Stations at `/night` and `/day`, and where their operators' deeds are written down.
struct Site {
    folder: TempDir,
    server: Server,
}

impl Site {
    fn start(clock: &WrongClock) -> Self {
        let folder = TempDir::new().unwrap();
        make(folder.path(), "folder.mp3", "sine=440", 30, "-ac 2 -ar 44100 -b:a 128k -metadata title=Folder");
        let path = folder.path().to_str().unwrap();
        let environment = [
            ("ROOMHUB_RADIO__AUDIO_DIR", path),
            ("ROOMHUB_RADIO__DATA_DIR", ""),
            ("ROOMHUB_RADIO__STREAM_ROUTES", "/night,/day"),
            ("ROOMHUB_RADIO__TIME_ZONE", "UTC"),
            ("ROOMHUB_RADIO__DJS", DJS),
            ("ROOMHUB_RADIO__END_GRACE", "1m"),
            ("ROOMHUB_RADIO__SOURCE_PASSWORD", "the source password"),
            ("ROOMHUB_RADIO__ADMIN_KEY", KEY),
            ("ROOMHUB_ROOMS__DATA_DIR", path),
        ];
        let server = clock.start("radio", &environment);
        on_air(&server);
        Self { folder, server }
    }

    /// ffmpeg broadcasts to `/night`.
    fn source(&self, account: &str) -> Child {
        source(&self.server, account, "/night", "Night show")
    }

    /// What a client is answered that asks to broadcast.
    fn ask(&self, account: &str, route: &str) -> String {
        let answer = http::request(
            self.server.address,
            "SOURCE",
            route,
            &[("Authorization", &basic(account)), ("Content-Type", "audio/mpeg")],
            "",
        );
        format!("{} {}", answer.status, answer.body.trim())
    }

    fn now(&self) -> Value {
        http::get(self.server.address, "/now-playing?route=night").json()
    }

    fn becomes(&self, key: &str, value: &Value) {
        eventually(&format!("{key} = {value}"), || (self.now()[key] == *value).then_some(()));
    }

    fn order(&self, path: &str) -> (u16, String) {
        let key = basic(&format!("admin:{KEY}"));
        let answer = http::request(self.server.address, "POST", path, &[("Authorization", &key)], "");
        (answer.status, answer.body)
    }

    fn audited(&self) -> Vec<String> {
        let text = fs::read_to_string(self.folder.path().join("audit.jsonl")).unwrap_or_default();
        let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        lines
            .map(|line| {
                let word = |key: &str| line[key].as_str().unwrap_or("-").to_owned();
                let deed = [word("who"), word("action"), word("id"), word("within")];
                format!("{} {} {}", deed.join(" "), word("input"), word("outcome"))
            })
            .collect()
    }
}

fn basic(pair: &str) -> String {
    format!("Basic {}", STANDARD.encode(pair))
}

/// ffmpeg as a source with an account.
pub fn source(server: &Server, account: &str, route: &str, name: &str) -> Child {
    let account = account.replace(' ', "%20");
    Command::new("ffmpeg")
        .args(["-v", "error", "-re", "-f", "lavfi", "-i", "sine=880", "-c:a", "libmp3lame"])
        .args(["-ac", "2", "-ar", "44100", "-b:a", "128k"])
        .args(["-ice_name", name, "-content_type", "audio/mpeg", "-f", "mp3"])
        .arg(format!("icecast://{account}@{}{route}", server.address))
        .stdin(Stdio::null())
        .spawn()
        .unwrap()
}

fn showing(moment: &str) -> String {
    let shown = humantime::parse_rfc3339(moment).unwrap().duration_since(UNIX_EPOCH).unwrap();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    format!("{:+.3}", shown.as_secs_f64() - now.as_secs_f64())
}

fn end(mut source: Child) {
    source.kill().unwrap();
    source.wait().unwrap();
}

#[test]
fn a_dj_broadcasts_under_its_own_name_where_it_may() {
    let clock = WrongClock::new(&showing("2026-06-03T12:00:00Z"));
    let site = Site::start(&clock);
    let ann = format!("Ann:{ANN}");
    assert_eq!(site.ask(&ann, "/day"), "403 this account does not broadcast to this station");
    assert_eq!(site.ask("ann:the password of Ann", "/night"), "401 the source password is expected");
    assert_eq!(site.now()["dj"], Value::Null);
    let source = site.source(&ann);
    site.becomes("title", &json!("Night show"));
    assert_eq!((&site.now()["dj"], &site.now()["source"]), (&json!("Ann"), &json!("live")));
    let streams = http::get(site.server.address, "/streams").json();
    let djs: Vec<&Value> =
        streams["streams"].as_array().unwrap().iter().map(|stream| &stream["dj"]).collect();
    assert_eq!(djs, [&Value::Null, &json!("Ann")]);
    let history = http::get(site.server.address, "/history?route=night").json();
    let latest = history["history"].as_array().unwrap().last().unwrap().clone();
    assert_eq!((&latest["title"], &latest["dj"]), (&json!("Night show"), &json!("Ann")));
    assert_eq!(history["history"][0].get("dj"), None);
    site.server.await_log("\"dj\":\"Ann\"");

    // One at a time, and titles are those of whoever broadcasts, or of whoever has the source password.
    assert_eq!(site.ask("source:the source password", "/night"), "403 Mountpoint in use");
    let song = |account: &str, song: &str| {
        let path = format!("/admin/metadata?mode=updinfo&mount=/night&song={song}");
        http::get_with(site.server.address, &path, &[("Authorization", &basic(account))]).status
    };
    assert_eq!(song(&format!("Bob:{BOB}"), "Mine"), 400);
    assert_eq!(song(&ann, "Hers"), 200);
    site.becomes("title", &json!("Hers"));
    assert_eq!(song("source:the source password", "Theirs"), 200);
    site.becomes("title", &json!("Theirs"));
    end(source);
    site.becomes("title", &json!("Folder"));
    assert_eq!(site.now()["dj"], Value::Null);

    // Clients without a field for the user name have both in that for the password.
    let source = site.source(&format!("source:Ann%3A{ANN}"));
    site.becomes("dj", &json!("Ann"));
    end(source);
    assert!(!site.server.log().contains(ANN));
}

#[test]
fn a_dj_broadcasts_in_its_time_and_with_a_grace_after_it() {
    let clock = WrongClock::new(&showing("2026-06-03T12:00:00Z"));
    let site = Site::start(&clock);
    let bob = format!("Bob:{BOB}");
    for _ in 0..3 {
        assert_eq!(site.ask(&bob, "/night"), "403 it is not the time of this account");
    }
    let warnings = |log: &str| log.lines().filter(|line| line.contains("OutOfTime")).count();
    site.server.await_log("OutOfTime");
    // Far from both ends: a busy machine may take a while.
    clock.put(&showing("2026-06-03T21:00:00Z"));
    let mut source = site.source(&bob);
    site.becomes("dj", &json!("Bob"));
    assert_eq!(warnings(&site.server.log()), 1, "clients try again and again");
    clock.put(&showing("2026-06-03T22:00:01Z"));
    eventually("more of the show", || (site.now()["elapsed_seconds"].as_f64()? > 3.0).then_some(()));
    assert_eq!(site.now()["dj"], "Bob");
    clock.put(&showing("2026-06-03T22:00:59Z"));
    site.becomes("title", &json!("Folder"));
    site.server.await_log("its time is over");
    source.wait().unwrap();
    assert_eq!(site.ask(&bob, "/night"), "403 it is not the time of this account");
}

#[test]
fn an_operator_mutes_a_live_source_and_listeners_hear_the_folder_meanwhile() {
    let clock = WrongClock::new("+0");
    let site = Site::start(&clock);
    assert_eq!(site.order("/admin/mutesource?mount=/night").0, 409);
    let mut source = site.source(&format!("Ann:{ANN}"));
    site.becomes("title", &json!("Night show"));
    let recording = Recording::start(site.server.address, "/night");
    assert_eq!(site.order("/admin/mutesource?mount=/night").0, 200);
    site.becomes("source", &json!("folder"));
    site.becomes("title", &json!("Folder"));
    let now = site.now();
    assert_eq!((&now["source"], &now["dj"]), (&json!("folder"), &Value::Null));
    assert_eq!(site.order("/admin/mutesource?mount=/night").0, 409);
    eventually("some seconds of it", || (site.now()["elapsed_seconds"].as_f64()? > 3.0).then_some(()));
    assert!(source.try_wait().unwrap().is_none(), "the source stays connected");
    assert_eq!(site.ask("source:the source password", "/night"), "403 Mountpoint in use");
    assert_eq!(site.order("/admin/unmutesource?mount=/night").0, 200);
    site.becomes("title", &json!("Night show"));
    assert_eq!(site.now()["dj"], "Ann");
    let recorded = recording.stop();
    assert_eq!((recorded.formats(), recorded.complaints()), ("44100,2".into(), String::new()));
    // One that ends while it is muted is forgotten.
    assert_eq!(site.order("/admin/mutesource?mount=/night").0, 200);
    site.becomes("title", &json!("Folder"));
    end(source);
    eventually("no source", || (site.order("/admin/unmutesource?mount=/night").0 == 409).then_some(()));
    let expected = [
        "radio.admin_key muteSource source /night - conflict",
        "radio.admin_key muteSource Ann /night - done",
        "radio.admin_key muteSource Ann /night - conflict",
        "radio.admin_key unmuteSource Ann /night - done",
        "radio.admin_key muteSource Ann /night - done",
    ];
    assert_eq!(site.audited()[..5], expected);
}

#[test]
fn an_operator_ends_a_show_and_keeps_its_dj_out() {
    let clock = WrongClock::new("+0");
    let site = Site::start(&clock);
    let ann = format!("Ann:{ANN}");
    let mut source = site.source(&ann);
    site.becomes("dj", &json!("Ann"));
    for path in ["/admin/kicksource?mount=/night", "/admin/kicksource?mount=/night&minutes=0"] {
        assert_eq!(site.order(path).0, 400, "{path}");
    }
    assert_eq!(site.order("/admin/kicksource?mount=/none&minutes=5").0, 400);
    let nobody =
        http::request(site.server.address, "POST", "/admin/kicksource?mount=/night&minutes=5", &[], "");
    assert_eq!(nobody.status, 401);
    let foreign = [("Authorization", &*basic(&format!("admin:{KEY}"))), ("Sec-Fetch-Site", "cross-site")];
    let foreign =
        http::request(site.server.address, "POST", "/admin/kicksource?mount=/night&minutes=5", &foreign, "");
    assert_eq!(foreign.status, 403);
    assert_eq!(site.now()["dj"], "Ann");
    assert_eq!(site.order("/admin/kicksource?mount=/night&minutes=5").0, 200);
    site.becomes("title", &json!("Folder"));
    source.wait().unwrap();
    assert_eq!(site.ask(&ann, "/night"), "403 an operator keeps this account out for a time");
    // Others are let in, and ended as Icecast's tools do it.
    let mut source = site.source("source:the%20source%20password");
    site.becomes("source", &json!("live"));
    let key = basic(&format!("admin:{KEY}"));
    let killed =
        http::get_with(site.server.address, "/admin/killsource?mount=/night", &[("Authorization", &key)]);
    assert!(killed.status == 200 && killed.body.contains("<return>1</return>"), "{killed:?}");
    site.becomes("source", &json!("folder"));
    source.wait().unwrap();
    let audited = site.audited();
    assert!(audited.contains(&"radio.admin_key kickSource Ann /night 5 done".to_owned()), "{audited:?}");
    assert!(audited.contains(&"radio.admin_key endSource source /night - done".to_owned()), "{audited:?}");
}

#[test]
fn mistakes_in_accounts_are_told_by_key() {
    let told = |djs: &str| {
        let output = run(&["check", "radio"], &[("ROOMHUB_RADIO__DJS", djs)]);
        String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
    };
    for (djs, key) in [
        ("[{ name = \"\", password = \"hunter2\" }]", "radio.djs[1].name"),
        ("[{ name = \"a:b\", password = \"hunter2\" }]", "radio.djs[1].name"),
        ("[{ name = \"source\", password = \"hunter2\" }]", "radio.djs[1].name"),
        ("[{ name = \"Ann\" }]", "radio.djs[1].password"),
        ("[{ name = \"Ann\", password = \"hunter2\", routes = [\"/admin\"] }]", "radio.djs[1].routes"),
        ("[{ name = \"Ann\", password = \"hunter2\", times = \"late\" }]", "radio.djs[1].times"),
        (
            "[{ name = \"Ann\", password = \"hunter2\" }, { name = \"Ann\", password = \"hunter2\" }]",
            "radio.djs[2].name",
        ),
        ("[{ name = \"Ann\", password_file = \"/none\" }]", "radio.djs[1].password_file"),
    ] {
        let told = told(djs);
        assert!(told.contains(key) && !told.contains("hunter2"), "{djs}: {told}");
    }
}

#[test]
fn the_password_of_a_dj_may_stand_in_a_file() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("password");
    fs::write(&file, "a word in a file\n").unwrap();
    let djs = format!("[{{ name = \"Ann\", password_file = {:?} }}]", path(&file));
    let server = station(&[], &[("ROOMHUB_RADIO__DJS", &djs)]);
    on_air(&server);
    let source = source(&server, "Ann:a word in a file", "/stream", "Show");
    eventually("the show", || {
        (http::get(server.address, "/now-playing").json()["dj"] == "Ann").then_some(())
    });
    end(source);
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}
