//! The HTTP side: status in both spellings, probes, metrics, pages, errors.

use serde_json::json;

use crate::harness::deployment::everywhere;
use crate::harness::process::Server;
use crate::harness::{eventually, http, websocket};

const BROWSER: (&str, &str) = ("Accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8");

#[test]
fn rooms_are_told_in_both_spellings() {
    everywhere("music", &[], |deployment| {
        let mut host = websocket::Client::host(deployment.address, "AB12");
        host.emit("pause", &json!({"room_id": "AB12", "current_time": 31.25}));
        host.expect_silence();
        let is_paused = |room: &http::Response| room.status == 200 && room.json()["isPlaying"] == false;
        let room = deployment.told("/room/AB12", &[], is_paused).json();
        for (snake, kebab, value) in [
            ("id", "roomId", json!("AB12")),
            ("host_id", "hostId", json!(host.id)),
            ("user_count", "userCount", json!(1)),
            ("current_track", "currentTrack", json!({"id": 1})),
            ("is_playing", "isPlaying", json!(false)),
            ("current_time", "currentTime", json!(31.25)),
        ] {
            assert_eq!((&room[snake], &room[kebab]), (&value, &value), "{snake}");
        }
        let created_at = room["created_at"].as_str().unwrap();
        assert!(
            created_at.starts_with("20") && created_at.ends_with('Z') && created_at.len() == 24,
            "{created_at}"
        );
        assert!(room["createdAt"].as_u64().unwrap() > 1_700_000_000_000);

        let rooms = deployment.told("/rooms", &[], |rooms| rooms.json()["count"] == 1).json();
        assert_eq!(rooms["count"], 1);
        assert_eq!(rooms["rooms"][0]["id"], "AB12");
        assert!(rooms["timestamp"].is_string());
    });
}

#[test]
fn a_room_that_is_not_there_is_404_in_the_servers_own_words() {
    everywhere("music", &[], |deployment| {
        for path in ["/room/nowhere", "/room/%F0%9F%8E%B5"] {
            let answer = http::get(deployment.address, path);
            assert_eq!((answer.status, answer.json()), (404, json!({"error": "房间不存在"})), "{path}");
        }
    });
}

#[test]
fn a_name_that_load_balancers_refuse_is_a_name_like_any_other() {
    let answer = http::get(Server::start().address, "/room/%00");
    assert_eq!((answer.status, answer.json()), (404, json!({"error": "房间不存在"})));
}

#[test]
fn the_front_door_is_a_status_for_programs_and_a_page_for_browsers() {
    everywhere("music", &[], |deployment| {
        let _host = websocket::Client::host(deployment.address, "AB12");
        let status = deployment.told("/", &[], |status| status.json()["totalUsers"] == 1).json();
        assert_eq!(status["status"], "ok");
        assert_eq!(
            (&status["rooms"], &status["totalRooms"], &status["totalUsers"]),
            (&json!(1), &json!(1), &json!(1))
        );
        for key in ["message", "version", "timestamp"] {
            assert!(status[key].is_string(), "{key}");
        }
        assert!(status["uptime"].is_number());

        let page = http::get_with(deployment.address, "/?room=AB12", &[BROWSER]);
        assert_eq!(page.status, 200);
        assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
        assert!(page.header("content-security-policy").contains("default-src 'self'"));
        assert!(page.body.contains("<html"));
    });
}

#[test]
fn assets_are_typed_tagged_and_compressed() {
    everywhere("music", &[], |deployment| {
        for (path, media_type) in [
            ("/assets/js/main.js", "text/javascript; charset=utf-8"),
            ("/assets/style.css", "text/css; charset=utf-8"),
            ("/assets/icon.svg", "image/svg+xml"),
            ("/assets/common/base.css", "text/css; charset=utf-8"),
            ("/assets/common/texts/zh.js", "text/javascript; charset=utf-8"),
        ] {
            let first = http::get(deployment.address, path);
            assert_eq!((first.status, first.header("content-type")), (200, media_type), "{path}");
            let tag = first.header("etag").to_owned();
            let again = http::get_with(deployment.address, path, &[("If-None-Match", &tag)]);
            assert_eq!((again.status, again.body.as_str()), (304, ""), "{path}");
        }
        let zipped = http::get_with(deployment.address, "/assets/style.css", &[("Accept-Encoding", "gzip")]);
        assert_eq!(zipped.header("content-encoding"), "gzip");
        assert_eq!(http::get(deployment.address, "/assets/nothing.js").status, 404);
        assert_eq!(http::get(deployment.address, "/assets/../Cargo.toml").status, 404);
    });
}

#[test]
fn the_sample_tune_comes_whole_or_in_parts() {
    everywhere("music", &[], |deployment| {
        let part = http::get_with(deployment.address, "/assets/sample.wav", &[("Range", "bytes=0-3")]);
        assert_eq!((part.status, part.body.as_str()), (206, "RIFF"));
        assert_eq!(part.header("content-type"), "audio/wav");
        assert!(part.header("content-range").starts_with("bytes 0-3/"));
        let beyond =
            http::get_with(deployment.address, "/assets/sample.wav", &[("Range", "bytes=99999999-")]);
        assert_eq!(beyond.status, 416);
        assert_eq!(http::get(deployment.address, "/assets/sample.wav").header("accept-ranges"), "bytes");
    });
}

#[test]
fn probes_answer() {
    everywhere("music", &[], |deployment| {
        assert_eq!(http::get(deployment.address, "/health").json()["status"], "healthy");
        assert_eq!(http::get(deployment.address, "/livez").body, "ok");
        assert_eq!(http::get(deployment.address, "/readyz").body, "ready");
    });
}

#[test]
fn errors_are_json_and_every_answer_has_its_security_headers() {
    everywhere("music", &[], |deployment| {
        let missing = http::get(deployment.address, "/no/such/path");
        assert_eq!((missing.status, missing.json()["detail"].as_str()), (404, Some("not found")));
        assert_eq!(missing.header("content-type"), "application/problem+json");
        let wrong = http::request(deployment.address, "DELETE", "/rooms", &[], "");
        assert_eq!((wrong.status, wrong.json()), (405, json!({"error": "method not allowed"})));
        for answer in [missing, wrong, http::get(deployment.address, "/health")] {
            assert_eq!(answer.header("x-content-type-options"), "nosniff");
            assert_eq!(answer.header("x-frame-options"), "SAMEORIGIN");
            assert_eq!(answer.header("referrer-policy"), "no-referrer");
            assert!(!answer.header("x-request-id").is_empty());
        }
    });
}

#[test]
fn metrics_are_for_this_machine_or_for_the_token_and_never_through_a_proxy() {
    let server = Server::start_with(&[], &[("ROOMHUB_METRICS__TOKEN", "open-sesame")]);
    let mut host = websocket::Client::host(server.address, "AB12");
    host.emit("create_room", &json!({}));
    host.expect("error");
    let lines = [
        // The host's and the one that asks.
        r#"roomhub_connections{service="music"} 2"#,
        r#"roomhub_members{service="music"} 1"#,
        r#"roomhub_rooms{service="music"} 1"#,
        r#"roomhub_seated_members{service="music"} 1"#,
        r#"roomhub_events_in_total{service="music"} 2"#,
        r#"roomhub_refusals_total{service="music",code="room_id_required"} 1"#,
        r#"roomhub_emit_latency_seconds_count{service="music"} 2"#,
    ];
    // Rooms are counted once a second, a connection that ended when the server sees its end.
    let text = eventually("the counts", || {
        let text = http::get(server.address, "/metrics").body;
        lines.iter().all(|line| text.contains(line)).then_some(text)
    });
    assert!(text.contains("\nprocess_resident_memory_bytes "));

    let through_proxy = ("X-Forwarded-For", "203.0.113.9");
    assert_eq!(http::get_with(server.address, "/metrics", &[through_proxy]).status, 401);
    let wrong = ("Authorization", "Bearer open");
    assert_eq!(http::get_with(server.address, "/metrics", &[through_proxy, wrong]).status, 401);
    let right = ("Authorization", "Bearer open-sesame");
    assert_eq!(http::get_with(server.address, "/metrics", &[through_proxy, right]).status, 200);
    assert!(!server.log().contains("open-sesame"));
}

#[test]
fn own_interfaces_tell_problems_and_paths_of_the_originals_what_their_contracts_say() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap();
    let environment = [
        ("AUTH_KEY", "open sesame"),
        ("ROOMHUB_WATCH__ADMIN_KEY", "a key of operators"),
        ("ROOMHUB_WATCH__MEDIA_DIR", path),
        ("ROOMHUB_WATCH__RECORDINGS_DIR", path),
        ("ROOMHUB_METRICS__TOKEN", "open sesame too"),
    ];
    let server = Server::of("watch", &[], &environment);
    let proxied = [("X-Forwarded-For", "203.0.113.9")];
    for (method, path, status) in [
        ("GET", "/media/list", 403),
        ("DELETE", "/media/list", 405),
        ("GET", "/recordings", 401),
        ("GET", "/admin/api/overview", 401),
        ("GET", "/ice?ticket=none", 403),
        ("GET", "/metrics", 401),
        ("GET", "/no/such/path", 404),
    ] {
        let told = http::request(server.address, method, path, &proxied, "");
        assert_eq!(told.header("content-type"), "application/problem+json", "{path}: {told:?}");
        let problem = told.json();
        assert_eq!((told.status, &problem["status"]), (status, &json!(status)), "{path}: {told:?}");
        assert_eq!(problem["type"], "about:blank", "{path}");
        for text in ["title", "detail"] {
            assert!(problem[text].as_str().is_some_and(|text| !text.is_empty()), "{path}: {problem}");
        }
    }
    let told = http::get_with(server.address, "/stats", &proxied);
    assert_eq!((told.status, told.header("content-type")), (401, "application/json"));
    assert!(told.json()["error"].is_string(), "{told:?}");
}
