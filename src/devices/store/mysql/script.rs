//! How a migration's script is read: which statements it has, what makes each needless, and which type ids are of.

use mysql_async::Conn;
use mysql_async::prelude::Queryable;

use crate::devices::store::Failure;

/// Collations in which capitals and spaces at the end make a difference, of MariaDB and of MySQL 8.
const BINARY_COLLATIONS: [&str; 2] = ["utf8mb4_nopad_bin", "utf8mb4_0900_bin"];

/// The type of ids where there is none: bytes of 255 characters.
const BYTES: &str = "VARBINARY(1020)";

/// Stands for the type of ids in a script.
const PLACE: &str = "{id}";

/// How device ids are compared on a server.
pub struct Collation(Option<String>);

impl Collation {
    /// What the server has.
    pub async fn of(conn: &mut Conn) -> Result<Self, Failure> {
        let sql = "SELECT collation_name FROM information_schema.collations WHERE collation_name IN (?, ?)";
        Ok(Self(conn.exec_first(sql, (BINARY_COLLATIONS[0], BINARY_COLLATIONS[1])).await?))
    }

    /// A script with the type of ids in its places.
    pub fn write_into(&self, script: &str) -> String {
        let kind = self
            .0
            .as_ref()
            .map_or(BYTES.to_owned(), |name| format!("VARCHAR(255) CHARACTER SET utf8mb4 COLLATE {name}"));
        script.replace(PLACE, &kind)
    }

    /// Whether what a condition names is there: `column T.C`, `type T.C bigint`, `required T.C`, `binary T.C`, `id T.C`,
    /// `index T.I`, `format T`.
    pub async fn is_needless(&self, conn: &mut Conn, condition: Option<&str>) -> Result<bool, Failure> {
        let Some(condition) = condition else { return Ok(false) };
        let mut words = condition.split(' ');
        let (kind, place) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let (table, name) = place.split_once('.').unwrap_or((place, ""));
        let wanted = words.next().or(self.0.as_deref()).unwrap_or_default();
        let sql = match kind {
            "index" => {
                "SELECT COUNT(*) FROM information_schema.statistics \
                 WHERE table_schema = DATABASE() AND table_name = ? AND index_name = ? AND ? <> '.'"
            }
            "format" => {
                "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = ? \
                 AND ? = '' AND ? <> '.' AND engine = 'InnoDB' AND row_format IN ('Dynamic', 'Compressed')"
            }
            "type" => {
                "SELECT COUNT(*) FROM information_schema.columns \
                 WHERE table_schema = DATABASE() AND table_name = ? AND column_name = ? AND data_type = ?"
            }
            "binary" => {
                "SELECT COUNT(*) FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = ? \
                 AND column_name = ? AND (collation_name IN ('utf8mb4_bin', ?) OR data_type = 'varbinary')"
            }
            "id" => {
                "SELECT COUNT(*) FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = ? \
                 AND column_name = ? AND (collation_name = ? OR data_type = 'varbinary')"
            }
            "required" => {
                "SELECT COUNT(*) FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = ? \
                 AND column_name = ? AND is_nullable = 'NO' AND ? <> '.'"
            }
            _ => {
                "SELECT COUNT(*) FROM information_schema.columns \
                 WHERE table_schema = DATABASE() AND table_name = ? AND column_name = ? AND ? <> '.'"
            }
        };
        // Without the table there is nothing to change: the statement that makes it makes it right.
        let exists: Option<i64> = conn
            .exec_first(
                "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = ?",
                (table,),
            )
            .await?;
        if exists == Some(0) {
            return Ok(true);
        }
        let found: Option<i64> = conn.exec_first(sql, (table, name, wanted)).await?;
        Ok(found != Some(0))
    }
}

/// The statements of a script, each with the line that says what makes it needless.
pub fn parse(sql: &str) -> Vec<(Option<&str>, &str)> {
    let mut statements = Vec::new();
    for part in sql.split(";\n") {
        let mut condition = None;
        let mut statement = part.trim_start();
        while statement.starts_with("--") {
            let (line, rest) = statement.split_once('\n').unwrap_or((statement, ""));
            condition = line.strip_prefix("-- unless ").or(condition);
            statement = rest.trim_start();
        }
        let statement = statement.trim_end().trim_end_matches(';');
        if !statement.is_empty() {
            statements.push((condition, statement));
        }
    }
    statements
}
