//! What comes in on a WebSocket: messages within their limits, and the end of a client that breaks one.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep};

use super::budget::{Budget, Share};
use super::frames::{Frames, Passed, ShortMessages, TextCheck, Violation};

/// Time for a client that broke a rule to read why: closing while it still sends would take the close frame back.
const LINGER: Duration = Duration::from_secs(2);

/// What the messages of a client may be.
#[derive(Debug, Clone)]
pub struct MessageLimits {
    /// The largest message.
    pub max_bytes: usize,
    /// Those of a kind that is always short, if there is one.
    pub short: Option<ShortMessages>,
    /// Whether texts are checked before the reader has them.
    pub text_check: TextCheck,
    /// From the first byte of a message to its last.
    pub timeout: Duration,
    /// What pays for messages that are not here whole.
    pub budget: Arc<Budget>,
}

/// A WebSocket's incoming half. While no message is under way, which is nearly always, it holds nothing.
pub(super) struct Inbound {
    limits: Arc<MessageLimits>,
    under_way: Option<Box<UnderWay>>,
}

/// A message that is not here whole, or a client that is heard out.
struct UnderWay {
    frames: Frames,
    share: Share,
    /// The message that was waited for last, by its number, and when it is too late.
    due: Option<(u32, Pin<Box<Sleep>>)>,
    /// When a client that broke a rule is heard no longer.
    end: Option<Pin<Box<Sleep>>>,
}

impl Inbound {
    /// No byte has come yet.
    pub fn new(limits: Arc<MessageLimits>) -> Self {
        Self { limits, under_way: None }
    }

    /// Takes the next bytes: says what goes on, and why nothing after it does.
    pub fn take(&mut self, bytes: &[u8]) -> (Passed, Option<Violation>) {
        let mut fresh = None;
        let frames = match &mut self.under_way {
            Some(under_way) => &mut under_way.frames,
            None => {
                fresh.insert(Frames::new(self.limits.max_bytes, self.limits.short, self.limits.text_check))
            }
        };
        let (passed, violation) = frames.take(bytes);
        if frames.under_way().is_none() {
            self.under_way = None;
            return (passed, violation);
        }
        if let Some(frames) = fresh {
            self.under_way = Some(Box::new(UnderWay::new(frames, &self.limits)));
        }
        let violation = violation.or_else(|| self.under_way.as_mut()?.judge());
        (passed, violation)
    }

    /// Nothing more goes on: gives back what was held.
    pub fn end(&mut self) {
        let frames = Frames::new(self.limits.max_bytes, self.limits.short, self.limits.text_check);
        let end = Some(Box::pin(sleep(LINGER)));
        self.under_way = Some(Box::new(UnderWay { end, ..UnderWay::new(frames, &self.limits) }));
    }

    /// Whether nothing more goes on.
    pub fn has_ended(&self) -> bool {
        self.end_of_hearing().is_some()
    }

    /// Whether a client that broke a rule has been heard for long enough, though it still sends.
    pub fn is_heard_out(&self) -> bool {
        self.end_of_hearing().is_some_and(is_over)
    }

    /// Resolves when there was nothing to read for too long.
    pub fn poll_late(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match &mut self.under_way {
            Some(under_way) => under_way.poll_late(self.limits.timeout, cx),
            None => Poll::Pending,
        }
    }

    fn end_of_hearing(&self) -> Option<&Pin<Box<Sleep>>> {
        self.under_way.as_ref()?.end.as_ref()
    }
}

impl UnderWay {
    fn new(frames: Frames, limits: &MessageLimits) -> Self {
        Self { frames, share: Share::new(&limits.budget), due: None, end: None }
    }

    /// Whether too much is held, or for too long.
    fn judge(&mut self) -> Option<Violation> {
        if self.share.cover(self.frames.held_bytes()).is_err() {
            return Some(Violation::NoMemory);
        }
        // A client that always has more to send never lets the clock be waited for.
        let due = self.due.as_ref().filter(|(number, _)| self.frames.under_way() == Some(*number));
        due.filter(|(_, due)| is_over(due)).map(|_| Violation::TooSlow)
    }

    fn poll_late(&mut self, timeout: Duration, cx: &mut Context<'_>) -> Poll<()> {
        if let Some(end) = &mut self.end {
            return end.as_mut().poll(cx);
        }
        let Some(number) = self.frames.under_way() else { return Poll::Pending };
        let due = match self.due.take() {
            Some((of, due)) if of == number => due,
            _ => Box::pin(sleep(timeout)),
        };
        let (_, due) = self.due.insert((number, due));
        due.as_mut().poll(cx)
    }
}

fn is_over(sleep: &Pin<Box<Sleep>>) -> bool {
    Instant::now() >= sleep.deadline()
}
