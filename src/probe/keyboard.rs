//! Whoever sits at the keyboard: lines that are typed, taken while events are waited for.

use std::io::BufRead as _;
use std::sync::mpsc::{self, Receiver, TryRecvError};
use std::thread;
use std::time::Duration;

use super::Input;

/// Between two looks at what was typed.
pub const LOOK: Duration = Duration::from_millis(50);

/// What is typed.
pub struct Keyboard(Receiver<String>);

/// What has been typed since the last look.
pub enum Typed {
    /// Nothing.
    Nothing,
    /// A line.
    Line(String),
    /// There is nobody any more.
    End,
}

impl Keyboard {
    /// Listens to whoever types.
    pub fn of(input: Input) -> Self {
        let (typed, lines) = mpsc::channel();
        thread::spawn(move || {
            for line in input.lines().map_while(Result::ok) {
                if typed.send(line).is_err() {
                    return;
                }
            }
        });
        Self(lines)
    }

    /// Looks.
    pub fn look(&self) -> Typed {
        match self.0.try_recv() {
            Ok(line) if ["quit", "exit"].contains(&line.trim()) => Typed::End,
            Ok(line) => Typed::Line(line.trim().to_owned()),
            Err(TryRecvError::Empty) => Typed::Nothing,
            Err(TryRecvError::Disconnected) => Typed::End,
        }
    }
}
