//! Versioned migrations. MySQL commits each change of a table by itself, so each statement that changes tables says what
//! makes it needless: tables of any earlier version and of other systems, and migrations that were cut short, are brought
//! on from where they are. What changes rows is done once, in one transaction with the mark that it was done.

use mysql_async::Conn;
use mysql_async::prelude::Queryable;
use tracing::{debug, info};

use super::failure::{DENIED, REFUSING, UNMIGRATED, is_about_the_tables};
use super::script::{Collation, parse};
use crate::devices::store::Failure;

/// The tables as they are to be, and what brings earlier ones there.
const TABLES: &str = include_str!("../../../../assets/migrations/mysql/0002_five_tables.sql");

/// The version that has these tables; 1 had others.
const TABLES_VERSION: usize = 2;

/// Brings the rows of earlier versions on.
const ROWS: &str = include_str!("../../../../assets/migrations/mysql/0003_utc.sql");

/// The version that has such rows, and the newest one.
const ROWS_VERSION: usize = 3;

/// Tables, without the one for the version.
const N_TABLES: i64 = 5;

/// Where the version stands.
const VERSION_TABLE: &str = "CREATE TABLE IF NOT EXISTS roomhub_schema (version INT NOT NULL PRIMARY KEY, \
    applied_at DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP) ENGINE = InnoDB ROW_FORMAT = DYNAMIC";

/// Two servers need not change the same tables at once; the second waits for so many seconds and then tries again later.
const LOCK: &str = "SELECT GET_LOCK(CONCAT('roomhub_', DATABASE()), 10)";

/// A table, a column or an index is there already, or a key is not: another server was faster.
const DONE_BY_ANOTHER: [u16; 4] = [1050, 1060, 1061, 1091];

/// How much of the tables can be taken as they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trust {
    /// All that their version says.
    Version,
    /// Nothing: the server did not know a table or a column.
    Nothing,
}

/// Whether there is nothing to be done.
pub async fn is_up_to_date(conn: &mut Conn, trust: Trust) -> Result<bool, Failure> {
    let version = version(conn).await?;
    if version > ROWS_VERSION {
        return Err(Failure::Unusable {
            reason: format!("its tables are of version {version}"),
            remedy: "the tables were made by a newer version of this program: start that version",
        });
    }
    Ok(trust == Trust::Version && version == ROWS_VERSION && are_all_there(conn).await?)
}

/// Brings the tables to the present version.
///
/// # Errors
/// Without the right to change tables: the statements to be run, for somebody who has it.
pub async fn migrate(conn: &mut Conn) -> Result<(), Failure> {
    match conn.query_first::<Option<i64>, _>(LOCK).await {
        Ok(locked) if locked.flatten() != Some(1) => {
            return Err(Failure::Unavailable("another server is changing the tables".into()));
        }
        Ok(_) => {}
        // Some clusters have no such locks. Changing a table twice costs time and nothing else.
        Err(error) => debug!(%error, "tables are changed without a lock"),
    }
    let version = version(conn).await?;
    conn.query_drop("SET SESSION foreign_key_checks = 0").await?;
    change_tables(conn, version).await?;
    if version < TABLES_VERSION {
        mark(conn, TABLES_VERSION).await?;
        info!(version = TABLES_VERSION, "the database's tables were brought to this version");
    }
    if version < ROWS_VERSION {
        change_rows(conn).await?;
        info!(version = ROWS_VERSION, "the database's rows were brought to this version");
    }
    Ok(())
}

async fn version(conn: &mut Conn) -> Result<usize, Failure> {
    let sql = "SELECT COUNT(*) FROM information_schema.tables \
               WHERE table_schema = DATABASE() AND table_name = 'roomhub_schema'";
    if conn.query_first::<i64, _>(sql).await? == Some(0) {
        return Ok(0);
    }
    let version: Option<Option<i64>> = conn.query_first("SELECT MAX(version) FROM roomhub_schema").await?;
    Ok(version.flatten().unwrap_or(0) as usize)
}

async fn are_all_there(conn: &mut Conn) -> Result<bool, Failure> {
    let sql = "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = DATABASE() \
               AND table_name IN ('rooms', 'devices', 'connections', 'messages', 'room_queries')";
    Ok(conn.query_first::<i64, _>(sql).await? == Some(N_TABLES))
}

async fn mark(conn: &mut Conn, version: usize) -> Result<(), Failure> {
    let done = format!("INSERT IGNORE INTO roomhub_schema (version) VALUES ({version})");
    conn.query_drop(&done).await.map_err(|error| failed(&error, &done, &[]))
}

async fn change_tables(conn: &mut Conn, version: usize) -> Result<(), Failure> {
    let collation = Collation::of(conn).await?;
    let script = collation.write_into(TABLES);
    let keys = keys(conn).await?;
    let mut statements = vec![VERSION_TABLE.to_owned()];
    statements.extend(keys.iter().map(Key::dropped));
    let mut n_changes = 0;
    for (condition, statement) in parse(&script) {
        if !collation.is_needless(conn, condition).await? {
            n_changes += usize::from(condition.is_some());
            statements.push(statement.to_owned());
        }
    }
    // Keys of tables that are not ours stay.
    statements.extend(keys.iter().filter(|key| !key.is_ours()).map(Key::added));
    debug!(changes = n_changes, "changing tables");
    for place in 0..statements.len() {
        // What an earlier statement has made may have made this one needless; running it again does no harm.
        match conn.query_drop(&statements[place]).await {
            Ok(()) => {}
            Err(mysql_async::Error::Server(server)) if DONE_BY_ANOTHER.contains(&server.code) => {}
            Err(error) => {
                statements.drain(..place);
                if version < ROWS_VERSION {
                    statements.extend(rows_script());
                }
                return Err(failed(&error, &statements[0].clone(), &statements));
            }
        }
    }
    Ok(())
}

async fn change_rows(conn: &mut Conn) -> Result<(), Failure> {
    for statement in rows_script() {
        conn.query_drop(&statement).await.map_err(|error| failed(&error, &statement, &[]))?;
    }
    Ok(())
}

/// What brings the rows on. The mark comes first: of two servers at once, the second waits there, and finds it done.
fn rows_script() -> Vec<String> {
    let mut statements = vec![
        "START TRANSACTION".to_owned(),
        format!("INSERT INTO roomhub_schema (version) VALUES ({ROWS_VERSION})"),
    ];
    statements.extend(parse(ROWS).into_iter().map(|(_, statement)| statement.to_owned()));
    statements.push("COMMIT".to_owned());
    statements
}

/// Why a statement failed, and what is to be done.
fn failed(error: &mysql_async::Error, statement: &str, rest: &[String]) -> Failure {
    let code = if let mysql_async::Error::Server(server) = error { server.code } else { 0 };
    if DENIED.contains(&code) {
        let rest = rest.join(";\n");
        return Failure::Unusable {
            reason: format!(
                "the database user may not change tables ({error}); grant it CREATE, ALTER, INDEX, REFERENCES and DROP, \
                 or have somebody who may run this:\nSET foreign_key_checks = 0;\n{rest};\n"
            ),
            remedy: "the database user may not change tables: the log says what to grant or to run",
        };
    }
    let statement = statement.split_whitespace().collect::<Vec<_>>().join(" ");
    let reason = format!("`{statement}` failed: {error}");
    match Failure::of(error) {
        Failure::Unusable { remedy, .. } if remedy != REFUSING => Failure::Unusable { reason, remedy },
        _ if is_about_the_tables(error) => Failure::Unusable { reason, remedy: UNMIGRATED },
        _ => Failure::Unavailable(reason),
    }
}

/// A key from one table to another.
struct Key {
    table: String,
    name: String,
    column: String,
    parent: String,
    parent_column: String,
    on_delete: String,
    on_update: String,
}

impl Key {
    fn is_ours(&self) -> bool {
        ["rooms", "devices", "connections", "messages", "room_queries"].contains(&self.table.as_str())
    }

    fn dropped(&self) -> String {
        format!("ALTER TABLE `{}` DROP FOREIGN KEY `{}`", self.table, self.name)
    }

    fn added(&self) -> String {
        let Self { table, name, column, parent, parent_column, on_delete, on_update } = self;
        format!(
            "ALTER TABLE `{table}` ADD CONSTRAINT `{name}` FOREIGN KEY (`{column}`) \
             REFERENCES `{parent}` (`{parent_column}`) ON DELETE {on_delete} ON UPDATE {on_update}"
        )
    }
}

/// Every key to rooms and devices: columns that keys hang on cannot be changed while they do.
async fn keys(conn: &mut Conn) -> Result<Vec<Key>, Failure> {
    let found: Vec<(String, String, String, String, String, String, String)> = conn
        .query(
            "SELECT k.table_name, k.constraint_name, k.column_name, k.referenced_table_name, \
             k.referenced_column_name, r.delete_rule, r.update_rule \
             FROM information_schema.key_column_usage k JOIN information_schema.referential_constraints r \
             ON r.constraint_schema = k.constraint_schema AND r.constraint_name = k.constraint_name \
             AND r.table_name = k.table_name \
             WHERE k.table_schema = DATABASE() AND k.referenced_table_name IN ('rooms', 'devices')",
        )
        .await?;
    let key = |(table, name, column, parent, parent_column, on_delete, on_update)| Key {
        table,
        name,
        column,
        parent,
        parent_column,
        on_delete,
        on_update,
    };
    Ok(found.into_iter().map(key).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_statement_of_a_migration_is_read_with_its_condition() {
        let statements = parse(TABLES);
        assert!(statements.len() > 35, "{}", statements.len());
        assert!(statements[0].1.starts_with("CREATE TABLE IF NOT EXISTS rooms"));
        for (condition, statement) in &statements {
            let is_safe =
                statement.starts_with("CREATE TABLE IF NOT EXISTS") || statement.starts_with("UPDATE");
            assert!(condition.is_some() || is_safe, "{statement}");
            assert!(!statement.contains("--") && !statement.ends_with(';'), "{statement}");
            assert!(!statement.contains("REFERENCES"), "{statement}");
        }
        assert_eq!(parse(ROWS).len(), 7);
    }
}
