//! Rows of the device rooms as lines of JSON, or as CSV, and lines back into a database.
//!
//! What comes in are records, as the spool has them: each has its own id, so lines that come twice are kept once.

use std::io::{BufRead, Read, Write};

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use ring::digest::{SHA256, digest};
use serde_json::{Map, Value};

use super::Config;
use super::directory::Directory;
use super::protocol::names::{DeviceId, RoomId};
use super::record::{Message, Record, RecordId};
use super::store::{Named, Store, TABLES, Table, TextRow};
use crate::time::Timestamp;

/// Lines that are written to the database at a time, and their bytes.
const BATCH_LINES: usize = 500;
const BATCH_BYTES: usize = 4 * 1024 * 1024;

/// A longer line is none of ours: a message of 1 MiB, escaped twice, fits.
const MAX_LINE_BYTES: u64 = 64 * 1024 * 1024;

/// How rows are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// An object a line, with the name of its table.
    Jsonl,
    /// Fields with commas between them, under a line with their names; one table.
    Csv,
}

/// Which rows are asked for.
#[derive(Debug, Clone, Copy)]
pub struct Selection<'a> {
    /// Of one table; of all of them if it is not named.
    pub table: Option<&'a str>,
    /// Since then.
    pub since: Option<Timestamp>,
}

/// Opens the database, with its tables as this version has them.
pub async fn open(config: &Config) -> Result<Store> {
    let store = Store::new(&config.place()).map_err(anyhow::Error::msg)?;
    store.migrate().await.map_err(|failure| anyhow!("the database of [devices]: {failure}"))?;
    Ok(store)
}

/// Writes rows; gives how many.
pub async fn export(
    config: &Config,
    selection: Selection<'_>,
    format: Format,
    out: &mut (dyn Write + Send),
) -> Result<u64> {
    let tables: Vec<&Table> = match (selection.table, format) {
        (Some(name), _) => vec![Table::named(name).with_context(|| {
            format!("there is no table {name}: {} are", TABLES.each_ref().map(|table| table.name).join(", "))
        })?],
        (None, Format::Jsonl) => TABLES.iter().collect(),
        (None, Format::Csv) => bail!("a CSV has one table: name it with --table"),
    };
    let store = open(config).await?;
    let mut n_rows = 0;
    for table in tables {
        if format == Format::Csv {
            writeln!(out, "{}", table.columns.join(","))?;
        }
        let mut after: Option<String> = None;
        loop {
            let page = store.page(table, after.as_deref(), selection.since).await;
            let page = page.map_err(|failure| anyhow!("{}: {failure}", table.name))?;
            let Some(last) = page.last() else { break };
            after.clone_from(&last[0]);
            n_rows += page.len() as u64;
            for row in page {
                match format {
                    Format::Jsonl => writeln!(out, "{}", object(table, row))?,
                    Format::Csv => writeln!(out, "{}", fields(table, row))?,
                }
            }
        }
    }
    out.flush()?;
    Ok(n_rows)
}

fn object(table: &Table, row: TextRow) -> Value {
    let mut object = Map::new();
    object.insert("table".into(), table.name.into());
    for (column, text) in table.columns.iter().zip(row) {
        object.insert((*column).to_owned(), text.map(|text| told(column, text)).into());
    }
    object.into()
}

fn fields(table: &Table, row: TextRow) -> String {
    let field = |(column, text): (&&str, Option<String>)| {
        let text = text.map(|text| told(column, text)).unwrap_or_default();
        let is_plain = !text.contains([',', '"', '\n', '\r']);
        if is_plain { text } else { format!("\"{}\"", text.replace('"', "\"\"")) }
    };
    table.columns.iter().zip(row).map(field).collect::<Vec<_>>().join(",")
}

/// A field as HTTP tells it: moments are in UTC and say so.
fn told(column: &str, text: String) -> String {
    if column.ends_with("_at") { format!("{}Z", text.replacen(' ', "T", 1)) } else { text }
}

/// Reads lines of JSON into the database; gives how many.
///
/// # Errors
/// A line is not understood: those before it are kept, and may come again.
pub async fn import(config: &Config, lines: &mut (dyn BufRead + Send)) -> Result<u64> {
    let store = open(config).await?;
    let (mut n_lines, mut n_bytes, mut records) = (0_u64, 0, Vec::new());
    loop {
        let mut line = String::new();
        let n = lines.take(MAX_LINE_BYTES).read_line(&mut line)?;
        if n == 0 {
            break;
        }
        n_lines += 1;
        n_bytes += n;
        records.extend(read(&line).with_context(|| format!("line {n_lines}"))?);
        if records.len() >= BATCH_LINES || n_bytes >= BATCH_BYTES {
            put(&store, std::mem::take(&mut records)).await?;
            n_bytes = 0;
        }
    }
    put(&store, records).await?;
    let directory = config.data_dir.join(super::backup::DIRECTORY);
    if directory.exists() {
        // The next start learns of the devices that have come.
        Directory::open(&directory)?.forget_learned()?;
    }
    Ok(n_lines)
}

async fn put(store: &Store, records: Vec<Named>) -> Result<()> {
    if records.is_empty() {
        return Ok(());
    }
    store.append(records).await.1.map_err(|failure| anyhow!("the database of [devices]: {failure}"))
}

/// The records that make a row.
fn read(line: &str) -> Result<Vec<Named>> {
    let row = Row(serde_json::from_str(line).context("an object in JSON is expected")?);
    // Rows that other systems have made have no id: the same line has the same one.
    let id = if let Some(id) = row.text("record_id").filter(|id| !id.is_empty()) {
        RecordId::try_from(id.to_owned()).map_err(anyhow::Error::msg)?
    } else {
        let hash = digest(&SHA256, line.trim_end().as_bytes());
        RecordId(hash.as_ref()[..RecordId::BYTES].try_into().expect("SHA-256 is longer than an id"))
    };
    let records = match row.needed("table")? {
        "rooms" => vec![Record::RoomCreated { room: row.room("room_id")?, at: row.at("created_at")? }],
        "devices" => {
            let device = row.device("device_id")?;
            let (first, last) = (row.at("first_connected_at")?, row.at("last_connected_at")?);
            if row.text("last_room_id").is_none() {
                vec![Record::DeviceNamed { device, at: first }]
            } else {
                let room = row.room("last_room_id")?;
                let identity: Box<str> = row.text("last_identity").unwrap_or_default().into();
                let seen = |at| Record::DeviceSeen {
                    device: device.clone(),
                    identity: identity.clone(),
                    room,
                    is_provisional: false,
                    at,
                };
                vec![seen(first), seen(last)]
            }
        }
        "connections" => {
            let began = Record::Connected {
                connection: id,
                device: row.device("device_id")?,
                identity: row.text("identity").unwrap_or_default().into(),
                room: row.room("room_id")?,
                address: row.needed("client_ip")?.parse().context("client_ip")?,
                at: row.at("connected_at")?,
            };
            let is_over = row.text("disconnected_at").is_some();
            let ended = if is_over { Some(row.at("disconnected_at")?) } else { None };
            let ended = ended.map(|at| Record::Disconnected { connection: id, at });
            [Some(began), ended].into_iter().flatten().collect()
        }
        "messages" => {
            let is_direct = row.text("to_device_id").is_some();
            vec![Record::Message(Message {
                from: row.device("from_device_id")?,
                to: if is_direct { Some(row.device("to_device_id")?) } else { None },
                room: row.room("room_id")?,
                content: row.needed("message_content")?.into(),
                identity: None,
                waiting: None,
                at: row.at("sent_at")?,
            })]
        }
        "room_queries" => vec![Record::RoomQuery {
            device: row.device("device_id")?,
            room: row.room("room_id")?,
            at: row.at("queried_at")?,
        }],
        other => bail!("there is no table {other:?}"),
    };
    Ok(records.into_iter().map(|record| (id, record)).collect())
}

/// An object of a line.
struct Row(Map<String, Value>);

impl Row {
    fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.as_str()
    }

    fn needed(&self, name: &str) -> Result<&str> {
        self.text(name).with_context(|| format!("{name} is missing"))
    }

    fn device(&self, name: &str) -> Result<DeviceId> {
        DeviceId::new(self.needed(name)?).with_context(|| format!("{name} is no id of a device"))
    }

    fn room(&self, name: &str) -> Result<RoomId> {
        RoomId::new(self.needed(name)?).with_context(|| format!("{name} is no name of a room"))
    }

    fn at(&self, name: &str) -> Result<Timestamp> {
        moment(self.needed(name)?)
            .with_context(|| format!("{name}: a moment like 2026-01-31T12:00:00Z is expected"))
    }
}

/// A moment in UTC.
pub fn moment(text: &str) -> Result<Timestamp> {
    let time = humantime::parse_rfc3339_weak(text)?;
    let since_epoch = time.duration_since(std::time::UNIX_EPOCH)?;
    let micros = u64::try_from(since_epoch.as_micros())?;
    ensure!(micros > 0, "it is the epoch");
    Ok(Timestamp::from_micros(micros))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_with_commas_quotes_and_lines_are_quoted() {
        let table = Table::named("rooms").unwrap();
        let row = vec![Some("a,\"b\"\nc".to_owned()), Some("2024-07-01 12:00:00.500".to_owned())];
        assert_eq!(fields(table, row), "\"a,\"\"b\"\"\nc\",2024-07-01T12:00:00.500Z");
    }

    #[test]
    fn what_is_no_row_is_refused_with_a_reason() {
        for (line, reason) in [
            ("nonsense", "an object in JSON"),
            ("{}", "table is missing"),
            (r#"{"table":"users"}"#, "no table"),
            (r#"{"table":"rooms","room_id":"x","created_at":"2024-07-01T12:00:00Z"}"#, "room_id"),
            (r#"{"table":"rooms","room_id":"E03EI3TX","created_at":"yesterday"}"#, "created_at"),
        ] {
            let told = format!("{:#}", read(line).unwrap_err());
            assert!(told.contains(reason), "{told}");
        }
    }
}
