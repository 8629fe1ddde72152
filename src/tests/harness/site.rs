//! A folder of music with stations that a configuration file names.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use tempfile::TempDir;

use super::process::{Server, run};
use super::radio::{make, on_air, station};

/// A folder of music with a configuration file beside it.
pub struct Site {
    folder: TempDir,
}

impl Site {
    /// An empty one.
    pub fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    /// One with such a folder.
    pub fn with(folder: &str, names: &[&str], seconds: u32) -> Self {
        let site = Self::new();
        site.fill(folder, names, seconds);
        site
    }

    /// Makes a folder with a file of each of these names, whose titles are the names.
    pub fn fill(&self, folder: &str, names: &[&str], seconds: u32) {
        let path = self.path(folder);
        fs::create_dir_all(&path).unwrap();
        for name in names {
            let title = name.trim_end_matches(".mp3");
            let args = format!("-ac 2 -ar 44100 -b:a 64k -metadata title={title}");
            make(&path, name, "sine=440", seconds, &args);
        }
        self.age(folder);
    }

    /// Makes the files of a folder old enough to count at once.
    pub fn age(&self, folder: &str) {
        let mut aged = Command::new("find");
        aged.arg(self.path(folder)).args(["-name", "*.mp3", "-exec", "touch", "-d", "1 hour ago", "{}", "+"]);
        assert!(aged.status().unwrap().success());
    }

    /// What has that name in it.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes the configuration, in which `DIR` is the folder.
    pub fn configure(&self, text: &str) -> String {
        let path = self.path("config.toml");
        fs::write(&path, text.replace("DIR", self.folder.path().to_str().unwrap())).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// Starts what that configures.
    pub fn start(&self, text: &str) -> Server {
        station(&["--config", &self.configure(text)], &[])
    }

    /// Starts what that configures, and waits until all of its stations are on the air.
    pub fn start_on_air(&self, text: &str) -> Server {
        let server = self.start(text);
        on_air(&server);
        server
    }

    /// What is wrong with a configuration.
    pub fn mistakes(&self, text: &str) -> String {
        let output = run(&["check", "radio", "--config", &self.configure(text)], &[]);
        assert_ne!(output.status.code(), Some(0));
        let told = [output.stdout, output.stderr].concat();
        String::from_utf8(told).unwrap().replace(self.folder.path().to_str().unwrap(), "DIR")
    }
}
