//! Engine.IO over HTTP requests: one connection on which a request waits, one on which is sent.

use std::collections::VecDeque;

use anyhow::{Context as _, Result, bail, ensure};

use super::Target;
use super::http::Http;
use super::packet::{CLOSE, POLLING_PATH, Packet, SEPARATOR};
use super::wire::Place;

/// A session that polls.
pub struct Polling {
    waits: Http,
    sends: Http,
    path: String,
    came: VecDeque<String>,
    is_waiting: bool,
}

impl Polling {
    /// Begins a session; gives what the server says of it.
    pub fn open(target: &Target, place: &Place) -> Result<Self> {
        let (mut waits, sends) = (Http::connect(target, place)?, Http::connect(target, place)?);
        let path = format!("{}{POLLING_PATH}", place.path);
        let answer = waits.get(&path)?;
        ensure!(answer.status == 200, "no session: {} {}", answer.status, answer.body);
        let Packet::Opened(opened) = Packet::read(answer.body.split(SEPARATOR).next().unwrap_or_default())?
        else {
            bail!("no Engine.IO session");
        };
        let sid = opened["sid"].as_str().context("a session without an id")?;
        let path = format!("{path}&sid={sid}");
        Ok(Self { waits, sends, path, came: VecDeque::new(), is_waiting: false })
    }

    /// Sends a packet.
    pub fn send(&mut self, packet: &str) -> Result<()> {
        self.sends.ask("POST", &self.path, "Content-Type: text/plain;charset=UTF-8\r\n", packet)?;
        let answer = self.sends.answer()?;
        ensure!(answer.status == 200, "a packet is refused: {} {}", answer.status, answer.body);
        Ok(())
    }

    /// The next packet; `None` when the session has ended.
    pub fn read(&mut self) -> Result<Option<String>> {
        loop {
            if let Some(packet) = self.came.pop_front() {
                return Ok((packet != CLOSE).then_some(packet));
            }
            if !self.is_waiting {
                self.waits.ask("GET", &self.path, "", "")?;
                self.is_waiting = true;
            }
            let answer = self.waits.answer()?;
            self.is_waiting = false;
            if answer.status != 200 {
                return Ok(None);
            }
            self.came.extend(answer.body.split(SEPARATOR).map(str::to_owned));
        }
    }

    /// How long a read may take.
    pub fn set_patience(&mut self, patience: std::time::Duration) -> Result<()> {
        Ok(self.waits.stream().set_patience(patience)?)
    }
}

impl Drop for Polling {
    fn drop(&mut self) {
        // A session that just stops polling is taken for gone after the ping's time alone; one that ends is over.
        let _ = self.send(CLOSE);
    }
}
