//! A live source that is connected and not heard: the folder plays in its place, and what it sends is passed over at the pace of
//! the station, so that it is held back as if it were heard.

use std::sync::Arc;

use tokio::sync::mpsc::Receiver;
use tokio::sync::mpsc::error::TryRecvError;

use super::SourceItem;
use crate::radio::library::track::Track;

/// Samples that a source may be behind and catches up with: about a second. What is later than that stays late.
const MAX_SAMPLES_DUE: u32 = 48_000;

/// A muted source.
pub struct MutedSource {
    /// What it sends.
    pub items: Receiver<SourceItem>,
    /// Its title.
    pub track: Option<Arc<Track>>,
    /// Samples of one channel that it has not sent in time.
    n_due: u32,
}

/// It has ended.
#[derive(Debug, PartialEq, Eq)]
pub struct Ended;

impl MutedSource {
    /// From now on.
    pub fn new(items: Receiver<SourceItem>, track: Option<Arc<Track>>) -> Self {
        Self { items, track, n_due: 0 }
    }

    /// Passes over as much as the station has played.
    ///
    /// # Errors
    /// The source has ended.
    pub fn pass_over(&mut self, n_samples: u32) -> Result<(), Ended> {
        self.n_due += n_samples;
        while self.n_due > 0 {
            match self.items.try_recv() {
                Ok(SourceItem::Frame(_, frame)) => {
                    self.n_due = self.n_due.saturating_sub(frame.header.n_samples);
                }
                Ok(SourceItem::Track(_, track)) => self.track = Some(track),
                Err(TryRecvError::Empty) => {
                    self.n_due = self.n_due.min(MAX_SAMPLES_DUE);
                    return Ok(());
                }
                Err(TryRecvError::Disconnected) => return Err(Ended),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc::channel;

    use super::*;
    use crate::audio::format::Format;
    use crate::audio::mp3::Frame;

    #[test]
    fn as_much_is_passed_over_as_is_played_and_the_last_title_is_kept() {
        let frame = Frame::silent(Format::USUAL, 128).unwrap();
        let n = frame.header.n_samples;
        let (out, items) = channel(10);
        let mut muted = MutedSource::new(items, None);
        for title in ["Eins", "Zwei"] {
            let track = Track { title: title.into(), ..Track::default() };
            out.try_send(SourceItem::Track(0, Arc::new(track))).unwrap();
            out.try_send(SourceItem::Frame(0, frame.clone())).unwrap();
            out.try_send(SourceItem::Frame(0, frame.clone())).unwrap();
        }
        assert_eq!(muted.pass_over(2 * n), Ok(()));
        assert_eq!((muted.track.as_ref().unwrap().title.as_str(), muted.items.len()), ("Eins", 3));
        assert_eq!(muted.pass_over(n), Ok(()));
        assert_eq!((muted.track.as_ref().unwrap().title.as_str(), muted.items.len()), ("Zwei", 1));
        assert_eq!(muted.pass_over(100 * n), Ok(()));
        drop(out);
        assert_eq!(muted.pass_over(n), Err(Ended));
    }
}
