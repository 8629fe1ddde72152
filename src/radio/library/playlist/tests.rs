//! The order of play, as transcripts.

use std::time::Duration;

use super::*;
use crate::time::Timestamp;

fn in_order(order: Order, names: &[&str], n: usize) -> Vec<String> {
    let mut playlist = Playlist::new(7).in_order(order);
    playlist.rescan(&tracks(names));
    (0..n).map(|_| playlist.next_track().unwrap().to_string_lossy().into_owned()).collect()
}

#[test]
fn names_are_in_order_with_numbers_by_their_value() {
    let names = ["a/Track 10", "a/track 2", "a b/1", "B", "a/track 1"];
    let expected = ["a/track 1", "a/track 2", "a/Track 10", "a b/1", "B", "a/track 1"];
    assert_eq!(in_order(Order::Name, &names, 6), expected);
}

#[test]
fn albums_play_whole_and_each_once_a_round() {
    let names = ["x/1", "x/2", "y/1", "y/2", "z/1", "z/2"];
    let played = in_order(Order::Album, &names, 60);
    for pair in played.chunks(2) {
        assert!(pair[0].ends_with("/1") && pair[1] == pair[0].replace("/1", "/2"), "{pair:?}");
    }
    for round in played.chunks(6) {
        assert_eq!(round.iter().collect::<BTreeSet<_>>().len(), 6, "{round:?}");
    }
    assert!(played.chunks(6).any(|round| round != &played[..6]), "{played:?}");
}

#[test]
fn what_comes_and_goes_stands_in_its_place_in_order() {
    let mut playlist = Playlist::new(7).in_order(Order::Name);
    playlist.add(tracks(&["b", "d"]));
    let mut next = || playlist.next_track().unwrap().to_string_lossy().into_owned();
    assert_eq!(next(), "b");
    playlist.add(tracks(&["a", "c"]));
    let mut next = || playlist.next_track().unwrap().to_string_lossy().into_owned();
    assert_eq!((next(), next()), ("c".into(), "d".into()));
    playlist.go_back();
    playlist.rescan(&tracks(&["a", "c", "e"]));
    let mut next = || playlist.next_track().unwrap().to_string_lossy().into_owned();
    assert_eq!((next(), next(), next()), ("c".into(), "e".into(), "a".into()));
}

fn tracks(names: &[&str]) -> BTreeSet<Arc<Path>> {
    names.iter().map(|name| Path::new(name).into()).collect()
}

#[test]
fn nothing_plays_twice_before_all_have_and_no_track_follows_itself() {
    for seed in 0..200 {
        let mut playlist = Playlist::new(seed);
        playlist.rescan(&tracks(&["a", "b", "c", "d"]));
        let order: Vec<_> = (0..40).map(|_| playlist.next_track().unwrap()).collect();
        for bag in order.chunks(4) {
            assert_eq!(bag.iter().collect::<BTreeSet<_>>().len(), 4, "{bag:?}");
        }
        assert!(order.windows(2).all(|pair| pair[0] != pair[1]), "{order:?}");
    }
}

#[test]
fn a_rescan_keeps_the_bag() {
    let mut playlist = Playlist::new(7);
    playlist.rescan(&tracks(&["a", "b", "c"]));
    let first = playlist.next_track().unwrap();
    playlist.rescan(&tracks(&["a", "b", "c", "d"]));
    let rest: BTreeSet<_> = (0..3).map(|_| playlist.next_track().unwrap()).collect();
    assert!(!rest.contains(&first), "{first:?} came again");
    playlist.rescan(&BTreeSet::new());
    assert_eq!(playlist.next_track(), None);
}

#[test]
fn what_is_found_bit_by_bit_plays_once_a_bag() {
    let mut playlist = Playlist::new(7);
    playlist.add(tracks(&["a", "b"]));
    let first = playlist.next_track().unwrap();
    playlist.add(tracks(&["b", "c", "d"]));
    playlist.rescan(&tracks(&["a", "b", "c", "d"]));
    let rest: BTreeSet<_> = (0..3).map(|_| playlist.next_track().unwrap()).collect();
    assert!(rest.len() == 3 && !rest.contains(&first), "{first:?}, {rest:?}");
}

#[test]
fn going_back_plays_the_last_track_and_then_this_one() {
    let mut playlist = Playlist::new(7);
    playlist.rescan(&tracks(&["a", "b", "c"]));
    let (first, second) = (playlist.next_track().unwrap(), playlist.next_track().unwrap());
    playlist.go_back();
    assert_eq!((playlist.next_track(), playlist.next_track()), (Some(first), Some(second)));
}

#[test]
fn a_single_track_plays_on() {
    let mut playlist = Playlist::new(7);
    playlist.rescan(&tracks(&["a"]));
    assert_eq!(playlist.next_track(), playlist.next_track());
}

/// A track with its facts: `folder/name artist disc number hours`.
fn library(lines: &str) -> Vec<(Arc<Path>, TrackFacts)> {
    let artist = |name: &str| if name == "-" { 0 } else { FixedState::with_seed(3).hash_one(name) | 1 };
    let line = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let hours: u64 = words[4].parse().unwrap();
        let facts = TrackFacts {
            artist: artist(words[1]),
            disc: words[2].parse().ok(),
            number: words[3].parse().ok(),
            modified_at: Timestamp::default() + Duration::from_hours(hours),
        };
        (Path::new(words[0]).into(), facts)
    };
    lines.lines().map(str::trim).filter(|text| !text.is_empty()).map(line).collect()
}

fn playlist(order: Order, lines: &str) -> Playlist {
    let library = library(lines);
    let mut playlist = Playlist::new(7).in_order(order);
    playlist.learn(library.clone());
    playlist.add(library.into_iter().map(|(track, _)| track));
    playlist
}

fn play(playlist: &mut Playlist, n: usize) -> String {
    let played = (0..n).map(|_| playlist.next_track().unwrap().to_string_lossy().into_owned());
    played.collect::<Vec<_>>().join(" ")
}

#[test]
fn an_album_plays_by_disc_and_number_and_what_has_no_number_by_name_after_them() {
    let mut by_tags = playlist(
        Order::Album,
        "x/a - 2 1 0
         x/b - 1 2 0
         x/c - - 1 0
         x/e - - - 0
         x/d - - - 0
         x/z - 2 10 0",
    );
    assert_eq!(play(&mut by_tags, 7), "x/c x/b x/d x/e x/a x/z x/c");
    // Tags that are read later put what is left in order.
    let mut late = Playlist::new(7).in_order(Order::Album);
    late.add(tracks(&["x/a", "x/b", "x/c"]));
    assert_eq!(play(&mut late, 1), "x/a");
    late.learn(library("x/a - 1 1 0\nx/b - 1 3 0\nx/c - 1 2 0"));
    assert_eq!(play(&mut late, 3), "x/c x/b x/a");
}

#[test]
fn the_newest_plays_first_and_what_comes_meanwhile_plays_next() {
    let mut news = playlist(Order::Newest, "n/mon - - - 24\nn/tue - - - 48\nn/wed - - - 72");
    assert_eq!(play(&mut news, 1), "n/wed");
    news.learn(library("n/thu - - - 96"));
    news.add(tracks(&["n/thu"]));
    assert_eq!(play(&mut news, 3), "n/thu n/tue n/mon");
    // A file that is written anew is new.
    assert_eq!(play(&mut news, 2), "n/thu n/wed");
    news.learn(library("n/wed - - - 120"));
    assert_eq!(play(&mut news, 3), "n/wed n/tue n/mon");
    play(&mut news, 1);
    news.begin_anew();
    assert_eq!(play(&mut news, 2), "n/wed n/thu");
}

#[test]
fn a_list_is_followed_also_where_it_names_a_track_twice_and_changes_on_the_way() {
    let list = |names: &str| names.split(' ').map(|name| Path::new(name).into()).collect::<Vec<_>>();
    let mut playlist = Playlist::new(7).in_order(Order::Playlist);
    playlist.rescan(&tracks(&["a", "b", "c", "d"]));
    assert_eq!(playlist.next_track(), None);
    playlist.set_sequence(list("c a c b"));
    assert_eq!(play(&mut playlist, 7), "c a c b c a c");
    playlist.set_sequence(list("c a c d"));
    assert_eq!(play(&mut playlist, 3), "d c a");
    playlist.go_back();
    assert_eq!(play(&mut playlist, 3), "c a c");
    playlist.rescan(&tracks(&["a", "d"]));
    assert_eq!(play(&mut playlist, 3), "a d a");
    playlist.begin_anew();
    playlist.rescan(&tracks(&["a", "c", "d"]));
    assert_eq!(play(&mut playlist, 2), "c a");
}

#[test]
fn a_weight_is_how_often_a_track_plays() {
    let weights = || Weights::new(vec![("hits".into(), 3.0), ("old".into(), 0.5), ("old/never".into(), 0.0)]);
    let mut playlist = Playlist::new(7).with_weights(weights());
    let names: Vec<String> = (0..4)
        .flat_map(|n| ["hits", "old", "new", "old/never"].map(|folder| format!("{folder}/{n}")))
        .collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    playlist.rescan(&tracks(&names));
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    let mut last = String::new();
    // A round is 12 + 2 + 4 tracks on average.
    for _ in 0..1800 {
        let track = play(&mut playlist, 1);
        assert_ne!(track, last);
        *counts.entry(track.rsplit_once('/').unwrap().0.to_owned()).or_default() += 1;
        last = track;
    }
    let count = |folder: &str| counts.get(folder).copied().unwrap_or(0);
    assert!(count("old/never") == 0, "{counts:?}");
    assert!(count("hits").abs_diff(1200) < 25 && count("old").abs_diff(200) < 25, "{counts:?}");
    assert!(count("new").abs_diff(400) < 25, "{counts:?}");
    let mut nothing = Playlist::new(7).with_weights(Weights::new(vec![("a".into(), 0.0)]));
    nothing.rescan(&tracks(&["a"]));
    assert_eq!(play(&mut nothing, 2), "a a");
}

/// The artists of a hundred tracks, in which no two of one stand nearer than `n` if that can be.
fn artists(lines: &str, n: usize, seed: u64) -> Vec<String> {
    let library = library(lines);
    let mut playlist = Playlist::new(seed).separating_artists(n);
    playlist.learn(library.clone());
    playlist.rescan(&library.into_iter().map(|(track, _)| track).collect());
    let name = |track: String| track.split('/').next().unwrap().to_owned();
    (0..100).map(|_| name(play(&mut playlist, 1))).collect()
}

#[test]
fn no_artist_comes_twice_within_so_many_tracks() {
    let lines: Vec<String> = ["ann", "bob", "cat", "dan", "eve", "fay"]
        .iter()
        .flat_map(|artist| (0..5).map(move |n| format!("{artist}/{n} {artist} - - 0")))
        .collect();
    for seed in 0..50 {
        let played = artists(&lines.join("\n"), 2, seed);
        for window in played.windows(3) {
            assert_eq!(window.iter().collect::<BTreeSet<_>>().len(), 3, "{seed}: {played:?}");
        }
    }
}

#[test]
fn where_artists_cannot_be_kept_apart_they_are_as_far_as_can_be_and_all_tracks_play() {
    let lines =
        "ann/1 ann - - 0\nann/2 ann - - 0\nann/3 ann - - 0\nbob/1 bob - - 0\nx/1 - - - 0\nx/2 - - - 0";
    for seed in 0..50 {
        let played = artists(lines, 4, seed);
        let n_ann = played[..96].iter().filter(|artist| *artist == "ann").count();
        assert_eq!(n_ann, 48, "all play equally often");
        let n_pairs = played.windows(2).filter(|pair| pair[0] == "ann" && pair[1] == "ann").count();
        assert!(n_pairs < 12, "{seed}: {n_pairs} of 48 in {played:?}");
    }
    assert_eq!(artists("ann/1 ann - - 0", 3, 7)[..3], ["ann", "ann", "ann"]);
}

#[test]
fn tracks_that_were_read_and_not_played_come_again() {
    let mut playlist = Playlist::new(7).in_order(Order::Name);
    playlist.rescan(&tracks(&["a", "b", "c", "d"]));
    assert_eq!(play(&mut playlist, 3), "a b c");
    playlist.rewind_to(Path::new("a"));
    assert_eq!(play(&mut playlist, 3), "b c d");
    playlist.rewind_to(Path::new("none"));
    assert_eq!(play(&mut playlist, 1), "a");
}

#[test]
fn what_is_asked_for_plays_out_of_turn_and_the_order_goes_on_after_it() {
    let mut playlist = Playlist::new(7).in_order(Order::Name);
    playlist.rescan(&tracks(&["a", "b", "c", "d"]));
    let wish: Arc<Path> = Path::new("d").into();
    let next = |playlist: &mut Playlist| playlist.next_track().unwrap().to_string_lossy().into_owned();
    assert_eq!(next(&mut playlist), "a");
    playlist.play_out_of_turn(&wish);
    // What comes meanwhile changes nothing of it.
    playlist.rescan(&tracks(&["a", "b", "b2", "c", "d"]));
    assert_eq!([(); 3].map(|()| next(&mut playlist)), ["b", "b2", "c"]);
    playlist.go_back();
    playlist.go_back();
    playlist.go_back();
    assert_eq!([(); 4].map(|()| next(&mut playlist)), ["d", "b", "b2", "c"]);

    let mut playlist = Playlist::new(7);
    playlist.rescan(&tracks(&["a", "b", "c", "d"]));
    playlist.play_out_of_turn(&wish);
    let rest: BTreeSet<_> = (0..3).map(|_| next(&mut playlist)).collect();
    assert_eq!(rest, ["a", "b", "c"].map(str::to_owned).into(), "it has had its turn");
}

#[test]
fn a_show_that_begins_again_does_not_play_what_was_asked_for_and_is_not_its_own() {
    let mut playlist = Playlist::new(7).in_order(Order::Name);
    playlist.rescan(&tracks(&["a", "b"]));
    let first = playlist.next_track().unwrap();
    playlist.play_out_of_turn(&Path::new("elsewhere").into());
    playlist.rewind_to(&first);
    assert_eq!(playlist.next_track().unwrap(), Path::new("b").into());
}

#[test]
fn an_artist_who_was_just_heard_is_not_asked_for_next() {
    let mut playlist = Playlist::new(7).separating_artists(1);
    let of = |artist| TrackFacts { artist, ..TrackFacts::default() };
    let all = ["a", "b", "c", "d"].map(|name| Arc::<Path>::from(Path::new(name)));
    playlist.learn(all.iter().cloned().zip([of(1), of(1), of(2), of(0)]));
    playlist.rescan(&all.iter().cloned().collect());
    playlist.play_out_of_turn(&all[0]);
    assert_eq!(all.each_ref().map(|track| playlist.keeps_artists_apart(track)), [false, false, true, true]);
    playlist.play_out_of_turn(&all[2]);
    assert_eq!(all.each_ref().map(|track| playlist.keeps_artists_apart(track)), [true, true, false, true]);
}
