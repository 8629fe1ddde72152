//! Archives of what services keep: written while they run, and put back elsewhere.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Output;

use serde_json::json;

use crate::devices::client::Device;
use crate::devices::database::Sqlite;
use crate::devices::start;
use crate::devices::traffic::Traffic;
use crate::harness::process::{Server, run};
use crate::harness::{eventually, websocket};

/// Has every service keep its data in that folder.
fn data(folder: &Path) -> Vec<(&'static str, String)> {
    let keys = ["ROOMHUB_DEVICES__DATA_DIR", "ROOMHUB_ROOMS__DATA_DIR", "ROOMHUB_RADIO__DATA_DIR"];
    keys.map(|key| (key, folder.display().to_string())).to_vec()
}

fn run_on(folder: &Path, args: &[&str]) -> Output {
    let environment = data(folder);
    let environment: Vec<(&str, &str)> = environment.iter().map(|(key, value)| (*key, &value[..])).collect();
    run(args, &environment)
}

fn done(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn refused(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stdout));
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn ids(n: std::ops::Range<usize>) -> Vec<String> {
    n.map(|n| format!("kept-{n}")).collect()
}

/// Waits until all ids are among the messages of that folder, each once.
fn find(folder: &Path, ids: &[String]) {
    let found = eventually("every message", || {
        let found = Sqlite::open(folder).contents();
        ids.iter().all(|id| found.contains(id)).then_some(found)
    });
    assert_eq!(found.iter().collect::<BTreeSet<_>>().len(), found.len(), "one is there twice");
}

#[test]
fn what_was_acknowledged_before_a_backup_began_is_in_it_whatever_goes_on_meanwhile() {
    let root = tempfile::tempdir().unwrap();
    let here = root.path().join("here");
    let server = start(&here, &[], &[("ROOMHUB_DEVICES__SPOOL_SEGMENT_BYTES", "1048576")]);
    let traffic = Traffic::start(server.address);
    let (mut device, _) = Device::join(server.address, "d1", None);
    for round in 0..5 {
        let said = ids(round * 40..(round + 1) * 40);
        for id in &said {
            device.say_for_sure(id);
        }
        let archive = root.path().join(format!("{round}.tar.gz"));
        done(&run_on(&here, &["backup", archive.to_str().unwrap()]));
        assert_eq!(fs::metadata(&archive).unwrap().permissions().mode() & 0o777, 0o600);
        let there = root.path().join(format!("there-{round}"));
        done(&run_on(&there, &["restore", archive.to_str().unwrap()]));
        let restored = start(&there, &[], &[]);
        find(&there, &ids(0..(round + 1) * 40));
        // The device is where it was, and what it says again is what it has said.
        let (mut again, _) = Device::join(restored.address, "d1", None);
        assert_eq!(again.room, device.room);
        again.say_for_sure(&said[0]);
        again.say_for_sure("new");
        find(&there, &[said[0].clone(), "new".into()]);
    }
    traffic.settle(|| Sqlite::open(&here).contents());
}

#[test]
fn what_waits_in_the_spool_for_a_database_that_is_away_is_in_a_backup() {
    let root = tempfile::tempdir().unwrap();
    let here = root.path().join("here");
    let away = [("DATABASE_URL", "mysql://a:b@127.0.0.1:1/c"), ("ROOMHUB_DEVICES__FIRST_START_WAIT", "0s")];
    let server = start(&here, &[], &away);
    let (mut device, _) = Device::join(server.address, "d1", None);
    for id in ids(0..50) {
        device.say_for_sure(&id);
    }
    let archive = root.path().join("spool.tar");
    done(&run_on(&here, &["backup", archive.to_str().unwrap()]));
    let there = root.path().join("there");
    done(&run_on(&there, &["restore", archive.to_str().unwrap()]));
    let _restored = start(&there, &[], &[]);
    find(&there, &ids(0..50));
}

#[test]
fn rooms_that_a_running_service_has_locked_are_in_a_backup() {
    let root = tempfile::tempdir().unwrap();
    let (here, there) = (root.path().join("here"), root.path().join("there"));
    let keep = |folder: &Path| {
        let folder = folder.to_str().unwrap();
        Server::start_with(&[], &[("ROOMHUB_ROOMS__PERSIST", "true"), ("ROOMHUB_ROOMS__DATA_DIR", folder)])
    };
    let server = keep(&here);
    let mut host = websocket::Client::host(server.address, "AB12");
    host.emit("pause", &json!({"room_id": "AB12", "current_time": 12.5}));
    let archive = root.path().join("rooms.tar");
    eventually("the room in a backup", || {
        done(&run_on(&here, &["backup", archive.to_str().unwrap()]));
        let _ = fs::remove_dir_all(&there);
        done(&run_on(&there, &["restore", archive.to_str().unwrap()]));
        let database = rusqlite::Connection::open(there.join("music.rooms.db")).unwrap();
        let kept: Result<String, _> = database.query_row("SELECT room FROM rooms", [], |row| row.get(0));
        kept.ok().filter(|room| room.contains("12.5"))
    });
    let restored = keep(&there);
    let mut guest = websocket::Client::connect(restored.address);
    guest.emit("join_room", &json!({"room_id": "AB12"}));
    assert_eq!(guest.expect("room_joined")["current_time"], 12.5);
}

#[test]
fn a_restore_touches_nothing_that_it_should_not() {
    let root = tempfile::tempdir().unwrap();
    let here = root.path().join("here");
    fs::create_dir(&here).unwrap();
    fs::write(here.join("note"), "old").unwrap();
    fs::write(here.join("watch.auth_key"), "made up").unwrap();
    let config = root.path().join("config.toml");
    fs::write(&config, "[watch]\nauth_key = \"hunter2-hunter2\"\nmax_rooms = 7\n[devices]\ndatabase_url = \"mysql://a:hunter2@h/x\"\n")
        .unwrap();
    let (config, archive) = (config.to_str().unwrap(), root.path().join("x.tar"));
    let (open, archive) = (root.path().join("open.tar"), archive.to_str().unwrap());
    done(&run_on(&here, &["backup", archive, "--config", config]));
    done(&run_on(&here, &["backup", open.to_str().unwrap(), "--config", config, "--with-secrets"]));
    let text = |path: &Path| String::from_utf8_lossy(&fs::read(path).unwrap()).into_owned();
    assert!(!text(Path::new(archive)).contains("hunter2") && !text(Path::new(archive)).contains("made up"));
    assert!(text(&open).contains("hunter2-hunter2") && text(&open).contains("made up"));

    fs::write(here.join("note"), "new").unwrap();
    let told = refused(&run_on(&here, &["restore", archive]));
    assert!(told.contains("--force") && told.contains("Nothing was changed"), "{told}");
    let running = root.path().join("running");
    let server = start(&running, &[], &[]);
    let told = refused(&run_on(&running, &["restore", archive, "--force"]));
    assert!(told.contains("a running roomhub has it"), "{told}");
    drop(server);
    let cut = root.path().join("cut.tar");
    let whole = fs::read(archive).unwrap();
    fs::write(&cut, &whole[..whole.len() / 2]).unwrap();
    let told = refused(&run_on(&here, &["restore", cut.to_str().unwrap(), "--force"]));
    assert!(told.contains("nothing was changed"), "{told}");
    assert_eq!(fs::read(here.join("note")).unwrap(), b"new");
    assert_eq!(fs::read_dir(&here).unwrap().count(), 2);

    let restored = root.path().join("restored.toml");
    done(&run_on(&here, &["restore", archive, "--force", "--config-to", restored.to_str().unwrap()]));
    assert_eq!(fs::read(here.join("note")).unwrap(), b"old");
    let aside = fs::read_dir(&here).unwrap().map(|entry| entry.unwrap().path());
    let aside: Vec<_> = aside.filter(|path| path.is_dir()).collect();
    assert_eq!(aside.len(), 1);
    assert_eq!(fs::read(aside[0].join("note")).unwrap(), b"new");
    let text = text(&restored);
    assert!(text.contains("max_rooms = 7") && !text.contains("hunter2"), "{text}");
}

#[test]
fn a_backup_of_a_unit_looks_where_the_unit_keeps_its_data() {
    let folder = tempfile::tempdir().unwrap();
    let archive = folder.path().join("x.tar");
    let args = |unit| ["backup", "--unit", unit, archive.to_str().unwrap()];
    // Nothing of the kind is on a machine for tests; what would be looked for is named.
    for (unit, place) in
        [("roomhub", "/var/lib/roomhub/devices"), ("roomhub@watch", "/var/lib/roomhub/watch")]
    {
        let told = refused(&run(&args(unit), &[("ROOMHUB_RADIO__DATA_DIR", "")]));
        assert!(told.contains(&format!("devices.data_dir = \"{place}\"")), "{told}");
    }
    // What is said on the spot is stronger.
    let here = folder.path().join("here");
    fs::create_dir(&here).unwrap();
    fs::write(here.join("note"), "kept").unwrap();
    done(&run_on(&here, &args("roomhub")));
    let output = run(&args("nginx"), &[]);
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn tables_of_a_newer_version_on_a_server_are_refused_at_the_start_before_anything_is_touched() {
    let rows = crate::harness::mariadb::MariaDb::start();
    rows.run("CREATE TABLE roomhub_schema (version INT NOT NULL PRIMARY KEY); INSERT INTO roomhub_schema VALUES (99)");
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let data_dir = data.to_str().unwrap();
    let args = ["devices", "--host", "127.0.0.1", "--port", "0", "--data-dir", data_dir];
    let told = refused(&run(&args, &[("DATABASE_URL", &rows.url())]));
    assert!(
        told.contains("version 99") && told.contains("newer version") && told.contains("Nothing was changed"),
        "{told}"
    );
    assert!(!told.contains("pass"), "{told}");
    assert_eq!(rows.run("SHOW TABLES").trim(), "roomhub_schema");
    assert!(!data.exists());
}

/// Data that version 0.1.0 has left, of which some was in the database and some still in the spool.
const DATA_0_1_0: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/tests/fixtures/data-0.1.0.tar.gz");

#[test]
fn data_of_earlier_versions_are_brought_on_with_all_that_was_said() {
    let root = tempfile::tempdir().unwrap();
    done(&run_on(root.path(), &["restore", DATA_0_1_0]));
    let server = start(root.path(), &[], &[]);
    find(root.path(), &["of version 0.1.0, 1".into(), "of version 0.1.0, 2".into()]);
    let (device, _) = Device::join(server.address, "d1", None);
    assert_eq!(device.room, "H41AAFLJ", "it is where it was");
}

#[test]
fn data_of_a_newer_version_are_refused_before_anything_is_touched() {
    for file in ["devices.db", "directory.db"] {
        let root = tempfile::tempdir().unwrap();
        done(&run_on(root.path(), &["restore", DATA_0_1_0]));
        let path = root.path().join(file);
        rusqlite::Connection::open(&path).unwrap().pragma_update(None, "user_version", 99).unwrap();
        let before = fs::read(&path).unwrap();
        let told = refused(&run_on(root.path(), &["devices", "--host", "127.0.0.1", "--port", "0"]));
        assert!(told.contains("newer version") && told.contains("Nothing was changed"), "{file}: {told}");
        assert_eq!(fs::read(&path).unwrap(), before, "{file}");
    }
}
