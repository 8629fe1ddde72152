//! Which of several services a request on one listener is for: by the name of the host, else by the path.

use std::collections::HashMap;
use std::sync::Arc;

use http::header::{HOST, UPGRADE};
use http::request::Parts;
use http::uri::PathAndQuery;
use http::{HeaderValue, Method, Uri};

use super::backend::Backend;
use super::head::Head;
use super::socket::Address;

/// The path under which a request came, if its service is not at the root: `music`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mount(pub &'static str);

/// The one listener of several services.
pub struct Doorway {
    /// Where it listens.
    pub addresses: Vec<Address>,
    /// Whether it speaks TLS.
    pub is_tls: bool,
}

impl Doorway {
    /// The address of a service behind it, as a browser takes it.
    pub fn url(&self, service: &str) -> String {
        let first = self.addresses.first().map(|address| address.url(self.is_tls)).unwrap_or_default();
        format!("{first}/{service}")
    }
}

/// Services by the names of their hosts and by their paths.
pub struct Switch {
    by_host: HashMap<String, Arc<Backend>>,
    backends: Vec<Arc<Backend>>,
}

/// What becomes of a request.
pub enum Choice {
    /// A service has it, perhaps under a path, of which the rest is the service's.
    Service(Arc<Backend>, Option<Mount>),
    /// It is for a service whose path lacks its slash.
    Redirect(HeaderValue),
    /// No service has that name or path.
    NoService,
    /// It names two hosts: whoever stands before might have meant the other one.
    Ambiguous,
}

impl Switch {
    /// `names` gives the hosts of a service, in lower case.
    pub fn new(backends: Vec<Arc<Backend>>, names: impl Fn(&'static str) -> Vec<String>) -> Self {
        let hosts = backends
            .iter()
            .flat_map(|backend| names(backend.service).into_iter().map(|name| (name, Arc::clone(backend))));
        Self { by_host: hosts.collect(), backends }
    }

    /// Chooses for a request, and takes the path of its service off it.
    pub fn choose(&self, request: &mut Parts) -> Choice {
        let hosts = request.headers.get_all(HOST).iter().map(HeaderValue::as_bytes);
        let authority = request.uri.authority().map(|authority| authority.as_str().as_bytes());
        let Ok(host) = only_host(hosts, authority) else { return Choice::Ambiguous };
        if let Some(backend) = self.of_host(host) {
            return Choice::Service(Arc::clone(backend), None);
        }
        let Some((backend, rest)) = self.of_path(request.uri.path()) else { return Choice::NoService };
        let is_page = [Method::GET, Method::HEAD].contains(&request.method);
        if rest.is_empty() && is_page && !request.headers.contains_key(UPGRADE) {
            return Choice::Redirect(with_slash(backend.service, request.uri.query()));
        }
        let target = with_query(if rest.is_empty() { "/" } else { rest }, request.uri.query());
        let Some(uri) = at(&request.uri, &target) else { return Choice::NoService };
        let backend = Arc::clone(backend);
        request.uri = uri;
        let mount = Mount(backend.service);
        Choice::Service(backend, Some(mount))
    }

    /// Chooses for the first request of a connection, before the HTTP library has read it: the service, and the head as
    /// the service sees it; nobody where there is a doubt, which [`Self::choose`] answers.
    pub fn choose_head(&self, head: &Head) -> Option<(&Arc<Backend>, Head)> {
        let hosts = head.all(HOST.as_str()).map(str::as_bytes);
        let host = only_host(hosts, head.authority.as_deref().map(str::as_bytes)).ok()?;
        if let Some(backend) = self.of_host(host) {
            return Some((backend, head.clone()));
        }
        let (backend, rest) = self.of_path(&head.path)?;
        let is_page = ["GET", "HEAD"].iter().any(|method| head.method.eq_ignore_ascii_case(method));
        let path = match rest {
            "" if is_page => return None,
            "" => "/",
            _ => rest,
        };
        let mut head = head.clone();
        path.clone_into(&mut head.path);
        Some((backend, head))
    }

    fn of_host(&self, host: Option<&[u8]>) -> Option<&Arc<Backend>> {
        if self.by_host.is_empty() {
            return None;
        }
        self.by_host.get(&name(std::str::from_utf8(host?).ok()?))
    }

    /// The service whose name is the first part of a path, as it is written, and what follows.
    fn of_path<'a>(&self, path: &'a str) -> Option<(&Arc<Backend>, &'a str)> {
        let path = path.strip_prefix('/')?;
        let (first, rest) = path.split_at(path.find('/').unwrap_or(path.len()));
        let backend = self.backends.iter().find(|backend| backend.service == first)?;
        Some((backend, rest))
    }
}

/// The one host that a request names, if it names any.
///
/// # Errors
/// It names several.
fn only_host<'a>(
    mut hosts: impl Iterator<Item = &'a [u8]>,
    authority: Option<&'a [u8]>,
) -> Result<Option<&'a [u8]>, Ambiguous> {
    let host = hosts.next();
    let is_other = |host: &[u8]| authority.is_some_and(|authority| !authority.eq_ignore_ascii_case(host));
    if hosts.next().is_some() || host.is_some_and(is_other) {
        return Err(Ambiguous);
    }
    Ok(host.or(authority))
}

/// A request names two hosts: whoever stands before might have meant the other one.
struct Ambiguous;

/// A host's name without its port and a last dot, in lower case.
fn name(host: &str) -> String {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if !host.ends_with(']') && port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase()
}

/// Where the path of a service has its slash, from where it has none: so it holds under any path of a proxy.
fn with_slash(service: &str, query: Option<&str>) -> HeaderValue {
    let path = format!("{service}/");
    HeaderValue::try_from(with_query(&path, query))
        .or_else(|_| HeaderValue::try_from(path))
        .expect("the name of a service is a header value")
}

fn with_query(path: &str, query: Option<&str>) -> String {
    query.map_or_else(|| path.to_owned(), |query| format!("{path}?{query}"))
}

/// A URI with another path.
fn at(uri: &Uri, target: &str) -> Option<Uri> {
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(PathAndQuery::try_from(target).ok()?);
    Uri::from_parts(parts).ok()
}

#[cfg(test)]
mod tests {
    use http::Request;
    use metrics::Gauge;

    use super::super::budget::Budget;
    use super::super::limits::ConnectionLimits;
    use super::super::request_body::BodyLimits;
    use super::super::{Config, backend};
    use super::*;
    use crate::runtime::Clock;

    fn switch() -> Switch {
        let backend = |service| {
            let config = Config::default();
            let bodies = BodyLimits { timeout: config.body_timeout, budget: Budget::new(0) };
            Arc::new(backend::Backend {
                service,
                limits: ConnectionLimits::new(&config, Gauge::noop(), Clock::start()),
                bodies: Arc::new(bodies),
                interceptor: None,
                streamed_path: None,
                router: axum::Router::new(),
            })
        };
        Switch::new(vec![backend("music"), backend("radio")], |service| {
            vec![format!("{service}.example.org")]
        })
    }

    /// What becomes of a request: the service and the URI as it sees it, or where it is sent.
    fn chosen(line: &str, headers: &[(&str, &str)]) -> String {
        let (method, target) = line.split_once(' ').unwrap();
        let mut request = Request::builder().method(method).uri(target);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut parts = request.body(()).unwrap().into_parts().0;
        match switch().choose(&mut parts) {
            Choice::Service(backend, mount) => {
                let mount = mount.map(|Mount(service)| format!(" under {service}")).unwrap_or_default();
                format!("{} {}{mount}", backend.service, parts.uri)
            }
            Choice::Redirect(location) => format!("to {}", location.to_str().unwrap()),
            Choice::NoService => "nobody".into(),
            Choice::Ambiguous => "ambiguous".into(),
        }
    }

    /// The same before the HTTP library has read it.
    fn chosen_by_head(text: &str) -> String {
        let head = Head::parse(text).unwrap();
        let switch = switch();
        switch.choose_head(&head).map_or("nobody".into(), |(backend, head)| {
            format!("{} {} {}?{}", backend.service, head.method, head.path, head.query)
        })
    }

    #[test]
    fn a_service_is_found_by_its_host_whatever_the_path_and_else_by_its_path() {
        let at = |host: &str, target: &str| chosen(&format!("GET {target}"), &[("host", host)]);
        assert_eq!(at("music.example.org", "/radio/x"), "music /radio/x");
        assert_eq!(at("Music.Example.Org.:8080", "/"), "music /");
        assert_eq!(at("elsewhere", "/radio/rock?a=/music/"), "radio /rock?a=/music/ under radio");
        assert_eq!(at("[::1]:8080", "/music/socket.io/?EIO=4"), "music /socket.io/?EIO=4 under music");
        for target in ["/", "/Music/", "//music/", "/%6dusic/", "/./music/", "/musical/", "/music%2F"] {
            assert_eq!(at("elsewhere", target), "nobody", "{target}");
        }
        assert_eq!(at("elsewhere", "/radio//rock"), "radio //rock under radio");
        assert_eq!(at("elsewhere", "/music/../radio/"), "music /../radio/ under music");
        assert_eq!(chosen("GET /music/", &[]), "music / under music");
    }

    #[test]
    fn a_path_without_its_slash_leads_to_the_one_that_has_it_unless_it_is_no_page() {
        assert_eq!(chosen("GET /music", &[]), "to music/");
        assert_eq!(chosen("HEAD /music?room=a%20b&x", &[]), "to music/?room=a%20b&x");
        assert_eq!(chosen("PUT /radio", &[]), "radio / under radio");
        assert_eq!(chosen("GET /music?auth=k", &[("upgrade", "websocket")]), "music /?auth=k under music");
    }

    #[test]
    fn a_request_of_two_hosts_is_for_nobody() {
        let twice = [("host", "music.example.org"), ("host", "radio.example.org")];
        assert_eq!(chosen("GET /", &twice), "ambiguous");
        assert_eq!(chosen("GET http://radio.example.org/", &twice[..1]), "ambiguous");
        assert_eq!(
            chosen("GET http://music.example.org/a?b", &twice[..1]),
            "music http://music.example.org/a?b"
        );
        assert_eq!(chosen("GET http://radio.example.org/a", &[]), "radio http://radio.example.org/a");
        assert_eq!(chosen("GET http://else/radio/a", &[("host", "else")]), "radio http://else/a under radio");
    }

    #[test]
    fn heads_are_judged_like_requests_before_the_library_reads_them() {
        assert_eq!(chosen_by_head("SOURCE /radio/live?a ICE/1.0\r\n"), "radio SOURCE /live?a");
        assert_eq!(chosen_by_head("PUT /radio HTTP/1.1\r\nHost: x\r\n"), "radio PUT /?");
        assert_eq!(chosen_by_head("GET /radio HTTP/1.1\r\nHost: x\r\n"), "nobody");
        assert_eq!(chosen_by_head("GET /a HTTP/1.0\r\nHost: radio.example.org:80\r\n"), "radio GET /a?");
        assert_eq!(chosen_by_head("GET http://radio.example.org/a HTTP/1.0\r\n"), "radio GET /a?");
        for hosts in ["Host: radio.example.org\r\nHost: x", "Host: radio.example.org"] {
            assert_eq!(chosen_by_head(&format!("GET http://x/a HTTP/1.1\r\n{hosts}\r\n")), "nobody");
        }
    }
}
