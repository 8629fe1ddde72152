//! The frames of a WebSocket client as they come in: judged by their heads, and cut into small ones.
//!
//! Pure: bytes in, bytes out. The WebSocket library reserves memory for the whole frame that a head announces, and a
//! connection keeps that for ever. So a large frame goes on as fragments, under the same mask: what a client costs
//! is what it has sent of a message, until that is complete.

#[cfg(test)]
mod tests;

use bytes::Bytes;

/// A payload up to this length goes on as it is. A multiple of the mask's length, which so fits every fragment.
const FRAGMENT_BYTES: usize = 4096;

/// The longest head of a client's frame: two bytes, eight of length, and the mask.
const MAX_HEAD_BYTES: usize = 14;
const MASK_BYTES: usize = 4;

/// Opcodes; those from `CLOSE` to `PONG` are control frames.
const CONTINUATION: u8 = 0;
const TEXT: u8 = 1;
const BINARY: u8 = 2;
const CLOSE: u8 = 8;
const PONG: u8 = 10;

/// In the first byte of a head: the last frame of a message, and bits without a meaning.
const FINAL: u8 = 0x80;
const RESERVED: u8 = 0x70;

/// The first byte of a message that is one frame.
const WHOLE_TEXT: u8 = FINAL | TEXT;
const WHOLE_BINARY: u8 = FINAL | BINARY;

/// In the second byte of a head: the payload is masked.
const MASKED: u8 = 0x80;

/// The longest payload whose length stands in the second byte; no control frame has a longer one.
const SHORT: u8 = 125;

/// In place of that length: it follows in two bytes.
pub const LENGTH_16: u8 = 126;
/// The same in eight bytes.
pub const LENGTH_64: u8 = 127;

/// What a client may not do; each ends its WebSocket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Violation {
    /// It breaks the WebSocket protocol.
    Malformed,
    /// A text is not UTF-8.
    NotText,
    /// A message took too long from its first byte to its last.
    TooSlow,
    /// A message is beyond the limit.
    TooBig,
    /// The server holds too much of other messages that are not here whole.
    NoMemory,
}

impl Violation {
    /// The close code of RFC 6455.
    pub fn close_code(self) -> u16 {
        match self {
            Self::Malformed => 1002,
            Self::NotText => 1007,
            Self::TooSlow => 1008,
            Self::TooBig => 1009,
            Self::NoMemory => 1013,
        }
    }

    /// Its name in the metrics.
    pub fn code(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::NotText => "not_text",
            Self::TooSlow => "too_slow",
            Self::TooBig => "too_big",
            Self::NoMemory => "no_memory",
        }
    }
}

/// A frame that closes a WebSocket.
pub fn close_frame(code: u16) -> Bytes {
    let [high, low] = code.to_be_bytes();
    Bytes::from(vec![FINAL | CLOSE, 2, high, low])
}

/// Bytes of a message by which its kind is known.
const OPENING_BYTES: usize = 3;

/// Messages of a kind that is always short.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShortMessages {
    /// How they begin.
    pub opening: [u8; OPENING_BYTES],
    /// The longest.
    pub max_bytes: usize,
}

/// Whether texts are checked here; a reader that says what is wrong with them need not have that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextCheck {
    /// A text that is not UTF-8 ends the WebSocket.
    Here,
    /// It is up to the reader.
    ByTheReader,
}

/// The longest beginning of a character that lacks its end.
const MAX_PART_BYTES: usize = 3;

/// Where in the stream of a client's frames the reader is.
#[derive(Debug)]
pub struct Frames {
    max_message_bytes: usize,
    short: Option<ShortMessages>,
    /// The head of the current frame, as far as it is here.
    head: [u8; MAX_HEAD_BYTES],
    n_head: u8,
    /// The length of the current frame's payload, and how much of it is still to come.
    length: usize,
    left: usize,
    /// Bytes of the current message in earlier frames, if there are any.
    message: Option<usize>,
    /// The first bytes of the current message, as far as they are here.
    opening: [u8; OPENING_BYTES],
    n_opening: u8,
    /// Messages that are complete; wraps around.
    n_complete: u32,
    text_check: TextCheck,
    /// Whether the current message is a text, and the part of a character at its end.
    is_text: bool,
    part: [u8; MAX_PART_BYTES],
    n_part: u8,
}

/// What goes on to the reader.
#[derive(Debug, PartialEq, Eq)]
pub enum Passed {
    /// So many of the bytes, as they are.
    AsTheyAre(usize),
    /// Other bytes in their place.
    Rewritten(Vec<u8>),
}

/// What goes on, as far as it is known: the bytes as they are, or a copy that is other than they are.
struct Output<'a> {
    bytes: &'a [u8],
    copy: Option<Vec<u8>>,
}

impl Output<'_> {
    /// A copy of what goes on of the bytes before `at`.
    fn copy(&mut self, at: usize) -> &mut Vec<u8> {
        self.copy.get_or_insert_with(|| self.bytes[..at].to_vec())
    }

    fn pass(&mut self, from: usize, to: usize) {
        if let Some(copy) = &mut self.copy {
            copy.extend_from_slice(&self.bytes[from..to]);
        }
    }

    fn end(self, at: usize) -> Passed {
        self.copy.map_or(Passed::AsTheyAre(at), Passed::Rewritten)
    }
}

impl Frames {
    /// No byte has come yet.
    pub fn new(max_message_bytes: usize, short: Option<ShortMessages>, text_check: TextCheck) -> Self {
        Self {
            max_message_bytes,
            short,
            head: [0; MAX_HEAD_BYTES],
            n_head: 0,
            length: 0,
            left: 0,
            message: None,
            opening: [0; OPENING_BYTES],
            n_opening: 0,
            n_complete: 0,
            text_check,
            is_text: false,
            part: [0; MAX_PART_BYTES],
            n_part: 0,
        }
    }

    /// Takes the next bytes: says what goes on, and why nothing after it does.
    pub fn take(&mut self, bytes: &[u8]) -> (Passed, Option<Violation>) {
        let mut output = Output { bytes, copy: None };
        let mut at = 0;
        if self.left == 0 && self.n_head > 0 {
            // The first part of a head was held back.
            output.copy(0);
        }
        while at < bytes.len() {
            if let Some(length) = self.whole_message(&bytes[at..]) {
                output.pass(at, at + length);
                at += length;
                self.n_complete = self.n_complete.wrapping_add(1);
                continue;
            }
            if self.left == 0 {
                let start = at;
                match self.read_head(bytes, &mut at) {
                    Ok(true) => {}
                    Ok(false) => return (output.end(start), None),
                    Err(violation) => return (output.end(start), Some(violation)),
                }
                if self.is_cut() {
                    output.copy(start);
                } else if let Some(copy) = &mut output.copy {
                    copy.extend_from_slice(&self.head[..usize::from(self.n_head)]);
                }
            }
            if at == bytes.len() && self.left > 0 {
                // The head of a fragment goes with its payload.
                break;
            }
            let mut room = self.left;
            if self.is_cut() {
                let of_fragment = (self.length - self.left) % FRAGMENT_BYTES;
                room = room.min(FRAGMENT_BYTES - of_fragment);
                if of_fragment == 0 {
                    self.write_fragment_head(room, output.copy(at));
                }
            }
            let end = bytes.len().min(at + room);
            self.look_at_opening(&bytes[at..end]);
            if self.is_too_long() {
                return (output.end(at), Some(Violation::TooBig));
            }
            if !self.check_text(&bytes[at..end]) {
                return (output.end(at), Some(Violation::NotText));
            }
            output.pass(at, end);
            self.left -= end - at;
            at = end;
            if self.left == 0 {
                self.end_frame();
            }
        }
        (output.end(at), None)
    }

    /// Bytes that are held for a message that is not here whole.
    pub fn held_bytes(&self) -> usize {
        self.message.unwrap_or(0) + if self.left > 0 { self.length - self.left } else { 0 }
    }

    /// The number of the message under way, if one is.
    pub fn under_way(&self) -> Option<u32> {
        (self.n_head > 0 || self.message.is_some()).then_some(self.n_complete)
    }

    /// The length of the next frame, if it is a whole message that goes on as it is; nearly all are.
    ///
    /// `None` says nothing but that it takes a closer look.
    fn whole_message(&self, bytes: &[u8]) -> Option<usize> {
        if self.n_head > 0 || self.message.is_some() {
            return None;
        }
        let (&[first, second], rest) = bytes.split_first_chunk()?;
        if !matches!(first, WHOLE_TEXT | WHOLE_BINARY) || second & MASKED == 0 {
            return None;
        }
        if first == WHOLE_TEXT && self.text_check == TextCheck::Here {
            return None;
        }
        let (length, rest) = match second & !MASKED {
            LENGTH_64 => return None,
            LENGTH_16 => {
                let (length, rest) = rest.split_first_chunk()?;
                (usize::from(u16::from_be_bytes(*length)), rest)
            }
            length => (usize::from(length), rest),
        };
        let max_bytes = self.short.map_or(usize::MAX, |short| short.max_bytes);
        if length > max_bytes.min(self.max_message_bytes).min(FRAGMENT_BYTES) {
            return None;
        }
        let rest = rest.get(MASK_BYTES + length..)?;
        Some(bytes.len() - rest.len())
    }

    /// Whether the current frame goes on as fragments.
    fn is_cut(&self) -> bool {
        self.length > FRAGMENT_BYTES
    }

    fn opcode(&self) -> u8 {
        self.head[0] & 0x0f
    }

    fn is_final(&self) -> bool {
        self.head[0] & FINAL != 0
    }

    /// Adds to the head of a frame; whether it is whole.
    fn read_head(&mut self, bytes: &[u8], at: &mut usize) -> Result<bool, Violation> {
        let mut needed = 2;
        while *at < bytes.len() {
            self.head[usize::from(self.n_head)] = bytes[*at];
            self.n_head += 1;
            *at += 1;
            if self.n_head == 2 {
                self.judge_opening()?;
            }
            if self.n_head >= 2 {
                needed = match self.head[1] & !MASKED {
                    LENGTH_16 => 8,
                    LENGTH_64 => 14,
                    _ => 6,
                };
            }
            if self.n_head == needed {
                return self.begin_frame().map(|()| true);
            }
        }
        Ok(false)
    }

    /// Judges the first two bytes of a head.
    fn judge_opening(&self) -> Result<(), Violation> {
        let [first, second, ..] = self.head;
        let is_in_order = match self.opcode() {
            CONTINUATION => self.message.is_some(),
            TEXT | BINARY => self.message.is_none(),
            // A close frame has a code of two bytes, or nothing.
            CLOSE if second & !MASKED == 1 => false,
            CLOSE..=PONG => self.is_final() && second & !MASKED <= SHORT,
            _ => false,
        };
        let has_reserved_bits = first & RESERVED != 0;
        if is_in_order && !has_reserved_bits && second & MASKED != 0 {
            Ok(())
        } else {
            Err(Violation::Malformed)
        }
    }

    fn begin_frame(&mut self) -> Result<(), Violation> {
        let extended = &self.head[2..usize::from(self.n_head) - MASK_BYTES];
        let length = match self.head[1] & !MASKED {
            LENGTH_16 | LENGTH_64 => extended.iter().fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte)),
            length => u64::from(length),
        };
        let room = self.max_message_bytes - self.message.unwrap_or(0);
        let length = usize::try_from(length).ok().filter(|length| *length <= room);
        self.length = length.ok_or(Violation::TooBig)?;
        self.left = self.length;
        if matches!(self.opcode(), TEXT | BINARY) {
            self.is_text = self.opcode() == TEXT;
            self.n_part = 0;
        }
        Ok(())
    }

    /// Whether the next bytes of a text can be UTF-8, as far as they are here.
    fn check_text(&mut self, payload: &[u8]) -> bool {
        if self.text_check == TextCheck::ByTheReader || !self.is_text || self.opcode() >= CLOSE {
            return true;
        }
        let offset = self.length - self.left;
        let mask = &self.head[usize::from(self.n_head) - MASK_BYTES..usize::from(self.n_head)];
        let bare = payload.iter().enumerate().map(|(i, byte)| byte ^ mask[(offset + i) % MASK_BYTES]);
        let text: Vec<u8> = self.part[..usize::from(self.n_part)].iter().copied().chain(bare).collect();
        let is_end = self.is_final() && payload.len() == self.left;
        let part = match str::from_utf8(&text) {
            Ok(_) => &[],
            Err(error) if error.error_len().is_none() && !is_end => &text[error.valid_up_to()..],
            Err(_) => return false,
        };
        self.part[..part.len()].copy_from_slice(part);
        self.n_part = part.len() as u8;
        true
    }

    /// Takes note of the first bytes of a message, without their mask.
    fn look_at_opening(&mut self, payload: &[u8]) {
        let n_known = usize::from(self.n_opening);
        if self.short.is_none() || self.opcode() >= CLOSE || n_known == OPENING_BYTES {
            return;
        }
        let offset = self.length - self.left;
        let mask = &self.head[usize::from(self.n_head) - MASK_BYTES..usize::from(self.n_head)];
        for (i, byte) in payload.iter().take(OPENING_BYTES - n_known).enumerate() {
            self.opening[n_known + i] = byte ^ mask[(offset + i) % MASK_BYTES];
            self.n_opening += 1;
        }
    }

    /// Whether the current message is of the kind that is always short, and is not.
    fn is_too_long(&self) -> bool {
        if self.opcode() >= CLOSE {
            return false;
        }
        let is_short = |short: &ShortMessages| {
            let opening = &self.opening[..usize::from(self.n_opening)];
            opening == short.opening && self.message.unwrap_or(0) + self.length > short.max_bytes
        };
        self.short.as_ref().is_some_and(is_short)
    }

    fn end_frame(&mut self) {
        if self.opcode() < CLOSE {
            if self.is_final() {
                self.message = None;
                self.n_opening = 0;
                self.n_complete = self.n_complete.wrapping_add(1);
            } else {
                self.message = Some(self.message.unwrap_or(0) + self.length);
            }
        }
        self.n_head = 0;
        self.length = 0;
    }

    /// The head of the next fragment: the first has the frame's opcode, the last is as final as the frame is.
    fn write_fragment_head(&self, length: usize, output: &mut Vec<u8>) {
        let opcode = if self.left == self.length { self.opcode() } else { CONTINUATION };
        let is_final = if self.left == length { self.head[0] & FINAL } else { 0 };
        output.push(opcode | is_final);
        match u8::try_from(length) {
            Ok(length) if length <= SHORT => output.push(MASKED | length),
            _ => {
                output.push(MASKED | LENGTH_16);
                output.extend_from_slice(&(length as u16).to_be_bytes());
            }
        }
        let n_head = usize::from(self.n_head);
        output.extend_from_slice(&self.head[n_head - MASK_BYTES..n_head]);
    }
}
