//! Certificates: read at the start, read again on SIGHUP and when the files change; open connections stay.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use arc_swap::ArcSwap;
use notify::event::{AccessKind, AccessMode};
use notify::{EventKind, RecursiveMode, Watcher};
use rustls::crypto::ring;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;
use tracing::{error, info, warn};

use crate::config::Findings;
use crate::runtime::Context;

/// What trusts other servers: those that public authorities have signed, or an authority in a PEM file.
///
/// # Errors
/// The file cannot be read, or holds no certificate.
pub fn client(authority: Option<&Path>) -> Result<Arc<ClientConfig>> {
    let mut roots = RootCertStore::empty();
    roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    if let Some(file) = authority {
        let certificates = CertificateDer::pem_file_iter(file)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .with_context(|| format!("{}: no certificates", file.display()))?;
        roots.add_parsable_certificates(certificates);
    }
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .context("TLS versions")?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

/// Somebody has written to a file and closed it.
const WRITTEN: AccessKind = AccessKind::Close(AccessMode::Write);

/// `[tls]`: without a certificate, listeners speak plain HTTP.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The certificate chain, as a PEM file.
    pub cert: String,
    /// Its private key, as a PEM file.
    pub key: String,
}

impl Config {
    /// Whether listeners speak TLS.
    pub fn is_on(&self) -> bool {
        !self.cert.is_empty()
    }

    /// Checks that the two come together.
    pub fn validate(&self, findings: &mut Findings) {
        match (self.cert.is_empty(), self.key.is_empty()) {
            (true, false) => findings.add("tls.cert", "the certificate that belongs to tls.key is expected"),
            (false, true) => findings.add("tls.key", "the private key that belongs to tls.cert is expected"),
            _ => {}
        }
    }
}

/// The certificate in use.
#[derive(Debug)]
struct Current(ArcSwap<CertifiedKey>);

impl ResolvesServerCert for Current {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.load_full())
    }
}

/// Reads the certificate and keeps it fresh; `None` when TLS is off.
pub fn acceptor(config: &Config, context: &Context) -> Result<Option<TlsAcceptor>> {
    if !config.is_on() {
        return Ok(None);
    }
    let seen = stamps(config);
    let current = Arc::new(Current(ArcSwap::from_pointee(read(config)?)));
    keep_fresh(config.clone(), seen, Arc::clone(&current), context);
    let mut server = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .context("TLS versions")?
        .with_no_client_auth()
        .with_cert_resolver(current);
    server.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Some(TlsAcceptor::from(Arc::new(server))))
}

/// Reads the certificate chain and its key, to say whether they fit; gives the length of the chain.
pub fn check(config: &Config) -> Result<usize> {
    Ok(read(config)?.cert.len())
}

fn read(config: &Config) -> Result<CertifiedKey> {
    let chain = CertificateDer::pem_file_iter(&config.cert)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .with_context(|| format!("[tls] cert = {:?}", config.cert))?;
    let key =
        PrivateKeyDer::from_pem_file(&config.key).with_context(|| format!("[tls] key = {:?}", config.key))?;
    CertifiedKey::from_der(chain, key, &ring::default_provider())
        .with_context(|| format!("[tls] cert = {:?} and key = {:?}", config.cert, config.key))
}

/// What tells whether a file was written or replaced: its number, size, and times of writing and changing.
type Stamp = (u64, u64, (i64, i64), (i64, i64));

/// The stamps of the certificate and the key; `None` for one that is not there.
fn stamps(config: &Config) -> [Option<Stamp>; 2] {
    [&config.cert, &config.key].map(|file| {
        let file = fs::metadata(file).ok()?;
        Some((file.ino(), file.len(), (file.mtime(), file.mtime_nsec()), (file.ctime(), file.ctime_nsec())))
    })
}

/// Reads the files again when asked to, or when they were replaced; a bad pair leaves the old one in use.
///
/// Their folders may hold other files too, like a log: a notice about one of those is none about these.
fn keep_fresh(config: Config, mut seen: [Option<Stamp>; 2], current: Arc<Current>, context: &Context) {
    let (notice, mut notices) = mpsc::channel(1);
    let watcher = watch(&config, notice);
    let mut reloads = context.reloads();
    let stop = context.clone();
    context.spawn(async move {
        let _watcher = watcher;
        loop {
            // Whoever asks waits until this is dropped.
            let asked = tokio::select! {
                Some(reload) = reloads.recv() => Some(reload),
                Some(()) = notices.recv() => None,
                () = stop.stopping() => return,
            };
            // Looked at first: what is written while they are read comes with a notice of its own.
            let found = stamps(&config);
            if found == seen && asked.is_none() {
                continue;
            }
            seen = found;
            let files = config.clone();
            let read = tokio::task::spawn_blocking(move || read(&files)).await;
            match read.context("reading ended early").flatten() {
                Ok(pair) if pair.cert == current.0.load().cert => {}
                Ok(pair) => {
                    current.0.store(Arc::new(pair));
                    info!(cert = config.cert, "certificate read again");
                }
                Err(error) => error!(error = format!("{error:#}"), "the new certificate is not used"),
            }
        }
    });
}

/// Watches the folders, for certificates are replaced by renaming.
fn watch(config: &Config, notices: mpsc::Sender<()>) -> Option<notify::RecommendedWatcher> {
    let notice = move |event: notify::Result<notify::Event>| {
        // Files that are only read, by this program too, are what they were.
        let is_news = |kind: EventKind| !kind.is_access() || kind == EventKind::Access(WRITTEN);
        if event.map_or(true, |event| is_news(event.kind)) {
            // A full channel already holds the notice.
            let _ = notices.try_send(());
        }
    };
    let watch = || -> notify::Result<_> {
        let mut watcher = notify::recommended_watcher(notice)?;
        for file in [&config.cert, &config.key] {
            let folder = Path::new(file).parent().filter(|folder| !folder.as_os_str().is_empty());
            watcher.watch(folder.unwrap_or(Path::new(".")), RecursiveMode::NonRecursive)?;
        }
        Ok(watcher)
    };
    watch().inspect_err(|error| warn!(%error, "certificates are not watched; SIGHUP reads them again")).ok()
}
