//! systemd: sockets it opened for us, and what it is told in return. Elsewhere, nothing happens.

use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::time::Duration;

use listenfd::ListenFd;
use parking_lot::Mutex;
use sd_notify::NotifyState;
use tracing::debug;

use super::Context;

/// A listening socket that systemd opened.
pub enum Activated {
    /// Of a `ListenStream=` with a port.
    Tcp(TcpListener),
    /// Of one with a path.
    Unix(UnixListener),
}

/// Sockets that systemd opened before the start, handed out in the order of their `ListenStream=` lines.
pub struct ActivatedSockets {
    left: Mutex<(ListenFd, usize)>,
    share: Share,
}

/// How many of the sockets one listener takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Share {
    /// All of them: there is but one.
    All,
    /// One.
    One,
}

impl ActivatedSockets {
    /// Takes them from the environment; none outside of socket activation.
    pub fn from_environment(share: Share) -> Self {
        Self { left: Mutex::new((ListenFd::from_env(), 0)), share }
    }

    /// What the next listener gets of those that are left.
    pub fn next(&self) -> Vec<Activated> {
        let n_most = if self.share == Share::All { usize::MAX } else { 1 };
        let mut left = self.left.lock();
        std::iter::from_fn(|| take(&mut left)).take(n_most).collect()
    }
}

fn take((sockets, index): &mut (ListenFd, usize)) -> Option<Activated> {
    // One of the other kind stays where it is.
    let tcp = sockets.take_tcp_listener(*index).ok().flatten().map(Activated::Tcp);
    let activated = tcp.or_else(|| sockets.take_unix_listener(*index).ok().flatten().map(Activated::Unix))?;
    *index += 1;
    Some(activated)
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
