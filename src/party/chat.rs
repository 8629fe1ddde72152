//! The chat of one room: what is said, and as much of it as newcomers may ask for.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::effect::MemberId;

/// Messages that are kept, for newcomers: what fills a page. Their bytes have a key, `max_chat_history_bytes`.
const MAX_KEPT: usize = 100;

/// What a client says: `chat:message`, or `party:chat`.
#[derive(Debug, Deserialize)]
pub struct Chat {
    /// The words.
    pub content: String,
    /// What they are.
    #[serde(rename = "type")]
    pub kind: ChatKind,
}

/// What a chat message holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ChatKind {
    /// Words.
    Text,
    /// An emoji, which is shown large.
    Emoji,
}

impl ChatKind {
    /// Its name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Emoji => "emoji",
        }
    }
}

/// A chat message, as it is kept and told.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ChatMessage {
    /// Its name in the room.
    pub id: String,
    /// Who says it.
    pub user_id: MemberId,
    /// What that one is called.
    pub user_name: String,
    /// The words.
    pub content: String,
    /// What they are.
    #[serde(rename = "type")]
    pub kind: ChatKind,
    /// When it was said, in milliseconds since the epoch.
    pub timestamp: u64,
    /// The second of the film, or of the track, at which it was said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<f64>,
}

/// The last messages, the oldest first.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
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

impl Chats {
    /// Takes out what a person of that name has said; gives the number of messages.
    pub fn erase(&mut self, name: &str) -> u64 {
        let n_before = self.0.len();
        self.0.retain(|message| message.user_name != name);
        (n_before - self.0.len()) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rooms::test_stage::member;

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
                position: None,
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
