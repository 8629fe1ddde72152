//! How long rows are kept: the oldest are deleted in small batches, so that nothing waits for it.
//!
//! A database that is away, or a batch that loses against another transaction, is tried again at the next time; nothing is
//! refused for it.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tracing::{debug, info};

use super::store::{Old, Store, Table};
use crate::runtime::Context;
use crate::time::human;

/// `[devices.retention]`: 0 keeps rows for ever.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Retention {
    /// Messages are deleted when they are older.
    #[serde(with = "human")]
    pub messages_max_age: Duration,
    /// Of more messages, the oldest are deleted.
    pub messages_max_count: u64,
    /// Connections are deleted this long after their end.
    #[serde(with = "human")]
    pub connections_max_age: Duration,
    /// Of more connections, the oldest are deleted.
    pub connections_max_count: u64,
    /// Queries of rooms are deleted when they are older.
    #[serde(with = "human")]
    pub queries_max_age: Duration,
    /// Of more queries, the oldest are deleted.
    pub queries_max_count: u64,
    /// How often old rows are looked for.
    #[serde(with = "human")]
    pub interval: Duration,
}

impl Default for Retention {
    fn default() -> Self {
        Self {
            messages_max_age: Duration::ZERO,
            messages_max_count: 0,
            connections_max_age: Duration::ZERO,
            connections_max_count: 0,
            queries_max_age: Duration::ZERO,
            queries_max_count: 0,
            interval: Duration::from_mins(1),
        }
    }
}

/// Deletes old rows until the process stops.
pub async fn run(retention: Retention, store: Arc<Store>, context: Context) {
    let limits = [
        ("messages", retention.messages_max_age, retention.messages_max_count),
        ("connections", retention.connections_max_age, retention.connections_max_count),
        ("room_queries", retention.queries_max_age, retention.queries_max_count),
    ];
    if limits.iter().all(|(_, age, count)| age.is_zero() && *count == 0) {
        return;
    }
    let mut due = tokio::time::interval(retention.interval);
    loop {
        tokio::select! {
            _ = due.tick() => {}
            () = context.stopping() => return,
        }
        for (name, max_age, max_count) in limits {
            let before = (!max_age.is_zero()).then(|| Old::Before(context.clock.wall().earlier(max_age)));
            let beyond = (max_count > 0).then_some(Old::Beyond(max_count));
            for old in [before, beyond].into_iter().flatten() {
                delete(&store, name, old, &context).await;
            }
        }
    }
}

async fn delete(store: &Store, name: &'static str, old: Old, context: &Context) {
    let table = Table::named(name).expect("the tables are known");
    let (mut n_deleted, mut after) = (0, 0);
    loop {
        let outcome = tokio::select! {
            outcome = store.delete_old(table, old, after) => outcome,
            () = context.stopping() => return,
        };
        match outcome {
            Ok((n, last)) => {
                n_deleted += n;
                metrics::counter!("roomhub_devices_rows_deleted_total", "table" => name).increment(n);
                let Some(last) = last else { break };
                after = last;
            }
            Err(problem) => {
                debug!(%problem, table = name, "old rows are deleted later");
                break;
            }
        }
    }
    if n_deleted > 0 {
        info!(table = name, rows = n_deleted, "old rows were deleted");
    }
}
