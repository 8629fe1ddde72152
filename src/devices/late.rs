//! Devices that were erased while this node was away: what its spool has of them from before is not to come into the database.

use std::collections::HashMap;

use parking_lot::Mutex;
use tokio::sync::watch;

use super::protocol::names::DeviceId;
use super::record::Record;
use crate::time::Timestamp;

/// Devices that were erased while this node was away.
#[derive(Debug, Default)]
pub struct LateErasures {
    devices: Mutex<HashMap<DeviceId, Timestamp>>,
    known: watch::Sender<bool>,
}

impl LateErasures {
    /// A device was erased at that moment.
    pub fn add(&self, device: DeviceId, at: Timestamp) {
        self.devices.lock().insert(device, at);
    }

    /// All of them have been added that the other nodes know.
    pub fn are_known(&self) {
        self.known.send_replace(true);
    }

    /// Waits until they are known.
    pub async fn wait(&self) {
        // It lives as long as whoever waits.
        let _ = self.known.subscribe().wait_for(|are_known| *are_known).await;
    }

    /// Whether a record is of such a device, and from before.
    pub fn void(&self, record: &Record) -> bool {
        let devices = self.devices.lock();
        let is_void = |(device, at): (&DeviceId, &Timestamp)| record.at() <= *at && record.names(device);
        !devices.is_empty() && !matches!(record, Record::Erased { .. }) && devices.iter().any(is_void)
    }
}
