//! Counters for Prometheus: what is counted, under which name, and who may read it.

use std::sync::OnceLock;
use std::time::Duration;

use anyhow::{Context as _, Result};
use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use serde::{Deserialize, Serialize};

use crate::runtime::Context;
use crate::secret::Secret;

/// Samples of a histogram are folded into its buckets this often.
const UPKEEP: Duration = Duration::from_secs(5);

/// Upper bounds of the buckets of other latencies, in seconds: from a lone frame to a room in trouble.
const EMIT_BUCKETS: [f64; 11] =
    [0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.05, 0.25, 1.0];

/// Those of requests: from a file in memory to a slow database.
const REQUEST_BUCKETS: [f64; 6] = [0.001, 0.005, 0.025, 0.1, 0.5, 2.5];

static RECORDER: OnceLock<PrometheusHandle> = OnceLock::new();

/// `[metrics]`: who may read `/metrics` beside this machine itself.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Whoever brings it as a bearer token may read; empty lets only loopback in.
    pub token: Secret,
    /// A file that holds the token, instead of `token`.
    pub token_file: String,
}

/// Starts counting, once for the process.
pub fn start(context: &Context) -> Result<()> {
    let builder =
        PrometheusBuilder::new().set_buckets_for_metric(Matcher::Suffix("_seconds".into()), &EMIT_BUCKETS)?;
    let requests = Matcher::Full("roomhub_http_request_duration_seconds".into());
    let builder = builder.set_buckets_for_metric(requests, &REQUEST_BUCKETS)?;
    let recorder = builder.build_recorder();
    let handle = recorder.handle();
    metrics::set_global_recorder(recorder).context("metrics are started once")?;
    RECORDER.get_or_init(|| handle.clone());
    describe();
    let (version, commit) = (env!("CARGO_PKG_VERSION"), env!("BUILD_COMMIT"));
    metrics::gauge!("roomhub_build_info", "version" => version, "commit" => commit).set(1.0);
    // A rise from nothing is no rise to Prometheus.
    metrics::counter!("roomhub_panics_total").absolute(0);
    let stop = context.clone();
    context.spawn(async move {
        let mut beat = tokio::time::interval(UPKEEP);
        loop {
            tokio::select! {
                _ = beat.tick() => handle.run_upkeep(),
                () = stop.stopping() => return,
            }
        }
    });
    Ok(())
}

/// All metrics in Prometheus' text format; empty before [`start`].
pub fn render() -> String {
    metrics_process::Collector::default().collect();
    RECORDER.get().map(PrometheusHandle::render).unwrap_or_default()
}

fn describe() {
    metrics_process::Collector::default().describe();
    describe_radio();
    describe_gauge!("roomhub_build_info", "Always 1, by the version and the commit of the program");
    describe_gauge!("roomhub_connections", "Open connections, by service");
    describe_counter!(
        "roomhub_lossy_frames_dropped_total",
        "Pieces of voices that waited too long for a member"
    );
    describe_counter!("roomhub_log_lines_left_out_total", "Log lines that were counted instead of written");
    describe_counter!("roomhub_notes_dropped_total", "Lines that the event log could not take in time");
    describe_counter!(
        "roomhub_recording_lines_lost_total",
        "Lines that are in no recording, by service and reason"
    );
    describe_counter!("roomhub_connections_refused_total", "Connections refused, by service and reason");
    describe_counter!(
        "roomhub_connections_killed_total",
        "Connections cut by the server, by service and reason"
    );
    describe_counter!("roomhub_http_requests_total", "Requests answered, by service, method and status");
    describe_histogram!(
        "roomhub_http_request_duration_seconds",
        Unit::Seconds,
        "From a request's head to that of its answer, by service, without WebSockets and polls of Socket.IO"
    );
    describe_gauge!("roomhub_polling_sessions", "Polling sessions of Socket.IO, by service");
    describe_counter!("roomhub_sessions_refused_total", "Polling sessions refused, by service and reason");
    describe_counter!(
        "roomhub_messages_refused_total",
        "WebSockets closed for what came in, by service and reason"
    );
    describe_gauge!("roomhub_rooms", "Rooms that members of this process sit in, by service");
    describe_gauge!("roomhub_members", "Connected members, by service");
    describe_gauge!("roomhub_seated_members", "Members that sit in a room, by service");
    describe_counter!("roomhub_events_in_total", "Events from members, by service");
    describe_counter!("roomhub_events_out_total", "Events sent to members, by service");
    describe_counter!(
        "roomhub_events_dropped_total",
        "Events from members not handled, by service and reason"
    );
    describe_counter!("roomhub_refusals_total", "Requests of members refused, by service and code");
    describe_histogram!(
        "roomhub_emit_latency_seconds",
        Unit::Seconds,
        "From an event's arrival to its last frame being sent or queued, by service"
    );
    describe_gauge!("roomhub_devices_spool_records", "Records of devices that are not in the database yet");
    describe_gauge!("roomhub_devices_spool_bytes", Unit::Bytes, "What the spool of devices takes on disk");
    describe_gauge!("roomhub_devices_dead_letters", "Records of devices that the database refused");
    describe_gauge!("roomhub_devices_database_up", "Whether the last exchange with the database went well");
    describe_counter!(
        "roomhub_devices_rows_deleted_total",
        "Rows of devices that were deleted because they were old"
    );
    describe_counter!("roomhub_devices_drained_total", "Records of devices that went into the database");
    describe_counter!("roomhub_devices_dead_letters_total", "Records of devices that were set aside");
    describe_counter!("roomhub_media_refused_total", "Requests for media refused, by service and reason");
    describe_gauge!("roomhub_cluster_connected", "Whether Redis answers, by service");
    describe_counter!(
        "roomhub_cluster_entries_total",
        "Batches of inputs that this node appended to the log, by service"
    );
    describe_counter!(
        "roomhub_cluster_missed_entries_total",
        "Gaps in the log as this node read it, after which it took the snapshot, by service"
    );
    describe_counter!(
        "roomhub_cluster_divergences_total",
        "Checkpoints at which this node's rooms were not those of the others, by service"
    );
    describe_counter!("roomhub_cluster_ticks_total", "Looks at the timers of all rooms, by service");
    describe_histogram!(
        "roomhub_cluster_append_seconds",
        Unit::Seconds,
        "From asking Redis for steps to its answer, by service"
    );
    describe_counter!("roomhub_panics_total", "Tasks that panicked and were ended");
}

fn describe_radio() {
    describe_gauge!("roomhub_radio_listeners", "Listeners, by the route of their station");
    describe_gauge!(
        "roomhub_radio_mountpoint_listeners",
        "Listeners of mountpoints, by the route of their station and encoding"
    );
    describe_gauge!(
        "roomhub_radio_mountpoint_encoders",
        "1 while the encoder of a mountpoint runs, by route and encoding"
    );
    describe_counter!(
        "roomhub_radio_mountpoint_dropped_total",
        "Pieces of sound that an encoder was too slow for, by route and encoding"
    );
    describe_gauge!("roomhub_radio_sources", "Live sources on the air, by route");
    describe_counter!(
        "roomhub_radio_underruns_total",
        "Times that a station had nothing to play and sent silence"
    );
    describe_gauge!("roomhub_radio_requests_waiting", "Requests of listeners that wait, by route");
    describe_counter!("roomhub_radio_requests_total", "Requests of listeners, by route and outcome");
    describe_counter!("roomhub_radio_request_votes_total", "Votes for requests, by route");
    describe_counter!("roomhub_radio_requests_played_total", "Requests that were played, by route");
    describe_counter!("roomhub_radio_listeners_rejected_total", "Listeners rejected by a limit");
    describe_gauge!("roomhub_radio_hls_listeners", "Listeners of HLS, by the route of their station");
    describe_gauge!("roomhub_radio_listeners_peak", "The most listeners, by route and period (today, ever)");
    describe_counter!("roomhub_radio_listener_seconds_total", "Seconds of all listeners, by route and mount");
    describe_counter!(
        "roomhub_radio_webhooks_total",
        "What webhooks were told, by number and outcome (delivered, failed, dropped)"
    );
    describe_counter!(
        "roomhub_radio_statistics_dropped_total",
        "Plays and sessions that were not written down, because too many waited"
    );
}
