//! The administration that tools for Icecast speak. What is expected here is what Icecast 2.4.4 answers, but for its figures.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::harness::radio::{make, on_air, station};
use crate::harness::{eventually, http};

const KEY: &str = "the key of the station's operators";

fn asked(address: SocketAddr, path: &str) -> (u16, String) {
    let authorization = format!("Basic {}", STANDARD.encode(format!("admin:{KEY}")));
    let answer = http::get_with(address, path, &[("Authorization", &authorization)]);
    (answer.status, answer.body.trim_end().to_owned())
}

fn listener(address: SocketAddr, path: &str) -> TcpStream {
    let mut stream = http::connect(address);
    write!(stream, "GET {path} HTTP/1.0\r\nUser-Agent: mpv <0.35> & more\r\n\r\n").unwrap();
    stream
}

#[test]
fn tools_for_icecast_list_mounts_and_listeners_and_end_one() {
    let folder = tempfile::tempdir().unwrap();
    make(folder.path(), "a.mp3", "sine=f=440:r=44100", 20, "-ac 2 -b:a 128k -metadata title=Eins");
    let flags = ["--audio-dir", folder.path().to_str().unwrap(), "--stream-routes", "/jazz"];
    let environment = [("ROOMHUB_RADIO__MOUNTPOINTS", "opus 32"), ("ROOMHUB_RADIO__ADMIN_KEY", KEY)];
    let server = station(&flags, &environment);
    on_air(&server);
    let address = server.address;
    let mut stream = listener(address, "/jazz.opus");
    let list = "/admin/listclients?mount=/jazz.opus";
    let told = eventually("a listener", || {
        let (_, told) = asked(address, list);
        told.contains("<Listeners>1</Listeners>").then_some(told)
    });
    let head = "<?xml version=\"1.0\"?>\n<icestats><source mount=\"/jazz.opus\"><Listeners>1</Listeners><listener>\
                <IP>127.0.0.1</IP><UserAgent>mpv &lt;0.35&gt; &amp; more</UserAgent><Connected>";
    assert!(told.starts_with(head) && told.ends_with("<ID>1</ID></listener></source></icestats>"), "{told}");

    let (_, mounts) = asked(address, "/admin/listmounts");
    for (mount, listeners, media_type) in [("/jazz", 0, "audio/mpeg"), ("/jazz.opus", 1, "audio/ogg")] {
        let source = format!(
            "<source mount=\"{mount}\"><fallback></fallback><listeners>{listeners}</listeners><Connected>"
        );
        assert!(
            mounts.contains(&source)
                && mounts.contains(&format!("<content-type>{media_type}</content-type>")),
            "{mounts}"
        );
    }
    let (_, stats) = asked(address, "/admin/stats");
    assert!(stats.contains("<sources>2</sources>") && stats.contains("<listeners>1</listeners>"), "{stats}");
    assert!(stats.contains("<title>Eins</title>"), "{stats}");
    // What Icecast 2.4.4 tells of the server and of each source, where it is known here.
    for field in [
        "clients host listener_connections listeners server_id server_start server_start_iso8601 sources",
        "genre listener_peak listeners listenurl max_listeners public server_description server_name server_type",
        "slow_listeners stream_start stream_start_iso8601 total_bytes_sent",
    ]
    .into_iter()
    .flat_map(|fields| fields.split(' '))
    {
        assert!(stats.contains(&format!("<{field}>")), "{field} is not in {stats}");
    }
    assert!(stats.contains(&format!("<listenurl>http://{address}/jazz.opus</listenurl>")), "{stats}");

    let kill = |query: &str| asked(address, &format!("/admin/killclient?{query}"));
    assert_eq!(kill("mount=/jazz.opus&id=999"), (200, response("Client 999 not found", 0)));
    assert_eq!(kill("mount=/jazz&id=1"), (200, response("Client 1 not found", 0)));
    assert_eq!(kill("mount=/none&id=1").0, 400);
    assert_eq!(kill("mount=/jazz.opus&id=x").0, 400);
    assert_eq!(kill("mount=/jazz.opus&id=1"), (200, response("Client 1 removed", 1)));
    stream.read_to_end(&mut Vec::new()).unwrap();
    eventually("nobody", || asked(address, list).1.contains("<Listeners>0</Listeners>").then_some(()));
}

/// What Icecast answers in XML, but for the figures: the message and the code.
fn response(message: &str, code: u8) -> String {
    format!(
        "<?xml version=\"1.0\"?>\n<iceresponse><message>{message}</message><return>{code}</return></iceresponse>"
    )
}

#[test]
fn tools_for_icecast_ask_for_one_mount_and_are_told_which_commands_are_not_there() {
    let flags = ["--stream-routes", "/jazz,/rock"];
    let environment = [("ROOMHUB_RADIO__MOUNTPOINTS", "opus 32"), ("ROOMHUB_RADIO__ADMIN_KEY", KEY)];
    let server = station(&flags, &environment);
    let (status, told) = asked(server.address, "/admin/stats?mount=/jazz.opus");
    assert_eq!((status, told.matches("<source mount=").count()), (200, 1), "{told}");
    assert!(
        told.contains("<source mount=\"/jazz.opus\"") && told.contains("<subtype>Opus</subtype>"),
        "{told}"
    );
    let no_source = (400, response("Source does not exist", 0));
    for path in ["stats?mount=/none", "updatemetadata?mount=/none", "fallbacks?mount=/none&fallback=/rock"] {
        assert_eq!(asked(server.address, &format!("/admin/{path}")), no_source, "{path}");
    }
    let form = "<?xml version=\"1.0\"?>\n<icestats><source mount=\"/jazz\"></source></icestats>";
    assert_eq!(asked(server.address, "/admin/updatemetadata?mount=/jazz"), (200, form.to_owned()));
    let refused = response("the fallback of a station is its folder", 0);
    assert_eq!(asked(server.address, "/admin/fallbacks?mount=/jazz&fallback=/rock"), (400, refused));
    let listed = asked(server.address, "/admin/streamlist").1;
    assert_eq!(listed.matches("<content-type>").count(), 4, "{listed}");
    let json = http::get(server.address, "/status-json.xsl").json();
    let started = json["icestats"]["server_start_iso8601"].as_str().unwrap();
    assert!(started.starts_with("20") && started.ends_with("+0000"), "{json}");
    assert_eq!(json["icestats"]["source"][0]["stream_start_iso8601"], started, "{json}");
}

#[test]
fn operators_set_the_title_of_a_live_source_as_tools_for_icecast_do() {
    let flags = ["--stream-routes", "/night"];
    let environment = [("ROOMHUB_RADIO__ADMIN_KEY", KEY), ("ROOMHUB_RADIO__SOURCE_PASSWORD", "hackme")];
    let server = station(&flags, &environment);
    let set = |query: &str| asked(server.address, &format!("/admin/metadata?{query}"));
    assert_eq!(set("mount=/none&mode=updinfo&song=a"), (400, response("Source does not exist", 0)));
    assert_eq!(set("mount=/night&mode=other&song=a"), (200, response("No such action", 0)));
    let mut source = Command::new("ffmpeg")
        .args(["-v", "error", "-re", "-f", "lavfi", "-i", "sine=880", "-c:a", "libmp3lame"])
        .args(["-content_type", "audio/mpeg", "-f", "mp3"])
        .arg(format!("icecast://source:hackme@{}/night", server.address))
        .stdin(Stdio::null())
        .spawn()
        .unwrap();
    let done = (200, response("Metadata update successful", 1));
    eventually("a source whose title is set", || {
        (set("mount=/night&mode=updinfo&song=Ann+-+Eins") == done).then_some(())
    });
    eventually("the title", || {
        let now = http::get(server.address, "/now-playing?route=night").json();
        (now["title"] == "Eins" && now["artist"] == "Ann").then_some(())
    });
    source.kill().unwrap();
    source.wait().unwrap();
    let wrong = format!("Basic {}", STANDARD.encode("admin:hackme"));
    let song = "/admin/metadata?mount=/night&mode=updinfo&song=a";
    assert_eq!(http::get_with(server.address, song, &[("Authorization", &wrong)]).status, 401);
}

#[test]
fn a_page_of_another_site_moves_no_listeners_with_the_password_that_the_browser_knows() {
    let environment = [("ROOMHUB_RADIO__ADMIN_KEY", KEY), ("ROOMHUB_RADIO__SOURCE_PASSWORD", "of sources")];
    let server = station(&["--stream-routes", "/jazz,/rock"], &environment);
    on_air(&server);
    let mut stream = listener(server.address, "/jazz");
    eventually("a listener", || {
        let told = asked(server.address, "/admin/listclients?mount=/jazz").1;
        told.contains("<Listeners>1</Listeners>").then_some(())
    });
    let basic = |pair: &str| format!("Basic {}", STANDARD.encode(pair));
    let (operator, source) = (basic(&format!("admin:{KEY}")), basic("source:of sources"));
    for (path, account) in [
        ("/admin/moveclients?mount=/jazz&destination=/rock", &operator),
        ("/admin/killclient?mount=/jazz&id=1", &operator),
        ("/admin/metadata?mode=updinfo&mount=/jazz&song=x", &source),
    ] {
        for site in ["cross-site", "same-site"] {
            let headers = [("Authorization", account.as_str()), ("Sec-Fetch-Site", site)];
            assert_eq!(http::get_with(server.address, path, &headers).status, 403, "{path} {site}");
        }
    }
    let told = asked(server.address, "/admin/listclients?mount=/jazz").1;
    assert!(told.contains("<Listeners>1</Listeners>"), "{told}");
    assert!(stream.read(&mut [0]).unwrap() > 0);
}

#[test]
fn a_listener_with_an_odd_name_for_its_player_does_not_end_the_list_of_listeners() {
    let server = station(&[], &[("ROOMHUB_RADIO__ADMIN_KEY", KEY)]);
    on_air(&server);
    let mut stream = http::connect(server.address);
    write!(stream, "GET / HTTP/1.0\r\nUser-Agent: odd\u{fffe}\u{ffff}<\r\n\r\n").unwrap();
    let told = eventually("a listener", || {
        let told = asked(server.address, "/admin/listclients?mount=/").1;
        told.contains("<Listeners>1</Listeners>").then_some(told)
    });
    assert!(told.contains("<UserAgent>odd&lt;</UserAgent>"), "{told}");
}

#[test]
fn nobody_without_the_admin_key_sees_who_listens() {
    let server =
        station(&[], &[("ROOMHUB_RADIO__ADMIN_KEY", KEY), ("ROOMHUB_RADIO__SOURCE_PASSWORD", "hackme")]);
    let source = format!("Basic {}", STANDARD.encode("source:hackme"));
    for path in
        ["/admin/stats", "/admin/listmounts", "/admin/listclients?mount=/", "/admin/killclient?mount=/&id=1"]
    {
        assert_eq!(http::get(server.address, path).status, 401, "{path}");
        let answer = http::get_with(server.address, path, &[("Authorization", &source)]);
        assert!(
            answer.status == 401 && answer.headers.contains_key("www-authenticate"),
            "{path}: {answer:?}"
        );
    }
}
