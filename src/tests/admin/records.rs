//! What is written down of operators, and that no secret is shown to them.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::{Admin, KEY, VIEWER_KEY, act_by, bearer, get, order, sign_in};
use crate::harness::http;
use crate::harness::process::roomhub;

#[test]
fn check_knows_the_keys_of_operators_and_where_the_audit_log_goes() {
    let data = TempDir::new().unwrap();
    let key = data.path().join("key");
    fs::write(&key, KEY).unwrap();
    let check = |environment: &[(&str, &str)]| {
        let output = roomhub(&["check", "music"])
            .env("PORT", "0")
            .env("ROOMHUB_ROOMS__DATA_DIR", data.path())
            .envs(environment.iter().copied())
            .output()
            .unwrap();
        let text = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap()).concat();
        (output.status.code(), text)
    };
    let (code, text) = check(&[("ROOMHUB_ADMIN__KEY_FILE", key.to_str().unwrap())]);
    assert!(code == Some(0) && text.contains("admin.key_file") && !text.contains("audit_log"), "{text}");
    let (code, text) = check(&[("ROOMHUB_ADMIN__VIEWER_KEY_FILE", "/nowhere/key")]);
    assert!(code == Some(2) && text.contains("admin.viewer_key_file"), "{text}");
    let below_a_file = key.join("audit.jsonl");
    let (code, text) = check(&[("ROOMHUB_ADMIN__AUDIT_LOG", below_a_file.to_str().unwrap())]);
    assert!(code == Some(0) && text.contains("warning") && text.contains("admin.audit_log"), "{text}");
}

#[test]
fn everything_that_is_done_is_written_down_for_its_owner_alone() {
    let admin = Admin::of("watch", &[]);
    let address = admin.address();
    get(address, "state", KEY);
    assert!(!admin.audit_log().exists(), "looking is not written down");
    sign_in(address, "guess", &[]);
    sign_in(address, KEY, &[]);
    act_by(address, VIEWER_KEY, &order("watch", "close", "room", "ABCDEF"));
    let mut banner = order("watch", "banner", "room", "ABCDEF");
    banner["input"] = json!("Tea \u{1b}[31mat five");
    act_by(address, KEY, &banner);
    let lines = admin.audited();
    let brief: Vec<Value> = lines
        .iter()
        .map(|line| {
            json!([line["who"], line["role"], line["way"], line["did"], line["action"], line["outcome"]])
        })
        .collect();
    assert_eq!(
        brief,
        [
            json!(["admin.key", "operator", "key", "signed_in", null, "done"]),
            json!(["admin.viewer_key", "viewer", "key", "acted", "close", "forbidden"]),
            json!(["admin.key", "operator", "key", "acted", "banner", "not_found"]),
        ]
    );
    assert_eq!((&lines[2]["id"], &lines[2]["input"]), (&json!("ABCDEF"), &banner["input"]));
    assert!(lines.iter().all(|line| line["address"] == "127.0.0.1" && line["time"].is_string()));
    let text = fs::read_to_string(admin.audit_log()).unwrap();
    assert!(!text.contains(KEY) && !text.contains(VIEWER_KEY) && !text.contains('\u{1b}'), "{text}");
    assert_eq!(fs::metadata(admin.audit_log()).unwrap().permissions().mode() & 0o777, 0o600);
    let logged = admin.server.log();
    let logged: Vec<&str> = logged.lines().filter(|line| line.contains("admin action")).collect();
    assert_eq!(logged.len(), 3, "{logged:?}");
}

#[test]
fn the_tail_of_the_log_and_the_configuration_show_no_secrets() {
    let secret = "hunter2 hunter2 hunter2";
    let admin = Admin::of(
        "watch",
        &[
            ("ROOMHUB_LOG__LEVEL", "trace"),
            ("AUTH_KEY", secret),
            ("ROOMHUB_ADMIN__LOG_LINES", "10"),
            ("SENTRY_DSN", "https://hunter2@127.0.0.1:9/1"),
            ("ROOMHUB_METRICS__TOKEN", secret),
        ],
    );
    let address = admin.address();
    for path in ["/stats", "/admin/v1/state", "/metrics"] {
        let query = format!("{path}?auth={secret}&key={secret}").replace(' ', "%20");
        http::get_with(address, &query, &[("authorization", &bearer(secret)), ("cookie", secret)]);
    }
    sign_in(address, secret, &[]);
    let log = get(address, "log", VIEWER_KEY).json();
    let lines: Vec<&str> =
        log["lines"].as_array().unwrap().iter().map(|line| line.as_str().unwrap()).collect();
    assert_eq!(lines.len(), 10, "as many as are kept");
    let text = lines.join("\n");
    for word in ["hunter2", KEY, VIEWER_KEY, "\u{1b}"] {
        assert!(!text.contains(word), "{word}: {text}");
    }
    assert!(text.contains("DEBUG"), "{text}");
    let next = log["next"].as_u64().unwrap();
    let more = get(address, &format!("log?since={next}"), VIEWER_KEY).json();
    assert!(more["next"].as_u64().unwrap() >= next && more["lines"].as_array().unwrap().len() <= 10);

    let told = get(address, "configuration", VIEWER_KEY);
    assert!(!told.body.contains("hunter2") && !told.body.contains(KEY), "{}", told.body);
    let values = told.json()["values"].as_array().unwrap().clone();
    let of = |key: &str| {
        let value = values.iter().find(|value| value["key"] == key).unwrap_or_else(|| panic!("{key}"));
        [&value["value"], &value["source"]].map(|text| text.as_str().unwrap().to_owned())
    };
    assert_eq!(of("watch.auth_key"), ["\"********\"", "environment AUTH_KEY"]);
    assert_eq!(of("admin.key"), ["\"********\"", "environment ROOMHUB_ADMIN__KEY"]);
    assert_eq!(of("watch.host"), ["\"127.0.0.1\"", "flag --host"]);
    assert_eq!(of("watch.max_rooms"), ["10000", "default"]);
    assert!(!values.iter().any(|value| value["key"].as_str().unwrap().starts_with("radio.")));
}
