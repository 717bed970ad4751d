//! A reader of server-sent events, as the standard wants it (HTML Living Standard, 9.2).

use std::time::Duration;

use serde_json::Value;

use super::Api;

/// Far above what a busy machine needs.
const DEADLINE: Duration = Duration::from_secs(60);

/// A message, or a sign of life without data.
#[derive(Debug, Default, Clone)]
pub struct Message {
    pub event: String,
    pub id: String,
    pub data: String,
}

impl Message {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.data).unwrap()
    }
}

pub struct Tail {
    response: reqwest::Response,
    /// A piece may end within a character.
    unread: Vec<u8>,
}

impl Tail {
    /// Opens a tail; its first frame, the position at which it begins, is read.
    pub async fn open(api: &Api, query: &str, last_event_id: Option<&str>) -> (Tail, Message) {
        Self::open_at(api, &format!("/api/v1/events/tail?{query}"), last_event_id).await
    }

    /// The same at any path.
    pub async fn open_at(api: &Api, path: &str, last_event_id: Option<&str>) -> (Tail, Message) {
        let mut request = api.request(path);
        if let Some(id) = last_event_id {
            request = request.header("Last-Event-ID", id);
        }
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        let mut tail = Tail { response, unread: Vec::new() };
        let first = tail.frame().await.unwrap();
        (tail, first)
    }

    /// The next frame; `None` at the end of the stream.
    pub async fn frame(&mut self) -> Option<Message> {
        tokio::time::timeout(DEADLINE, async {
            loop {
                if let Some(end) = self.unread.windows(2).position(|pair| pair == b"\n\n") {
                    let frame: Vec<u8> = self.unread.drain(..end + 2).collect();
                    return Some(parse(std::str::from_utf8(&frame).unwrap().trim_end_matches('\n')));
                }
                self.unread.extend_from_slice(&self.response.chunk().await.unwrap()?);
            }
        })
        .await
        .expect("a frame in time")
    }

    /// The next frame with data.
    pub async fn message(&mut self) -> Message {
        loop {
            let frame = self.frame().await.expect("the tail goes on");
            if !frame.data.is_empty() {
                return frame;
            }
        }
    }

    pub async fn messages(&mut self, count: usize) -> Vec<Message> {
        let mut all = Vec::new();
        for _ in 0..count {
            all.push(self.message().await);
        }
        all
    }
}

fn parse(frame: &str) -> Message {
    let mut message = Message::default();
    for (field, value) in frame.lines().filter_map(|line| line.split_once(':')) {
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => message.event = value.into(),
            "id" => message.id = value.into(),
            "data" => message.data += value,
            _ => {}
        }
    }
    message
}
