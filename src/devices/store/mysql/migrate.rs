//! Versioned migrations. MySQL commits each change of a table by itself, so each statement says what makes it
//! needless, and a migration that was cut short, or tables of an earlier system, are brought on from where they are.

use std::iter;

use mysql_async::Conn;
use mysql_async::prelude::Queryable;
use tracing::info;

use crate::devices::store::Failure;

/// Versions in order.
const MIGRATIONS: [&str; 1] =
    [include_str!("../../../../assets/devices/migrations/mysql/0001_five_tables.sql")];

/// Where the version stands.
const VERSION_TABLE: &str = "CREATE TABLE IF NOT EXISTS roomhub_schema (version INT NOT NULL PRIMARY KEY, \
    applied_at DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP) ENGINE = InnoDB";

/// Two servers must not migrate at once; the second waits for so many seconds and then tries again later.
const LOCK: &str = "SELECT GET_LOCK(CONCAT('roomhub_', DATABASE()), 10)";

/// Denied: to the database, to a command on a table, to a table's column, for want of a privilege.
const DENIED: [u16; 4] = [1044, 1142, 1143, 1227];

/// Whether there is nothing to be done.
pub async fn is_up_to_date(conn: &mut Conn) -> Result<bool, Failure> {
    Ok(version(conn).await? >= MIGRATIONS.len())
}

/// Brings the tables to the present version.
///
/// # Errors
/// Without the right to change tables: the statements to be run, for somebody who has it.
pub async fn migrate(conn: &mut Conn) -> Result<(), Failure> {
    let locked: Option<i64> = conn.query_first(LOCK).await?;
    if locked != Some(1) {
        return Err(Failure::Unavailable("another server is migrating the tables".into()));
    }
    let version = version(conn).await?;
    // Keys between tables are of the same kind again once all of them have been converted.
    conn.query_drop("SET SESSION foreign_key_checks = 0").await?;
    for (done, sql) in MIGRATIONS.iter().enumerate().skip(version) {
        run(conn, done + 1, sql).await?;
        info!(version = done + 1, "the database's tables were brought to this version");
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

async fn run(conn: &mut Conn, version: usize, sql: &str) -> Result<(), Failure> {
    let mut statements = Vec::new();
    let done = format!("INSERT INTO roomhub_schema (version) VALUES ({version})");
    for (condition, statement) in parse(sql) {
        if !is_needless(conn, condition).await? {
            statements.push(statement);
        }
    }
    // Columns that keys of tables hang on cannot be converted while they do.
    let converts = statements.iter().any(|statement| statement.contains(" CONVERT TO "));
    let (dropped, added) = if converts { keys(conn).await? } else { Default::default() };
    let statements: Vec<&str> = iter::once(VERSION_TABLE)
        .chain(dropped.iter().map(String::as_str))
        .chain(statements)
        .chain(added.iter().map(String::as_str))
        .chain([done.as_str()])
        .collect();
    for (place, statement) in statements.iter().enumerate() {
        // What an earlier statement has made may have made this one needless; running it again does no harm.
        if let Err(error) = conn.query_drop(*statement).await {
            let is_denied =
                matches!(&error, mysql_async::Error::Server(server) if DENIED.contains(&server.code));
            let rest = statements[place..].join(";\n");
            return Err(Failure::Unavailable(if is_denied {
                format!(
                    "the database user may not change tables ({error}); grant it CREATE, ALTER, INDEX and REFERENCES, \
                     or have somebody who may run this:\nSET foreign_key_checks = 0;\n{rest};\n"
                )
            } else {
                format!("migration {version} failed at `{}`: {error}", first_line(statement))
            }));
        }
    }
    Ok(())
}

/// Statements that drop every key from one table to another, and statements that add them again.
async fn keys(conn: &mut Conn) -> Result<(Vec<String>, Vec<String>), Failure> {
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
    let dropped = |(table, key, ..): &(String, String, String, String, String, String, String)| {
        format!("ALTER TABLE `{table}` DROP FOREIGN KEY `{key}`")
    };
    let added = found.iter().map(|(table, key, column, parent, parent_column, on_delete, on_update)| {
        format!(
            "ALTER TABLE `{table}` ADD CONSTRAINT `{key}` FOREIGN KEY (`{column}`) \
             REFERENCES `{parent}` (`{parent_column}`) ON DELETE {on_delete} ON UPDATE {on_update}"
        )
    });
    Ok((found.iter().map(dropped).collect(), added.collect()))
}

fn first_line(statement: &str) -> &str {
    statement.lines().next().unwrap_or_default()
}

/// The statements of a script, each with the line that says what makes it needless.
fn parse(sql: &str) -> Vec<(Option<&str>, &str)> {
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

/// Whether what a condition names is there: `column T.C`, `type T.C bigint`, `required T.C`, `collation T.C x`,
/// `index T.I`, `key T.C`.
async fn is_needless(conn: &mut Conn, condition: Option<&str>) -> Result<bool, Failure> {
    let Some(condition) = condition else { return Ok(false) };
    let mut words = condition.split(' ');
    let (kind, place) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let (table, name) = place.split_once('.').unwrap_or((place, ""));
    let wanted = words.next().unwrap_or_default();
    let count = match kind {
        "index" => {
            "SELECT COUNT(*) FROM information_schema.statistics \
             WHERE table_schema = DATABASE() AND table_name = ? AND index_name = ? AND ? = ''"
        }
        "type" => {
            "SELECT COUNT(*) FROM information_schema.columns \
             WHERE table_schema = DATABASE() AND table_name = ? AND column_name = ? AND data_type = ?"
        }
        "collation" => {
            "SELECT COUNT(*) FROM information_schema.columns \
             WHERE table_schema = DATABASE() AND table_name = ? AND column_name = ? AND collation_name = ?"
        }
        "key" => {
            "SELECT COUNT(*) FROM information_schema.key_column_usage WHERE table_schema = DATABASE() \
             AND table_name = ? AND column_name = ? AND referenced_table_name IS NOT NULL AND ? = ''"
        }
        "required" => {
            "SELECT COUNT(*) FROM information_schema.columns \
             WHERE table_schema = DATABASE() AND table_name = ? AND column_name = ? AND is_nullable = 'NO' AND ? = ''"
        }
        _ => {
            "SELECT COUNT(*) FROM information_schema.columns \
             WHERE table_schema = DATABASE() AND table_name = ? AND column_name = ? AND ? = ''"
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
    let found: Option<i64> = conn.exec_first(count, (table, name, wanted)).await?;
    Ok(found != Some(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_statement_of_a_migration_is_read_with_its_condition() {
        let statements = parse(MIGRATIONS[0]);
        assert!(statements.len() > 25, "{}", statements.len());
        assert!(statements[0].1.starts_with("CREATE TABLE IF NOT EXISTS rooms"));
        for (condition, statement) in &statements {
            let is_safe =
                statement.starts_with("CREATE TABLE IF NOT EXISTS") || statement.starts_with("UPDATE");
            assert!(condition.is_some() || is_safe, "{statement}");
            assert!(!statement.contains("--") && !statement.ends_with(';'), "{statement}");
        }
    }
}
