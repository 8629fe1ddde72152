//! Batches of records as statements of many rows, in one transaction.

use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Params, Transaction, TxOpts, Value};

use super::failure::is_unknown;
use crate::devices::protocol::MessageType;
use crate::devices::record::Record;
use crate::devices::store::rows::{ByTable, stamp};
use crate::devices::store::{Failure, Named};
use crate::time::Timestamp;

/// Rows in one statement; few sizes make few statements for the server to prepare.
const SIZES: [usize; 4] = [256, 32, 4, 1];

/// Statements with more than this in them are cut: the oldest servers refuse packets above 4 MiB by default.
const MAX_BYTES: usize = 1024 * 1024;

/// A table's insert, around its rows.
struct Insert {
    head: &'static str,
    row: &'static str,
    tail: &'static str,
}

const ROOMS: Insert = Insert {
    head: "INSERT INTO rooms (room_id, created_at) VALUES ",
    row: "(?, ?)",
    tail: " ON DUPLICATE KEY UPDATE created_at = LEAST(VALUES(created_at), rooms.created_at)",
};

const DEVICES: Insert = Insert {
    head: "INSERT INTO devices (device_id, first_connected_at, last_connected_at, last_room_id, last_identity) VALUES ",
    row: "(?, ?, ?, ?, ?)",
    // Assignments are done in this order. A row without an identity is one of `NAMED`. A moment that is still to come was
    // written by a clock that was ahead, and holds nothing up.
    tail: " ON DUPLICATE KEY UPDATE \
           first_connected_at = LEAST(VALUES(first_connected_at), first_connected_at), \
           last_connected_at = IF(last_identity IS NULL OR last_connected_at > UTC_TIMESTAMP() + INTERVAL 10 MINUTE, \
           VALUES(last_connected_at), GREATEST(VALUES(last_connected_at), last_connected_at)), \
           last_room_id = IF(VALUES(last_connected_at) >= last_connected_at, VALUES(last_room_id), last_room_id), \
           last_identity = IF(VALUES(last_connected_at) >= last_connected_at, VALUES(last_identity), last_identity)",
};

const NAMED: Insert = Insert {
    head: "INSERT INTO devices (device_id, first_connected_at, last_connected_at) VALUES ",
    row: "(?, ?, ?)",
    tail: " ON DUPLICATE KEY UPDATE device_id = devices.device_id",
};

const CONNECTIONS: Insert = Insert {
    head: "INSERT INTO connections (record_id, device_id, room_id, identity, client_ip, connected_at) VALUES ",
    row: "(?, ?, ?, ?, ?, ?)",
    tail: " ON DUPLICATE KEY UPDATE record_id = connections.record_id",
};

const MESSAGES: Insert = Insert {
    head: "INSERT INTO messages (record_id, from_device_id, to_device_id, room_id, message_type, message_content, \
           sent_at) VALUES ",
    row: "(?, ?, ?, ?, ?, ?, ?)",
    tail: " ON DUPLICATE KEY UPDATE record_id = messages.record_id",
};

const QUERIES: Insert = Insert {
    head: "INSERT INTO room_queries (record_id, device_id, room_id, queried_at) VALUES ",
    row: "(?, ?, ?, ?)",
    tail: " ON DUPLICATE KEY UPDATE record_id = room_queries.record_id",
};

const END: &str = "UPDATE connections SET disconnected_at = ? \
                   WHERE record_id = ? AND disconnected_at IS NULL";

/// Why records were not written.
pub struct Failed {
    /// What it means.
    pub failure: Failure,
    /// Whether the server does not know a table or a column.
    pub is_lacking: bool,
}

impl From<Failure> for Failed {
    fn from(failure: Failure) -> Self {
        Self { failure, is_lacking: false }
    }
}

impl From<mysql_async::Error> for Failed {
    fn from(error: mysql_async::Error) -> Self {
        Self { is_lacking: is_unknown(&error), failure: Failure::of(&error) }
    }
}

/// Writes records in order, all or none.
pub async fn append(conn: &mut Conn, records: &[Named]) -> Result<(), Failed> {
    let tables = ByTable::of(records);
    let mut transaction = conn.start_transaction(TxOpts::default()).await?;
    let rooms = tables.rooms.iter().map(|(room, at)| vec![room.as_str().into(), moment(*at)]);
    insert(&mut transaction, &ROOMS, rooms.collect()).await?;
    let devices = tables.devices.iter().map(|(device, identity, room, at)| {
        vec![device.as_str().into(), moment(*at), moment(*at), room.as_str().into(), (*identity).into()]
    });
    insert(&mut transaction, &DEVICES, devices.collect()).await?;
    let named =
        tables.named.iter().map(|(device, at)| vec![device.as_str().into(), moment(*at), moment(*at)]);
    insert(&mut transaction, &NAMED, named.collect()).await?;
    insert(
        &mut transaction,
        &CONNECTIONS,
        tables.connections.iter().filter_map(|record| connection(record)).collect(),
    )
    .await?;
    let messages = tables.messages.iter().map(|(id, message)| {
        vec![
            id.0.as_slice().into(),
            message.from.as_str().into(),
            message.to.as_ref().map_or(Value::NULL, |to| to.as_str().into()),
            message.room.as_str().into(),
            MessageType::of(message.to.as_ref()).name().into(),
            message.content.as_bytes().into(),
            moment(message.at),
        ]
    });
    insert(&mut transaction, &MESSAGES, messages.collect()).await?;
    let queries = tables.queries.iter().map(|(id, device, room, at)| {
        vec![id.0.as_slice().into(), device.as_str().into(), room.as_str().into(), moment(*at)]
    });
    insert(&mut transaction, &QUERIES, queries.collect()).await?;
    for (connection, at) in &tables.ends {
        let values = vec![moment(*at), connection.0.as_slice().into()];
        transaction.exec_drop(END, Params::Positional(values)).await?;
    }
    transaction.commit().await?;
    Ok(())
}

fn connection(record: &Record) -> Option<Vec<Value>> {
    let Record::Connected { connection, device, identity, room, address, at } = record else { return None };
    Some(vec![
        connection.0.as_slice().into(),
        device.as_str().into(),
        room.as_str().into(),
        identity.as_bytes().into(),
        address.to_string().into(),
        moment(*at),
    ])
}

async fn insert(
    transaction: &mut Transaction<'_>,
    table: &Insert,
    rows: Vec<Vec<Value>>,
) -> Result<(), Failed> {
    let mut rows = rows.into_iter().peekable();
    while rows.peek().is_some() {
        let mut taken: Vec<Vec<Value>> = Vec::new();
        let mut bytes = 0;
        while taken.len() < SIZES[0] && bytes < MAX_BYTES {
            let Some(row) = rows.next() else { break };
            bytes += row.iter().map(Value::bin_len).sum::<u64>() as usize;
            taken.push(row);
        }
        let mut taken = taken.into_iter();
        for size in SIZES {
            while taken.len() >= size {
                let values = taken.by_ref().take(size).flatten().collect();
                let sql = format!("{}{}{}", table.head, vec![table.row; size].join(", "), table.tail);
                transaction.exec_drop(sql, Params::Positional(values)).await?;
            }
        }
    }
    Ok(())
}

fn moment(at: Timestamp) -> Value {
    stamp(at).into()
}
