//! The open stream of a watch: the body's chunks as frames, and why it ended.

use std::time::Duration;

use beidou_schemas::{coverage::Reason, reject::MAX_KEPT_BYTES};
use http_body_util::BodyExt;
use kube::client::Body;
use tokio::time::Instant;

use super::{
    frame::MAX_FRAME_BYTES,
    lines::{Line, Lines},
    request::chain,
};

/// A watch that ends so shortly before its timeout has reached it: clocks differ, and servers shorten it.
const NEARLY: f64 = 0.9;

/// What a stream brings.
#[derive(Debug)]
pub(super) enum Arrival {
    Line(Line),
    End(Reason, String),
}

/// An open watch.
pub(super) struct Stream {
    body: Body,
    lines: Lines,
    opened: Instant,
    timeout: Duration,
    any: bool,
}

impl Stream {
    pub(super) fn new(body: Body, timeout: Duration) -> Self {
        Self { body, lines: Lines::new(MAX_FRAME_BYTES, MAX_KEPT_BYTES), opened: Instant::now(), timeout, any: false }
    }

    /// A line that has come already.
    pub(super) fn buffered(&mut self) -> Option<Line> {
        self.lines.next()
    }

    /// The next line, or the end. May be dropped while it waits: nothing is lost then.
    pub(super) async fn next(&mut self) -> Arrival {
        loop {
            if let Some(line) = self.lines.next() {
                return Arrival::Line(line);
            }
            match self.body.frame().await {
                Some(Ok(frame)) => {
                    if let Some(data) = frame.data_ref() {
                        self.any |= !data.is_empty();
                        self.lines.push(data);
                    }
                }
                Some(Err(error)) => return Arrival::End(Reason::Cut, chain(&error)),
                None => return self.ended(),
            }
        }
    }

    fn ended(&self) -> Arrival {
        let after = self.opened.elapsed();
        if self.lines.inside() {
            return Arrival::End(Reason::Cut, "the stream ended within a frame".into());
        }
        if after.as_secs_f64() >= self.timeout.as_secs_f64() * NEARLY {
            return Arrival::End(Reason::Timeout, String::new());
        }
        if !self.any {
            return Arrival::End(Reason::Empty, "200 with an empty body".into());
        }
        Arrival::End(Reason::Cut, format!("the server ended the stream after {} s", after.as_secs()))
    }
}
