//! How Redis is reached: at its URL, or at the node of a Redis Cluster that has a service's keys.

use std::convert::Infallible;
use std::time::Duration;

use anyhow::{Context as _, Result};
use redis::aio::MultiplexedConnection;
use redis::{
    AsyncConnectionConfig, Client, ConnectionAddr, ErrorKind, IntoConnectionInfo, ProtocolVersion, PushInfo,
    RedisError, TlsCertificates,
};
use tokio::time::timeout;

use super::Config;
use crate::secret::Secret;

/// The way to whoever has a key.
#[derive(Clone)]
pub struct RedisConnector {
    /// Any of them tells who has it.
    clients: Vec<Client>,
    key: String,
    response_timeout: Duration,
}

/// Whether every part of it is a URL of a Redis.
pub fn is_url(urls: &Secret) -> bool {
    urls.expose().split(',').all(|url| redis::parse_redis_url(url.trim()).is_some())
}

impl RedisConnector {
    /// The way to the Redis of that URL.
    ///
    /// # Errors
    /// The URL or the authority's file is none.
    pub fn new(config: &Config) -> Result<Self> {
        let authority = if config.ca_file.is_empty() {
            None
        } else {
            let read = std::fs::read(&config.ca_file);
            Some(read.with_context(|| format!("[cluster] ca_file = {:?}", config.ca_file))?)
        };
        let client = |url: &str| {
            // What the library says of a bad URL may hold the password.
            open(url, authority.clone())
                .map_err(|_| anyhow::anyhow!("[cluster] url: a URL like redis://host:6379 is expected"))
        };
        let clients = config.url.expose().split(',').map(|url| client(url.trim())).collect::<Result<_>>()?;
        Ok(Self { clients, key: String::new(), response_timeout: config.response_timeout })
    }

    /// The way to whoever has that key.
    pub fn of(&self, key: &str) -> Self {
        Self { key: key.to_owned(), ..self.clone() }
    }

    /// A connection for questions that are answered at once.
    pub async fn connect(&self) -> Result<MultiplexedConnection, RedisError> {
        self.connect_with(AsyncConnectionConfig::new().set_response_timeout(Some(self.response_timeout)))
            .await
    }

    /// A connection on which Redis speaks when there is something to say, as an answer or unasked.
    ///
    /// `hear` gets what it says unasked; it must not wait.
    pub async fn connect_to_wait(
        &self,
        hear: impl Fn(PushInfo) + Send + Sync + 'static,
    ) -> Result<MultiplexedConnection, RedisError> {
        let hear = move |push| {
            hear(push);
            Ok::<(), Infallible>(())
        };
        self.connect_with(AsyncConnectionConfig::new().set_response_timeout(None).set_push_sender(hear)).await
    }

    async fn connect_with(&self, config: AsyncConnectionConfig) -> Result<MultiplexedConnection, RedisError> {
        let config = config.set_connection_timeout(Some(self.response_timeout));
        let mut failure = RedisError::from((ErrorKind::InvalidClientConfig, "no URL"));
        for client in &self.clients {
            match self.follow(client, &config).await {
                Ok(connection) => return Ok(connection),
                Err(failed) => failure = failed,
            }
        }
        Err(failure)
    }

    /// Connects, and once more where it is sent to.
    async fn follow(
        &self,
        client: &Client,
        config: &AsyncConnectionConfig,
    ) -> Result<MultiplexedConnection, RedisError> {
        let mut connection = client.get_multiplexed_async_connection_with_config(config).await?;
        let mut question = redis::cmd("EXISTS");
        question.arg(&self.key);
        let answer = timeout(self.response_timeout, question.query_async::<i64>(&mut connection)).await;
        let Ok(answer) = answer else { return Err(RedisError::from((ErrorKind::Io, "no answer"))) };
        let Err(failure) = answer else { return Ok(connection) };
        let info = client.get_connection_info();
        let Some(address) = failure.redirect_node().and_then(|(to, _)| elsewhere(info.addr(), to)) else {
            return Err(failure);
        };
        let client = Client::open(info.clone().set_addr(address))?;
        client.get_multiplexed_async_connection_with_config(config).await
    }
}

/// A Redis that speaks the third version of its protocol, in which it may speak unasked.
fn open(url: &str, authority: Option<Vec<u8>>) -> Result<Client, RedisError> {
    let info = url.into_connection_info()?;
    let settings = info.redis_settings().clone().set_protocol(ProtocolVersion::RESP3);
    let info = info.set_redis_settings(settings);
    match authority {
        Some(authority) => {
            Client::build_with_tls(info, TlsCertificates { client_tls: None, root_cert: Some(authority) })
        }
        None => Client::open(info),
    }
}

/// The same kind of address at `host:port`, or at another port of the same host.
fn elsewhere(known: &ConnectionAddr, to: &str) -> Option<ConnectionAddr> {
    let (host, port) = to.rsplit_once(':')?;
    let port = port.parse().ok()?;
    let named = |known: &str| if host.is_empty() { known.to_owned() } else { host.to_owned() };
    match known {
        ConnectionAddr::Tcp(known, _) => Some(ConnectionAddr::Tcp(named(known), port)),
        ConnectionAddr::TcpTls { host: known, insecure, tls_params, .. } => Some(ConnectionAddr::TcpTls {
            host: named(known),
            port,
            insecure: *insecure,
            tls_params: tls_params.clone(),
        }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_is_sent_elsewhere_goes_there() {
        let known = ConnectionAddr::Tcp("seed".into(), 6379);
        let sent = |to| elsewhere(&known, to);
        assert_eq!(sent("10.0.0.2:7001"), Some(ConnectionAddr::Tcp("10.0.0.2".into(), 7001)));
        assert_eq!(sent(":7001"), Some(ConnectionAddr::Tcp("seed".into(), 7001)));
        assert_eq!(sent("nowhere"), None);
    }

    #[test]
    fn several_urls_may_be_given_and_all_of_them_must_be_some() {
        let is_url = |text: &str| is_url(&Secret::new(text));
        assert!(is_url("redis://a:6379") && is_url("redis://a:6379, rediss://:pw@b"));
        assert!(!is_url("redis://a:6379,b") && !is_url("a"));
    }
}
