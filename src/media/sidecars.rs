//! Finds what lies beside the files of a folder and belongs to them: subtitles, lyrics and pictures.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::item::{ItemId, Sidecars, Subtitle};
use super::probe::extension;

/// Subtitles of one film.
const MAX_SUBTITLES: usize = 32;

/// Names of one folder that are looked at.
const MAX_NAMES: usize = 20_000;

/// Formats of subtitles that are told as WebVTT.
const SUBTITLES: [&str; 4] = ["srt", "vtt", "ass", "ssa"];

/// Formats of pictures.
const PICTURES: [&str; 4] = ["jpg", "jpeg", "png", "webp"];

/// Pictures of a whole folder, the best first.
const FOLDER_PICTURES: [&str; 4] = ["cover", "folder", "front", "poster"];

/// What lies in the folders of one scan.
#[derive(Default)]
pub struct Neighbours(HashMap<PathBuf, Vec<PathBuf>>);

impl Neighbours {
    /// What belongs to a file.
    pub fn of(&mut self, file: &Arc<Path>) -> Sidecars {
        let Some(folder) = file.parent() else { return Sidecars::default() };
        let names = self.0.entry(folder.to_owned()).or_insert_with(|| names(folder));
        find(file, names)
    }
}

/// The files of a folder that may belong to others.
fn names(folder: &Path) -> Vec<PathBuf> {
    let is_sidecar = |path: &PathBuf| {
        let extension = extension(path);
        SUBTITLES.contains(&&*extension) || PICTURES.contains(&&*extension) || extension == "lrc"
    };
    let entries = fs::read_dir(folder).into_iter().flatten().take(MAX_NAMES).flatten();
    // No links: they may lead anywhere.
    let files = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_file()));
    let mut names: Vec<PathBuf> = files.map(|entry| entry.path()).filter(is_sidecar).collect();
    names.sort();
    names
}

fn find(file: &Path, names: &[PathBuf]) -> Sidecars {
    let mut sidecars = Sidecars::default();
    let Some(stem) = file.file_stem().and_then(|stem| stem.to_str()) else { return sidecars };
    let mut folder_picture: Option<(usize, &PathBuf)> = None;
    for path in names {
        let Some(name) = path.file_stem().and_then(|name| name.to_str()) else { continue };
        let extension = extension(path);
        let suffix = name.strip_prefix(stem);
        if PICTURES.contains(&&*extension) {
            if matches!(suffix, Some("" | "-poster")) {
                sidecars.picture = Some(path.clone());
            }
            let rank = FOLDER_PICTURES.iter().position(|known| name.eq_ignore_ascii_case(known));
            if let Some(rank) = rank.filter(|rank| folder_picture.is_none_or(|(best, _)| *rank < best)) {
                folder_picture = Some((rank, path));
            }
        } else if extension == "lrc" {
            if suffix == Some("") {
                sidecars.lyrics = Some(path.clone());
            }
        } else if let Some(suffix) = suffix.filter(|suffix| suffix.is_empty() || suffix.starts_with('.'))
            && sidecars.subtitles.len() < MAX_SUBTITLES
        {
            sidecars.subtitles.push(subtitle(path, suffix.trim_start_matches('.'), &extension));
        }
    }
    sidecars.picture = sidecars.picture.or_else(|| folder_picture.map(|(_, path)| path.clone()));
    sidecars
}

/// A file of subtitles with what stands in its name between that of the film and its extension.
fn subtitle(path: &Path, words: &str, extension: &str) -> Subtitle {
    let language = words.split('.').find(|word| is_language(word)).map(str::to_owned);
    let label = if words.is_empty() { extension.to_uppercase() } else { words.replace('.', " ") };
    Subtitle {
        id: ItemId::of(Path::new(path.file_name().unwrap_or_default())),
        label: label.chars().take(60).collect(),
        language,
        path: path.to_owned(),
    }
}

/// Whether it is a tag like `en`, `zho` or `zh-Hans`.
fn is_language(word: &str) -> bool {
    let mut parts = word.split('-');
    let first = parts.next().unwrap_or_default();
    (2..=3).contains(&first.len())
        && first.bytes().all(|byte| byte.is_ascii_lowercase())
        && parts.all(|part| {
            (2..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric())
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_the_name_of_a_file_belongs_to_it() {
        let names = [
            "Film 2.en.srt",
            "Film.ass",
            "Film.en.srt",
            "Film.jpg",
            "Film.lrc",
            "Film.zh-Hans.forced.vtt",
            "Filmed.srt",
            "folder.png",
            "cover.jpg",
            "other.lrc",
        ];
        let names: Vec<PathBuf> = names.iter().map(|name| Path::new("/films").join(name)).collect();
        let found = find(Path::new("/films/Film.mkv"), &names);
        let subtitles: Vec<_> =
            found.subtitles.iter().map(|found| (&*found.label, found.language.as_deref())).collect();
        assert_eq!(subtitles, [("ASS", None), ("en", Some("en")), ("zh-Hans forced", Some("zh-Hans"))]);
        assert_eq!(found.picture.as_deref(), Some(Path::new("/films/Film.jpg")));
        assert_eq!(found.lyrics.as_deref(), Some(Path::new("/films/Film.lrc")));
        let other = find(Path::new("/films/Song.mp3"), &names);
        assert_eq!(other.picture.as_deref(), Some(Path::new("/films/cover.jpg")));
        assert!(other.subtitles.is_empty() && other.lyrics.is_none());
    }

    #[test]
    fn words_in_a_name_are_no_language() {
        for language in ["en", "deu", "zh-Hans", "pt-BR", "es-419"] {
            assert!(is_language(language), "{language}");
        }
        for other in ["", "EN", "forced", "x", "en-", "2019", "sdh-"] {
            assert!(!is_language(other), "{other}");
        }
    }
}
