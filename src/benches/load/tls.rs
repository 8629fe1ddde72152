//! A certificate for the server, clients that trust it, and the floor of TLS: what rustls alone takes to seal a frame.

use std::io::Write as _;
use std::sync::{Arc, LazyLock};
use std::time::Duration;
use std::{fs, io, path::Path};

use anyhow::{Context as _, Result};
use rcgen::{CertifiedKey, KeyPair, generate_simple_self_signed};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::floor::FRAME;
use crate::usage;

const HOST: &str = "localhost";

/// Frames that are sealed to measure one.
const N_FRAMES: u32 = 300_000;

/// Made for this run, and trusted by nobody else.
static CERTIFIED: LazyLock<CertifiedKey<KeyPair>> = LazyLock::new(|| {
    generate_simple_self_signed([HOST.to_owned()]).expect("a certificate for one name can be made")
});

static CLIENT: LazyLock<Arc<ClientConfig>> = LazyLock::new(|| {
    let mut roots = RootCertStore::empty();
    roots.add(CERTIFIED.cert.der().clone()).expect("it was made as a certificate");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring has the usual ciphers");
    Arc::new(config.with_root_certificates(roots).with_no_client_auth())
});

/// Writes the certificate and its key into a folder, and says how a server there is told of them.
pub fn certify(folder: &Path) -> Result<[(&'static str, &'static str); 2]> {
    fs::write(folder.join("cert.pem"), CERTIFIED.cert.pem())?;
    fs::write(folder.join("key.pem"), CERTIFIED.signing_key.serialize_pem())?;
    Ok([("ROOMHUB_TLS__CERT", "cert.pem"), ("ROOMHUB_TLS__KEY", "key.pem")])
}

/// Agrees on TLS with the server.
pub async fn connect(stream: TcpStream) -> Result<TlsStream<TcpStream>> {
    let connector = TlsConnector::from(Arc::clone(&CLIENT));
    connector.connect(ServerName::try_from(HOST)?, stream).await.context("TLS")
}

/// The CPU time that rustls takes to make a frame a record, with nobody to send it to.
pub fn floor() -> Result<Duration> {
    let mut client = ClientConnection::new(Arc::clone(&CLIENT), ServerName::try_from(HOST)?)?;
    let key = PrivateKeyDer::from_pem_slice(CERTIFIED.signing_key.serialize_pem().as_bytes())?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![CERTIFIED.cert.der().clone()], key)?;
    let mut server = ServerConnection::new(Arc::new(config))?;
    while client.is_handshaking() || server.is_handshaking() {
        let mut sent = Vec::new();
        while client.wants_write() {
            client.write_tls(&mut sent)?;
        }
        server.read_tls(&mut sent.as_slice())?;
        server.process_new_packets()?;
        let mut answer = Vec::new();
        while server.wants_write() {
            server.write_tls(&mut answer)?;
        }
        let mut answer = answer.as_slice();
        while !answer.is_empty() {
            client.read_tls(&mut answer)?;
            client.process_new_packets()?;
        }
    }
    let before = usage::cpu_time("self")?;
    for _ in 0..N_FRAMES {
        server.writer().write_all(&FRAME)?;
        server.write_tls(&mut io::sink())?;
    }
    Ok(usage::cpu_time("self")?.saturating_sub(before) / N_FRAMES)
}
