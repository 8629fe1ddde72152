//! What a server's errors mean: that it is away, that somebody has to change something, or that a record is refused.

use mysql_async::{DriverError, Error, ServerError};

use crate::devices::store::Failure;

/// A server's own words for `the data is refused`: classes of SQLSTATE, and codes of those without a class.
///
/// Whatever is not here is tried again: a full disk, a lost lock, a missing right or a server that stops are no
/// fault of the row.
const REFUSED_CLASSES: [&str; 4] = ["01", "22", "23", "45"];
const REFUSED_CODES: [u16; 5] = [1364, 1366, 3819, 4025, 1153];

/// Denied: to the database, to a command on a table, to a table's column, for want of a privilege.
pub const DENIED: [u16; 4] = [1044, 1142, 1143, 1227];

/// A table or a column is not there, or the whole database was made anew.
const UNKNOWN: [u16; 3] = [1051, 1054, 1146];

/// Errors that last until somebody changes something, and what.
const REMEDIES: [(&[u16], &str); 11] = [
    (&DENIED, "the database user lacks a right: the log says which"),
    (
        &[1045, 1251, 1698, 1524, 2061],
        "the server refuses the user or its password: check them in database_url; one that has to use TLS needs \
         ?ssl-mode=REQUIRED, or database_ca",
    ),
    (
        &[1820, 1862],
        "the password of the database user has expired: set a new one, there and in database_url",
    ),
    (&[3118, 3955, 4151], "the database user is locked: unlock it"),
    (&[1129, 1130], "the server takes no connections from this machine: the log says why"),
    (&[1226], "the server limits what this user may do in an hour, or at once: raise its limits there"),
    (&[1021, 1114], "the server's disk is full: make room there"),
    (&[1049], "the database named in database_url does not exist: create it"),
    (
        &[1290, 1792, 1836],
        "the server is read-only: point database_url at one that takes writes, or wait until it does",
    ),
    (
        &[1071, 1118, 1478, 1709],
        "the server's row format has no room for an index of 1020 bytes: set innodb_default_row_format to dynamic there",
    ),
    (&[3159, 1236], "the server wants TLS: add ?ssl-mode=REQUIRED to database_url, or set database_ca"),
];

/// What is to be done if nothing better is known: a server that answers is not away.
pub const REFUSING: &str = "the server refuses what it is asked to do: the log says with which error";

/// The same of changes of tables.
pub const UNMIGRATED: &str =
    "the tables cannot be brought to this version: the log says which statement failed and why";

/// What passes by itself: classes of SQLSTATE, and codes without such a class. 1040 and 1203 are connections that are one too
/// many, 3032 and 3168 a server that is set aside for a while, 4031 a connection that was idle for too long.
const PASSING_CLASSES: [&str; 3] = ["08", "40", "70"];
const PASSING_CODES: [u16; 10] = [1040, 1053, 1203, 1205, 1927, 2013, 3024, 3032, 3168, 4031];

/// What is wrong with a certificate, in words of its checker, and what is to be done.
const UNTRUSTED: [(&str, &str); 5] = [
    ("UnknownIssuer", UNKNOWN_AUTHORITY),
    ("BadSignature", UNKNOWN_AUTHORITY),
    ("not valid for", NAMELESS),
    ("NotValidForName", NAMELESS),
    ("invalid peer certificate", "the server's certificate is not valid: the log says why"),
];

const UNKNOWN_AUTHORITY: &str =
    "the authority of the server's certificate is not known: set database_ca to it";
const NAMELESS: &str = "the server's certificate does not name this host: use a name that it has, or add \
                        ?ssl-mode=VERIFY_CA to database_url";

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::of(&error)
    }
}

impl Failure {
    /// What an error means.
    pub fn of(error: &Error) -> Self {
        match error {
            Error::Server(server) => {
                let reason = format!("{} ({}): {}", server.code, server.state, server.message);
                let is_refused = REFUSED_CODES.contains(&server.code)
                    || REFUSED_CLASSES.iter().any(|class| server.state.starts_with(class));
                if is_refused {
                    return Self::Broken(reason);
                }
                match REMEDIES.iter().find(|(codes, _)| codes.contains(&server.code)) {
                    Some((_, remedy)) => Self::Unusable { reason, remedy },
                    None if is_passing(server) => Self::Unavailable(reason),
                    None => Self::Unusable { reason, remedy: REFUSING },
                }
            }
            Error::Driver(DriverError::NoClientSslFlagFromServer) => Self::Unusable {
                reason: error.to_string(),
                remedy: "the server speaks no TLS: set it up there, or do without in database_url and database_ca",
            },
            // The library hides what it means in an error of input and output.
            Error::Io(problem) if problem.to_string().contains("max_allowed_packet") => {
                Self::Broken(problem.to_string())
            }
            Error::Driver(_) | Error::Io(_) | Error::Other(_) | Error::Url(_) => {
                let reason = error.to_string();
                match UNTRUSTED.iter().find(|(words, _)| reason.contains(words)) {
                    Some((_, remedy)) => Self::Unusable { reason, remedy },
                    None => Self::Unavailable(reason),
                }
            }
        }
    }
}

/// Whether the server does not know a table or a column.
pub fn is_unknown(error: &Error) -> bool {
    matches!(error, Error::Server(server) if UNKNOWN.contains(&server.code))
}

/// Whether the server has understood a statement and will not do it.
pub fn is_about_the_tables(error: &Error) -> bool {
    matches!(error, Error::Server(server) if !is_passing(server))
}

/// Whether what a server says passes by itself: a lost connection or lock, a server that starts, stops or is crowded.
fn is_passing(server: &ServerError) -> bool {
    PASSING_CLASSES.iter().any(|class| server.state.starts_with(class))
        || PASSING_CODES.contains(&server.code)
}
