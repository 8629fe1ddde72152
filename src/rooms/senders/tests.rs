//! What senders send, to whom and in which order, told by clients that write down what reaches them.

use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::effect::{Close, Delivery, Frame};
use crate::http::connection::{Connection, DisconnectReason};
use crate::rooms::encode::{EncodedFrame, Pending, Wire};
use crate::rooms::outbound::Outbound;
use crate::runtime::Config;
use serde_json::value::RawValue;

/// What has reached whom, in order; one permit for each.
struct Log {
    told: Mutex<Vec<(usize, String)>>,
    n_told: Semaphore,
}

impl Log {
    fn note(&self, number: usize, word: impl Into<String>) {
        self.told.lock().push((number, word.into()));
        self.n_told.add_permits(1);
    }
}

/// The client of a member, by its number.
struct Scribe {
    number: usize,
    log: Arc<Log>,
}

impl Outbound for Scribe {
    fn wire(&self) -> Wire {
        Wire::Plain
    }
    fn fast_path(&self) -> Option<Arc<Connection>> {
        None
    }
    fn waiting_bytes(&self) -> usize {
        0
    }
    fn queue(&self, written: &EncodedFrame) {
        self.log.note(self.number, written.frame.event.as_ref());
    }
    fn queue_answer(&self, id: i64, _payload: Option<&RawValue>) {
        self.log.note(self.number, format!("answer {id}"));
    }
    fn close(&self, _close: Close) {
        self.log.note(self.number, "close");
    }
    fn cut(&self, _reason: DisconnectReason) {
        self.log.note(self.number, "cut");
    }
}

/// Members at senders.
struct House {
    senders: Senders,
    recipients: Vec<Arc<Recipient>>,
    log: Arc<Log>,
}

impl House {
    /// Senders that do nothing by themselves.
    fn quiet(n_tasks: usize, n_members: usize) -> Self {
        Self::of(Senders::new(n_tasks, outlet()), n_members)
    }

    fn of(senders: Senders, n_members: usize) -> Self {
        let log = Arc::new(Log { told: Mutex::default(), n_told: Semaphore::new(0) });
        let recipient =
            |number| Arc::new(Recipient::new(0, Arc::new(Scribe { number, log: Arc::clone(&log) })));
        Self { senders, recipients: (0..n_members).map(recipient).collect(), log }
    }

    fn send(&self, to: impl IntoIterator<Item = usize>, outgoing: &Outgoing) {
        self.senders.send(to.into_iter().map(|number| &self.recipients[number]).collect(), outgoing, None);
    }

    fn tell(&self, to: impl IntoIterator<Item = usize>, word: impl Into<String>) {
        self.send(to, &frame(word));
    }

    /// Has one stream served one piece, as by a sender.
    fn serve_one(&self) -> bool {
        let next = self.senders.shared.pending.lock().turns.next();
        next.is_some_and(|(stream, piece)| self.senders.shared.serve(stream, &piece) > 0)
    }

    fn told(&self) -> Vec<(usize, String)> {
        self.log.told.lock().clone()
    }

    /// What each member was told.
    fn by_member(&self) -> Vec<Vec<String>> {
        let mut told = vec![Vec::new(); self.recipients.len()];
        self.told().into_iter().for_each(|(number, word)| told[number].push(word));
        told
    }

    /// What was told, each word once for as long as it goes on.
    fn turns(&self) -> Vec<String> {
        let mut words: Vec<String> = self.told().into_iter().map(|(_, word)| word).collect();
        words.dedup();
        words
    }
}

fn outlet() -> Outlet {
    Outlet {
        max_queued_bytes: usize::MAX,
        max_pending_bytes: usize::MAX,
        pending: Pending::default(),
        max_lossy_bytes: usize::MAX,
        events_out: metrics::Counter::noop(),
        too_late: metrics::Counter::noop(),
    }
}

fn frame(word: impl Into<String>) -> Outgoing {
    Outgoing::Frame(
        Arc::new(EncodedFrame::new(Frame::bare(word.into()), &Pending::default())),
        Delivery::Reliable,
    )
}

#[test]
fn with_one_sender_a_small_room_is_told_in_place_while_a_large_one_waits() {
    let house = House::quiet(1, 210);
    house.tell(0..200, "large");
    house.tell(200..210, "small");
    assert_eq!(house.turns(), ["small"]);
    house.senders.flush();
    assert_eq!(house.turns(), ["small", "large"]);
    assert_eq!(house.told().len(), 210);
}

#[test]
fn rooms_take_turns_piece_by_piece() {
    let house = House::quiet(1, 3 * PIECE + 2 * PIECE + PIECE + 1);
    house.tell(0..3 * PIECE, "a");
    house.tell(3 * PIECE..5 * PIECE, "b");
    house.tell(5 * PIECE..=6 * PIECE, "c");
    house.senders.flush();
    assert_eq!(house.turns(), ["a", "b", "c", "a", "b", "c", "a"]);
}

#[test]
fn a_large_frame_goes_out_in_smaller_pieces() {
    let house = House::quiet(1, 20);
    house.tell(0..10, "x".repeat(PIECE_BYTES));
    house.tell(10..20, "small");
    assert!(house.serve_one());
    house.tell(10..20, "again");
    let lengths: Vec<usize> = house.turns().iter().map(String::len).collect();
    assert_eq!(lengths, [5, PIECE_BYTES, 5]);
}

#[test]
fn whoever_has_something_pending_is_told_the_rest_behind_it() {
    for n_tasks in [1, 3] {
        let house = House::quiet(n_tasks, 1000);
        house.tell(0..1000, "first");
        house.tell([999], "second");
        house.send([999], &Outgoing::Answer(7, None));
        house.tell(0..1000, "third");
        house.send([999], &Outgoing::Close(Close::Done));
        house.send([998], &Outgoing::Disconnect(DisconnectReason::OutOfStep));
        assert!(house.told().is_empty());
        house.senders.flush();
        let told = house.by_member();
        assert_eq!(told[999], ["first", "second", "answer 7", "third", "close"]);
        assert_eq!(told[998], ["first", "third", "cut"]);
        assert_eq!(told[0], ["first", "third"]);
    }
}

#[test]
fn a_large_room_is_spread_over_all_senders_and_a_small_one_is_one_stream() {
    let house = House::quiet(4, 1000);
    house.tell(0..1000, "large");
    assert_eq!(house.senders.shared.pending.lock().turns.n_ready(), 4);
    house.senders.flush();
    house.tell(0..PIECE, "small");
    assert_eq!(house.senders.shared.pending.lock().turns.n_ready(), 1);
}

#[test]
fn a_member_that_is_gone_is_told_nothing_and_kept_by_nothing() {
    let mut house = House::quiet(1, 100);
    house.tell(0..100, "word");
    house.tell(0..100, "word");
    let n_holders = Arc::strong_count(&house.log);
    house.recipients.truncate(99);
    assert_eq!(Arc::strong_count(&house.log), n_holders - 1);
    house.senders.flush();
    assert_eq!(house.told().len(), 198);
}

#[test]
fn what_is_pending_is_bounded_and_loses_nothing() {
    let house = House::quiet(1, 2000);
    let n_rounds = MAX_PENDING / (2000 * DELIVERY_WEIGHT) + 2;
    for round in 0..n_rounds {
        house.tell(0..2000, round.to_string());
        assert!(house.senders.shared.pending.lock().weight <= MAX_PENDING);
    }
    assert!(!house.told().is_empty());
    house.senders.flush();
    let expected: Vec<String> = (0..n_rounds).map(|round| round.to_string()).collect();
    assert!(house.by_member().iter().all(|told| *told == expected));
}

#[test]
fn the_time_of_an_event_ends_with_the_last_piece_that_came_of_it() {
    let house = House::quiet(1, 2 * PIECE);
    let clock = Clock::start();
    let latency = metrics::Histogram::noop();
    let receipt = Arc::new(Receipt { arrived_at: clock.now(), clock, latency });
    let held = Arc::downgrade(&receipt);
    house.senders.send(house.recipients.iter().collect(), &frame("word"), Some(&receipt));
    drop(receipt);
    assert!(house.serve_one() && held.upgrade().is_some());
    assert!(house.serve_one() && held.upgrade().is_none());
}

proptest! {
    #[test]
    fn each_member_is_told_everything_in_order_whoever_serves_when(
        n_tasks in 1..4usize,
        rounds in proptest::collection::vec((0..300usize, 1..300usize, 0..4usize), 1..40),
    ) {
        let house = House::quiet(n_tasks, 300);
        let mut expected = vec![Vec::new(); 300];
        for (number, (from, n, n_served)) in rounds.into_iter().enumerate() {
            let to = from..(from + n).min(300);
            to.clone().for_each(|member| expected[member].push(number.to_string()));
            house.tell(to, number.to_string());
            for _ in 0..n_served {
                house.serve_one();
            }
        }
        house.senders.flush();
        prop_assert_eq!(house.by_member(), expected);
        prop_assert!(house.senders.shared.pending.lock().turns.is_empty());
        prop_assert_eq!(house.senders.shared.pending.lock().weight, 0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn senders_at_work_on_several_threads_keep_the_order_of_each_member() {
    let context = Context::new(Clock::start(), &Config::default());
    for n_tasks in [1, 3] {
        let house = House::of(Senders::start(n_tasks, outlet(), &context), 500);
        let mut n_sent = 0;
        for number in 0..2000_usize {
            let from = number * 7 % 500;
            let to = from..(from + 1 + number * 13 % 250).min(500);
            n_sent += to.len();
            house.tell(to, format!("{number:04}"));
            if number % 100 == 0 {
                yield_now().await;
            }
        }
        let all_told = house.log.n_told.acquire_many(u32::try_from(n_sent).unwrap());
        tokio::time::timeout(Duration::from_secs(30), all_told).await.unwrap().unwrap().forget();
        assert!(house.by_member().iter().all(|told| told.is_sorted()));
        assert_eq!(house.told().len(), n_sent);
    }
    context.stop();
    context.stopped().await;
}
