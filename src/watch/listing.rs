//! The answers to `room:list` and `GET /stats`: bounded in bytes, whatever rooms there are.

use std::cmp::Reverse;

use serde::Serialize;
use serde_json::value::RawValue;

use super::room::Room;
use crate::time::WallOffset;

/// So many rooms are listed at least, if there are as many: a state that would take the place of others is left out.
const MIN_LISTED: usize = 256;

/// Bytes of a state that a list of so many bytes tells of.
pub fn max_state_bytes(max_list_bytes: usize) -> usize {
    max_list_bytes / MIN_LISTED
}

/// Writes the rooms down that are public, the oldest first. If they do not all fit, the fullest and newest are told of.
pub fn write<'a>(rooms: impl Iterator<Item = &'a Room>, wall: WallOffset, max_bytes: usize) -> Box<RawValue> {
    let max_state_bytes = max_state_bytes(max_bytes);
    let public = rooms.filter(|room| room.is_listed());
    write_as(public, |room| room.brief_view(wall, max_state_bytes), max_bytes)
}

/// Writes each room down as `view` shows it, the oldest first; if they do not all fit, the fullest and newest.
pub fn write_as<'a, V: Serialize>(
    rooms: impl Iterator<Item = &'a Room>,
    view: impl Fn(&'a Room) -> V,
    max_bytes: usize,
) -> Box<RawValue> {
    let mut rooms: Vec<&Room> = rooms.collect();
    rooms.sort_by_cached_key(|room| (Reverse(room.n_members()), Reverse((room.created_at(), room.id()))));
    let mut n_bytes = 2;
    let mut listed = Vec::new();
    for room in rooms {
        let entry = serde_json::to_string(&view(room)).expect("a view has string keys");
        n_bytes += entry.len() + 1;
        if n_bytes > max_bytes {
            break;
        }
        listed.push((room.created_at(), room.id(), entry));
    }
    listed.sort_by_key(|(created_at, id, _)| (*created_at, *id));
    let entries: Vec<String> = listed.into_iter().map(|(_, _, entry)| entry).collect();
    RawValue::from_string(format!("[{}]", entries.join(","))).expect("a list of JSON is JSON")
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::watch::Config;
    use crate::watch::tests::stage;

    /// Lists rooms, each with a state of that size; the second one is the fullest.
    fn list(n_rooms: usize, state_bytes: usize, max_bytes: usize) -> (usize, Vec<Value>) {
        let mut stage = stage(&Config::default());
        let url = "x".repeat(state_bytes);
        for n in 0..n_rooms {
            stage.play(&format!(
                r#"m{n} connects with key
                m{n}: room:create {{"name":"{n}","isPublic":true,"userName":"Ann"}}
                m{n}: play:change {{"type":"play","url":"{url}"}}
                1ms pass"#
            ));
        }
        let second = stage.hub.rooms.values().find(|room| room.name() == "1").unwrap().id();
        stage.play(&format!(
            r#"bob connects with key
            bob: room:join {{"roomId":"{second}","userName":"Bob"}}"#
        ));
        let text = write(stage.hub.rooms.values(), WallOffset::default(), max_bytes);
        (text.get().len(), serde_json::from_str(text.get()).unwrap())
    }

    #[test]
    fn rooms_are_listed_in_the_order_in_which_they_were_made() {
        let (_, rooms) = list(3, 10, 1 << 20);
        assert_eq!(rooms.iter().map(|room| &room["name"]).collect::<Vec<_>>(), ["0", "1", "2"]);
        assert_eq!(rooms[2]["currentState"]["url"], "xxxxxxxxxx");
    }

    #[test]
    fn whoever_has_the_key_is_told_how_many_rooms_there_are_and_of_as_many_as_fit() {
        let mut stage = stage(&Config { max_list_bytes: 2_000, ..Config::default() });
        for n in 0..80 {
            stage.play(&format!(
                r#"m{n} connects with key
                m{n}: room:create {{"name":"{n}","userName":"Ann"}}"#
            ));
        }
        let stats = serde_json::to_value(stage.hub.stats()).unwrap();
        assert_eq!(stats["totalRooms"], 80);
        let listed = stats["rooms"].as_array().unwrap();
        assert!((5..80).contains(&listed.len()), "{}", listed.len());
        assert!(stats["rooms"].to_string().len() <= 2_000);
    }

    #[test]
    fn the_list_stays_small_however_large_states_are_and_however_many_rooms_there_are() {
        let (n_bytes, rooms) = list(60, 60_000, 1 << 20);
        assert!(n_bytes < 60 * 500, "{n_bytes}");
        assert!(rooms.len() == 60 && rooms.iter().all(|room| room["currentState"].is_null()));
        let (n_bytes, rooms) = list(80, 10, 10_000);
        assert!(n_bytes <= 10_000, "{n_bytes}");
        let names: Vec<&str> = rooms.iter().map(|room| room["name"].as_str().unwrap()).collect();
        assert!(names.len() < 80 && names[0] == "1" && names.ends_with(&["78", "79"]), "{names:?}");
    }
}
