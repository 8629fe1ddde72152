//! What was played in a period, by track, for those who collect royalties: a table as CSV, written while it is read.

use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use http::StatusCode;
use http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use rusqlite::{ToSql, named_params};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio::task::spawn_blocking;
use tracing::warn;

use super::csv::add_line;
use super::database::Database;
use crate::http::routes;
use crate::radio::{Config, paths, schedule};

/// Reports that are written at once: each has a thread.
const MAX_AT_ONCE: usize = 2;

/// Bytes of a piece of a report, and pieces that wait to be sent.
const PIECE_BYTES: usize = 16 * 1024;
const MAX_PIECES: usize = 4;

/// The columns.
const COLUMNS: [&str; 7] = ["artist", "title", "album", "isrc", "plays", "seconds", "listener_hours"];

/// What the columns are made from. A track counts in the period in which it began. Jingles are not told of.
const PLAYED: &str = "FROM plays WHERE started_at >= :from AND started_at < :to AND kind <> 'jingle' \
                      AND (:route IS NULL OR route = :route) GROUP BY artist, title, album, isrc";

/// What is asked for.
#[derive(Debug, PartialEq, Eq)]
struct Question {
    route: Option<String>,
    /// Milliseconds since the epoch.
    from: i64,
    to: i64,
    /// Whether a mark is to tell spreadsheets that it is UTF-8.
    has_mark: bool,
}

/// Writes reports.
pub struct Reports {
    file: PathBuf,
    zone: TimeZone,
    max_rows: usize,
    at_once: Arc<Semaphore>,
}

impl Reports {
    /// Of the statistics that are kept, if they are.
    pub fn new(config: &Config) -> Option<Self> {
        config.statistics.then(|| Self {
            file: super::file(config),
            zone: schedule::zone(&config.time_zone).unwrap_or(TimeZone::UTC),
            max_rows: config.report_max_rows,
            at_once: Arc::new(Semaphore::new(MAX_AT_ONCE)),
        })
    }

    /// The report that a query asks for.
    pub async fn answer(&self, query: &str) -> Response {
        let question = match Question::of(query, &self.zone) {
            Ok(question) => question,
            Err(problem) => return routes::error(StatusCode::BAD_REQUEST, &problem),
        };
        let Ok(permit) = Arc::clone(&self.at_once).try_acquire_owned() else {
            let problem = "other reports are being written; ask again later";
            return routes::error(StatusCode::SERVICE_UNAVAILABLE, problem);
        };
        let (file, max_rows) = (self.file.clone(), self.max_rows);
        let has_mark = question.has_mark;
        let (pieces, written) = mpsc::channel(MAX_PIECES);
        let (judged, judgement) = oneshot::channel();
        let writing = move || write(&file, &question, max_rows, (judged, pieces), permit);
        spawn_blocking(writing);
        match judgement.await {
            Ok(Ok(())) => {}
            Ok(Err(problem)) => return routes::error(StatusCode::BAD_REQUEST, &problem),
            Err(_) => {
                return routes::error(StatusCode::INTERNAL_SERVER_ERROR, "the statistics cannot be read");
            }
        }
        let mark = has_mark.then(|| Bytes::from_static("\u{feff}".as_bytes()));
        let rest =
            stream::unfold(written, |mut written| async move { Some((written.recv().await?, written)) });
        let body = stream::iter(mark).chain(rest);
        let headers = [
            (CONTENT_TYPE, "text/csv; charset=utf-8; header=present"),
            (CONTENT_DISPOSITION, "attachment; filename=\"report.csv\""),
            (CACHE_CONTROL, "no-store"),
        ];
        (headers, Body::from_stream(body.map(Ok::<_, Infallible>))).into_response()
    }
}

impl Question {
    fn of(query: &str, zone: &TimeZone) -> Result<Self, String> {
        let (mut route, mut from, mut to, mut has_mark) = (None, None, None, false);
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            match &*name {
                "route" if value.is_empty() => {}
                "route" => route = Some(paths::route(&value)),
                "from" => from = Some(moment("from", &value, zone, 0)?),
                "to" => to = Some(moment("to", &value, zone, 1)?),
                "bom" => has_mark = value == "1",
                other => return Err(format!("{other:?}: route, from, to and bom are expected")),
            }
        }
        let (Some(from), Some(to)) = (from, to) else {
            return Err("from and to are expected: days like 2026-01-31, the last one included".into());
        };
        if to <= from {
            return Err("to is before from".into());
        }
        Ok(Self { route, from, to, has_mark })
    }
}

/// A day, from its beginning or, `n_days` later, to its end; or a moment.
fn moment(name: &str, text: &str, zone: &TimeZone, n_days: i64) -> Result<i64, String> {
    use jiff::ToSpan as _;
    let of_day = || {
        let day: Date = text.parse().ok().filter(|_| text.len() == "2026-01-31".len())?;
        let day = day.checked_add(n_days.days()).ok()?;
        zone.to_timestamp(day.at(0, 0, 0, 0)).ok()
    };
    let found = of_day().or_else(|| text.parse().ok());
    let moment: jiff::Timestamp = found.ok_or_else(|| {
        format!("{name}: a day like 2026-01-31, or a moment like 2026-01-31T12:00:00Z, is expected")
    })?;
    Ok(moment.as_millisecond())
}

/// Says first whether the report can be written, and then writes it, as far as somebody reads it.
fn write(
    file: &Path,
    question: &Question,
    max_rows: usize,
    (judged, pieces): (oneshot::Sender<Result<(), String>>, mpsc::Sender<Bytes>),
    _permit: OwnedSemaphorePermit,
) {
    if let Err(error) = try_write(file, question, max_rows, judged, &pieces) {
        warn!(%error, "a report cannot be written");
    }
}

fn try_write(
    file: &Path,
    question: &Question,
    max_rows: usize,
    judged: oneshot::Sender<Result<(), String>>,
    pieces: &mpsc::Sender<Bytes>,
) -> rusqlite::Result<()> {
    let database = Database::open_to_read(file)?;
    let named: &[(&str, &dyn ToSql)] =
        named_params! { ":from": question.from, ":to": question.to, ":route": question.route };
    // Both are answered from what is there now.
    let transaction = database.connection.unchecked_transaction()?;
    let counted = format!("SELECT COUNT(*) FROM (SELECT 1 {PLAYED} LIMIT {})", max_rows.saturating_add(1));
    let n_rows: i64 = transaction.query_row(&counted, named, |row| row.get(0))?;
    if n_rows as usize > max_rows {
        // Who asked may have gone.
        let _ = judged.send(Err(format!(
            "there are more than {max_rows} tracks (radio.report_max_rows): a shorter period is expected"
        )));
        return Ok(());
    }
    let _ = judged.send(Ok(()));
    let mut text = String::new();
    add_line(&mut text, &COLUMNS);
    let mut tracks = transaction.prepare(&format!(
        "SELECT artist, title, album, isrc, COUNT(*), SUM(seconds), SUM(listener_seconds) / 3600.0 {PLAYED} \
         ORDER BY artist, title, album, isrc"
    ))?;
    let mut rows = tracks.query(named)?;
    while let Some(row) = rows.next()? {
        let words: [String; 4] = [row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?];
        let (n_plays, seconds, hours): (i64, f64, f64) = (row.get(4)?, row.get(5)?, row.get(6)?);
        let figures = [n_plays.to_string(), format!("{seconds:.0}"), format!("{hours:.4}")];
        let cells: Vec<&str> = words.iter().chain(&figures).map(String::as_str).collect();
        add_line(&mut text, &cells);
        if text.len() >= PIECE_BYTES && pieces.blocking_send(std::mem::take(&mut text).into()).is_err() {
            return Ok(());
        }
    }
    // Who asked may have gone.
    let _ = pieces.blocking_send(text.into());
    Ok(())
}

#[cfg(test)]
mod tests {
    use axum::body::to_bytes;

    use super::*;
    use crate::radio::library::track::Track;
    use crate::radio::statistics::Play;
    use crate::time::Timestamp;

    fn utc(query: &str) -> Result<Question, String> {
        Question::of(query, &TimeZone::UTC)
    }

    #[test]
    fn a_period_is_days_or_moments_and_its_last_day_belongs_to_it() {
        let days = utc("route=jazz&from=2026-01-31&to=2026-01-31").unwrap();
        assert_eq!(days.to - days.from, 86_400_000);
        assert_eq!(days.route.as_deref(), Some("/jazz"));
        let berlin = TimeZone::get("Europe/Berlin").unwrap();
        let day = Question::of("from=2026-10-25&to=2026-10-25", &berlin).unwrap();
        assert_eq!(day.to - day.from, 25 * 3_600_000);
        let moments = utc("from=2026-01-31T00:00:00Z&to=2026-01-31T00:00:01Z&bom=1").unwrap();
        assert_eq!((moments.to - moments.from, moments.has_mark), (1000, true));
        for wrong in
            ["", "from=2026-01-31", "from=x&to=2026-01-31", "from=2026-02-01&to=2026-01-01", "form=1"]
        {
            assert!(utc(wrong).is_err(), "{wrong}");
        }
    }

    #[tokio::test]
    async fn tracks_are_summed_up_and_jingles_left_out() {
        let folder = tempfile::tempdir().unwrap();
        let data_dir = folder.path().to_str().unwrap().to_owned();
        let config = Config { data_dir, statistics: true, report_max_rows: 2, ..Config::default() };
        let mut database = Database::open(&super::super::file(&config)).unwrap();
        let mut batch = database.batch().unwrap();
        let at = Timestamp::from_millis(1_769_860_800_000);
        for (route, kind, title) in
            [("/a", "folder", "=1+1"), ("/a", "folder", "=1+1"), ("/b", "live", "Two"), ("/a", "jingle", "J")]
        {
            let play = Play {
                route: route.into(),
                track: Arc::new(Track { title: title.into(), artist: "Ann".into(), ..Track::default() }),
                kind,
                started_at: at,
                seconds: 90.4,
                listeners: [1, 2, 3],
                listener_seconds: 1800,
            };
            batch.add_play(&play, at, ["Live, again", "DEA123456789"]).unwrap();
        }
        batch.commit().unwrap();
        let reports = Reports::new(&config).unwrap();
        let report = async |query: &str| {
            let response = reports.answer(query).await;
            let status = response.status();
            let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
            (status.as_u16(), String::from_utf8(body.to_vec()).unwrap())
        };
        let head = "artist,title,album,isrc,plays,seconds,listener_hours\r\n";
        let one = "Ann,\"'=1+1\",\"Live, again\",DEA123456789,2,181,1.0000\r\n";
        let two = "Ann,Two,\"Live, again\",DEA123456789,1,90,0.5000\r\n";
        let day = "from=2026-01-31&to=2026-01-31";
        assert_eq!(report(day).await, (200, format!("{head}{one}{two}")));
        assert_eq!(report(&format!("{day}&route=/a&bom=1")).await, (200, format!("\u{feff}{head}{one}")));
        assert_eq!(report("from=2026-02-01&to=2026-02-01").await, (200, head.to_owned()));
        let strict = Reports { max_rows: 1, ..Reports::new(&config).unwrap() };
        assert_eq!(strict.answer(day).await.status().as_u16(), 400);
    }
}
