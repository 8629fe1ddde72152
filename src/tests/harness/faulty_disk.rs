//! A folder on a disk that fails when a test says so: calls of the C library are intercepted in the server's process.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const SOURCE: &str = include_str!("faulty_disk.c");

/// Numbers of the errors that a disk and a system without descriptors give.
pub const EIO: i32 = 5;
pub const EMFILE: i32 = 24;
pub const ENOSPC: i32 = 28;

/// A folder, and what makes it fail.
pub struct FaultyDisk {
    own: tempfile::TempDir,
    data: tempfile::TempDir,
}

impl FaultyDisk {
    /// An empty folder, with which nothing is wrong.
    pub fn new() -> Self {
        let own = tempfile::tempdir().unwrap();
        let source = own.path().join("faulty_disk.c");
        fs::write(&source, SOURCE).unwrap();
        let built = Command::new("cc")
            .args(["-shared", "-fPIC", "-O1", "-o"])
            .args([own.path().join("faulty_disk.so"), source])
            .arg("-ldl")
            .status()
            .unwrap_or_else(|error| panic!("cc: {error}; src/tests/all.sh installs it"));
        assert!(built.success());
        Self { own, data: tempfile::tempdir().unwrap() }
    }

    /// The folder.
    pub fn data(&self) -> &Path {
        self.data.path()
    }

    /// What a server on this disk is started with.
    pub fn environment(&self) -> Vec<(&'static str, String)> {
        let text = |path: PathBuf| path.to_str().unwrap().to_owned();
        vec![
            ("LD_PRELOAD", text(self.own.path().join("faulty_disk.so"))),
            ("FAULTY_DISK_UNDER", text(self.data.path().into())),
            ("FAULTY_DISK_CONTROL", text(self.control())),
        ]
    }

    /// Lets calls fail from here on, by their names with spaces between them.
    pub fn fail(&self, calls: &str, error: i32) {
        let _ = fs::remove_file(self.hits());
        let draft = self.own.path().join("draft");
        fs::write(&draft, format!("{error} {calls}")).unwrap();
        fs::rename(draft, self.control()).unwrap();
    }

    /// Whether a call has failed since.
    pub fn has_failed(&self) -> bool {
        self.hits().exists()
    }

    /// Lets everything work again.
    pub fn work(&self) {
        fs::remove_file(self.control()).unwrap();
    }

    fn control(&self) -> PathBuf {
        self.own.path().join("control")
    }

    fn hits(&self) -> PathBuf {
        self.own.path().join("control.hits")
    }
}
