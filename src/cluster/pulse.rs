//! Who is alive: each node shows from time to time, and looks for those that do not.

use std::collections::HashMap;

use redis::aio::MultiplexedConnection;
use redis::{RedisError, Script};

use crate::time::Timestamp;

/// Shows that a node is alive.
pub struct Heart {
    script: Script,
    keys: [String; 4],
    node: String,
    lease_ms: u128,
}

/// What Redis knows of the nodes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pulse {
    /// The name of all that Redis remembers: another one, and it has lost its memory.
    pub epoch: String,
    /// Whether it remembered this node.
    pub was_known: bool,
    /// Nodes that have not shown for longer than the lease.
    pub silent: Vec<String>,
    /// What time it is there.
    pub time: Timestamp,
    /// What each node has told of itself, by its name.
    pub figures: HashMap<String, String>,
}

impl Heart {
    /// The heart of a node of a service.
    pub fn new(tag: &str, node: &str, lease: std::time::Duration) -> Self {
        Self {
            script: Script::new(include_str!("pulse.lua")),
            keys: ["nodes", "epoch", "figures", "counts"].map(|name| format!("{tag}:{name}")),
            node: node.to_owned(),
            lease_ms: lease.as_millis(),
        }
    }

    /// Shows once, and tells what this node has to tell of itself, if anything.
    pub async fn beat(
        &self,
        connection: &mut MultiplexedConnection,
        figures: &str,
    ) -> Result<Pulse, RedisError> {
        let mut call = self.script.prepare_invoke();
        call.key(&self.keys[..])
            .arg(&self.node)
            .arg(self.lease_ms.to_string())
            .arg(hex::encode(super::random::<8>()))
            .arg(figures);
        let (epoch, was_known, silent, micros, figures): (String, i64, Vec<String>, u64, Vec<String>) =
            call.invoke_async(connection).await?;
        let pairs = figures.chunks_exact(2).map(|pair| (pair[0].clone(), pair[1].clone()));
        Ok(Pulse {
            epoch,
            was_known: was_known == 1,
            silent,
            time: Timestamp::from_micros(micros),
            figures: pairs.collect(),
        })
    }
}
