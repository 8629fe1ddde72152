//! What is released beside the program: the manual, completions, the contents of packages, and what they do when they are
//! installed, upgraded and removed, by the real dpkg in a root of its own.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use clap::CommandFactory;
use roomhub::cli::Cli;
use roomhub::settings::Service;
use tempfile::TempDir;

use crate::harness::process::run;

const SCRIPTS: [&str; 3] = ["postinst", "prerm", "postrm"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All commands below one, by their full names, like `roomhub-probe-health`.
fn names_below(command: &clap::Command, name: &str, found: &mut Vec<String>) {
    for command in command.get_subcommands() {
        let name = format!("{name}-{}", command.get_name());
        names_below(command, &name, found);
        found.push(name);
    }
}

#[test]
fn the_manual_has_a_page_for_each_command_and_names_them_all() {
    let folder = TempDir::new().unwrap();
    let pages = folder.path().join("man");
    assert_eq!(run(&["man", pages.to_str().unwrap()], &[]).status.code(), Some(0));
    let mut names = Vec::new();
    names_below(&Cli::command(), "roomhub", &mut names);
    assert!(names.len() > Service::all().len(), "{names:?}");
    for name in names {
        let page =
            fs::read_to_string(pages.join(format!("{name}.1"))).unwrap_or_else(|_| panic!("no {name}.1"));
        assert!(page.contains(&name.replace('-', "\\-")), "{name}: {page}");
        let (parent, _) = name.rsplit_once('-').unwrap();
        let parent = fs::read_to_string(pages.join(format!("{parent}.1"))).unwrap();
        assert!(parent.contains(&format!("{}(1)", name.replace('-', "\\-"))), "{name} is not in {parent}");
    }
}

#[test]
fn a_manual_that_cannot_be_written_ends_with_1() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let output = run(&["man", file.path().to_str().unwrap()], &[]);
    assert_eq!(output.status.code(), Some(1));
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.starts_with(&format!("roomhub: {}: ", file.path().display())), "{told}");
}

#[test]
fn shells_can_read_their_completions() {
    let folder = TempDir::new().unwrap();
    for shell in ["bash", "zsh", "fish"] {
        let output = run(&["completions", shell], &[]);
        let script = folder.path().join(shell);
        fs::write(&script, &output.stdout).unwrap();
        let outcome = Command::new(shell).arg("-n").arg(&script).output().unwrap();
        assert!(outcome.status.success() && outcome.stderr.is_empty(), "{outcome:?}");
        for service in Service::all() {
            assert!(String::from_utf8_lossy(&output.stdout).contains(service.name()));
        }
    }
}

/// What a shell offers behind each command, one line a command.
fn offered(shell: &str, script: &Path, commands: &[Vec<&str>]) -> Vec<String> {
    let mut program = format!("source {}\n", script.display());
    for command in commands {
        let words = command.join(" ");
        let previous = command.last().unwrap();
        let line = match shell {
            "bash" => format!(
                "COMP_WORDS=({words} ''); COMP_CWORD={}; COMPREPLY=(); _roomhub roomhub '' {previous}; echo \"${{COMPREPLY[@]}}\"\n",
                command.len()
            ),
            _ => format!("complete -C '{words} ' | string replace -r '\\t.*' '' | string join ' '\n"),
        };
        program.push_str(&line);
    }
    let quiet: &[&str] = if shell == "bash" { &["--norc"] } else { &["--no-config"] };
    let output = Command::new(shell).args(quiet).args(["-c", &program]).output().unwrap();
    let lines: Vec<String> = String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect();
    assert_eq!(lines.len(), commands.len(), "{shell}: {lines:?} {}", String::from_utf8_lossy(&output.stderr));
    lines
}

#[test]
fn completions_offer_every_command_where_it_stands() {
    let folder = TempDir::new().unwrap();
    let command = Cli::command();
    let mut groups = vec![(vec!["roomhub"], &command)];
    groups.extend(
        command
            .get_subcommands()
            .filter(|command| command.has_subcommands())
            .map(|group| (vec!["roomhub", group.get_name()], group)),
    );
    assert!(groups.len() > 2);
    let words: Vec<Vec<&str>> = groups.iter().map(|(words, _)| words.clone()).collect();
    for shell in ["bash", "fish"] {
        let script = folder.path().join(shell);
        fs::write(&script, run(&["completions", shell], &[]).stdout).unwrap();
        for ((words, group), offered) in groups.iter().zip(offered(shell, &script, &words)) {
            let offered: BTreeSet<&str> = offered.split(' ').collect();
            for command in group.get_subcommands() {
                assert!(
                    offered.contains(command.get_name()),
                    "{shell} {words:?}: {} is not in {offered:?}",
                    command.get_name()
                );
            }
        }
    }
}

/// What both packages hold: where a file comes from, its folder on the system, its mode.
fn contents() -> [BTreeSet<(String, String, String)>; 2] {
    let manifest: toml::Table = fs::read_to_string(root().join("Cargo.toml")).unwrap().parse().unwrap();
    let assets =
        |package: &str| manifest["package"]["metadata"][package]["assets"].as_array().unwrap().clone();
    let text = |value: &toml::Value| value.as_str().unwrap().to_owned();
    let deb = assets("deb")
        .iter()
        .map(|asset| (text(&asset[0]), format!("/{}", text(&asset[1])), text(&asset[2])))
        .collect();
    let rpm = assets("generate-rpm")
        .iter()
        .map(|asset| (text(&asset["source"]), text(&asset["dest"]), text(&asset["mode"])))
        .collect();
    [deb, rpm]
}

/// The files that a source names; the star stands for a file's name up to its end.
fn files_of(source: &str) -> Vec<PathBuf> {
    let Some((before, after)) = source.split_once('*') else { return vec![root().join(source)] };
    let entries = fs::read_dir(root().join(before)).unwrap().map(|entry| entry.unwrap().path());
    entries.filter(|path| path.to_str().unwrap().ends_with(after)).collect()
}

#[test]
fn packages_name_files_that_are_there_and_hold_the_same() {
    let [deb, rpm] = contents();
    for (source, ..) in deb.union(&rpm) {
        // Those are made by the program, and the program itself.
        if source.starts_with("target/") {
            continue;
        }
        let files = files_of(source);
        assert!(!files.is_empty() && files.iter().all(|file| file.is_file()), "{source} is not there");
    }
    // Licences and completions of zsh have other places in each of the two families.
    let shared = |contents: &BTreeSet<(String, String, String)>| -> BTreeSet<(String, String, String)> {
        let is_shared = |folder: &str| !folder.contains("licenses") && !folder.contains("zsh");
        contents.iter().filter(|(_, folder, _)| is_shared(folder)).cloned().collect()
    };
    assert!(shared(&deb).len() > 5);
    assert_eq!(shared(&deb), shared(&rpm));
}

#[test]
fn units_start_commands_that_the_program_has() {
    for entry in fs::read_dir(root().join("assets/systemd")).unwrap() {
        let path = entry.unwrap().path();
        let unit = fs::read_to_string(&path).unwrap();
        let name = path.file_name().unwrap().to_str().unwrap();
        if name.ends_with(".service") {
            let start =
                unit.lines().find_map(|line| line.strip_prefix("ExecStart=/usr/bin/roomhub ")).unwrap();
            let command = if start == "%i" { Service::all()[0].name() } else { start };
            assert!(Cli::command().find_subcommand(command).is_some(), "{name}: {start}");
        } else if name.ends_with(".socket") {
            let service = Service::all()
                .into_iter()
                .find(|service| name == format!("roomhub-{}.socket", service.name()))
                .unwrap_or_else(|| panic!("{name} is no service's"));
            assert!(unit.contains(&format!("\nService=roomhub@{}.service\n", service.name())), "{name}");
            assert!(unit.contains(&format!("\nListenStream={}\n", service.default_port())), "{name}");
        }
    }
}

/// A system in a folder, with dpkg's own files, a running systemd, and programs that write down how they were called.
struct System {
    folder: TempDir,
}

impl System {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let at = |path: &str| folder.path().join(path);
        for path in [
            "root/var/lib/dpkg/info",
            "root/var/lib/dpkg/updates",
            "root/etc",
            "root/run/systemd/system",
            "bin",
        ] {
            fs::create_dir_all(at(path)).unwrap();
        }
        fs::write(at("root/var/lib/dpkg/status"), "").unwrap();
        fs::write(at("root/etc/passwd"), "root:x:0:0:root:/root:/bin/sh\n").unwrap();
        let system = Self { folder };
        let calls = system.at("calls");
        for program in ["useradd", "userdel", "systemctl"] {
            let script = format!("#!/bin/sh\necho {program} \"$@\" >>{}\n", calls.display());
            let path = system.at(&format!("bin/{program}"));
            fs::write(&path, script).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        }
        // A fresh system has it afterwards.
        let add =
            format!("echo roomhub:x:999:999::/:/bin/false >>{}\n", system.at("root/etc/passwd").display());
        let path = system.at("bin/useradd");
        fs::write(&path, fs::read_to_string(&path).unwrap() + &add).unwrap();
        system
    }

    fn at(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    fn is_there(&self, path: &str) -> bool {
        self.at("root").join(path).exists()
    }

    /// A package of that version, with the real scripts and settings and without a program.
    fn package(&self, version: &str) -> PathBuf {
        let tree = self.at(&format!("package-{version}"));
        for folder in ["DEBIAN", "etc/roomhub"] {
            fs::create_dir_all(tree.join(folder)).unwrap();
        }
        let fields = "Package: roomhub\nArchitecture: all\nMaintainer: nobody <nobody@localhost>\nDescription: rooms\n";
        fs::write(tree.join("DEBIAN/control"), format!("{fields}Version: {version}\n")).unwrap();
        let manifest: toml::Table = fs::read_to_string(root().join("Cargo.toml")).unwrap().parse().unwrap();
        let mut kept = String::new();
        for file in manifest["package"]["metadata"]["deb"]["conf-files"].as_array().unwrap() {
            let file = file.as_str().unwrap();
            let name = Path::new(file).file_name().unwrap();
            fs::copy(root().join("assets/packaging").join(name), tree.join(&file[1..])).unwrap();
            kept.extend([file, "\n"]);
        }
        fs::write(tree.join("DEBIAN/conffiles"), kept).unwrap();
        for script in SCRIPTS {
            let path = tree.join("DEBIAN").join(script);
            fs::copy(root().join("assets/packaging/scripts").join(script), &path).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        }
        let package = self.at(&format!("roomhub-{version}.deb"));
        let built = Command::new("dpkg-deb")
            .args(["--build", "--root-owner-group"])
            .arg(&tree)
            .arg(&package)
            .output();
        assert!(built.as_ref().unwrap().status.success(), "{built:?}");
        package
    }

    /// Has dpkg do something; what the scripts called meanwhile, and what was said.
    fn dpkg(&self, args: &[&str], environment: &[(&str, &str)]) -> (String, String) {
        fs::write(self.at("calls"), "").unwrap();
        let mut command = Command::new("dpkg");
        command
            .arg("--root")
            .arg(self.at("root"))
            .args(["--force-script-chrootless", "--force-not-root"])
            .args(args);
        command.env("PATH", format!("{}:/usr/sbin:/usr/bin:/sbin:/bin", self.at("bin").display()));
        let output: Output = command.envs(environment.iter().copied()).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        (fs::read_to_string(self.at("calls")).unwrap(), String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// A system that has version 1, with rooms in it and an operator's settings.
    fn with_rooms() -> Self {
        let system = Self::new();
        let (calls, said) = system.dpkg(&["--install", system.package("1").to_str().unwrap()], &[]);
        assert!(calls.contains("useradd") && calls.contains("--system"), "{calls}");
        assert!(said.contains("'systemctl enable --now roomhub' starts every service"), "{said}");
        for folder in ["lib", "cache", "log"] {
            let folder = system.at("root/var").join(folder).join("roomhub");
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join("kept"), "").unwrap();
        }
        fs::write(system.at("root/etc/roomhub/config.toml"), "[music]\nport = 3100\n").unwrap();
        system
    }
}

#[test]
fn an_upgrade_keeps_data_and_settings_and_starts_anew_what_runs() {
    let system = System::with_rooms();
    let package = system.package("2");
    let (calls, said) = system.dpkg(&["--install", "--force-confold", package.to_str().unwrap()], &[]);
    assert!(!said.contains("enable"), "who upgrades knows how to start it: {said}");
    assert_eq!(
        calls,
        "systemctl daemon-reload\nsystemctl daemon-reload\nsystemctl try-restart roomhub.service roomhub@*.service\n"
    );
    assert!(system.is_there("var/lib/roomhub/kept"));
    let settings = fs::read_to_string(system.at("root/etc/roomhub/config.toml")).unwrap();
    assert_eq!(settings, "[music]\nport = 3100\n");
}

#[test]
fn a_removal_stops_the_services_and_keeps_data_settings_and_user() {
    let system = System::with_rooms();
    let (calls, _) = system.dpkg(&["--remove", "roomhub"], &[]);
    assert!(
        calls.starts_with("systemctl stop roomhub-*.socket roomhub.service roomhub@*.service\n"),
        "{calls}"
    );
    assert!(calls.contains("systemctl disable") && !calls.contains("userdel"), "{calls}");
    for path in ["var/lib/roomhub/kept", "var/log/roomhub/kept", "etc/roomhub/config.toml"] {
        assert!(system.is_there(path), "{path}");
    }
}

#[test]
fn a_purge_deletes_data_only_if_that_is_asked_for() {
    let system = System::with_rooms();
    let (calls, said) = system.dpkg(&["--purge", "roomhub"], &[]);
    assert!(!calls.contains("userdel") && said.contains("/var/lib/roomhub stays"), "{calls}{said}");
    assert!(system.is_there("var/lib/roomhub/kept") && system.is_there("var/log/roomhub/kept"));
    assert!(!system.is_there("etc/roomhub/config.toml") && !system.is_there("var/cache/roomhub"));

    let system = System::with_rooms();
    let (calls, _) = system.dpkg(&["--purge", "roomhub"], &[("PURGE_ROOMHUB_DATA", "yes")]);
    assert!(calls.contains("userdel"), "{calls}");
    assert!(!system.is_there("var/lib/roomhub") && !system.is_there("var/log/roomhub"));
}

#[test]
fn a_removal_of_the_last_version_of_an_rpm_stops_services_and_an_upgrade_does_not() {
    let system = System::new();
    for (versions_left, stops) in [("0", true), ("1", false)] {
        fs::write(system.at("calls"), "").unwrap();
        let mut script = Command::new("sh");
        script.arg(root().join("assets/packaging/scripts/prerm")).arg(versions_left);
        script.env("PATH", format!("{}:/usr/bin:/bin", system.at("bin").display()));
        let outcome = script.env("DPKG_ROOT", system.at("root")).status().unwrap();
        assert!(outcome.success());
        assert_eq!(fs::read_to_string(system.at("calls")).unwrap().contains("systemctl stop"), stops);
    }
}
