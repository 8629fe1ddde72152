//! The tables row by row, for whoever takes rows out or away: in pages and small batches, in the same words for every database.

use super::{Failure, Store};
use crate::devices::protocol::names::DeviceId;
use crate::devices::store::rows::stamp;
use crate::time::Timestamp;

/// Rows read, or deleted, at a time: a page of the longest messages is 100 MB, and a batch holds up no insert for long.
const PAGE: i64 = 100;
const BATCH: i64 = 500;

/// A table: rows have one key, by which they are in order.
#[derive(Debug)]
pub struct Table {
    /// Its name.
    pub name: &'static str,
    /// Its columns, the key first.
    pub columns: &'static [&'static str],
    /// The column with the moment of a row.
    at: &'static str,
    /// The columns that name a device.
    devices: &'static [&'static str],
}

/// What refers to a row of another table comes after that.
pub static TABLES: [Table; 5] = [
    Table { name: "rooms", columns: &["room_id", "created_at"], at: "created_at", devices: &[] },
    Table {
        name: "devices",
        columns: &["device_id", "first_connected_at", "last_connected_at", "last_room_id", "last_identity"],
        at: "last_connected_at",
        devices: &["device_id"],
    },
    Table {
        name: "connections",
        columns: &[
            "id",
            "record_id",
            "device_id",
            "room_id",
            "identity",
            "client_ip",
            "connected_at",
            "disconnected_at",
        ],
        at: "connected_at",
        devices: &["device_id"],
    },
    Table {
        name: "messages",
        columns: &[
            "id",
            "record_id",
            "from_device_id",
            "to_device_id",
            "room_id",
            "message_type",
            "message_content",
            "sent_at",
        ],
        at: "sent_at",
        devices: &["from_device_id", "to_device_id"],
    },
    Table {
        name: "room_queries",
        columns: &["id", "record_id", "device_id", "room_id", "queried_at"],
        at: "queried_at",
        devices: &["device_id"],
    },
];

/// A row: texts in the order of the columns.
pub type TextRow = Vec<Option<String>>;

/// A value in a statement.
#[derive(Debug, Clone)]
pub enum Parameter {
    /// A text, or a moment.
    Text(String),
    /// A number.
    Number(i64),
}

impl Table {
    /// The table of that name.
    pub fn named(name: &str) -> Option<&'static Self> {
        TABLES.iter().find(|table| table.name == name)
    }

    /// Whether its rows name devices.
    pub fn names_devices(&self) -> bool {
        !self.devices.is_empty()
    }

    fn key(&self) -> &'static str {
        self.columns[0]
    }

    /// A key as it is compared.
    fn parameter(&self, key: &str) -> Parameter {
        match key.parse() {
            Ok(number) if self.key() == "id" => Parameter::Number(number),
            _ => Parameter::Text(key.to_owned()),
        }
    }
}

/// Which rows are old enough to go.
#[derive(Debug, Clone, Copy)]
pub enum Old {
    /// Whose moment was before this.
    Before(Timestamp),
    /// All but so many, of the newest.
    Beyond(u64),
}

impl Store {
    /// The next rows behind a key; none at the end.
    pub async fn page(
        &self,
        table: &Table,
        after: Option<&str>,
        since: Option<Timestamp>,
    ) -> Result<Vec<TextRow>, Failure> {
        let column = |name: &&str| match *name {
            "record_id" => "LOWER(HEX(record_id))".to_owned(),
            name if name == "id" || name.ends_with("_at") => format!("CAST({name} AS CHAR)"),
            name => name.to_owned(),
        };
        let columns: Vec<String> = table.columns.iter().map(column).collect();
        let mut sql = format!("SELECT {} FROM {} WHERE 1 = 1", columns.join(", "), table.name);
        let mut values = Vec::new();
        if let Some(after) = after {
            sql += " AND ";
            sql += table.key();
            sql += " > ?";
            values.push(table.parameter(after));
        }
        if let Some(since) = since {
            sql += " AND ";
            sql += table.at;
            sql += " >= ?";
            values.push(Parameter::Text(stamp(since)));
        }
        let sql = format!("{sql} ORDER BY {} LIMIT {PAGE}", table.key());
        self.texts(sql, values).await
    }

    /// Deletes the old ones of the next rows by id; gives how many, and behind which id to go on, if there may be more.
    ///
    /// It ends at a batch without an old row, so it costs the same however large the table is. An old row behind such a batch
    /// goes when those before it are old.
    pub async fn delete_old(
        &self,
        table: &Table,
        old: Old,
        after: i64,
    ) -> Result<(u64, Option<i64>), Failure> {
        let (name, at) = (table.name, table.at);
        // A connection that is open is not over, however old it is.
        let over = if name == "connections" { "disconnected_at" } else { at };
        let (is_old, may_go, value) = match old {
            Old::Before(moment) => {
                (format!("{at} < ?"), format!("{over} < ?"), Parameter::Text(stamp(moment)))
            }
            Old::Beyond(n_kept) => {
                let sql = format!("SELECT CAST(MAX(id) AS CHAR) FROM {name}");
                let last = number(&self.texts(sql, Vec::new()).await?, 0).unwrap_or(0);
                let is_old = "id <= ?".to_owned();
                let may_go = format!("id <= ? AND {over} IS NOT NULL");
                (is_old, may_go, Parameter::Number(last.saturating_sub_unsigned(n_kept)))
            }
        };
        let batch = format!(
            "SELECT CAST(MAX(id) AS CHAR), CAST(SUM(CASE WHEN {is_old} THEN 1 ELSE 0 END) AS CHAR) FROM \
             (SELECT id, {at} FROM {name} WHERE id > ? ORDER BY id LIMIT {BATCH}) AS batch"
        );
        let found = self.texts(batch, vec![value.clone(), Parameter::Number(after)]).await?;
        let (Some(last), Some(1..)) = (number(&found, 0), number(&found, 1)) else { return Ok((0, None)) };
        let sql = format!("DELETE FROM {name} WHERE {may_go} AND id > ? AND id <= ?");
        let n = self.execute(sql, vec![value, Parameter::Number(after), Parameter::Number(last)]).await?;
        Ok((n, Some(last)))
    }

    /// Deletes all rows of a table that name a device, up to a moment if there is one, in batches; gives how many.
    pub async fn delete_device(
        &self,
        table: &Table,
        device: &DeviceId,
        until: Option<Timestamp>,
    ) -> Result<u64, Failure> {
        let mut n_deleted = 0;
        for column in table.devices {
            let (name, key) = (table.name, table.key());
            let mut values = vec![Parameter::Text(device.as_str().to_owned())];
            let mut is_meant = format!("{column} = ?");
            if let Some(until) = until {
                is_meant = format!("{is_meant} AND {} <= ?", table.at);
                values.push(Parameter::Text(stamp(until)));
            }
            let sql = format!(
                "DELETE FROM {name} WHERE {key} IN \
                 (SELECT {key} FROM (SELECT {key} FROM {name} WHERE {is_meant} LIMIT {BATCH}) AS head)"
            );
            loop {
                let n = self.execute(sql.clone(), values.clone()).await?;
                n_deleted += n;
                if n < BATCH as u64 {
                    break;
                }
            }
        }
        Ok(n_deleted)
    }

    /// Has what was deleted leave the file too, as far as that is this program's to say.
    pub async fn settle_deletions(&self) -> Result<(), Failure> {
        match self {
            Self::Sqlite(store) => store.overwrite_free_pages().await,
            Self::MySql(_) => Ok(()),
        }
    }

    async fn texts(&self, sql: String, values: Vec<Parameter>) -> Result<Vec<TextRow>, Failure> {
        match self {
            Self::Sqlite(store) => store.texts(sql, values).await,
            Self::MySql(store) => store.texts(&sql, values).await,
        }
    }

    async fn execute(&self, sql: String, values: Vec<Parameter>) -> Result<u64, Failure> {
        match self {
            Self::Sqlite(store) => store.execute(sql, values).await,
            Self::MySql(store) => store.execute(&sql, values).await,
        }
    }
}

fn number(rows: &[TextRow], column: usize) -> Option<i64> {
    rows.first()?[column].as_ref()?.parse().ok()
}
