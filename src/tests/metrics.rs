//! What the program counts, and what it says of it.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::json;

use crate::devices;
use crate::devices::client::Device;
use crate::floors::sources;
use crate::harness::process::{Server, roomhub};
use crate::harness::{http, polling, websocket};

/// What every exporter tells of its process, under these names.
const OF_THE_PROCESS: [&str; 7] = [
    "process_cpu_seconds_total",
    "process_max_fds",
    "process_open_fds",
    "process_resident_memory_bytes",
    "process_start_time_seconds",
    "process_threads",
    "process_virtual_memory_bytes",
];

/// The names that stand behind a macro like `counter!(`.
fn names(text: &str, is_description: bool) -> BTreeSet<String> {
    let calls = text.split("!(").zip(text.split("!(").skip(1));
    calls
        .filter(|(before, _)| {
            let name =
                before.rsplit(|c: char| !c.is_ascii_alphabetic() && c != '_').next().unwrap_or_default();
            let kind = name.strip_prefix("describe_").unwrap_or(name);
            ["counter", "gauge", "histogram"].contains(&kind)
                && name.starts_with("describe_") == is_description
        })
        .filter_map(|(_, after)| after.trim_start().strip_prefix('"')?.split('"').next())
        .filter(|name| name.starts_with("roomhub_"))
        .map(str::to_owned)
        .collect()
}

#[test]
fn every_metric_is_described_and_every_description_is_of_a_metric() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    sources(&root.join("src"), &mut files);
    let text: String = files.iter().map(|file| fs::read_to_string(file).unwrap()).collect();
    let (described, counted) = (names(&text, true), names(&text, false));
    assert!(counted.len() > 20, "{counted:?}");
    assert_eq!(described, counted);
    let dashboard = fs::read_to_string(root.join("assets/grafana/roomhub.json")).unwrap();
    for name in dashboard.split("roomhub_").skip(1) {
        let end = name.find(|c: char| !c.is_ascii_lowercase() && c != '_').unwrap_or(name.len());
        let name = format!("roomhub_{}", &name[..end]);
        let is_known = counted.iter().any(|known| name == *known || name == format!("{known}_bucket"));
        assert!(is_known, "the dashboard shows {name}");
    }
}

/// What `promtool check metrics` has to say of figures.
fn complaints(figures: &str) -> String {
    let promtool = concat!(env!("CARGO_MANIFEST_DIR"), "/target/servers/promtool");
    let mut command = Command::new(promtool);
    command.args(["check", "metrics"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("src/tests/install-promtool.sh was run");
    child.stdin.take().unwrap().write_all(figures.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let told =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.success(), told.is_empty(), "{told}");
    told
}

/// Every metric that the program describes, as it would be printed.
fn all_described() -> String {
    let source = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/metrics.rs")).unwrap();
    let mut figures = String::new();
    for kind in ["counter", "gauge", "histogram"] {
        for call in source.split(&format!("describe_{kind}!(")).skip(1) {
            let mut texts = call.split('"').skip(1).step_by(2);
            let (name, help) = (texts.next().unwrap(), texts.next().unwrap());
            writeln!(figures, "# HELP {name} {help}\n# TYPE {name} {kind}").unwrap();
            match kind {
                "histogram" => {
                    writeln!(figures, "{name}_bucket{{le=\"+Inf\"}} 1\n{name}_sum 1\n{name}_count 1")
                        .unwrap();
                }
                _ => writeln!(figures, "{name} 1").unwrap(),
            }
        }
    }
    figures
}

#[test]
fn prometheus_finds_nothing_wrong_with_the_names_of_metrics() {
    let figures = all_described();
    assert!(figures.lines().count() > 100, "{figures}");
    assert_eq!(complaints(&figures), "");
    assert_ne!(complaints("# TYPE roomhub_wait_minutes counter\nroomhub_wait_minutes 1\n"), "");
}

#[test]
fn prometheus_finds_nothing_wrong_with_what_all_services_tell() {
    let data = tempfile::tempdir().unwrap();
    let mut command = roomhub(&["all", "--host", "127.0.0.1", "--log-format", "json"]);
    command.env("ROOMHUB_DEVICES__DATA_DIR", data.path()).env("ROOMHUB_RADIO__DATA_DIR", "");
    command.env("ROOMHUB_ROOMS__DATA_DIR", data.path());
    for section in ["MUSIC", "WATCH", "SIGNAL", "DEVICES", "RADIO"] {
        command.env(format!("ROOMHUB_{section}__PORT"), "0");
    }
    let server = Server::spawn(command);
    let mut host = websocket::Client::host(server.address, "AB12");
    host.emit("create_room", &json!({}));
    host.expect("error");
    let figures = http::get(server.address, "/metrics").body;
    assert_eq!(complaints(&figures), "");
    for name in OF_THE_PROCESS {
        assert!(figures.contains(&format!("\n# TYPE {name} ")), "{name} is not in\n{figures}");
    }
    let documented = |line: &str| {
        let end = line.find(['{', ' ']).unwrap();
        let name = ["_bucket", "_sum", "_count"].iter().find_map(|end_of| line[..end].strip_suffix(end_of));
        let is_known =
            |name: &str| ["HELP", "TYPE"].iter().all(|word| figures.contains(&format!("# {word} {name} ")));
        is_known(&line[..end]) || name.is_some_and(is_known)
    };
    for line in figures.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        assert!(documented(line), "{line}");
    }
}

#[test]
fn requests_are_counted_by_service_method_and_status_whatever_strangers_send() {
    let server = Server::start();
    for path in ["/no/such/path", "/no/other", "/rooms?key=secret"] {
        http::get(server.address, path);
    }
    for method in ["BREW", "PROPFIND", "A".repeat(1000).as_str()] {
        http::request(server.address, method, "/rooms", &[], "");
    }
    let count = |method: &str, code: u16| {
        let labels = format!(r#"service="music",method="{method}",code="{code}""#);
        server.metric(&format!("roomhub_http_requests_total{{{labels}}}"))
    };
    assert_eq!((count("GET", 404), count("other", 405)), (2.0, 3.0));
    let figures = http::get(server.address, "/metrics").body;
    for word in ["no/", "BREW", "PROPFIND", "secret", "AAA"] {
        assert!(!figures.contains(word), "{word} is in\n{figures}");
    }
}

#[test]
fn websockets_and_long_polls_are_no_slow_requests() {
    let durations = |server: &Server, service: &str| {
        server.metric(&format!(r#"roomhub_http_request_duration_seconds_count{{service="{service}"}}"#))
    };
    let upgrades = |server: &Server, service: &str| {
        let labels = format!(r#"service="{service}",method="GET",code="101""#);
        server.metric(&format!("roomhub_http_requests_total{{{labels}}}"))
    };
    let server = Server::start();
    // Each look at the metrics is a request itself.
    let before = durations(&server, "music");
    let _socket = websocket::Client::connect(server.address);
    let poller = polling::Client::connect(server.address);
    poller.post("2");
    assert_eq!(durations(&server, "music"), before + 1.0);
    assert_eq!(upgrades(&server, "music"), 1.0);
    let polls = server.metric(r#"roomhub_http_requests_total{service="music",method="POST",code="200"}"#);
    assert!(polls >= 1.0, "{polls}");

    let data = tempfile::tempdir().unwrap();
    let server = devices::start(data.path(), &[], &[]);
    let before = durations(&server, "devices");
    let _device = Device::join(server.address, "d1", None);
    assert_eq!(durations(&server, "devices"), before + 1.0);
    assert_eq!(upgrades(&server, "devices"), 1.0);
}
