//! Memory that connections took and gave up goes back to the system; the C library would keep it.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::Context;

/// What is worth the milliseconds that it takes to look for free pages.
const WORTHWHILE_BYTES: usize = 16 * 1024 * 1024;

/// What is worth them once no more is being freed.
const WORTHWHILE_REST: usize = 1024 * 1024;

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
        let mut before = 0;
        loop {
            tokio::select! {
                _ = look.tick() => {}
                () = stop.stopping() => return,
            }
            let freed = FREED_BYTES.load(Ordering::Relaxed);
            let is_due = is_worthwhile(freed, before);
            before = freed;
            if is_due {
                before = 0;
                FREED_BYTES.fetch_sub(freed, Ordering::Relaxed);
                // A panic in there would be reported as any other.
                let _ = tokio::task::spawn_blocking(roomhub_system::trim_heap).await;
            }
        }
    });
}

/// Whether so many freed bytes are given back, of which there were `before` at the last look.
fn is_worthwhile(freed: usize, before: usize) -> bool {
    freed >= WORTHWHILE_BYTES || (freed >= WORTHWHILE_REST && freed == before)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_freed_last_goes_back_too_once_no_more_follows() {
        let mebibyte = 1024 * 1024;
        assert!(is_worthwhile(16 * mebibyte, 0) && is_worthwhile(9 * mebibyte, 9 * mebibyte));
        assert!(!is_worthwhile(9 * mebibyte, 8 * mebibyte) && !is_worthwhile(4096, 4096));
    }
}
