//! `/admin` of all services: who is let in, what it may do, what is written down of it.

mod access;
mod records;
mod services;

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::harness::http::{self, Response};
use crate::harness::process::Server;

const KEY: &str = "the key of all operators";
const VIEWER_KEY: &str = "the key of all viewers";

/// A process with both keys, and where it writes down what operators do.
struct Admin {
    server: Server,
    data: TempDir,
}

impl Admin {
    fn of(service: &str, environment: &[(&str, &str)]) -> Self {
        let data = TempDir::new().unwrap();
        let folder = data.path().to_str().unwrap();
        let known = [
            ("ROOMHUB_ADMIN__KEY", KEY),
            ("ROOMHUB_ADMIN__VIEWER_KEY", VIEWER_KEY),
            ("ROOMHUB_ROOMS__DATA_DIR", folder),
            ("ROOMHUB_DEVICES__DATA_DIR", folder),
            ("ROOMHUB_RADIO__DATA_DIR", ""),
            ("AUTH_KEY", "open sesame, all members"),
        ];
        let server = Server::of(service, &[], &[&known, environment].concat());
        Self { server, data }
    }

    fn address(&self) -> SocketAddr {
        self.server.address
    }

    fn audit_log(&self) -> PathBuf {
        self.data.path().join("audit.jsonl")
    }

    fn audited(&self) -> Vec<Value> {
        let text = fs::read_to_string(self.audit_log()).unwrap_or_default();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

fn bearer(key: &str) -> String {
    format!("Bearer {key}")
}

fn get(address: SocketAddr, path: &str, key: &str) -> Response {
    http::get_with(address, &format!("/admin/v1/{path}"), &[("authorization", &bearer(key))])
}

/// Has something done, as whoever the headers say.
fn act(address: SocketAddr, headers: &[(&str, &str)], order: &Value) -> Response {
    let headers = [headers, &[("content-type", "application/json")]].concat();
    http::request(address, "POST", "/admin/v1/actions", &headers, &order.to_string())
}

fn act_by(address: SocketAddr, key: &str, order: &Value) -> Response {
    act(address, &[("authorization", &bearer(key))], order)
}

fn sign_in(address: SocketAddr, key: &str, headers: &[(&str, &str)]) -> Response {
    let headers = [headers, &[("content-type", "application/json")]].concat();
    http::request(address, "POST", "/admin/v1/session", &headers, &json!({ "key": key }).to_string())
}

fn is_problem(answer: &Response, status: u16) -> bool {
    answer.status == status
        && answer.header("content-type") == "application/problem+json"
        && answer.json()["detail"].as_str().is_some_and(|detail| !detail.is_empty())
}

fn service<'a>(state: &'a Value, name: &str) -> &'a Value {
    let services = state["services"].as_array().unwrap();
    services.iter().find(|service| service["name"] == name).unwrap_or_else(|| panic!("{name}: {state}"))
}

/// The first items of a service.
fn items(address: SocketAddr, name: &str) -> Vec<Value> {
    let state = get(address, "state", KEY).json();
    service(&state, name)["overview"]["sections"][0]["items"].as_array().unwrap().clone()
}

fn order(service: &str, action: &str, kind: &str, id: &str) -> Value {
    json!({ "service": service, "action": action, "kind": kind, "id": id })
}
