//! systemd: sockets it opened for us, and what it is told in return. Elsewhere, nothing happens.

use std::net::TcpListener;
use std::time::Duration;

use listenfd::ListenFd;
use parking_lot::Mutex;
use sd_notify::NotifyState;
use tracing::debug;

use super::Context;

/// Sockets that systemd opened before the start, handed out in the order of their `ListenStream=` lines.
pub struct ActivatedSockets(Mutex<ListenFd>, Mutex<usize>);

impl ActivatedSockets {
    /// Takes them from the environment; none outside of socket activation.
    pub fn from_environment() -> Self {
        Self(Mutex::new(ListenFd::from_env()), Mutex::new(0))
    }

    /// The next one that is left.
    pub fn next(&self) -> Option<TcpListener> {
        let mut index = self.1.lock();
        let listener = self.0.lock().take_tcp_listener(*index).ok().flatten()?;
        *index += 1;
        Some(listener)
    }
}

/// Tells systemd that the process serves, with a line for `systemctl status`.
pub fn ready(status: &str) {
    notify(&[NotifyState::Ready, NotifyState::Status(status)]);
}

/// Tells systemd that the process reads again what may have changed; [`reloaded`] ends it.
///
/// The time lets a `Type=notify-reload` unit tell this answer to its SIGHUP from an earlier one.
pub fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => notify(&[NotifyState::Reloading, now]),
        Err(error) => debug!(%error, "systemd could not be told"),
    }
}

/// Tells systemd that the process serves by what it has read again.
pub fn reloaded() {
    notify(&[NotifyState::Ready]);
}

/// Tells systemd what the process is doing.
pub fn status(status: &str) {
    notify(&[NotifyState::Status(status)]);
}

/// Tells systemd that the process has begun to stop.
pub fn stopping() {
    notify(&[NotifyState::Stopping, NotifyState::Status("draining")]);
}

/// Answers systemd's watchdog at half its interval, if there is one: a frozen runtime gets restarted.
pub fn spawn_watchdog(context: &Context) {
    let Some(interval) = sd_notify::watchdog_enabled().filter(|interval| *interval > Duration::ZERO) else {
        return;
    };
    let context_of_task = context.clone();
    context.spawn(async move {
        let mut beat = tokio::time::interval(interval / 2);
        loop {
            tokio::select! {
                _ = beat.tick() => notify(&[NotifyState::Watchdog]),
                () = context_of_task.stopping() => return,
            }
        }
    });
}

fn notify(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        debug!(%error, "systemd could not be told");
    }
}
