//! The description of `/admin/v1` for programs: what a server answers is what it says, and it leaves nothing out.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::floors::sources;
use crate::harness::http::{self, Response};
use crate::harness::process::Server;
use crate::harness::websocket::Client;

const KEY: &str = "the key of all operators";
const VIEWER_KEY: &str = "the key of all viewers";

/// Statuses that need more than one request: wrong keys again and again, and a service that stops.
const NOT_WALKED: [&str; 2] = ["429", "503"];

/// What services show as tables, and the one that there is.
const TABLES: &str = "/admin/v1/{service}/{table}";
const REPORT: &str = "/admin/v1/radio/report.csv";

/// The description, and the statuses that each operation has answered so far.
struct Description {
    document: Value,
    seen: BTreeMap<(String, String), BTreeSet<String>>,
}

impl Description {
    fn of(address: SocketAddr) -> Self {
        let document = get(address, "/admin/v1/openapi.json", VIEWER_KEY).json();
        assert_eq!(document["openapi"], "3.1.0");
        Self { document, seen: BTreeMap::new() }
    }

    /// Every method of every path.
    fn operations(&self) -> Vec<(String, String)> {
        let paths = self.document["paths"].as_object().unwrap().iter();
        let operations = paths.flat_map(|(path, item)| {
            item.as_object().unwrap().keys().map(|method| (path.clone(), method.clone()))
        });
        operations.collect()
    }

    fn resolved<'a>(&'a self, value: &'a Value) -> &'a Value {
        value["$ref"].as_str().map_or(value, |place| {
            let found = self.document.pointer(place.trim_start_matches('#'));
            found.unwrap_or_else(|| panic!("{place} is not there"))
        })
    }

    /// Checks an answer against what is said of it.
    fn check(&mut self, method: &str, target: &str, answer: &Response) {
        let path = target.split('?').next().unwrap();
        let is_described = self.document["paths"].get(path).is_some();
        let path = if is_described { path } else { TABLES };
        let status = answer.status.to_string();
        let described = &self.document["paths"][path][method]["responses"][&status];
        assert!(
            described.is_object(),
            "{method} {target} answers {status}, which is not described: {answer:?}"
        );
        let described = self.resolved(described);
        for name in described["headers"].as_object().into_iter().flat_map(|headers| headers.keys()) {
            assert_ne!(answer.header(&name.to_lowercase()), "", "{method} {target}: {name} is missing");
        }
        match described["content"].as_object() {
            None => assert_eq!(answer.body, "", "{method} {target}"),
            Some(content) => {
                let (kind, described) = content.iter().next().unwrap();
                assert_eq!(answer.header("content-type"), kind, "{method} {target}: {answer:?}");
                if kind.ends_with("json") {
                    self.check_value(&described["schema"], &answer.json(), &format!("{method} {target}"));
                }
            }
        }
        self.seen.entry((path.to_owned(), method.to_owned())).or_default().insert(status);
    }

    /// Checks a value against a schema, as far as this description uses schemas.
    fn check_value(&self, schema: &Value, value: &Value, place: &str) {
        let schema = self.resolved(schema);
        if let Some(choices) = schema["anyOf"].as_array() {
            let choice = choices.iter().find(|choice| (choice["type"] == "null") == value.is_null());
            return self.check_value(choice.unwrap(), value, place);
        }
        if let Some(constant) = schema.get("const") {
            return assert_eq!(value, constant, "{place}");
        }
        if let Some(values) = schema["enum"].as_array() {
            return assert!(values.contains(value), "{place}: {value}");
        }
        let kind = match value {
            Value::Null => "null",
            Value::Bool(_) => "boolean",
            Value::Number(_) => "integer",
            Value::String(_) => "string",
            Value::Array(_) => "array",
            Value::Object(_) => "object",
        };
        let kinds = &schema["type"];
        assert!(
            kinds == kind || kinds.as_array().is_some_and(|all| all.contains(&json!(kind))),
            "{place}: {value}"
        );
        match value {
            Value::Number(number) => assert!(number.is_u64(), "{place}: {number}"),
            Value::Array(items) => {
                for (at, item) in items.iter().enumerate() {
                    let schema = schema["prefixItems"].get(at).unwrap_or(&schema["items"]);
                    self.check_value(schema, item, &format!("{place}[{at}]"));
                }
            }
            Value::Object(fields) => {
                for name in schema["required"].as_array().into_iter().flatten() {
                    assert!(fields.contains_key(name.as_str().unwrap()), "{place}: {name} is missing");
                }
                for (name, field) in fields {
                    match schema["properties"].get(name) {
                        Some(schema) => self.check_value(schema, field, &format!("{place}.{name}")),
                        None => assert_ne!(schema["additionalProperties"], false, "{place}: {name}"),
                    }
                }
            }
            Value::Null | Value::Bool(_) | Value::String(_) => {}
        }
    }
}

fn start(service: &str, data: &TempDir) -> Server {
    let folder = data.path().to_str().unwrap();
    let environment = [
        ("ROOMHUB_ADMIN__KEY", KEY),
        ("ROOMHUB_ADMIN__VIEWER_KEY", VIEWER_KEY),
        ("ROOMHUB_WATCH__ADMIN_KEY", "the key of watch's own operators"),
        ("ROOMHUB_ROOMS__DATA_DIR", folder),
        ("ROOMHUB_DEVICES__DATA_DIR", folder),
        ("ROOMHUB_RADIO__DATA_DIR", folder),
        ("ROOMHUB_RADIO__STATISTICS", "true"),
        ("AUTH_KEY", "open sesame, all members"),
    ];
    Server::of(service, &[], &environment)
}

fn get(address: SocketAddr, target: &str, key: &str) -> Response {
    http::get_with(address, target, &[("authorization", &format!("Bearer {key}"))])
}

/// Sends a text as somebody with a key.
fn send(address: SocketAddr, method: &str, target: &str, key: &str, kind: &str, body: &str) -> Response {
    let bearer = format!("Bearer {key}");
    let headers = [("authorization", bearer.as_str()), ("content-type", kind)];
    http::request(address, &method.to_uppercase(), target, &headers, body)
}

#[test]
fn every_answer_is_as_described_and_every_described_answer_is_given() {
    const JSON: &str = "application/json";
    let data = TempDir::new().unwrap();
    let music = start("music", &data);
    let address = music.address;
    let _host = Client::host(address, "AB12");
    let mut described = Description::of(address);
    for (path, method) in described.operations() {
        let foreign =
            [("authorization", format!("Bearer {KEY}")), ("sec-fetch-site", "cross-site".to_owned())];
        let foreign: Vec<(&str, &str)> =
            foreign.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let target = if path == TABLES { REPORT } else { path.as_str() };
        for headers in [&[][..], foreign.as_slice()] {
            let headers = [headers, &[("content-type", JSON)]].concat();
            let answer =
                http::request(address, &method.to_uppercase(), target, &headers, r#"{"key":"wrong"}"#);
            described.check(&method, target, &answer);
        }
        if method == "get" {
            described.check(&method, target, &get(address, target, KEY));
        }
    }
    for target in ["/admin/v1/state?find=ab", "/admin/v1/state?find=a&find=b", "/admin/v1/log?since=x"] {
        described.check("get", target, &get(address, target, VIEWER_KEY));
    }
    let close =
        |id: &str| json!({"service": "music", "action": "close", "kind": "room", "id": id}).to_string();
    let large = close(&"x".repeat(70_000));
    for (key, kind, body, status) in [
        (VIEWER_KEY, JSON, close("AB12"), 403),
        (KEY, JSON, close("none"), 404),
        (KEY, JSON, close("AB12"), 204),
        (KEY, JSON, "{}".to_owned(), 400),
        (KEY, "text/plain", close("AB12"), 415),
        (KEY, JSON, large.clone(), 413),
    ] {
        let answer = send(address, "post", "/admin/v1/actions", key, kind, &body);
        assert_eq!(answer.status, status, "{answer:?}");
        described.check("post", "/admin/v1/actions", &answer);
    }
    let credentials = json!({ "key": KEY }).to_string();
    for (kind, body, status) in [
        (JSON, &*credentials, 200),
        (JSON, "{}", 400),
        ("text/plain", &*credentials, 415),
        (JSON, &*large, 413),
    ] {
        let answer = send(address, "post", "/admin/v1/session", "", kind, body);
        assert_eq!(answer.status, status, "{answer:?}");
        described.check("post", "/admin/v1/session", &answer);
    }
    let radio = start("radio", &data);
    let no_source =
        json!({"service": "radio", "action": "endSource", "kind": "station", "id": "/"}).to_string();
    let conflict = send(radio.address, "post", "/admin/v1/actions", KEY, JSON, &no_source);
    described.check("post", "/admin/v1/actions", &conflict);
    for target in [REPORT.to_owned(), format!("{REPORT}?from=2026-01-01&to=2026-01-31")] {
        described.check("get", &target, &get(radio.address, &target, VIEWER_KEY));
    }
    for server in [radio, start("watch", &data), start("signal", &data), start("devices", &data)] {
        described.check("get", "/admin/v1/state", &get(server.address, "/admin/v1/state", KEY));
        let of_one_service = get(server.address, "/admin/v1/log", "the key of watch's own operators");
        described.check("get", "/admin/v1/log", &of_one_service);
    }
    for (path, method) in described.operations() {
        let responses = described.document["paths"][&path][&method]["responses"].as_object().unwrap();
        let expected: BTreeSet<String> =
            responses.keys().filter(|status| !NOT_WALKED.contains(&status.as_str())).cloned().collect();
        let seen = described.seen.get(&(path.clone(), method.clone())).cloned().unwrap_or_default();
        assert_eq!(seen, expected, "{method} {path}");
    }
}

#[test]
fn no_route_is_left_out_of_the_description() {
    let document: Value = serde_json::from_str(include_str!("../../assets/admin/openapi.json")).unwrap();
    let described: BTreeSet<String> = document["paths"].as_object().unwrap().keys().cloned().collect();
    let mut files = Vec::new();
    sources(Path::new(env!("CARGO_MANIFEST_DIR")).join("src").as_path(), &mut files);
    let mut routes = BTreeSet::new();
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        for path in text.split(".route(\"").skip(1).map(|rest| rest.split('"').next().unwrap()) {
            if path.starts_with("/admin/v1/") {
                routes.insert(path.to_owned());
            } else if file.ends_with("admin/routes.rs") && !path.starts_with("/admin") {
                routes.insert(format!("/admin/v1{path}"));
            }
        }
    }
    assert_eq!(described, routes);
}
