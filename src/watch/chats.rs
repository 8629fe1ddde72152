//! The chat of one room, as far as newcomers may ask for it.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::protocol::ChatMessage;

/// Messages that are kept.
const MAX_KEPT: usize = 100;

/// The last messages, the oldest first.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Chats(VecDeque<ChatMessage>);

impl Chats {
    /// Keeps a message, in place of the oldest if there is more than may be.
    pub fn keep(&mut self, message: ChatMessage, max_bytes: usize) {
        self.0.push_back(message);
        let n_bytes = |message: &ChatMessage| message.content.len() + message.user_name.len();
        let mut sum: usize = self.0.iter().map(n_bytes).sum();
        while self.0.len() > MAX_KEPT || sum > max_bytes {
            sum -= self.0.pop_front().as_ref().map_or(sum, n_bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rooms::test_stage::member;
    use crate::watch::protocol::ChatKind;

    #[test]
    fn so_many_messages_and_so_many_bytes_are_kept() {
        let mut chats = Chats::default();
        let mut say = |content: String, max_bytes| {
            let (id, user_name) = (content.clone(), String::from("Ann"));
            let message = ChatMessage {
                id,
                user_id: member("ann"),
                user_name,
                content,
                kind: ChatKind::Text,
                timestamp: 0,
            };
            chats.keep(message, max_bytes);
            (chats.0.len(), chats.0.front().map(|message| message.id.clone()))
        };
        for n in 0..100 {
            assert_eq!(say(n.to_string(), 10_000), (n + 1, Some("0".to_owned())));
        }
        assert_eq!(say("next".to_owned(), 10_000), (100, Some("1".to_owned())));
        assert_eq!(say("x".repeat(50), 60), (2, Some("next".to_owned())));
        assert_eq!(say("y".repeat(50), 10), (0, None));
    }
}
