//! What an archive says of itself: its last file, so that one that was cut off has none.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, bail};
use serde::{Deserialize, Serialize};

/// The manifest's name in the archive.
pub const NAME: &str = "manifest.json";

/// A longer manifest is none of ours: a file has some 150 bytes in it.
pub const MAX_BYTES: u64 = 256 * 1024 * 1024;

/// The form of archives. One of a later form is refused.
const FORMAT: u32 = 1;

/// This program's version.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// What an archive holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    roomhub_backup: u32,
    /// The version that has written it.
    pub version: String,
    /// When it was begun, in UTC.
    pub made_at: String,
    /// The folders in it: the key of the configuration that names each, and where it was.
    pub folders: BTreeMap<String, String>,
    /// Every other file of the archive.
    pub files: BTreeMap<String, Kept>,
}

/// A file as it was kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// Its length.
    pub bytes: u64,
    /// The SHA-256 of its content, as hex.
    pub sha256: String,
}

impl Manifest {
    /// The manifest of an archive that this version writes.
    pub fn new(made_at: String, folders: BTreeMap<String, String>) -> Self {
        Self { roomhub_backup: FORMAT, version: VERSION.into(), made_at, folders, files: BTreeMap::new() }
    }

    /// Reads a manifest.
    ///
    /// # Errors
    /// It is none, or a newer version has written it.
    pub fn read(text: &[u8]) -> Result<Self> {
        #[derive(Deserialize)]
        struct Head {
            roomhub_backup: u32,
            version: String,
        }
        let head: Head = serde_json::from_slice(text).context("its manifest is not one of roomhub")?;
        if head.roomhub_backup > FORMAT || release(&head.version) > release(VERSION) {
            bail!(
                "roomhub {} has written it, and this is {VERSION}: restore it with that version or a later one",
                head.version
            );
        }
        serde_json::from_slice(text).context("its manifest cannot be read")
    }

    /// Bytes of all files.
    pub fn n_bytes(&self) -> u64 {
        self.files.values().map(|file| file.bytes).sum()
    }
}

/// The numbers of a version, to be compared.
fn release(version: &str) -> Vec<u64> {
    version.split(['.', '-', '+']).map_while(|number| number.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_of_a_newer_version_is_refused_by_name() {
        let text = |version: &str, form: u32| {
            let manifest = Manifest::new("2026-01-01T00:00:00Z".into(), BTreeMap::new());
            let manifest = Manifest { version: version.into(), roomhub_backup: form, ..manifest };
            serde_json::to_vec(&manifest).unwrap()
        };
        assert!(Manifest::read(&text(VERSION, FORMAT)).is_ok());
        assert!(Manifest::read(&text("0.0.9", FORMAT)).is_ok());
        for (version, form) in [("0.1.1", FORMAT), ("0.10.0", FORMAT), ("1.0", FORMAT), (VERSION, FORMAT + 1)]
        {
            let refused = Manifest::read(&text(version, form)).unwrap_err().to_string();
            assert!(refused.contains(&format!("roomhub {version} has written it")), "{refused}");
        }
        assert!(Manifest::read(b"{}").is_err());
    }
}
