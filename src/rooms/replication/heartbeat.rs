//! A node shows that it is alive, and looks for those that are not.

use std::mem;

use tracing::warn;

use super::input::Input;
use super::{Connectivity, Node, Pending};
use crate::cluster::{self, Claim};
use crate::rooms::Hub;
use crate::time::Timestamp;

impl<H: Hub> Node<H> {
    /// Shows that this node is alive, and looks for those that are not.
    pub(super) async fn beat(&mut self) {
        let asked = self.clock.own();
        let claim = mem::replace(&mut self.claim, Claim::IfFree);
        let reply = match self.log.beat(claim).await {
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
