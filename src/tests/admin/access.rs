//! Who is let in to `/admin`, by a key, a session, a proxy or from this machine.

use std::fs;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::{Admin, KEY, VIEWER_KEY, act, act_by, get, is_problem, items, order, service, sign_in};
use crate::harness::balancer::Balancer;
use crate::harness::http;
use crate::harness::process::{Server, roomhub};
use crate::harness::websocket::Client;

#[test]
fn who_brings_the_key_acts_and_who_brings_that_of_viewers_looks() {
    let admin = Admin::of("music", &[]);
    let address = admin.address();
    let nobody = http::get(address, "/admin/v1/state");
    assert!(is_problem(&nobody, 401) && nobody.body.contains("admin.key"), "{nobody:?}");
    assert!(is_problem(&get(address, "state", "open sesame"), 401));
    let mut ann = Client::host(address, "AB12");
    for (key, role) in [(KEY, "operator"), (VIEWER_KEY, "viewer")] {
        let state = get(address, "state", key).json();
        assert_eq!((&state["you"]["role"], &state["you"]["way"]), (&json!(role), &json!("key")), "{state}");
        let music = service(&state, "music");
        assert_eq!((&music["isReady"], &music["readiness"]), (&json!(true), &json!("ready")));
        let room = &music["overview"]["sections"][0]["items"][0];
        assert_eq!((&room["id"], &room["items"][0]["id"]), (&json!("AB12"), &json!(ann.id)), "{room}");
        for path in ["log", "configuration"] {
            assert_eq!(get(address, path, key).status, 200, "{path}");
        }
        // What the page asks of a service is no request of anybody's.
        let asked = r#"roomhub_http_requests_total{service="music",method="GET",code="200"}"#;
        let before = admin.server.metric(asked);
        get(address, "state", key);
        assert_eq!(admin.server.metric(asked) - before, 2.0, "the state, and the figures before");
    }
    let close = order("music", "close", "room", "AB12");
    for answer in [act_by(address, VIEWER_KEY, &close), act(address, &[], &close)] {
        assert!(is_problem(&answer, answer.status) && [401, 403].contains(&answer.status), "{answer:?}");
    }
    assert!(is_problem(&act_by(address, VIEWER_KEY, &close), 403));
    assert_eq!(items(address, "music").len(), 1);
    assert_eq!(act_by(address, KEY, &close).status, 204);
    ann.expect("room_left");
    assert!(items(address, "music").is_empty());
    assert!(is_problem(&act_by(address, KEY, &close), 404));
    for wrong in [order("video", "close", "room", "AB12"), order("music", "burn", "room", "AB12")] {
        assert!(is_problem(&act_by(address, KEY, &wrong), 404), "{wrong}");
    }
    for wrong in [json!({}), json!([]), json!({ "service": "music", "action": 1, "kind": "", "id": "" })] {
        assert!(is_problem(&act_by(address, KEY, &wrong), 400), "{wrong}");
    }
    let long = order("music", "close", "room", &"x".repeat(501));
    assert!(is_problem(&act_by(address, KEY, &long), 400));
}

#[test]
fn a_session_is_a_cookie_for_this_site_alone_that_ends() {
    let mut admin = Admin::of("signal", &[]);
    let address = admin.address();
    let told = sign_in(address, KEY, &[]);
    assert_eq!((told.status, &told.json()["you"]["who"]), (200, &json!("admin.key")));
    let cookie = told.header("set-cookie").to_owned();
    assert!(cookie.ends_with("; Max-Age=43200; HttpOnly; SameSite=Strict"), "{cookie}");
    let by_tls = sign_in(address, KEY, &[("x-forwarded-proto", "https")]);
    assert!(by_tls.header("set-cookie").ends_with("; Secure"), "{by_tls:?}");
    let cookie = cookie.split(';').next().unwrap().to_owned();
    let close = order("signal", "close", "room", "r");
    let with = |address, cookie: &str| {
        http::get_with(address, "/admin/v1/state", &[("cookie", &format!("a=b; {cookie}"))]).status
    };
    assert_eq!(with(address, &cookie), 200);
    for wrong in ["roomhub-admin=", "roomhub-admin=admin.key~99999999999999~00~00"] {
        assert_eq!(with(address, wrong), 401, "{wrong}");
    }
    // Neither a form of another page's nor a script of it gets anything done.
    let cookied = [("cookie", cookie.as_str())];
    assert_eq!(act(address, &cookied, &close).status, 404);
    for site in ["cross-site", "same-site"] {
        let foreign = [cookied[0], ("sec-fetch-site", site)];
        assert!(is_problem(&act(address, &foreign, &close), 403), "{site}");
        assert!(is_problem(&sign_in(address, KEY, &foreign[1..]), 403), "{site}");
    }
    for kind in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"] {
        let headers = [cookied[0], ("content-type", kind)];
        let answer = http::request(address, "POST", "/admin/v1/actions", &headers, &close.to_string());
        assert!(is_problem(&answer, 415), "{kind}: {answer:?}");
    }
    let asks = [("origin", "http://evil.example"), ("access-control-request-method", "POST")];
    for path in ["/admin/v1/actions", "/admin/v1/session", "/admin/v1/state"] {
        let preflight = http::request(address, "OPTIONS", path, &asks, "");
        assert!(!preflight.headers.keys().any(|name| name.starts_with("access-control")), "{preflight:?}");
    }
    // It outlives the process, and ends when it is signed out of.
    let other = sign_in(address, VIEWER_KEY, &[]).header("set-cookie").split(';').next().unwrap().to_owned();
    admin.server.signal("TERM");
    assert_eq!(admin.server.wait(), 0);
    let again = Admin::of("signal", &[]);
    assert_eq!((with(again.address(), &cookie), with(again.address(), &other)), (200, 200));
    let out = http::request(again.address(), "DELETE", "/admin/v1/session", &cookied, "");
    assert_eq!(out.status, 204);
    assert!(out.header("set-cookie").starts_with("roomhub-admin=; Max-Age=0;"), "{out:?}");
    assert_eq!((with(again.address(), &cookie), with(again.address(), &other)), (401, 200));
    let with_other_key = Admin::of("signal", &[("ROOMHUB_ADMIN__KEY", "another key of operators")]);
    assert_eq!(with(with_other_key.address(), &cookie), 401);
}

#[test]
fn a_trusted_proxy_says_who_it_is_and_nobody_else_does() {
    let of = |trusted: &str| {
        let folder = TempDir::new().unwrap();
        let server = Server::of(
            "signal",
            &[],
            &[
                ("ROOMHUB_NETWORK__TRUSTED_PROXIES", trusted),
                ("ROOMHUB_ADMIN__REMOTE_USER_HEADER", "Remote-User"),
                ("ROOMHUB_ADMIN__OPERATORS", "ann,小明"),
                ("ROOMHUB_ADMIN__VIEWERS", "bob"),
                ("ROOMHUB_ROOMS__DATA_DIR", folder.path().to_str().unwrap()),
            ],
        );
        (server, folder)
    };
    let (trusting, folder) = of("127.0.0.1");
    let told = |headers: &[(&str, &str)]| http::get_with(trusting.address, "/admin/v1/state", headers);
    for (user, role) in [("ann", "operator"), ("小明", "operator"), ("bob", "viewer")] {
        let state = told(&[("Remote-User", user), ("X-Forwarded-For", "203.0.113.9")]).json();
        assert_eq!((&state["you"]["who"], &state["you"]["role"]), (&json!(user), &json!(role)), "{state}");
    }
    let eve = told(&[("Remote-User", "eve")]);
    assert!(is_problem(&eve, 403) && eve.body.contains("eve"), "{eve:?}");
    for headers in [&[][..], &[("Remote-User", "")], &[("Remote-User", "ann"), ("remote-user", "ann")]] {
        assert!(is_problem(&told(headers), 401), "{headers:?}");
    }
    let close = order("signal", "close", "room", "r");
    assert!(is_problem(&act(trusting.address, &[("Remote-User", "bob")], &close), 403));
    let by_ann = [("Remote-User", "ann"), ("X-Forwarded-For", "203.0.113.9")];
    assert!(is_problem(&act(trusting.address, &by_ann, &close), 404));
    let audited = fs::read_to_string(folder.path().join("audit.jsonl")).unwrap();
    let last: Value = serde_json::from_str(audited.lines().last().unwrap()).unwrap();
    assert_eq!(
        (&last["who"], &last["way"], &last["address"], &last["outcome"]),
        (&json!("ann"), &json!("proxy"), &json!("203.0.113.9"), &json!("not_found"))
    );
    // As nginx names the user that it has signed in, whatever the client says.
    let proxy = Balancer::bare(trusting.address, "proxy_set_header Remote-User bob;");
    for headers in [&[][..], &[("Remote-User", "ann")]] {
        let state = http::get_with(proxy.address, "/admin/v1/state", headers).json();
        assert_eq!(state["you"]["who"], "bob", "{state}");
    }
    let (other, _folder) = of("10.0.0.0/8");
    for headers in [&[][..], &[("Remote-User", "ann")]] {
        let refused = http::get_with(other.address, "/admin/v1/state", headers);
        assert!(is_problem(&refused, 401), "{refused:?}");
    }
}

#[test]
fn a_header_that_nobody_is_believed_is_a_mistake() {
    for (environment, what) in [
        (&[("ROOMHUB_ADMIN__OPERATORS", "ann")][..], "network.trusted_proxies is empty"),
        (&[("ROOMHUB_NETWORK__TRUSTED_PROXIES", "10.0.0.1")], "no user of this header"),
    ] {
        let output = roomhub(&["music", "--print-config"])
            .env("ROOMHUB_ADMIN__REMOTE_USER_HEADER", "Remote-User")
            .envs(environment.iter().copied())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains("admin.remote_user_header") && said.contains(what), "{said}");
    }
}

#[test]
fn without_a_key_this_machine_acts_and_nothing_that_comes_by_way_of_it() {
    let data = TempDir::new().unwrap();
    let server = Server::start_with(&[], &[("ROOMHUB_ROOMS__DATA_DIR", data.path().to_str().unwrap())]);
    let close = order("music", "close", "room", "AB12");
    let own = format!("http://{}", server.address);
    for foreign in [
        ("host", "rooms.example.org"),
        ("host", "127.0.0.1.nip.io"),
        ("via", "1.1 proxy"),
        ("x-forwarded-for", "127.0.0.1"),
        ("remote-user", "ann"),
        ("origin", "http://evil.example"),
        ("sec-fetch-site", "cross-site"),
    ] {
        let answer = act(server.address, &[foreign], &close);
        assert!(is_problem(&answer, 401) && answer.body.contains("admin.key"), "{foreign:?}: {answer:?}");
    }
    assert!(is_problem(&sign_in(server.address, "", &[]), 401));
    assert!(!data.path().join("audit.jsonl").exists());
    assert_eq!(act(server.address, &[("origin", &own)], &close).status, 404);
    let line = fs::read_to_string(data.path().join("audit.jsonl")).unwrap();
    let line: Value = serde_json::from_str(&line).unwrap();
    assert_eq!((&line["who"], &line["way"]), (&json!("this machine"), &json!("machine")));
}

#[test]
fn guessing_the_key_is_slowed_by_every_way_in() {
    let admin = Admin::of("music", &[]);
    for n in 0..5 {
        assert_eq!(get(admin.address(), "state", &format!("guess {n}")).status, 401);
        assert_eq!(sign_in(admin.address(), &format!("guess {n}"), &[]).status, 401);
    }
    let late = get(admin.address(), "state", KEY);
    assert!(is_problem(&late, 429) && !late.header("retry-after").is_empty(), "{late:?}");
    assert!(is_problem(&sign_in(admin.address(), KEY, &[]), 429));
}

#[test]
fn the_key_of_a_services_own_operators_opens_that_service_alone() {
    let data = TempDir::new().unwrap();
    let mut command = roomhub(&["all", "--listen", "127.0.0.1:0", "--log-format", "json"]);
    command.env("AUTH_KEY", "open sesame, all members");
    command.env("ROOMHUB_WATCH__ADMIN_KEY", KEY).env("ROOMHUB_ROOMS__DATA_DIR", data.path());
    command.env("ROOMHUB_DEVICES__DATA_DIR", data.path()).env("ROOMHUB_RADIO__DATA_DIR", "");
    let server = Server::spawn(command);
    // Where any of them has a key, this machine needs one too.
    let nobody = http::get(server.address, "/admin/v1/state");
    assert!(is_problem(&nobody, 401) && nobody.body.contains("watch.admin_key"), "{nobody:?}");
    let state = get(server.address, "state", KEY).json();
    assert_eq!((state["services"].as_array().unwrap().len(), &state["you"]["service"]), (1, &json!("watch")));
    assert!(service(&state, "watch")["overview"].is_object());
    for path in ["log", "configuration"] {
        assert!(is_problem(&get(server.address, path, KEY), 403), "{path}");
    }
    let other = act_by(server.address, KEY, &order("radio", "skip", "station", "/"));
    assert!(is_problem(&other, 403), "{other:?}");
    assert_eq!(act_by(server.address, KEY, &order("watch", "close", "room", "ABCDEF")).status, 404);
}
