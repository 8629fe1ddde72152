//! What waits goes to the log: one batch at a time, and once, whatever becomes of a connection.

use tokio::time::{Instant, timeout};

use super::{BATCH, BATCH_BYTES, Batch, ENOUGH, Node, What};
use crate::cluster::Unavailable;
use crate::effect::Effects;
use crate::rooms::Hub;
use crate::time::Timestamp;

impl<H: Hub> Node<H> {
    /// Appends what waits, if nothing is on its way.
    pub(super) fn append_next(&mut self) {
        while self.is_connected() && self.in_flight.is_none() && !self.queue.is_empty() {
            if matches!(self.queue[0].what, What::Query(_)) {
                if let Some(pending) = self.queue.pop_front() {
                    self.conclude(&pending, Effects::none());
                }
                continue;
            }
            if self.lingers() {
                return;
            }
            let (mut pending, mut text) = (Vec::new(), String::from("["));
            while let Some(next) = self.queue.front() {
                if pending.len() == BATCH || (text.len() > BATCH_BYTES) {
                    break;
                }
                if let What::Input(input) = &next.what {
                    if text.len() > 1 {
                        text.push(',');
                    }
                    text.push_str(&serde_json::to_string(input).expect("inputs are plain data"));
                }
                pending.extend(self.queue.pop_front());
            }
            text.push(']');
            self.sequence += 1;
            let batch =
                Batch { sequence: self.sequence, pending, text, has_failed: false, sent_at: Instant::now() };
            self.append_at = batch.sent_at + self.log.linger;
            self.send(&batch);
            self.in_flight = Some(batch);
        }
    }

    /// Whether what waits is to wait for more: an entry wakes every node, whatever is in it. With [`ENOUGH`] in it, that
    /// is cheap.
    pub(super) fn lingers(&self) -> bool {
        let may_wait = self.in_flight.is_none() && !self.queue.is_empty() && self.queue.len() < ENOUGH;
        may_wait && self.is_connected() && !self.is_leaving && Instant::now() < self.append_at
    }

    fn send(&mut self, batch: &Batch<H>) {
        let appending = self.log.append(batch.sequence, self.machine.offset, batch.text.clone());
        self.appending = Some(Box::pin(appending));
    }

    /// Redis has answered an append, or has not.
    pub(super) async fn appended(&mut self, outcome: Result<Option<(u64, Timestamp)>, Unavailable>) {
        self.appending = None;
        match outcome {
            Ok(Some((offset, time))) => {
                // If others came before it, the reader brings it in its turn.
                if offset == self.machine.offset + 1 {
                    self.apply_own(offset, time);
                }
            }
            Ok(None) => self.try_rejoin().await,
            Err(error) => {
                self.log.disconnect();
                let Some(mut batch) = self.in_flight.take() else { return };
                let is_connected =
                    !batch.has_failed && timeout(self.log.patience, self.log.connect()).await.is_ok();
                if is_connected {
                    // A connection may end while Redis is well.
                    batch.has_failed = true;
                    self.send(&batch);
                    self.in_flight = Some(batch);
                } else {
                    self.in_flight = Some(batch);
                    self.go_alone(&error);
                }
            }
        }
    }
}
