//! Checkpoints: all nodes compare the digest of their state, and one of them adds to the snapshot.

use tokio::time::Instant;
use tracing::{debug, error};

use super::Node;
use super::apply::Origin;
use super::input::{Checkpoint, RULES};
use crate::cluster::{Changes, Claim, Unavailable};
use crate::rooms::Hub;

impl<H: Hub> Node<H> {
    /// All nodes take the digest here; the one that has asked for it writes the snapshot.
    pub(super) fn pass_checkpoint(&mut self, told: Checkpoint, origin: Origin) {
        let offset = self.machine.offset;
        self.checkpoint_at = Instant::now();
        // Of nodes of several versions, the newest write the snapshots: they know all that there is to write.
        self.claim = if told.rules < RULES { Claim::Anyway } else { Claim::IfFree };
        if told.rules != RULES {
            return;
        }
        let own = self.checkpoint.previous;
        let has_diverged = match (told.previous, own) {
            (Some((at, theirs)), Some((own_at, ours))) => at == own_at && theirs != ours,
            _ => false,
        };
        self.machine.forget_changes(told.written);
        self.checkpoint.written = self.checkpoint.written.max(told.written);
        self.checkpoint.previous = Some((offset, self.machine.take_digest()));
        if has_diverged && origin == Origin::Elsewhere {
            error!(
                service = self.service,
                offset, "this node's rooms are not those of the others: the snapshot is taken"
            );
            self.metrics.diverged.increment(1);
            self.checkpoint = Checkpoint::default();
            self.must_rejoin = true;
            return;
        }
        if origin == Origin::Here && self.storing.is_none() {
            let changes: Changes = self.machine.changes();
            self.storing_offset = changes.offset;
            // A node that reads later than this is lost.
            let lease = self.log.lease;
            while let Some((_, offset)) = self.snapshots.pop_front_if(|(at, _)| at.elapsed() >= lease) {
                self.trimmed = offset;
            }
            self.storing = Some(Box::pin(self.log.store(changes, self.trimmed)));
        }
    }

    pub(super) fn stored(&mut self, outcome: Result<bool, Unavailable>) {
        self.storing = None;
        match outcome {
            Ok(true) => {
                self.checkpoint.written = self.checkpoint.written.max(self.storing_offset);
                self.snapshots.push_back((Instant::now(), self.storing_offset));
            }
            Ok(false) => {}
            Err(error) => debug!(service = self.service, %error, "the snapshot is not written"),
        }
    }
}
