//! The answer to `GET /rooms`: bounded in bytes, whatever rooms there are.

use std::fmt::Write;

use super::protocol::RoomReport;
use crate::time::Timestamp;

/// So many rooms are listed at least, if there are as many: a track that would take the place of others is left out.
const MIN_LISTED: usize = 256;

/// Bytes for what stands around the rooms.
const FRAME_BYTES: usize = 100;

/// Writes the rooms down, those with the most members first, as far as they fit; `count` tells how many there are.
pub fn write(mut rooms: Vec<RoomReport>, max_bytes: usize, now: Timestamp) -> String {
    let (count, max_entry_bytes) = (rooms.len(), max_bytes / MIN_LISTED);
    rooms.sort_by_cached_key(RoomReport::rank);
    let mut text = String::from("{\"rooms\":[");
    for room in &mut rooms {
        room.leave_out_track_over(max_entry_bytes);
        let entry = serde_json::to_string(room).expect("a report has string keys");
        if text.len() + entry.len() + FRAME_BYTES > max_bytes {
            break;
        }
        if !text.ends_with('[') {
            text.push(',');
        }
        text.push_str(&entry);
    }
    write!(text, "],\"count\":{count},\"timestamp\":\"{now}\"}}").expect("a string takes any text");
    text
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::music::Config;
    use crate::music::tests::hub;
    use crate::rooms::test_stage::{START, Stage};

    /// Lists rooms, each made by a member of its own, with a track of that size.
    fn list(n_rooms: usize, track_bytes: usize, max_bytes: usize) -> (usize, Value) {
        let mut stage = Stage::new(hub(&Config::default()));
        for n in 0..n_rooms {
            let track = json!({ "name": "x".repeat(track_bytes) });
            stage.play(&format!(
                "m{n} connects\nm{n}: create_room {{\"room_id\":\"r{n}\",\"track\":{track}}}"
            ));
        }
        stage.play("bob connects\nbob: join_room {\"room_id\":\"r1\"}");
        let text = write(stage.hub.reports(START), max_bytes, START);
        (text.len(), serde_json::from_str(&text).unwrap())
    }

    #[test]
    fn rooms_are_listed_with_their_tracks_and_the_fullest_first() {
        let (_, list) = list(3, 10, 1 << 20);
        assert_eq!(list["count"], 3);
        let ids: Vec<&Value> = list["rooms"].as_array().unwrap().iter().map(|room| &room["id"]).collect();
        assert_eq!(ids, ["r1", "r0", "r2"]);
        for key in ["current_track", "currentTrack"] {
            assert_eq!(list["rooms"][0][key]["name"], "xxxxxxxxxx");
        }
        assert_eq!(list["rooms"][0]["created_at"], START.to_string());
    }

    #[test]
    fn rooms_are_dated_by_a_clock_that_was_put_and_their_positions_are_not() {
        let mut stage = Stage::new(hub(&Config::default()));
        stage.play(
            "ann connects\nann: create_room {\"room_id\":\"AB12\"}\nthe wall clock is put 2days ahead\n3s pass",
        );
        let told = serde_json::to_value(stage.hub.reports(stage.now)).unwrap();
        assert_eq!(told[0]["createdAt"], 1_700_172_800_000_u64);
        assert_eq!(told[0]["created_at"], "2023-11-16T22:13:20.000Z");
        assert_eq!(told[0]["current_time"], 3);
    }

    #[test]
    fn the_list_stays_small_however_large_tracks_are_and_however_many_rooms_there_are() {
        let (n_bytes, large) = list(60, 60_000, 1 << 20);
        assert!(n_bytes < 60 * 1000, "{n_bytes}");
        assert_eq!(
            (large["rooms"].as_array().unwrap().len(), &large["rooms"][0]["currentTrack"]),
            (60, &Value::Null)
        );
        let (n_bytes, many) = list(100, 10, 20_000);
        assert!(n_bytes <= 20_000, "{n_bytes}");
        let n_listed = many["rooms"].as_array().unwrap().len();
        assert!((20..100).contains(&n_listed), "{n_listed}");
        assert_eq!((&many["count"], &many["rooms"][0]["id"]), (&json!(100), &json!("r1")));
    }
}
