//! Memory that connections took and gave up goes back to the system; the C library would keep it.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::Context;

/// What is worth the milliseconds that it takes to look for free pages.
const WORTHWHILE_BYTES: usize = 16 * 1024 * 1024;

/// How often it is looked whether there is as much.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Bytes that were freed since the system got any back, as far as anyone counts them.
static FREED_BYTES: AtomicUsize = AtomicUsize::new(0);

/// Takes note of about so many bytes that were freed.
pub fn freed(bytes: usize) {
    FREED_BYTES.fetch_add(bytes, Ordering::Relaxed);
}

/// Gives back what was freed, whenever it is enough, until the process stops.
pub fn spawn_upkeep(context: &Context) {
    let stop = context.clone();
    context.spawn(async move {
        let mut look = tokio::time::interval(LOOK_EVERY);
        loop {
            tokio::select! {
                _ = look.tick() => {}
                () = stop.stopping() => return,
            }
            if FREED_BYTES.load(Ordering::Relaxed) >= WORTHWHILE_BYTES {
                FREED_BYTES.store(0, Ordering::Relaxed);
                // A panic in there would be reported as any other.
                let _ = tokio::task::spawn_blocking(roomhub_system::trim_heap).await;
            }
        }
    });
}
