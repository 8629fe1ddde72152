//! What is in a database in the end, asked over a connection of the test's own.

use std::path::Path;

/// The embedded database of a data directory.
pub struct Sqlite(rusqlite::Connection);

impl Sqlite {
    pub fn open(data: &Path) -> Self {
        Self(rusqlite::Connection::open(data.join("devices.db")).unwrap())
    }

    /// A number.
    pub fn count(&self, sql: &str) -> i64 {
        match self.0.query_row(sql, [], |row| row.get(0)) {
            Ok(number) => number,
            Err(error) if error.to_string().contains("no such table") => -1,
            Err(error) => panic!("{sql}: {error}"),
        }
    }

    /// Texts, one a row.
    pub fn texts(&self, sql: &str) -> Vec<String> {
        let mut statement = match self.0.prepare(sql) {
            Ok(statement) => statement,
            // The server has not made its tables yet.
            Err(error) if error.to_string().contains("no such table") => return Vec::new(),
            Err(error) => panic!("{sql}: {error}"),
        };
        statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    }

    /// What the messages say, in order.
    pub fn contents(&self) -> Vec<String> {
        self.texts("SELECT json_extract(message_content, '$.content') FROM messages ORDER BY id")
    }
}
