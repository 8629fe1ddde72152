//! Titles, artists and lengths of files with tags of every type.

use super::files::Folder;
use crate::audio::track_info::TrackInfo;

fn info(folder: &Folder, name: &str, bytes: &[u8]) -> TrackInfo {
    TrackInfo::read(&folder.write(name, bytes)).unwrap()
}

fn id3v1(title: &[u8], artist: &[u8]) -> Vec<u8> {
    let field = |text: &[u8]| {
        let mut field = text.to_vec();
        field.resize(30, 0);
        field
    };
    [b"TAG".to_vec(), field(title), field(artist), vec![0; 65]].concat()
}

fn id3v2(frames: &[(&str, &[u8])]) -> Vec<u8> {
    let frames = frames.iter().map(|(name, content)| {
        [name.as_bytes(), &(content.len() as u32).to_be_bytes(), &[0, 0], content].concat()
    });
    let body: Vec<u8> = frames.collect::<Vec<_>>().concat();
    let n = body.len();
    [b"ID3\x03\0\0", &[0, (n >> 14) as u8, (n >> 7) as u8 & 0x7f, n as u8 & 0x7f][..], &body].concat()
}

#[test]
fn the_best_of_all_tags_is_used() {
    let folder = Folder::new();
    let mp3 = folder.tone("plain.mp3", "-b:a 64k -write_xing 0 -id3v2_version 0");
    let long = "Ein Titel mit viel mehr als dreißig Zeichen";
    let v2 = id3v2(&[("TIT2", format!("\x03{long}").as_bytes()), ("TPE1", b"\x03Ann")]);
    let cut = id3v1(b"Ein Titel mit viel mehr als d", b"Ann");
    let read = info(&folder, "a.mp3", &[&v2[..], &mp3, &cut].concat());
    assert_eq!((&*read.title, &*read.artist), (long, "Ann"));

    let lost = id3v2(&[("TIT2", b"\0?????? ????"), ("TPE1", b"\0 \0")]);
    let old = id3v1(b"\xcf\xe5\xf1\xed\xff", b"\xc3\xf0\xf3\xef\xef\xe0");
    let read = info(&folder, "b.mp3", &[&lost[..], &mp3, &old].concat());
    assert_eq!((&*read.title, &*read.artist), ("Песня", "Группа"));

    let item = |key: &str, value: &str| {
        [&(value.len() as u32).to_le_bytes()[..], &[0; 4], key.as_bytes(), &[0], value.as_bytes()].concat()
    };
    let items =
        [item("Cover Art (Front)", &"x".repeat(1_200_000)), item("Title", "歌"), item("Artist", "Ann\0Bob")];
    let items = items.concat();
    let head = |flags: u8| {
        let size = (items.len() as u32 + 32).to_le_bytes();
        [b"APETAGEX\xd0\x07\0\0", &size[..], b"\x03\0\0\0\0\0\0", &[flags], &[0; 8]].concat()
    };
    let ape = [head(0xa0), items.clone(), head(0x80)].concat();
    let read = info(&folder, "c.mp3", &[&mp3[..], &ape, &cut].concat());
    assert_eq!((&*read.title, &*read.artist), ("歌", "Ann, Bob"));

    let flac = folder.tone("a.flac", "-metadata title=Fünf歌 -metadata artist=Ann");
    let read = info(&folder, "d.flac", &[&flac[..], &id3v1(b"F?nf", b"A")].concat());
    assert_eq!((&*read.title, &*read.artist), ("Fünf歌", "Ann"));

    let read = info(&folder, "03. Ann - Song.mp3", &mp3);
    assert_eq!((&*read.title, &*read.artist), ("Song", "Ann"));
}

#[test]
fn tags_of_every_container_are_read() {
    let folder = Folder::new();
    let meta = |args: &str| format!("{args} -metadata title=Fünf歌 -metadata artist=Ann").trim().to_owned();
    for (name, args) in [
        ("a.wav", "-c:a pcm_s16le"),
        ("b.flac", ""),
        ("c.ogg", "-c:a libvorbis"),
        ("d.m4a", "-c:a aac"),
        ("e.mp3", "-b:a 64k -id3v2_version 4"),
        ("f.mp3", "-b:a 64k -id3v2_version 3"),
        ("g.aiff", "-write_id3v2 1"),
        ("h.m4a", "-c:a alac"),
        ("i.oga", "-c:a flac -f ogg"),
    ] {
        let bytes = folder.tone(name, &meta(args));
        let read = info(&folder, name, &bytes);
        assert_eq!((&*read.title, &*read.artist), ("Fünf歌", "Ann"), "{name}");
        let seconds = read.duration_seconds.unwrap_or_default();
        assert!((seconds - 2.0).abs() < 0.1, "{name}: {seconds} s");
    }
}

#[test]
fn a_fragmented_m4a_is_not_said_to_last_no_time() {
    let folder = Folder::new();
    let bytes = folder.tone("a.m4a", "-c:a aac -movflags +frag_keyframe+empty_moov");
    assert_eq!(info(&folder, "a.m4a", &bytes).duration_seconds, None);
}

#[test]
fn lengths_of_mp3_files_are_counted_if_the_vbr_header_is_implausible() {
    let folder = Folder::new();
    let bare = folder.tone("bare.mp3", "-q:a 7 -write_xing 0 -id3v2_version 0");
    let described = folder.tone("described.mp3", "-q:a 7");
    let at = described.windows(4).position(|four| four == b"Xing" || four == b"Info").unwrap();
    let mut lying = described.clone();
    lying[at + 8..at + 12].copy_from_slice(&100_000_u32.to_be_bytes());
    let half = described[..described.len() / 2].to_vec();
    for (name, bytes, expected) in
        [("a.mp3", bare, 2.0), ("b.mp3", described, 2.0), ("c.mp3", lying, 2.0), ("d.mp3", half, 1.0)]
    {
        let seconds = info(&folder, name, &bytes).duration_seconds.unwrap();
        assert!((seconds - expected).abs() < 0.12, "{name}: {seconds} s");
    }
}
