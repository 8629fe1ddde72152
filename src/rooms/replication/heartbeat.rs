//! A node shows that it is alive, looks for those that are not, and for timers that are due.

use tokio::time::Instant;
use tracing::warn;

use super::input::Input;
use super::{CHECKPOINT_EVERY, Connectivity, Node, Pending, TICK_EVERY, What};
use crate::cluster;
use crate::rooms::Hub;
use crate::time::Timestamp;

impl<H: Hub> Node<H> {
    /// Has timers looked at, if no other node did so lately.
    pub(super) fn tick(&mut self) {
        let now = self.clock.now();
        let is_late = now.since(self.ticked_at) >= TICK_EVERY / 2;
        let is_queued = self.queue.iter().any(|pending| matches!(pending.what, What::Input(Input::Tick)));
        if is_late && !is_queued {
            self.push(Pending::of(Input::Tick));
        }
        if self.is_connected() && self.is_checkpointer && self.checkpoint_at.elapsed() >= CHECKPOINT_EVERY {
            self.checkpoint_at = Instant::now();
            self.push(Pending::of(Input::Checkpoint(self.checkpoint)));
        }
        self.members.count(&self.machine.hub);
        self.figures.ticks.increment(1);
    }

    /// Shows that this node is alive, and looks for those that are not.
    pub(super) async fn beat(&mut self) {
        let asked = self.clock.own();
        let reply = match self.log.beat().await {
            Ok(reply) => reply,
            Err(error) => return self.go_alone(&error),
        };
        self.set_clock(&reply, asked);
        self.is_checkpointer = reply.is_checkpointer;
        if reply.epoch != self.log.epoch || reply.head < self.machine.offset {
            return self.try_rejoin().await;
        }
        // After an outage, everybody is given the time to show again.
        let Connectivity::Connected { since } = self.connectivity else { return };
        if since.elapsed() >= self.log.lease {
            for node in reply.silent {
                self.push(Pending::of(Input::NodeLost(node.clone())));
                if let Err(error) = self.log.remove_node(&node).await {
                    return self.go_alone(&error);
                }
            }
        }
    }

    pub(super) fn set_clock(&mut self, reply: &cluster::HeartbeatReply, asked: Timestamp) {
        if let Some(put) = self.clock.heard(reply.time, asked, self.clock.own()) {
            warn!(
                service = self.service,
                off_ms = put.as_millis(),
                "this machine's clock is not that of Redis, which all nodes go by"
            );
        }
    }
}
