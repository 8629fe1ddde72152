//! The bounded queue between the task of a hub and the thread that writes: it never waits.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

use crate::effect::RecordingStep;

/// Steps that may wait for the disk.
const MAX_STEPS: usize = 10_000;

/// Bytes of lines that may wait for the disk: a disk that stands still for some seconds loses nothing.
const MAX_BYTES: usize = 16 * 1024 * 1024;

/// Steps that are taken at once.
const BATCH: usize = 256;

/// Takes what is to be recorded.
#[derive(Clone)]
pub struct Recorder {
    service: &'static str,
    steps: SyncSender<RecordingStep>,
    n_bytes: Arc<AtomicUsize>,
}

/// The end that the writer reads.
pub struct Steps {
    steps: Receiver<RecordingStep>,
    n_bytes: Arc<AtomicUsize>,
}

/// Both ends.
pub fn queue(service: &'static str) -> (Recorder, Steps) {
    let (sender, receiver) = sync_channel(MAX_STEPS);
    let n_bytes = Arc::new(AtomicUsize::new(0));
    (Recorder { service, steps: sender, n_bytes: Arc::clone(&n_bytes) }, Steps { steps: receiver, n_bytes })
}

impl Recorder {
    /// Takes a step; one for which there is no room is counted and lost: then it says so.
    pub fn take(&self, step: RecordingStep) -> bool {
        let size = n_bytes(&step);
        let is_full = self.n_bytes.fetch_add(size, Ordering::Relaxed) + size > MAX_BYTES;
        if is_full || self.steps.try_send(step).is_err() {
            self.n_bytes.fetch_sub(size, Ordering::Relaxed);
            count_lost(self.service, "queue_full");
            return false;
        }
        true
    }
}

impl Steps {
    /// Moves what has come to `batch`, after waiting for at least one so long; false when no more can come.
    pub fn next(&self, batch: &mut Vec<RecordingStep>, patience: Duration) -> bool {
        match self.steps.recv_timeout(patience) {
            Ok(step) => batch.push(step),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return false,
        }
        batch.extend(self.steps.try_iter().take(BATCH));
        let taken = batch.iter().map(n_bytes).sum();
        self.n_bytes.fetch_sub(taken, Ordering::Relaxed);
        true
    }
}

/// Counts a line that is in no recording.
pub fn count_lost(service: &'static str, reason: &'static str) {
    metrics::counter!("roomhub_recording_lines_lost_total", "service" => service, "reason" => reason)
        .increment(1);
}

fn n_bytes(step: &RecordingStep) -> usize {
    match step {
        RecordingStep::Write(line) => line.header.get().len() + line.text.get().len(),
        RecordingStep::Delete { .. } | RecordingStep::Forget(_) => 0,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::value::RawValue;

    use super::*;
    use crate::effect::RecordingLine;

    #[test]
    fn a_disk_that_stands_still_holds_up_nobody_and_what_waits_for_it_is_bounded() {
        let (recorder, steps) = queue("watch");
        let raw = |text: String| RawValue::from_string(text).unwrap();
        for number in 0..40 {
            recorder.take(RecordingStep::Write(RecordingLine {
                id: "x".into(),
                header: raw("{}".into()),
                number,
                seconds: 0.0,
                is_last: false,
                text: raw(format!("\"{}\"", "x".repeat(1024 * 1024))),
            }));
        }
        let mut batch = Vec::new();
        assert!(steps.next(&mut batch, Duration::ZERO));
        assert_eq!(batch.len(), 15);
        assert_eq!(recorder.n_bytes.load(Ordering::Relaxed), 0);
        drop(recorder);
        assert!(!steps.next(&mut Vec::new(), Duration::from_mins(1)));
    }
}
