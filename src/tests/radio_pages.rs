//! The pages of stations as other sites see them: what they say of themselves, and who may put them into frames.

use crate::harness::http;
use crate::harness::radio::{on_air, station};
use crate::harness::site::Site;

const MARKUP: &str = r#""><script>alert('1')</script>&amp;"#;

/// A public station whose name is markup, one at the root, and one with a key.
const STATIONS: &str = r#"
    [[radio.stations]]
    route = "/night jazz/ночь"
    name = '''NAME'''
    description = '''NAME'''
    folders = ["DIR/jazz"]

    [[radio.stations]]
    route = "/"
    name = "Main"
    folders = ["DIR/jazz"]

    [[radio.stations]]
    route = "/board"
    name = "Board"
    folders = ["DIR/jazz"]
    listener_key = "a key of listeners"
"#;

#[test]
fn a_stations_page_describes_it_to_other_sites_and_markup_in_its_name_stays_text() {
    let site = Site::with("jazz", &["a.mp3"], 30);
    std::fs::write(site.path("jazz/cover.gif"), "GIF89a a cover").unwrap();
    let config = site.configure(&STATIONS.replace("NAME", MARKUP));
    let trusting = [("ROOMHUB_NETWORK__TRUSTED_PROXIES", "127.0.0.1")];
    let server = station(&["--config", &config], &trusting);
    on_air(&server);
    let proxied =
        [("X-Forwarded-Host", "radio.example"), ("X-Forwarded-Proto", "https"), ("X-Forwarded-Prefix", "/r")];
    let path = "/night%20jazz/%D0%BD%D0%BE%D1%87%D1%8C";
    let page = http::get_with(server.address, &format!("/web{path}"), &proxied);
    assert_eq!((page.status, page.header("content-type")), (200, "text/html; charset=utf-8"));
    let text = "&quot;&gt;&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;&amp;amp;";
    let root = "https://radio.example/r";
    for expected in [
        "<base href=\"../../\">".to_owned(),
        format!("<title>{text}</title>"),
        format!("<meta property=\"og:title\" content=\"{text}\">"),
        format!("<meta property=\"og:description\" content=\"{text}\">"),
        format!("<meta name=\"twitter:title\" content=\"{text}\">"),
        "<meta name=\"twitter:card\" content=\"summary\">".into(),
        format!("<meta property=\"og:url\" content=\"{root}/web{path}\">"),
        format!("<meta property=\"og:audio\" content=\"{root}{path}\">"),
        format!("<meta property=\"og:image\" content=\"{root}/cover/"),
        format!(
            "<link rel=\"alternate\" type=\"audio/x-mpegurl\" title=\"{text}\" href=\"{root}{path}.m3u\">"
        ),
    ] {
        assert!(page.body.contains(&expected), "{expected} in {}", page.body);
    }
    assert!(!page.body.contains("alert('1')") && !page.body.contains("<!-- head -->"), "{}", page.body);
    let main = http::get(server.address, "/web/stream");
    let url = format!("<meta property=\"og:url\" content=\"http://{}/web/stream\">", server.address);
    assert!(main.body.contains(&url) && main.body.contains("/index.m3u\">"), "{}", main.body);
    assert!(http::get(server.address, "/web/stream/").body.contains("<base href=\"../../\">"));
    for path in ["/web/none", "/web/..%2f..%2fetc%2fpasswd", "/web/%00"] {
        assert_eq!(http::get(server.address, path).status, 404, "{path}");
    }
    // A host that nobody vouches for is no markup either.
    let forged = http::get_with(server.address, "/web/stream", &[("X-Forwarded-Host", "a\"><script>")]);
    assert!(!forged.body.contains("<script>"), "{}", forged.body);
}

#[test]
fn only_the_player_of_a_station_may_stand_in_frames_of_other_sites() {
    let site = Site::with("jazz", &["a.mp3"], 30);
    let server = site.start_on_air(&STATIONS.replace("NAME", "Jazz"));
    let player = http::get(server.address, "/web/stream?embed");
    assert_eq!((player.status, player.header("x-frame-options")), (200, ""));
    assert!(player.header("content-security-policy").ends_with("frame-ancestors *"), "{player:?}");
    for path in ["/web/stream", "/web", "/", "/web/stream?embedded", "/streams?embed", "/web/none?embed"] {
        let answer = http::get_with(server.address, path, &[("Accept", "text/html")]);
        assert_eq!(answer.header("x-frame-options"), "SAMEORIGIN", "{path}");
        assert!(!answer.header("content-security-policy").contains("frame-ancestors *"), "{path}");
    }
    for query in ["", "?embed", "?embed&key=wrong"] {
        let refused = http::get(server.address, &format!("/web/board{query}"));
        assert_eq!(refused.status, 401, "{query}");
        assert!(!refused.body.contains("Board"), "{query}: {}", refused.body);
    }
    let page = http::get(server.address, "/web/board?key=a+key+of+listeners");
    assert_eq!((page.status, page.header("cache-control")), (200, "no-store"));
    assert!(
        page.body.contains("noindex") && page.body.contains("/board.m3u?key=a+key+of+listeners\""),
        "{}",
        page.body
    );
}

#[test]
fn a_person_with_a_wrong_key_or_none_gets_a_page_that_asks_for_it_and_a_program_gets_json() {
    let site = Site::new();
    site.fill("jazz", &["a.mp3"], 30);
    let config = site.configure(&STATIONS.replace("NAME", "Jazz"));
    let server = station(&["--config", &config], &[("ROOMHUB_NETWORK__WRONG_KEYS", "6")]);
    on_air(&server);
    let browser = [("Accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8")];
    for (path, status, reason, base) in [
        ("/web/board", 401, "key_expected", "./../"),
        ("/web/board/", 401, "key_expected", "./../../"),
        ("/web/board?key=wrong", 401, "key_wrong", "./../"),
        ("/web/board?embed&key=wrong", 401, "key_wrong", "./../"),
        ("/web?key=wrong", 401, "key_wrong", "./"),
        ("/web/none", 404, "no_station", "./../"),
    ] {
        let told = http::get(server.address, path);
        assert_eq!((told.status, told.header("content-type")), (status, "application/json"), "{path}");
        assert_eq!(told.json()["status"], "error", "{path}");
        let page = http::get_with(server.address, path, &browser);
        assert_eq!(
            (page.status, page.header("content-type")),
            (status, "text/html; charset=utf-8"),
            "{path}"
        );
        assert_eq!(page.header("cache-control"), "no-store", "{path}");
        for answer in [&told, &page] {
            assert!(answer.header("vary").split(", ").any(|name| name == "accept"), "{path}: {answer:?}");
        }
        assert!(page.body.contains(&format!("<base href=\"{base}\">")), "{path}: {}", page.body);
        assert!(
            page.body.contains(&format!("\"roomhub-reason\" content=\"{reason}\"")),
            "{path}: {}",
            page.body
        );
        assert!(!page.body.contains("Board") && !page.body.contains("=wrong"), "{path}: {}", page.body);
        // A browser shows a window of its own before the page where it may.
        assert!(!page.header("www-authenticate").contains("Basic"), "{path}");
        assert_eq!(page.header("x-frame-options"), "SAMEORIGIN", "{path}");
    }
    let late = http::get_with(server.address, "/web/board?key=wrong", &browser);
    assert_eq!(late.status, 429);
    let wait = format!("\"roomhub-wait\" content=\"{}\"", late.header("retry-after"));
    assert!(late.body.contains("too_many_keys") && late.body.contains(&wait), "{}", late.body);
    assert_eq!(http::get_with(server.address, "/web", &browser).status, 200);
}

#[test]
fn the_manifest_names_what_is_there_below_any_path() {
    let server = station(&[], &[]);
    let manifest = http::get(server.address, "/assets/manifest.webmanifest");
    assert_eq!(manifest.header("content-type"), "application/manifest+json");
    let manifest = manifest.json();
    assert_eq!((&manifest["start_url"], &manifest["scope"]), (&"../web".into(), &"../".into()));
    for icon in manifest["icons"].as_array().unwrap() {
        let answer = http::get(server.address, &format!("/assets/{}", icon["src"].as_str().unwrap()));
        assert_eq!((answer.status, answer.header("content-type")), (200, icon["type"].as_str().unwrap()));
    }
}
