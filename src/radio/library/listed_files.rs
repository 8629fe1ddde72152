//! Which file of a folder an entry of a playlist means: that of its name, or else of the same name in another spelling.

use std::cell::OnceCell;
use std::collections::{BTreeSet, HashMap};
use std::path::Path;
use std::sync::Arc;

use icu_normalizer::ComposingNormalizerBorrowed;

use super::playlist_file::Entry;
use crate::folder::walk::{LinkPolicy, has_extension};

/// The files that playlists may list.
pub struct ListedFiles<'a> {
    files: &'a BTreeSet<Arc<Path>>,
    /// The same by their names in one spelling, once a name has not been found.
    folded: OnceCell<HashMap<String, &'a Arc<Path>>>,
    links: LinkPolicy,
    extensions: &'a [&'a str],
}

impl<'a> ListedFiles<'a> {
    /// The files of a folder, and what is known of others.
    pub fn new(files: &'a BTreeSet<Arc<Path>>, links: LinkPolicy, extensions: &'a [&'a str]) -> Self {
        Self { files, folded: OnceCell::new(), links, extensions }
    }

    /// The file that an entry of a playlist in `parent` means, if it may play.
    ///
    /// # Errors
    /// Why it does not play.
    pub fn find(&self, entry: &Entry, parent: &Path) -> Result<Arc<Path>, &'static str> {
        let Some(paths) = entry.paths(parent) else {
            return Err("a playlist's entry that is a stream of another server");
        };
        if let Some(known) = paths.iter().find_map(|path| self.files.get(&**path)) {
            return Ok(Arc::clone(known));
        }
        let Some(outside) = paths.iter().rev().find(|path| path.is_file()) else {
            let similar = paths.iter().find_map(|path| self.folded().get(&folded(path)));
            return similar.map(|known| Arc::clone(known)).ok_or("listed in a playlist, and missing");
        };
        if !has_extension(outside, self.extensions) {
            return Err("listed in a playlist, and no audio");
        }
        match self.links {
            LinkPolicy::Follow => Ok(outside.as_path().into()),
            LinkPolicy::StayInside => {
                Err("listed in a playlist, and not among the files of the folder (follow_links)")
            }
        }
    }

    fn folded(&self) -> &HashMap<String, &'a Arc<Path>> {
        self.folded.get_or_init(|| self.files.iter().map(|path| (folded(path), path)).collect())
    }
}

/// A name as macOS and Windows compare it: whatever its case, and whether its accents are letters of their own.
fn folded(path: &Path) -> String {
    ComposingNormalizerBorrowed::new_nfc().normalize(&path.to_string_lossy().to_lowercase()).into_owned()
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt as _;

    use super::*;
    use crate::radio::library::playlist_file::entries;

    #[test]
    fn files_are_found_whatever_program_wrote_the_playlist() {
        // Composed and decomposed letters, a name in Latin-1, and signs that mean something elsewhere.
        let names: [&[u8]; 6] = [
            "m/d\u{e9}j\u{e0}.mp3".as_bytes(),
            "m/e\u{301}te\u{301}.mp3".as_bytes(),
            b"m/caf\xe9.mp3",
            b"m/sub/100% a#b?.mp3",
            b"m/a\\b.mp3",
            b"m/Loud.MP3",
        ];
        let files: BTreeSet<Arc<Path>> =
            names.iter().map(|name| Arc::from(Path::new(OsStr::from_bytes(name)))).collect();
        let found = |list: &[u8]| -> Vec<Option<usize>> {
            let listed = ListedFiles::new(&files, LinkPolicy::StayInside, &["mp3"]);
            let number = |path: Arc<Path>| {
                names.iter().position(|name| *name == path.as_os_str().as_bytes()).expect("one of them")
            };
            let entries = entries(list, "m3u");
            entries.iter().map(|entry| listed.find(entry, Path::new("m")).ok().map(number)).collect()
        };
        let lists: [(&[u8], &[Option<usize>]); 6] = [
            ("de\u{301}ja\u{300}.mp3\n\u{e9}t\u{e9}.mp3".as_bytes(), &[Some(0), Some(1)]),
            (b"caf\xe9.mp3\nd\xe9j\xe0.mp3\n\xe9t\xe9.mp3", &[Some(2), Some(0), Some(1)]),
            (b"sub\\100% a#b?.mp3\r\n./sub/100%25%20a%23b%3F.mp3\r\n", &[Some(3), Some(3)]),
            (b"a\\b.mp3\nloud.mp3\nLOUD.mp3", &[Some(4), Some(5), Some(5)]),
            (b"http://other/Loud.MP3\nnone.mp3", &[None, None]),
            (b"", &[]),
        ];
        for (list, expected) in lists {
            assert_eq!(found(list), expected, "{}", list.escape_ascii());
        }
    }
}
