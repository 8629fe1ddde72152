//! The extensions of files that are decoded here, or by ffmpeg.

/// Those of audio, and then those of films.
const ALL: [&str; 43] = [
    "mp3", "wav", "flac", "ogg", "oga", "opus", "m4a", "mp4", "aac", "alac", "m4b", "mp2", "mpga", "wave",
    "w64", "aif", "aiff", "aifc", "au", "snd", "caf", "mka", "weba", "wv", "wma", "ape", "tta", "dsf", "mpc",
    "spx", "mkv", "webm", "mov", "m4v", "avi", "ts", "m2ts", "mts", "mpg", "mpeg", "wmv", "flv", "3gp",
];

/// How many of them are of audio.
const N_AUDIO: usize = 30;

/// The extensions of files that play; films play for their sound, where they are wanted.
pub fn playable(with_films: bool) -> &'static [&'static str] {
    if with_films { &ALL } else { &ALL[..N_AUDIO] }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn films_play_only_where_they_are_wanted() {
        let is_playable = |with_films, extension| playable(with_films).contains(&extension);
        assert!(["opus", "wv", "wma", "ape", "spx"].iter().all(|audio| is_playable(false, audio)));
        assert!(
            ["mkv", "avi", "3gp"].iter().all(|film| !is_playable(false, film) && is_playable(true, film))
        );
    }
}
