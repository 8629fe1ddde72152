//! A layer around another one: what it logs is escaped and cut, whatever the call site.
//!
//! Names and texts of strangers are in the log. A line feed among them would begin a line of its own, and a terminal
//! would obey its control characters.

use std::error::Error;
use std::fmt::{self, Debug, Write as _};

use tracing::field::{Field, Value, Visit, display};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context, Layer};
use tracing_subscriber::registry::LookupSpan;

/// Characters of a field: twice as many as an id of `signal` may have would say no more.
const MAX_FIELD_CHARS: usize = 128;

/// Characters of a message, of what this program and its libraries say of a failure, and of a payload at debug level.
const MAX_MESSAGE_CHARS: usize = 4096;

/// Fields whose text is this program's, its libraries' or its operator's.
const LONG_FIELDS: [&str; 10] =
    ["message", "error", "problem", "failure", "reason", "path", "file", "folder", "kept", "payload"];

/// Whether a character does something to a terminal, or to the order of the text around it.
pub fn is_hostile(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A text that takes so many characters, each of them harmless.
struct Clean {
    text: String,
    left: usize,
}

impl Clean {
    fn of(max_chars: usize, value: fmt::Arguments<'_>) -> String {
        let mut clean = Self { text: String::new(), left: max_chars };
        if clean.write_fmt(value).is_err() {
            clean.text.push('…');
        }
        clean.text
    }
}

impl fmt::Write for Clean {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for c in text.chars() {
            self.left = self.left.checked_sub(1).ok_or(fmt::Error)?;
            if is_hostile(c) { self.text.extend(c.escape_default()) } else { self.text.push(c) }
        }
        Ok(())
    }
}

/// As much of a stranger's text as stands in a message.
pub fn brief(text: &str) -> &str {
    text.char_indices().nth(MAX_FIELD_CHARS).map_or(text, |(end, _)| &text[..end])
}

/// The text of an event's or a span's field.
pub fn clean(field: &Field, value: fmt::Arguments<'_>) -> String {
    let is_long = LONG_FIELDS.contains(&field.name());
    Clean::of(if is_long { MAX_MESSAGE_CHARS } else { MAX_FIELD_CHARS }, value)
}

/// How the layer inside writes a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// Between others in a line: with quotes, if it could be taken for more than one field.
    Line,
    /// By itself.
    Apart,
    /// By itself, and in the message too: of an event, people who read the journal see its message alone.
    Journal,
}

/// Gives another layer values that are clean.
pub struct Cleaning<L> {
    /// The other layer.
    pub inner: L,
    /// How it writes texts.
    pub style: Style,
}

/// Whether a character in a text could end a field, or begin another one.
fn is_ambiguous(c: char) -> bool {
    c.is_whitespace() || c == '"' || c == '='
}

/// What an event says, in one text.
#[derive(Default)]
struct Summary {
    message: String,
    fields: String,
}

impl Summary {
    fn of(event: &Event<'_>) -> String {
        let mut summary = Self::default();
        event.record(&mut summary);
        summary.message + &summary.fields
    }

    fn put(&mut self, field: &Field, value: fmt::Arguments<'_>) {
        let text = clean(field, value);
        let _ = match field.name() {
            "message" => self.message.write_str(&text),
            name if text.contains(is_ambiguous) => write!(self.fields, " {name}={text:?}"),
            name => write!(self.fields, " {name}={text}"),
        };
    }
}

impl Visit for Summary {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, format_args!("{value}"));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.put(field, format_args!("{value:?}"));
    }
}

/// Values of an event or a span, by the place of their fields.
struct Values {
    style: Style,
    values: Vec<Option<Box<dyn Value>>>,
}

impl Values {
    fn of(n_fields: usize, style: Style, record: impl FnOnce(&mut dyn Visit)) -> Self {
        let mut values = Self { style, values: (0..n_fields).map(|_| None).collect() };
        record(&mut values);
        values
    }

    fn put(&mut self, field: &Field, value: impl Value + 'static) {
        if let Some(place) = self.values.get_mut(field.index()) {
            *place = Some(Box::new(value));
        }
    }

    fn put_text(&mut self, field: &Field, value: fmt::Arguments<'_>) {
        let text = clean(field, value);
        if self.style == Style::Line && field.name() != "message" && text.contains(is_ambiguous) {
            self.put(field, text);
        } else {
            self.put(field, display(text));
        }
    }

    fn all(&self) -> Vec<Option<&dyn Value>> {
        self.values.iter().map(Option::as_deref).collect()
    }
}

impl Visit for Values {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value);
    }

    fn record_i128(&mut self, field: &Field, value: i128) {
        self.put(field, value);
    }

    fn record_u128(&mut self, field: &Field, value: u128) {
        self.put(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, clean(field, format_args!("{value}")));
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        self.put_text(field, format_args!("{value}"));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.put_text(field, format_args!("{value:?}"));
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>, L: Layer<S>> Layer<S> for Cleaning<L> {
    fn on_layer(&mut self, subscriber: &mut S) {
        self.inner.on_layer(subscriber);
    }

    fn on_new_span(&self, span: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let metadata = span.metadata();
        let values = Values::of(metadata.fields().len(), self.style, |visit| span.record(visit));
        let values = values.all();
        let values = metadata.fields().value_set_all(&values);
        let clean = match span.parent() {
            Some(parent) => Attributes::child_of(parent.clone(), metadata, &values),
            None if span.is_root() => Attributes::new_root(metadata, &values),
            None => Attributes::new(metadata, &values),
        };
        self.inner.on_new_span(&clean, id, context);
    }

    fn on_record(&self, id: &Id, record: &Record<'_>, context: Context<'_, S>) {
        let Some(metadata) = context.metadata(id) else { return };
        let values = Values::of(metadata.fields().len(), self.style, |visit| record.record(visit));
        let values = values.all();
        let values = metadata.fields().value_set_all(&values);
        self.inner.on_record(id, &Record::new(&values), context);
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let metadata = event.metadata();
        let mut values = Values::of(metadata.fields().len(), self.style, |visit| event.record(visit));
        if self.style == Style::Journal
            && let Some(field) = metadata.fields().field("message")
        {
            values.put(&field, display(Summary::of(event)));
        }
        let values = values.all();
        let values = metadata.fields().value_set_all(&values);
        let clean = if event.is_contextual() {
            Event::new(metadata, &values)
        } else {
            Event::new_child_of(event.parent().cloned(), metadata, &values)
        };
        self.inner.on_event(&clean, context);
    }

    fn on_enter(&self, id: &Id, context: Context<'_, S>) {
        self.inner.on_enter(id, context);
    }

    fn on_exit(&self, id: &Id, context: Context<'_, S>) {
        self.inner.on_exit(id, context);
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        self.inner.on_close(id, context);
    }
}

/// A line of JSON whose texts do nothing to a terminal; what it says is the same.
pub fn clean_json(line: &str) -> String {
    let mut clean = String::with_capacity(line.len());
    for c in line.chars() {
        // All of them are within the first 65,536 characters, and only strings can hold them.
        if is_hostile(c) {
            let _ = write!(clean, "\\u{:04x}", u32::from(c));
        } else {
            clean.push(c);
        }
    }
    clean
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use tracing::subscriber::with_default;
    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    /// Where a test's log goes.
    #[derive(Clone, Default)]
    struct Paper(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Paper {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(act: impl FnOnce()) -> String {
        logged_as(Style::Line, act)
    }

    fn logged_as(style: Style, act: impl FnOnce()) -> String {
        let paper = Paper::default();
        let writer = paper.clone();
        let inner = tracing_subscriber::fmt::layer()
            .without_time()
            .with_target(false)
            .with_ansi(false)
            .with_writer(move || writer.clone());
        let log = tracing_subscriber::registry().with(Cleaning { inner, style });
        with_default(log, act);
        let written = paper.0.lock().unwrap().clone();
        String::from_utf8(written).unwrap()
    }

    #[test]
    fn a_strangers_text_begins_no_line_and_moves_no_cursor() {
        let name = "a\n2026 ERROR forged\r\u{1b}[2J\u{9b}31m\u{202e}x\u{2028}";
        let log = logged(|| {
            tracing::info!(device = %name, text = name, debugged = ?name, n = 7, "hello {name}");
            let span = tracing::info_span!("request", path = %name);
            span.in_scope(|| tracing::warn!("inside"));
        });
        let lines: Vec<&str> = log.lines().collect();
        assert_eq!(lines.len(), 2, "{log}");
        assert!(!log.chars().any(|c| is_hostile(c) && c != '\n'), "{log:?}");
        assert!(lines[0].contains(r"hello a\n2026 ERROR forged\r\u{1b}[2J\u{9b}31m\u{202e}x"), "{log}");
        assert!(lines[0].contains("n=7") && lines[1].contains("inside"), "{log}");
    }

    #[test]
    fn the_journals_message_says_what_failed_and_where() {
        let log = logged_as(Style::Journal, || {
            tracing::info!(device = %"d1 room=x", room = "R", n = 7, "device \u{1b}connected");
        });
        assert!(log.contains(r#"device \u{1b}connected device="d1 room=x" room=R n=7"#), "{log}");
    }

    #[test]
    fn a_strangers_text_makes_no_field() {
        let log = logged(|| tracing::info!(device = %"d1 address=10.0.0.1", room = %"R", "connected"));
        assert!(log.contains(r#"device="d1 address=10.0.0.1" room=R"#), "{log}");
    }

    #[test]
    fn a_long_text_is_cut() {
        let name = "ä".repeat(1_000_000);
        let log = logged(|| tracing::info!(device = %name, error = %name, "hello {name}"));
        assert!(log.contains(&format!("device={}… ", &"ä".repeat(MAX_FIELD_CHARS))), "{} bytes", log.len());
        assert!(log.chars().count() < 2 * MAX_MESSAGE_CHARS + 2 * MAX_FIELD_CHARS);
    }

    #[test]
    fn a_line_of_json_says_the_same_and_is_harmless() {
        let line = serde_json::to_string("a\n\u{1b}\u{9b}\u{202e}\u{7f}ä😀").unwrap();
        let clean = clean_json(&line);
        assert!(!clean.contains(is_hostile), "{clean:?}");
        assert_eq!(
            serde_json::from_str::<String>(&clean).unwrap(),
            serde_json::from_str::<String>(&line).unwrap()
        );
    }
}
