//! The fades of a station: from its folder to a live source once enough of that has come, and back from what is kept of it.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::sync::mpsc::Receiver;
use tokio::time::timeout;
use tracing::warn;

use super::Station;
use crate::audio::mp3::Frame;
use crate::audio::reservoir::AfterCut;
use crate::radio::sources::SourceItem;
use crate::radio::sources::live_fade::{HEARD_FRAMES, LiveFade};
use crate::radio::sources::seam::LOOKAHEAD_FRAMES;
use crate::radio::sources::source_slot::SourceKind;
use crate::radio::station_handle::NewSource;

/// How long a station waits for what its folder has to fade.
const GATHERING_TIME: Duration = Duration::from_secs(2);

/// Shorter fades are none.
const MIN_FRAMES: usize = 8;

/// The bitrate of silence that is faded.
const SILENCE_KBPS: u32 = 64;

/// An external source, and what has come of it ahead of time.
pub struct External {
    /// `None` once it has ended.
    pub items: Option<Receiver<SourceItem>>,
    ahead: VecDeque<SourceItem>,
    n_frames: usize,
    /// Frames that are kept for the fade at its end.
    n_kept: usize,
    /// Silences what begins in frames that were not heard.
    cut: AfterCut,
}

/// A live source of which too little has come to fade it in.
pub struct Arriving {
    source: NewSource,
    external: External,
    n_wanted: usize,
}

impl External {
    /// A source of which so many frames are kept.
    pub fn new(items: Receiver<SourceItem>, n_kept: usize) -> Self {
        Self { items: Some(items), ahead: VecDeque::new(), n_frames: 0, n_kept, cut: AfterCut::default() }
    }

    /// The next item to play; `None` once it has ended, but for what was kept.
    pub async fn next(&mut self) -> Option<SourceItem> {
        loop {
            let is_free = self.n_frames > self.n_kept || self.n_kept == 0;
            if let Some(item) = self.ahead.front().filter(|_| is_free) {
                self.n_frames -= usize::from(matches!(item, SourceItem::Frame(..)));
                return self.ahead.pop_front();
            }
            self.receive().await?;
        }
    }

    /// Waits for one more item; `None` if it has ended.
    async fn receive(&mut self) -> Option<()> {
        let received = self.items.as_mut()?.recv().await;
        match received {
            Some(SourceItem::Frame(serial, mut frame)) => {
                self.cut.check(&mut frame);
                self.push(SourceItem::Frame(serial, frame));
            }
            Some(item) => self.push(item),
            None => self.items = None,
        }
        self.items.is_some().then_some(())
    }

    fn push(&mut self, item: SourceItem) {
        self.n_frames += usize::from(matches!(item, SourceItem::Frame(..)));
        self.ahead.push_back(item);
    }

    /// Takes so many frames, with the titles among them.
    fn take(&mut self, n_frames: usize) -> Taken {
        let taken = Taken::of(&mut self.ahead, n_frames);
        self.n_frames -= taken.frames.len();
        taken
    }

    /// The frames that come next, without taking them.
    fn frames(&self) -> impl Iterator<Item = &Frame> {
        frames(&self.ahead)
    }
}

impl Arriving {
    /// A source that is faded in over so many frames.
    pub fn new(mut source: NewSource, n_frames: usize) -> Self {
        let (_, none) = tokio::sync::mpsc::channel(1);
        let external = External::new(std::mem::replace(&mut source.items, none), n_frames);
        Self { source, external, n_wanted: n_frames + LOOKAHEAD_FRAMES }
    }
}

/// Waits until enough of a source has come, or it has ended; for ever if there is none.
pub async fn arrival(arriving: &mut Option<Arriving>) {
    let Some(Arriving { external, n_wanted, .. }) = arriving else { return std::future::pending().await };
    while external.n_frames < *n_wanted && external.receive().await.is_some() {}
}

/// Frames that were taken out of a queue.
#[derive(Default)]
struct Taken {
    /// The frames, as they were queued.
    items: VecDeque<SourceItem>,
    titles: Vec<SourceItem>,
    frames: Vec<Frame>,
}

impl Taken {
    fn of(queue: &mut VecDeque<SourceItem>, n_frames: usize) -> Self {
        let mut taken = Self::default();
        while taken.frames.len() < n_frames
            && let Some(item) = queue.pop_front()
        {
            match &item {
                SourceItem::Track(..) => taken.titles.push(item),
                SourceItem::Frame(_, frame) => {
                    taken.frames.push(frame.clone());
                    taken.items.push_back(item);
                }
            }
        }
        taken
    }
}

fn frames(items: &VecDeque<SourceItem>) -> impl Iterator<Item = &Frame> {
    items.iter().filter_map(|item| match item {
        SourceItem::Frame(_, frame) => Some(frame),
        SourceItem::Track(..) => None,
    })
}

impl Station {
    /// Keeps the latest frames, behind which a fade begins.
    pub(super) fn remember(&mut self, frame: &Frame) {
        if self.state.fade_frames > 0 {
            self.heard.truncate(HEARD_FRAMES - 1);
            self.heard.push_front(frame.clone());
        }
    }

    /// A new source takes the place of the folder: at once, or once it can be faded in.
    pub(super) fn receive_source(&mut self, source: NewSource) {
        if source.kind == SourceKind::Live && self.state.fade_frames > 0 && self.external.is_none() {
            self.arriving = Some(Arriving::new(source, self.state.fade_frames));
        } else {
            self.arriving = None;
            self.play_source(source);
        }
    }

    /// Fades the folder out and a live source in.
    pub(super) async fn fade_in(&mut self) {
        let Some(Arriving { source, mut external, .. }) = self.arriving.take() else { return };
        // A show that ends before that is faded over one half of it.
        let n_frames = match external.items {
            Some(_) => self.state.fade_frames,
            None => external.n_frames / 2,
        };
        let format = external.frames().next().map(|frame| frame.header.format);
        let mut faded = None;
        if let Some(silent) = format.and_then(|format| Frame::silent(format, SILENCE_KBPS))
            && n_frames >= MIN_FRAMES
            && self.external.is_none()
        {
            let mut gathered = self.gather(n_frames).await;
            let mut first = Taken::of(&mut gathered, n_frames).frames;
            first.resize(n_frames, silent);
            let second = external.frames().take(n_frames + LOOKAHEAD_FRAMES).cloned().collect();
            let fade = self.fade(self.heard(), first, second);
            faded = frames_of(fade, &self.state.route.clone()).await;
        }
        if let Some(mixed) = faded {
            let mut titles = external.take(n_frames).titles;
            let mut queue: VecDeque<SourceItem> = VecDeque::new();
            let n_early = mixed.len() / 2;
            for (n, frame) in self.for_listeners(mixed).into_iter().enumerate() {
                if n == n_early {
                    queue.extend(titles.drain(..));
                }
                queue.push_back(SourceItem::Frame(0, frame));
            }
            external.n_frames += n_frames;
            queue.append(&mut external.ahead);
            external.ahead = queue;
        }
        self.play_source(source);
        self.external = Some(external);
    }

    /// A source has ended: what is kept of it is faded out, and the folder in.
    pub(super) async fn leave_external(&mut self) {
        let kept = self.external.as_mut().filter(|external| external.n_frames >= MIN_FRAMES);
        let Some(external) = kept else { return self.end_external_source() };
        let n_frames = external.n_frames.min(self.state.fade_frames);
        let passed = external.take(external.n_frames - n_frames);
        let last = external.take(n_frames);
        external.n_kept = 0;
        let mut heard: Vec<Frame> = self.heard.iter().rev().chain(&passed.frames).cloned().collect();
        heard.drain(..heard.len().saturating_sub(HEARD_FRAMES));
        let mut gathered = self.gather(n_frames + LOOKAHEAD_FRAMES).await;
        let second: Vec<Frame> = frames(&gathered).cloned().collect();
        let fade = self.fade(heard, last.frames, second);
        let mixed = frames_of(fade, &self.state.route.clone()).await;
        let mixed = mixed.map(|mixed| self.for_listeners(mixed));
        let Some(external) = &mut self.external else { return };
        passed.titles.into_iter().chain(last.titles).chain(passed.items).for_each(|item| external.push(item));
        let Some(mut early) = mixed else {
            last.items.into_iter().for_each(|item| external.push(item));
            gathered.append(&mut self.program.held);
            self.program.held = gathered;
            return;
        };
        let replaced = Taken::of(&mut gathered, n_frames);
        let serial = replaced.titles.iter().chain(&replaced.items).map(serial_of).max();
        let serial = serial.unwrap_or(self.program.serial.max(self.program.skipped_through + 1));
        let late = early.split_off(early.len() / 2);
        for frame in early {
            external.push(SourceItem::Frame(0, frame));
        }
        let mut held: VecDeque<SourceItem> = replaced.titles.into();
        held.extend(late.into_iter().map(|frame| SourceItem::Frame(serial, frame)));
        held.append(&mut gathered);
        held.append(&mut self.program.held);
        self.program.held = held;
    }

    /// What the folder plays next, up to so many frames, as far as it comes soon.
    async fn gather(&mut self, n_frames: usize) -> VecDeque<SourceItem> {
        let mut gathered = VecDeque::new();
        let program = &mut self.program;
        let gather = async {
            let mut n_gathered = 0;
            while n_gathered < n_frames
                && let Some(item) = program.next().await
            {
                if serial_of(&item) > program.skipped_through {
                    n_gathered += usize::from(matches!(item, SourceItem::Frame(..)));
                    gathered.push_back(item);
                }
            }
        };
        let _ = timeout(GATHERING_TIME, gather).await;
        gathered
    }

    /// The latest frames, in order.
    fn heard(&self) -> Vec<Frame> {
        self.heard.iter().rev().cloned().collect()
    }

    /// A fade that begins behind what was heard.
    fn fade(&self, heard: Vec<Frame>, first: Vec<Frame>, second: Vec<Frame>) -> Option<LiveFade> {
        let format = first.first()?.header.format;
        Some(LiveFade { format, bitrate_kbps: self.state.bitrate_kbps, heard, first, second })
    }

    /// Frames of a fade as they are sent: what they were made from is for mountpoints.
    fn for_listeners(&self, mut frames: Vec<Frame>) -> Vec<Frame> {
        if self.state.sound_feed.is_none() {
            for frame in &mut frames {
                frame.samples = None;
            }
        }
        frames
    }
}

/// The frames of a fade; `None`, and a line in the log, if there can be none.
async fn frames_of(fade: Option<LiveFade>, route: &str) -> Option<Vec<Frame>> {
    let fade = fade?;
    // It takes a tenth of a second.
    let frames = tokio::task::spawn_blocking(move || fade.frames()).await;
    let frames = frames.map_err(anyhow::Error::from).flatten();
    frames.inspect_err(|error| warn!(route, error = format!("{error:#}"), "a live source is not faded")).ok()
}

fn serial_of(item: &SourceItem) -> u64 {
    match item {
        SourceItem::Track(serial, _) | SourceItem::Frame(serial, _) => *serial,
    }
}
