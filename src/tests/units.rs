//! The units for systemd, as systemd itself reads them.

use std::fs;
use std::path::Path;
use std::process::Command;

use roomhub::settings::Service;
use tempfile::TempDir;

/// What `systemd-analyze security` gives a unit at most; 10 is one that may do anything, and most services have 9.6.
const EXPOSURE: f64 = 1.5;

/// The units as they are released, but for the program: this build's.
fn units() -> TempDir {
    let folder = TempDir::new().unwrap();
    for entry in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/systemd")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if name.ends_with(".service") || name.ends_with(".socket") {
            let unit = fs::read_to_string(&path).unwrap();
            let unit = unit.replace("/usr/bin/roomhub", env!("CARGO_BIN_EXE_roomhub"));
            fs::write(folder.path().join(name), unit).unwrap();
        }
    }
    folder
}

/// All units that may be started, by their files.
fn names() -> Vec<String> {
    let mut names = vec!["./roomhub.service".to_owned()];
    for service in Service::all() {
        names.extend([
            format!("./roomhub@{}.service", service.name()),
            format!("./roomhub-{}.socket", service.name()),
        ]);
    }
    names
}

/// What it says on one stream or the other.
fn analyze(folder: &TempDir, args: &[&str], units: &[String]) -> (bool, String) {
    let mut command = Command::new("systemd-analyze");
    command.args(args).args(units).current_dir(folder.path());
    // The colon at its end adds the units of this system: they wait for targets of systemd's own.
    command.env("SYSTEMD_UNIT_PATH", format!("{}:", folder.path().display()));
    let output = command.output().unwrap();
    let told = [output.stdout, output.stderr].map(|told| String::from_utf8_lossy(&told).into_owned());
    (output.status.success(), told.concat())
}

#[test]
fn systemd_has_nothing_to_say_against_the_units() {
    let folder = units();
    assert_eq!(analyze(&folder, &["verify", "--man=no"], &names()), (true, String::new()));
    // And it would say something.
    let path = folder.path().join("roomhub.service");
    let unit = fs::read_to_string(&path).unwrap();
    fs::write(&path, unit.replace("MemoryMax=", "MemoryMost=")).unwrap();
    let (_, told) = analyze(&folder, &["verify", "--man=no"], &names()[..1]);
    assert!(told.contains("MemoryMost"), "{told}");
}

#[test]
fn services_are_exposed_as_little_as_the_measure_of_systemd_allows() {
    let folder = units();
    for unit in names().into_iter().filter(|unit| unit.ends_with(".service")) {
        let args = ["security", "--offline=true", "--no-pager"];
        let (_, told) = analyze(&folder, &args, std::slice::from_ref(&unit));
        let line = told
            .lines()
            .find(|line| line.contains("Overall exposure level"))
            .unwrap_or_else(|| panic!("{told}"));
        let (_, level) = line.rsplit_once(": ").unwrap();
        let level: f64 = level.split(' ').next().unwrap().parse().unwrap();
        assert!(level <= EXPOSURE, "{unit}: {level}");
    }
}

/// A socket that is started while `roomhub` still stops would find its port taken, and fail.
#[test]
fn units_of_the_same_ports_wait_until_the_other_has_stopped() {
    let folder = units();
    let unit = fs::read_to_string(folder.path().join("roomhub.service")).unwrap();
    let named = |key: &str| -> Vec<&str> {
        let lines = unit.lines().filter_map(|line| line.strip_prefix(key));
        lines.flat_map(|names| names.split(' ')).collect()
    };
    let conflicts = named("Conflicts=");
    for name in names().iter().skip(1).map(|name| name.trim_start_matches("./")) {
        assert!(conflicts.contains(&name) && named("After=").contains(&name), "{name}");
    }
}
