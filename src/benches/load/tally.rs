//! Every delivery of a run, by how long it took: the send time travels in the track itself.

use std::cell::RefCell;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use serde_json::{Value, json};

/// Comes before the send time in a relayed packet, and in no packet otherwise.
const STAMP: char = '@';

/// The longest that the last deliveries may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Between two looks whether they have come.
const LOOK: Duration = Duration::from_millis(5);

/// What one run found.
pub struct Figures {
    /// Messages that reached a listener.
    pub n_deliveries: usize,
    /// The same, each second.
    pub deliveries_per_second: u64,
    /// The server's CPU time for one of them.
    pub cpu: Duration,
    /// From a host's sending to a listener's reading: half of the deliveries took no longer.
    pub p50: Duration,
    /// Of a hundred, 99 took no longer.
    pub p99: Duration,
}

/// What a listener heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard {
    /// A delivery: one more for the tally.
    Track,
    /// Anything else, such as how many are in the room.
    Other,
}

/// The deliveries so far.
pub struct Tally {
    /// What send times count from.
    started_at: Instant,
    latencies_us: RefCell<Vec<u32>>,
}

impl Tally {
    /// Nothing yet.
    pub fn new() -> Self {
        Self { started_at: Instant::now(), latencies_us: RefCell::default() }
    }

    /// A track that tells when it was sent: now.
    pub fn stamped_track(&self) -> Value {
        json!({
            "id": self.stamp(),
            "name": "Clair de lune", "artist": "Claude Debussy", "source": "netease",
        })
    }

    /// A word that tells when it was sent: now.
    pub fn stamp(&self) -> String {
        format!("{STAMP}{}", self.now_us())
    }

    /// Takes note of a packet that a listener heard, if such a word is in it; says whether it is.
    pub fn note(&self, packet: &[u8]) -> Heard {
        let Some(sent_us) = stamp_of(packet) else { return Heard::Other };
        self.latencies_us.borrow_mut().push(self.now_us().saturating_sub(sent_us));
        Heard::Track
    }

    /// Waits for what is under way; a run that loses any says nothing of speed.
    pub async fn wait_for(&self, n_expected: usize) -> Result<()> {
        let waits_since = Instant::now();
        while self.n_deliveries() < n_expected && waits_since.elapsed() < PATIENCE {
            tokio::time::sleep(LOOK).await;
        }
        let n_deliveries = self.n_deliveries();
        ensure!(n_deliveries == n_expected, "{n_deliveries} deliveries came, {n_expected} were expected");
        Ok(())
    }

    /// Sums up a run of that length, which cost the server that much.
    pub fn figures(&self, cpu: Duration, span: Duration) -> Result<Figures> {
        let mut latencies_us = self.latencies_us.borrow_mut();
        ensure!(!latencies_us.is_empty(), "nobody heard anything");
        latencies_us.sort_unstable();
        let quantile = |percent: usize| {
            let place = (latencies_us.len() - 1) * percent / 100;
            Duration::from_micros(latencies_us[place].into())
        };
        Ok(Figures {
            n_deliveries: latencies_us.len(),
            deliveries_per_second: (latencies_us.len() as f64 / span.as_secs_f64()).round() as u64,
            cpu: cpu.div_f64(latencies_us.len() as f64),
            p50: quantile(50),
            p99: quantile(99),
        })
    }

    /// Forgets all deliveries so far.
    pub fn clear(&self) {
        self.latencies_us.borrow_mut().clear();
    }

    fn n_deliveries(&self) -> usize {
        self.latencies_us.borrow().len()
    }

    /// Microseconds; a run is over long before they overflow, after more than an hour.
    fn now_us(&self) -> u32 {
        self.started_at.elapsed().as_micros() as u32
    }
}

/// Whether there is a track with a send time in a packet.
pub fn is_stamped(packet: &[u8]) -> bool {
    packet.contains(&(STAMP as u8))
}

/// When the track in a packet was sent; other packets carry none.
fn stamp_of(packet: &[u8]) -> Option<u32> {
    let at = packet.iter().position(|byte| *byte == STAMP as u8)?;
    let digits = packet[at + 1..].iter().take_while(|byte| byte.is_ascii_digit());
    Some(digits.fold(0, |number, digit| number * 10 + u32::from(digit - b'0')))
}
