//! Server-sent events (WHATWG HTML, "Server-sent events"): bytes become messages, however they are cut.

/// A message.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Message {
    /// The id to go on after.
    pub id: Option<String>,
    /// Its name; `message` where none is given.
    pub event: String,
    /// Its data.
    pub data: String,
}

/// The longest message: above the largest Event that a server passes on.
pub const LONGEST: usize = 8 << 20;

/// Collects bytes until messages are whole.
#[derive(Debug, Default)]
pub struct Parser {
    buffer: Vec<u8>,
    message: Message,
    has_data: bool,
}

/// A message without end.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("a message of the live tail is longer than {LONGEST} bytes")]
pub struct TooLong;

impl Parser {
    /// Takes bytes, gives the messages that they complete.
    ///
    /// # Errors
    /// When a message has no end.
    pub fn push(&mut self, bytes: &[u8]) -> Result<Vec<Message>, TooLong> {
        self.buffer.extend_from_slice(bytes);
        let mut messages = Vec::new();
        let mut begin = 0;
        while let Some(length) = self.buffer[begin..].iter().position(|byte| *byte == b'\n') {
            let line = String::from_utf8_lossy(&self.buffer[begin..begin + length]).into_owned();
            begin += length + 1;
            messages.extend(self.line(line.strip_suffix('\r').unwrap_or(&line)));
        }
        self.buffer.drain(..begin);
        if self.buffer.len() + self.message.data.len() > LONGEST { Err(TooLong) } else { Ok(messages) }
    }

    fn line(&mut self, line: &str) -> Option<Message> {
        if line.is_empty() {
            let message = std::mem::take(&mut self.message);
            let whole = std::mem::take(&mut self.has_data) || message.id.is_some();
            return whole.then_some(message);
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "id" => self.message.id = Some(value.to_owned()),
            "event" => self.message.event = value.to_owned(),
            "data" => {
                if self.has_data {
                    self.message.data.push('\n');
                }
                self.message.data.push_str(value);
                self.has_data = true;
            }
            // A comment keeps the connection alive; other fields are for later versions.
            _ => {}
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const STREAM: &str =
        ": hello\n\nid: 1\nevent: event\ndata: {\"a\":1}\n\nid:2\r\ndata:x\r\ndata: y\r\n\r\n:ping\n\nid: 3\n\n";

    fn expected() -> Vec<Message> {
        let message =
            |id: &str, event: &str, data: &str| Message { id: Some(id.into()), event: event.into(), data: data.into() };
        vec![message("1", "event", "{\"a\":1}"), message("2", "", "x\ny"), message("3", "", "")]
    }

    proptest! {
        #[test]
        fn cuts_do_not_matter(size in 1usize..STREAM.len()) {
            let mut parser = Parser::default();
            let found: Vec<_> = STREAM.as_bytes().chunks(size).flat_map(|chunk| parser.push(chunk).unwrap()).collect();
            prop_assert_eq!(found, expected());
        }
    }

    #[test]
    fn a_message_without_end_is_refused() {
        let mut parser = Parser::default();
        assert_eq!(parser.push(&vec![b'x'; LONGEST + 1]), Err(TooLong));
    }
}
