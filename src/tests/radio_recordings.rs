//! Recordings of live shows: as the source sent them, with a cue sheet, whatever becomes of the disk or the process; and the podcast
//! that they are.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use crate::harness::faulty_disk::{ENOSPC, FaultyDisk};
use crate::harness::process::{Server, roomhub};
use crate::harness::radio::{Recording, make, on_air, station};
use crate::harness::{eventually, http};

const PASSWORD: &str = "the source password";

/// A station `/night` that records into a folder.
struct Site {
    _music: TempDir,
    server: Server,
    folder: PathBuf,
    /// What brings the key of the station.
    key: &'static str,
}

impl Site {
    fn start(folder: &Path, more: &[(&str, &str)]) -> Self {
        let music = TempDir::new().unwrap();
        make(music.path(), "folder.mp3", "sine=440", 30, "-ac 2 -ar 44100 -b:a 128k -metadata title=Folder");
        let flags = ["--audio-dir", music.path().to_str().unwrap(), "--stream-routes", "/night"];
        let environment = [
            ("ROOMHUB_RADIO__SOURCE_PASSWORD", PASSWORD),
            ("ROOMHUB_RADIO__SOURCE_TIMEOUT", "20s"),
            ("ROOMHUB_RADIO__RECORDINGS_DIR", folder.to_str().unwrap()),
            ("ROOMHUB_RADIO__RECORDINGS_MIN_FREE_BYTES", "0"),
            ("ROOMHUB_RADIO__PODCAST", "true"),
        ];
        let server = station(&flags, &[&environment, more].concat());
        on_air(&server);
        Self { _music: music, server, folder: folder.join("night"), key: "" }
    }

    /// ffmpeg broadcasts.
    fn source(&self, codec: &str, media_type: &str, name: &str) -> Child {
        Command::new("ffmpeg")
            .args(["-v", "error", "-re", "-f", "lavfi", "-i", "sine=880", "-ac", "2", "-ar", "48000"])
            .args(codec.split(' '))
            .args(["-ice_name", name, "-content_type", media_type])
            .arg(format!("icecast://source:the%20source%20password@{}/night", self.server.address))
            .stdin(Stdio::null())
            .spawn()
            .unwrap()
    }

    fn mp3(&self, name: &str) -> Child {
        self.source("-c:a libmp3lame -b:a 128k -f mp3", "audio/mpeg", name)
    }

    fn now(&self) -> Value {
        http::get(self.server.address, &format!("/now-playing?route=night{}", self.key)).json()
    }

    fn plays(&self, title: &str) {
        eventually(title, || {
            let now = self.now();
            (now["title"] == title).then_some(())
        });
    }

    fn seconds(&self, seconds: f64) {
        eventually("some seconds of it", || {
            let now = self.now();
            (now["elapsed_seconds"].as_f64()? > seconds).then_some(())
        });
    }

    /// Broadcasts some seconds.
    fn show(&self, codec: &str, media_type: &str, name: &str) {
        let source = self.source(codec, media_type, name);
        self.plays(name);
        self.seconds(2.5);
        end(source);
        self.finished(name);
    }

    /// What stands beside a recording, once it has ended.
    fn finished(&self, title: &str) -> Value {
        eventually("the end of a recording", || {
            recorded(&self.folder)
                .into_iter()
                .find(|told| told["title"] == title && told["is_finished"] == true)
        })
    }

    fn song(&self, song: &str) {
        let basic =
            base64::Engine::encode(&base64::engine::general_purpose::STANDARD, format!("source:{PASSWORD}"));
        let path = format!("/admin/metadata?mode=updinfo&mount=/night&song={song}");
        let told =
            http::get_with(self.server.address, &path, &[("Authorization", &format!("Basic {basic}"))]);
        assert_eq!(told.status, 200);
    }
}

/// What stands beside all recordings of a folder.
fn recorded(folder: &Path) -> Vec<Value> {
    let Ok(files) = folder.read_dir() else { return Vec::new() };
    let paths = files.map(|file| file.unwrap().path());
    let paths = paths.filter(|path| path.extension().is_some_and(|extension| extension == "json"));
    paths.filter_map(|path| serde_json::from_str(&fs::read_to_string(path).ok()?).ok()).collect()
}

fn end(mut source: Child) {
    source.kill().unwrap();
    source.wait().unwrap();
}

/// Codec and seconds that ffprobe finds in a file, all of whose frames ffmpeg decodes.
fn probed(path: &Path) -> (String, f64) {
    let output = Command::new("ffmpeg")
        .args(["-v", "error", "-i"])
        .arg(path)
        .args(["-f", "s16le", "-ac", "1", "-ar", "8000", "-"])
        .output()
        .unwrap();
    let codec = Command::new("ffprobe")
        .args(["-v", "error", "-show_entries", "stream=codec_name", "-of", "csv=p=0"])
        .arg(path)
        .output()
        .unwrap();
    let codec = String::from_utf8_lossy(&codec.stdout).trim().to_owned();
    (codec, output.stdout.len() as f64 / 16_000.0)
}

#[test]
fn shows_are_recorded_as_they_came_in_every_codec() {
    let folder = TempDir::new().unwrap();
    let site = Site::start(folder.path(), &[("ROOMHUB_RADIO__TIME_ZONE", "UTC")]);
    for (codec, media_type, found, extension) in [
        ("-c:a libmp3lame -b:a 128k -f mp3", "audio/mpeg", "mp3", "mp3"),
        ("-c:a libvorbis -f ogg", "application/ogg", "vorbis", "ogg"),
        ("-c:a libopus -f ogg", "audio/ogg", "opus", "opus"),
        ("-c:a flac -f flac", "audio/flac", "flac", "flac"),
        ("-c:a aac -f adts", "audio/aac", "aac", "aac"),
    ] {
        let name = format!("Show ../ in {found}");
        site.show(codec, media_type, &name);
        let told = site.finished(&name);
        let file = told["file"].as_str().unwrap();
        assert!(file.ends_with(&format!(" Show ..- in {found}.{extension}")), "{file}");
        let path = site.folder.join(file);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let (codec, seconds) = probed(&path);
        let said = told["seconds"].as_f64().unwrap();
        assert_eq!(codec, found);
        // Ogg has pages of a second.
        assert!(seconds > 2.0 && (seconds - said).abs() < 1.5, "{found}: {seconds} s, said to be {said} s");
        assert_eq!(told["n_bytes"].as_u64().unwrap(), fs::metadata(&path).unwrap().len());
    }
    let names: Vec<_> = site.folder.read_dir().unwrap().map(|file| file.unwrap().path()).collect();
    assert_eq!(names.len(), 15, "{names:?}");
}

#[test]
fn a_recording_has_a_cue_sheet_of_its_titles() {
    let folder = TempDir::new().unwrap();
    let site = Site::start(folder.path(), &[]);
    let source = site.mp3("Night show");
    site.plays("Night show");
    site.seconds(1.0);
    site.song("Ann+-+%E6%AD%8C");
    site.plays("歌");
    site.seconds(1.0);
    end(source);
    let file = site.finished("Night show")["file"].as_str().unwrap().to_owned();
    let cue = fs::read_to_string(site.folder.join(&file).with_extension("cue")).unwrap();
    let lines: Vec<&str> = cue.lines().collect();
    assert!(lines[0].starts_with("REM DATE 20"), "{cue}");
    assert_eq!(lines[1..3], ["TITLE \"Night show\"", &format!("FILE \"{file}\" MP3")]);
    assert_eq!(
        lines[3..9],
        [
            "  TRACK 01 AUDIO",
            "    TITLE \"Night show\"",
            "    INDEX 01 00:00:00",
            "  TRACK 02 AUDIO",
            "    TITLE \"歌\"",
            "    PERFORMER \"Ann\""
        ]
    );
    let at = lines[9].strip_prefix("    INDEX 01 00:").unwrap();
    let (seconds, frames) = at.split_once(':').unwrap();
    let (seconds, frames): (u32, u32) = (seconds.parse().unwrap(), frames.parse().unwrap());
    assert!((1..30).contains(&seconds) && frames < 75, "{at}");
}

#[test]
fn a_recording_is_usable_after_the_process_was_killed() {
    let folder = TempDir::new().unwrap();
    let site = Site::start(folder.path(), &[]);
    let source = site.mp3("Night show");
    site.plays("Night show");
    // Five seconds at 128 kbit/s.
    let path = eventually("what is on disk", || {
        let told = recorded(&site.folder).pop()?;
        let path = site.folder.join(told["file"].as_str()?);
        (path.metadata().ok()?.len() > 5 * 128_000 / 8).then_some(path)
    });
    site.server.signal("KILL");
    end(source);
    let told = recorded(&site.folder).pop().unwrap();
    assert_eq!(told["is_finished"], false);
    let (codec, seconds) = probed(&path);
    assert!(codec == "mp3" && seconds > 4.9, "{codec}, {seconds} s");
    assert!(fs::read_to_string(path.with_extension("cue")).unwrap().ends_with("INDEX 01 00:00:00\n"));

    // The next process finishes it, and leaves alone what is none of its own.
    fs::write(site.folder.join("other.mp3"), "x").unwrap();
    fs::write(site.folder.join("other.json"), "{}").unwrap();
    let site = Site::start(folder.path(), &[]);
    let told = site.finished("Night show");
    assert_eq!(told["n_bytes"].as_u64().unwrap(), fs::metadata(&path).unwrap().len());
    let feed = eventually("the podcast", || {
        let feed = http::get(site.server.address, "/podcast/night.xml").body;
        feed.contains("<item>").then_some(feed)
    });
    assert_eq!(feed.matches("<item>").count(), 1, "{feed}");
    for other in ["other.mp3", "other.json", "..%2F..%2Fetc%2Fpasswd"] {
        assert_eq!(http::get(site.server.address, &format!("/recordings/night/{other}")).status, 404);
    }
}

#[test]
fn a_full_disk_ends_a_recording_and_not_the_show() {
    let disk = FaultyDisk::new();
    let music = TempDir::new().unwrap();
    make(music.path(), "folder.mp3", "sine=440", 30, "-ac 2 -ar 44100 -b:a 128k -metadata title=Folder");
    let mut command = roomhub(&["radio", "--host", "127.0.0.1", "--port", "0", "--log-format", "json"]);
    command.args(["--audio-dir", music.path().to_str().unwrap(), "--stream-routes", "/night"]);
    command.env("ROOMHUB_RADIO__DATA_DIR", "").env("ROOMHUB_RADIO__SOURCE_PASSWORD", PASSWORD);
    command.env("ROOMHUB_RADIO__RECORDINGS_DIR", disk.data()).envs(disk.environment());
    command.env("ROOMHUB_RADIO__RECORDINGS_MIN_FREE_BYTES", "0");
    let site =
        Site { _music: music, server: Server::spawn(command), folder: disk.data().join("night"), key: "" };
    on_air(&site.server);
    let source = site.mp3("Night show");
    site.plays("Night show");
    let listener = Recording::start(site.server.address, "/night");
    site.seconds(1.0);
    disk.fail("write", ENOSPC);
    site.server.await_log("a recording has ended before its show: the disk does not take it");
    disk.work();
    site.seconds(4.0);
    site.plays("Night show");
    let heard = listener.stop();
    assert_eq!((heard.silences(), heard.complaints()), (Vec::new(), String::new()));
    end(source);
    site.plays("Folder");
}

#[test]
fn limits_end_recordings_and_old_ones_are_deleted() {
    let folder = TempDir::new().unwrap();
    let site = Site::start(
        folder.path(),
        &[("ROOMHUB_RADIO__RECORDING_MAX_BYTES", "65536"), ("ROOMHUB_RADIO__MAX_RECORDINGS", "1")],
    );
    let source = site.mp3("Long show");
    site.server.await_log("radio.recording_max_bytes");
    let told = site.finished("Long show");
    assert!((50_000..=65_536).contains(&told["n_bytes"].as_u64().unwrap()), "{told}");
    site.plays("Long show");
    end(source);
    site.plays("Folder");
    let source = site.mp3("Second show");
    site.server.await_log("radio.max_recordings");
    site.plays("Second show");
    end(source);
    assert_eq!(recorded(&site.folder).len(), 1);
    drop(site);
    let site =
        Site::start(folder.path(), &[("ROOMHUB_RADIO__RECORDINGS_MIN_FREE_BYTES", "9000000000000000")]);
    let source = site.mp3("Third show");
    site.server.await_log("radio.recordings_min_free_bytes");
    end(source);
    drop(site);
    let site = Site::start(folder.path(), &[("ROOMHUB_RADIO__RECORDINGS_KEPT", "1s")]);
    eventually("an empty folder", || site.folder.read_dir().unwrap().next().is_none().then_some(()));
}

#[test]
fn recordings_are_a_podcast_that_is_read_by_a_parser_of_xml_and_fetched_in_parts() {
    let folder = TempDir::new().unwrap();
    let site = Site::start(folder.path(), &[]);
    let feed = |path: &str| http::get(site.server.address, path);
    assert!(!feed("/podcast/night.xml").body.contains("<item>"));
    let source = site.mp3("Night & <day>");
    site.plays("Night & <day>");
    site.seconds(1.5);
    let running = recorded(&site.folder).pop().unwrap()["file"].as_str().unwrap().replace(' ', "%20");
    let running = running.replace('&', "%26");
    assert_eq!(feed(&format!("/recordings/night/{running}")).status, 404, "it is not finished");
    end(source);
    let told = site.finished("Night & <day>");
    let answer = eventually("the podcast", || {
        Some(feed("/podcast/night.xml")).filter(|it| it.body.contains("<item>"))
    });
    assert_eq!(answer.header("content-type"), "application/rss+xml; charset=utf-8");
    let file = folder.path().join("feed.xml");
    fs::write(&file, &answer.body).unwrap();
    let script = "import json,sys,email.utils,xml.etree.ElementTree as E\n\
        c=E.parse(sys.argv[1]).getroot()\n\
        assert c.tag=='rss' and c.get('version')=='2.0'\n\
        i='{http://www.itunes.com/dtds/podcast-1.0.dtd}'\n\
        c=c.find('channel');e=c.find('item');n=e.find('enclosure')\n\
        assert all(c.find(t) is not None for t in ('title','link','description',i+'author',i+'explicit',i+'category'))\n\
        email.utils.parsedate_to_datetime(e.find('pubDate').text)\n\
        print(json.dumps([e.find('title').text,n.get('url'),int(n.get('length')),n.get('type'),e.find('guid').text,int(e.find(i+'duration').text)]))";
    let read = Command::new("python3").args(["-c", script]).arg(&file).output().unwrap();
    assert!(read.status.success(), "{}", String::from_utf8_lossy(&read.stderr));
    let item: Value = serde_json::from_slice(&read.stdout).unwrap();
    assert_eq!((&item[0], &item[3], &item[4]), (&"Night & <day>".into(), &"audio/mpeg".into(), &told["id"]));
    assert_eq!((&item[2], item[5].as_f64()), (&told["n_bytes"], told["seconds"].as_f64().map(f64::round)));

    let url = item[1].as_str().unwrap();
    let (_, path) = url.split_once("/recordings").unwrap();
    let path = format!("/recordings{path}");
    let here = format!("http://{}{path}", site.server.address);
    let bytes = fs::read(site.folder.join(told["file"].as_str().unwrap())).unwrap();
    let fetched = |range: &str| {
        let output = Command::new("curl").args(["-sf", "-r", range, &here]).output().unwrap();
        assert!(output.status.success());
        output.stdout
    };
    assert_eq!(fetched("0-"), bytes);
    assert_eq!(fetched("100-299"), bytes[100..300]);
    let part = http::get_with(site.server.address, &path, &[("Range", "bytes=-10")]);
    assert_eq!((part.status, part.header("content-type")), (206, "audio/mpeg"));
    assert_eq!(http::get_with(site.server.address, &path, &[("Range", "bytes=999999999-")]).status, 416);
}

#[test]
fn a_station_with_a_key_has_its_podcast_behind_it_and_others_have_none_unless_they_say_so() {
    let folder = TempDir::new().unwrap();
    let music = TempDir::new().unwrap();
    make(music.path(), "folder.mp3", "sine=440", 10, "-ac 2 -ar 44100 -b:a 128k");
    let folders = format!("folders = [{:?}]", music.path().to_str().unwrap());
    let stations = format!(
        "[{{ route = \"/night\", {folders}, listener_key = \"a & b\" }}, \
         {{ route = \"/day\", {folders}, podcast = false }}, {{ route = \"/off\", {folders}, recording = false }}]"
    );
    let server = station(
        &[],
        &[
            ("ROOMHUB_RADIO__STATIONS", &stations),
            ("ROOMHUB_RADIO__SOURCE_PASSWORD", PASSWORD),
            ("ROOMHUB_RADIO__RECORDINGS_DIR", folder.path().to_str().unwrap()),
            ("ROOMHUB_RADIO__RECORDINGS_MIN_FREE_BYTES", "0"),
            ("ROOMHUB_RADIO__PODCAST", "true"),
        ],
    );
    on_air(&server);
    let site = Site { _music: music, server, folder: folder.path().join("night"), key: "&key=a+%26+b" };
    site.show("-c:a libmp3lame -b:a 128k -f mp3", "audio/mpeg", "Night show");
    let asked = |path: &str| http::get(site.server.address, path).status;
    assert_eq!(["/podcast/day.xml", "/podcast/off.xml", "/podcast/none.xml"].map(asked), [404; 3]);
    assert_eq!(["/podcast/night.xml", "/podcast/night.xml?key=c"].map(asked), [401; 2]);
    let feed = http::get(site.server.address, "/podcast/night.xml?key=a+%26+b").body;
    let (_, rest) = feed.split_once("/recordings").unwrap();
    let path = format!("/recordings{}", rest.split('"').next().unwrap());
    assert_eq!(asked(&path), 200, "{path}");
    assert_eq!(asked(path.split('?').next().unwrap()), 401);
}
