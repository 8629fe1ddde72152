//! `devices.database_url`: the forms that people bring from other programs, understood or refused, and never thrown away.
//!
//! What is said of a URL that is wrong never holds a part of it that could be a password.

use form_urlencoded::parse;
use mysql_async::{Opts, OptsBuilder, SslOpts};

/// Schemes for the same protocol.
const SCHEMES: [&str; 8] = [
    "mysql://",
    "mariadb://",
    "mysql2://",
    "mysql+pymysql://",
    "mysql+mysqldb://",
    "mysql+aiomysql://",
    "jdbc:mysql://",
    "jdbc:mariadb://",
];

const EXPECTED: &str = "mysql://user:password@host:3306/name is expected; in user and password, characters like @ : / ? # % \
                        are written as %40 %3A %2F %3F %23 %25";

/// Parameters that say of other programs what always holds here: moments are in UTC, prepared statements are used.
const MEANINGLESS: [&str; 14] = [
    "allownativepasswords",
    "allowpublickeyretrieval",
    "autoreconnect",
    "interpolateparams",
    "loc",
    "multistatements",
    "parsetime",
    "permitmysqlscheme",
    "servertimezone",
    "timezone",
    "usejdbccomplianttimezoneshift",
    "uselegacydatetimecode",
    "useunicode",
    "zerodatetimebehavior",
];

/// Parameters that have a key of their own in the configuration.
const KEYS: [(&str, &str); 12] = [
    ("connecttimeout", "database_timeout"),
    ("connectiontimeout", "database_timeout"),
    ("sockettimeout", "database_timeout"),
    ("readtimeout", "database_timeout"),
    ("writetimeout", "database_timeout"),
    ("timeout", "database_timeout"),
    ("connectionlimit", "database_pool"),
    ("poolsize", "database_pool"),
    ("pool", "database_pool"),
    ("sslca", "database_ca"),
    ("sslrootcert", "database_ca"),
    ("ca", "database_ca"),
];

/// Parameters of the library, by the names that it has for them.
const OF_LIBRARY: [&str; 8] = [
    "compression",
    "enable_cleartext_plugin",
    "max_allowed_packet",
    "secure_auth",
    "stmt_cache_size",
    "tcp_keepalive",
    "tcp_nodelay",
    "wait_timeout",
];

/// The library passes over a certificate's names if this word is in the text of the error, which is only met once the
/// authority has been checked; that text holds the name that was asked for, and no longer the word itself.
const NO_NAME: &str = "NotValidForName.invalid";

/// How far a server has to prove who it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tls {
    /// There is no TLS.
    Off,
    /// Not at all.
    Unproved,
    /// By a certificate of a trusted authority.
    Authority,
    /// By a certificate of a trusted authority for its name.
    Identity,
}

/// What the parameters of a URL ask for.
#[derive(Default)]
struct Asked {
    tls: Option<Tls>,
    verify_ca: Option<bool>,
    verify_identity: Option<bool>,
    built_in_roots: Option<bool>,
    user: Option<String>,
    password: Option<String>,
    socket: Option<String>,
    of_library: Vec<(String, String)>,
}

/// Reads a URL; `has_authority` says whether `database_ca` is set.
///
/// # Errors
/// What is wrong with it, without a word of it that could be secret.
pub fn read(url: &str, has_authority: bool) -> Result<(OptsBuilder, Tls), String> {
    let rest = SCHEMES.iter().find_map(|scheme| url.strip_prefix(scheme)).ok_or(EXPECTED)?;
    let (server, query) = rest.split_once('?').unwrap_or((rest, ""));
    let base = format!("mysql://{server}");
    let opts = Opts::from_url(&base).map_err(|problem| format!("{problem}; {EXPECTED}"))?;
    if opts.db_name().is_none() {
        return Err(format!("no database is named; {EXPECTED}"));
    }
    let asked = Asked::read(query)?;
    let tls = asked.tls(has_authority)?;
    let opts = if asked.of_library.is_empty() {
        opts
    } else {
        let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(&asked.of_library).finish();
        Opts::from_url(&format!("{base}?{query}")).map_err(|_| {
            let names: Vec<&str> = asked.of_library.iter().map(|(name, _)| name.as_str()).collect();
            format!("a value is not understood, of {}", names.join(", "))
        })?
    };
    let ssl = match tls {
        Tls::Off => None,
        Tls::Unproved => Some(SslOpts::default().with_danger_accept_invalid_certs(true)),
        Tls::Authority => Some(
            SslOpts::default()
                .with_danger_skip_domain_validation(true)
                .with_danger_tls_hostname_override(Some(NO_NAME)),
        ),
        Tls::Identity => Some(SslOpts::default()),
    };
    let ssl = ssl.map(|ssl| ssl.with_disable_built_in_roots(asked.built_in_roots == Some(false)));
    let mut builder = OptsBuilder::from_opts(opts).ssl_opts(ssl);
    if asked.user.is_some() {
        builder = builder.user(asked.user);
    }
    if asked.password.is_some() {
        builder = builder.pass(asked.password);
    }
    if asked.socket.is_some() {
        builder = builder.socket(asked.socket);
    }
    Ok((builder, tls))
}

impl Asked {
    fn read(query: &str) -> Result<Self, String> {
        let mut asked = Self::default();
        for (name, value) in parse(query.as_bytes()) {
            let plain: String =
                name.chars().filter(|c| !matches!(c, '-' | '_' | '.')).collect::<String>().to_lowercase();
            asked.take(&name, &plain, &value)?;
        }
        Ok(asked)
    }

    fn take(&mut self, name: &str, plain: &str, value: &str) -> Result<(), String> {
        match plain {
            "sslmode" | "ssl" | "tls" | "usessl" | "usetls" | "requiressl" => {
                self.tls = Some(tls_of(name, value)?);
            }
            "verifyca" | "verifyservercertificate" => self.verify_ca = Some(switch(name, value)?),
            "verifyidentity" => self.verify_identity = Some(switch(name, value)?),
            "builtinroots" => self.built_in_roots = Some(switch(name, value)?),
            "charset" | "characterset" | "characterencoding" | "collation" | "connectioncollation" => {
                if !value.to_lowercase().starts_with("utf") {
                    return Err(format!("{name}: only utf8mb4 is spoken"));
                }
            }
            "user" | "username" => self.user = Some(value.to_owned()),
            "password" => self.password = Some(value.to_owned()),
            "socket" | "unixsocket" => self.socket = Some(value.to_owned()),
            "sslcert" | "sslkey" => {
                return Err(format!("{name}: certificates of clients are not supported; use a password"));
            }
            _ if MEANINGLESS.contains(&plain) => {}
            _ if OF_LIBRARY.contains(&name) => self.of_library.push((name.to_owned(), value.to_owned())),
            _ => {
                if let Some((_, key)) = KEYS.iter().find(|(known, _)| *known == plain) {
                    return Err(format!("{name}: set devices.{key} in its place"));
                }
                return Err(format!("{}: no such parameter is known", shown(name)));
            }
        }
        Ok(())
    }

    fn tls(&self, has_authority: bool) -> Result<Tls, String> {
        let is_asked_for = self.verify_ca.is_some() || self.verify_identity.is_some();
        match (self.tls, has_authority) {
            (Some(Tls::Off), true) => {
                return Err("database_ca is set, and the URL turns TLS off; drop one of them".into());
            }
            (None | Some(Tls::Off), false) if is_asked_for => {
                return Err(
                    "verify_ca and verify_identity need TLS: add ssl-mode=REQUIRED, or set database_ca"
                        .into(),
                );
            }
            (Some(Tls::Off) | None, false) => return Ok(Tls::Off),
            _ => {}
        }
        if self.verify_ca == Some(false) {
            return Ok(Tls::Unproved);
        }
        if self.verify_identity == Some(false) {
            return Ok(Tls::Authority);
        }
        Ok(match self.tls {
            // An authority is named to be asked.
            Some(Tls::Unproved) if has_authority => Tls::Authority,
            Some(tls) => tls,
            None => Tls::Identity,
        })
    }
}

/// What the modes of several programs mean. In those of MySQL's own, `REQUIRED` is TLS with any certificate.
fn tls_of(name: &str, value: &str) -> Result<Tls, String> {
    match value.to_lowercase().replace('_', "-").as_str() {
        "disabled" | "disable" | "false" | "0" | "none" | "off" => Ok(Tls::Off),
        "required" | "require" | "skip-verify" => Ok(Tls::Unproved),
        "verify-ca" => Ok(Tls::Authority),
        "verify-identity" | "verify-full" | "true" | "1" | "on" => Ok(Tls::Identity),
        _ => Err(format!("{name}: one of DISABLED, REQUIRED, VERIFY_CA and VERIFY_IDENTITY is expected")),
    }
}

fn switch(name: &str, value: &str) -> Result<bool, String> {
    match value.to_lowercase().as_str() {
        "true" | "1" => Ok(true),
        "false" | "0" => Ok(false),
        _ => Err(format!("{name}: true or false is expected")),
    }
}

/// A name as it may be shown: what does not look like one may be the end of a password.
fn shown(name: &str) -> &str {
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if name.len() <= 40 && name.chars().all(is_name) { name } else { "what follows the ?" }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tls(url: &str) -> Result<Tls, String> {
        read(url, false).map(|(_, tls)| tls)
    }

    #[test]
    fn what_people_bring_from_other_programs_is_understood() {
        for scheme in SCHEMES {
            let (builder, _) = read(&format!("{scheme}u:p%40s%2Fs@db.example:3307/rooms"), false).unwrap();
            let opts = Opts::from(builder);
            assert_eq!((opts.user(), opts.pass(), opts.db_name()), (Some("u"), Some("p@s/s"), Some("rooms")));
            assert_eq!((opts.ip_or_hostname(), opts.tcp_port()), ("db.example", 3307));
        }
        let jdbc = "jdbc:mysql://h/rooms?user=u&password=p%26q&useSSL=false&serverTimezone=UTC&characterEncoding=UTF-8";
        let opts = Opts::from(read(jdbc, false).unwrap().0);
        assert_eq!((opts.user(), opts.pass()), (Some("u"), Some("p&q")));
        for (query, expected) in [
            ("", Tls::Off),
            ("?charset=utf8mb4&parseTime=true&loc=Local", Tls::Off),
            ("?ssl-mode=DISABLED", Tls::Off),
            ("?ssl-mode=REQUIRED", Tls::Unproved),
            ("?sslmode=require", Tls::Unproved),
            ("?tls=skip-verify", Tls::Unproved),
            ("?ssl_mode=VERIFY_CA", Tls::Authority),
            ("?sslmode=verify-full", Tls::Identity),
            ("?require_ssl=true", Tls::Identity),
            ("?require_ssl=true&verify_identity=false", Tls::Authority),
            ("?require_ssl=true&verify_ca=false", Tls::Unproved),
            ("?compression=fast&tcp_nodelay=true", Tls::Off),
        ] {
            assert_eq!(tls(&format!("mysql://u:p@h/rooms{query}")), Ok(expected), "{query}");
        }
    }

    #[test]
    fn an_authority_that_is_named_is_asked_and_what_is_waived_is_waived() {
        let tls = |query: &str| read(&format!("mysql://u:p@h/rooms{query}"), true).map(|(_, tls)| tls);
        assert_eq!(tls(""), Ok(Tls::Identity));
        assert_eq!(tls("?ssl-mode=REQUIRED"), Ok(Tls::Authority));
        assert_eq!(tls("?verify_identity=false"), Ok(Tls::Authority));
        assert_eq!(tls("?verify_ca=false"), Ok(Tls::Unproved));
        assert!(tls("?ssl-mode=DISABLED").unwrap_err().contains("turns TLS off"));
    }

    #[test]
    fn what_is_not_understood_is_refused_and_the_password_is_never_shown() {
        for url in [
            "postgres://u:hunter2@h/rooms",
            "mysql://u:hunter2@h",
            "mysql://u:hunter2@h/",
            "mysql://u:hunter2#x@h/rooms",
            "mysql://u:hunter2/x@h/rooms",
            "mysql://u:1?hunter2@h/rooms",
            "mysql://u:1/x?hunter2@h/rooms",
            "mysql://u:hunter2@h:port/rooms",
            "mysql://u:hunter2@h/rooms?ssl-mode=PREFERRED",
            "mysql://u:hunter2@h/rooms?verify_identity=false",
            "mysql://u:hunter2@h/rooms?charset=latin1",
            "mysql://u:hunter2@h/rooms?connect_timeout=5",
            "mysql://u:hunter2@h/rooms?ssl-ca=/ca.pem",
            "mysql://u:hunter2@h/rooms?sslcert=/c.pem",
            "mysql://u:hunter2@h/rooms?wait_timeout=hunter2",
            "mysql://u:hunter2@h/rooms?what=1",
        ] {
            let told = tls(url).unwrap_err();
            assert!(!told.contains("hunter2") && told.len() > 20, "{url}: {told}");
        }
        assert!(tls("mysql://u:p@h/rooms?connect_timeout=5").unwrap_err().contains("database_timeout"));
        assert!(tls("mysql://u:p@h/rooms?what=1").unwrap_err().contains("what"));
    }
}
