//! What orchestrators ask of every service alike.

use roomhub::settings::Service;
use tempfile::TempDir;

use crate::harness::http;
use crate::local_access::start;

#[test]
fn every_service_answers_the_same_probes() {
    for service in Service::all().map(Service::name) {
        let data = TempDir::new().unwrap();
        let server = start(service, &data);
        assert_eq!(http::get(server.address, "/livez").body, "ok", "{service}");
        let ready = http::get(server.address, "/readyz");
        assert_eq!((ready.status, ready.body.lines().next()), (200, Some("ready")), "{service}");
        let health = http::get(server.address, "/health");
        assert_eq!((health.status, health.header("content-type")), (200, "application/json"), "{service}");
        assert!(
            ["ok", "healthy"].contains(&health.json()["status"].as_str().unwrap()),
            "{service}: {health:?}"
        );
        assert!(health.json()["timestamp"].as_str().unwrap().ends_with('Z'), "{service}: {health:?}");
    }
}
