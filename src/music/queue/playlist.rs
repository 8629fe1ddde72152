//! The list of tracks as clients know it: JSON text, which the host may replace by any other.
//!
//! An item is relayed to the letter. One that came through the events of the queue is a track with three more fields,
//! which nobody else may write: `entryId`, `addedBy` and `votes`.

use serde::ser::{SerializeMap, Serializer};
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};

use super::entry::Entry;
use crate::json::{self, Fields};
use crate::music::protocol::{EntryId, Track};

/// Fields of an item that are not the track's.
const ENTRY_ID: &str = "entryId";
const ADDED_BY: &str = "addedBy";
const VOTES: &str = "votes";

/// The list; `None` before anybody has said anything of one.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Playlist(Option<Box<RawValue>>);

/// One thing in the list, which need not be a track.
#[derive(Debug, Clone)]
pub struct Item {
    text: Box<RawValue>,
    id: Option<EntryId>,
}

impl Playlist {
    /// The list of that text.
    pub fn of(text: Box<RawValue>) -> Self {
        Self(Some(text))
    }

    /// Its text.
    pub fn text(&self) -> Option<&RawValue> {
        self.0.as_deref()
    }

    /// The length of its text.
    pub fn n_bytes(&self) -> usize {
        self.text().map_or(0, |text| text.get().len())
    }

    /// What is in it, in order.
    pub fn items(&self) -> Vec<Item> {
        let texts: Option<Vec<&RawValue>> =
            self.text().and_then(|text| serde_json::from_str(text.get()).ok());
        texts.unwrap_or_default().into_iter().map(Item::read).collect()
    }

    /// Becomes the list of those items.
    pub fn write(&mut self, items: &[Item]) {
        let texts: Vec<&RawValue> = items.iter().map(|item| &*item.text).collect();
        self.0 = Some(to_raw_value(&texts).expect("items are JSON"));
    }
}

impl Item {
    /// A track that nobody has added: it was on before.
    pub fn plain(track: &Track) -> Self {
        Self { text: track.text().to_owned(), id: None }
    }

    /// A track that came through the queue.
    pub fn added(track: &Track, id: EntryId, entry: &Entry) -> Self {
        let text = to_raw_value(&Written { track, id, entry }).expect("a track is an object");
        Self { text, id: Some(id) }
    }

    fn read(text: &RawValue) -> Self {
        #[derive(Deserialize)]
        struct Named<'a> {
            #[serde(borrow, default, rename = "entryId")]
            id: Option<&'a RawValue>,
        }
        let id = json::object(text.get()).and_then(|Named { id }| EntryId::read(id?));
        Self { text: text.to_owned(), id }
    }

    /// Its id, if it says that it has one.
    pub fn id(&self) -> Option<EntryId> {
        self.id
    }

    /// The length of its text.
    pub fn n_bytes(&self) -> usize {
        self.text.get().len()
    }

    /// The track without what the queue knows of it, if it is one.
    pub fn track(&self) -> Option<Track> {
        if self.id.is_none() {
            return Track::new(&self.text);
        }
        Track::new(&to_raw_value(&of_track(&self.text).ok()?).ok()?)
    }
}

/// The fields of a track, without those of the queue.
fn of_track(text: &RawValue) -> serde_json::Result<Fields<'_>> {
    let mut fields: Fields<'_> = serde_json::from_str(text.get())?;
    fields.0.retain(|(name, _)| ![ENTRY_ID, ADDED_BY, VOTES].contains(&name.as_ref()));
    Ok(fields)
}

/// An item as it is written.
struct Written<'a> {
    track: &'a Track,
    id: EntryId,
    entry: &'a Entry,
}

impl Serialize for Written<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let fields = of_track(self.track.text()).map_err(serde::ser::Error::custom)?;
        let mut map = serializer.serialize_map(None)?;
        for (name, value) in &fields.0 {
            map.serialize_entry(name, value)?;
        }
        map.serialize_entry(ENTRY_ID, &self.id)?;
        map.serialize_entry(ADDED_BY, &self.entry.by())?;
        map.serialize_entry(VOTES, &self.entry.n_votes())?;
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::music::queue::entry::Adder;
    use crate::party::PersonId;
    use crate::rooms::test_stage::member;

    fn raw(text: &str) -> Box<RawValue> {
        RawValue::from_string(text.to_owned()).unwrap()
    }

    fn entry() -> Entry {
        Entry::new(Adder {
            id: member("ann"),
            name: "Ann".to_owned(),
            person: PersonId::of_connection(member("ann")),
        })
    }

    #[test]
    fn a_track_comes_out_as_it_went_in_but_for_fields_of_the_queue() {
        let track = Track::new(&raw(r#"{"b":1.50,"a":[2],"b":3,"votes":99,"x":{"votes":1}}"#)).unwrap();
        let item = Item::added(&track, EntryId::default().next(), &entry());
        assert_eq!(
            item.text.get(),
            r#"{"b":1.50,"a":[2],"b":3,"x":{"votes":1},"entryId":"1","addedBy":{"id":"ann","name":"Ann"},"votes":0}"#
        );
        assert_eq!(item.track().unwrap().text().get(), r#"{"b":1.50,"a":[2],"b":3,"x":{"votes":1}}"#);
    }

    #[test]
    fn what_is_no_track_stays_in_the_list() {
        let mut list = Playlist::of(raw(r#"[1, "x" ,{"id":1.0},{"entryId":"7"},null,["7"]]"#));
        let items = list.items();
        let ids: Vec<bool> = items.iter().map(|item| item.id().is_some()).collect();
        assert_eq!(ids, [false, false, false, true, false, false]);
        list.write(&items);
        assert_eq!(list.text().unwrap().get(), r#"[1,"x",{"id":1.0},{"entryId":"7"},null,["7"]]"#);
    }
}
