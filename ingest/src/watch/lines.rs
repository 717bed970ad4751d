//! Cuts a stream of chunks into lines, each bounded. Of a line beyond the bound only the head is kept, and its length.

use bytes::{Buf, Bytes, BytesMut};

/// A line of the stream, without its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Line {
    /// A whole line.
    Whole(Bytes),
    /// A line longer than the bound.
    TooLong {
        /// Its first bytes.
        head: Bytes,
        /// Its length.
        length: u64,
    },
}

/// The state between chunks.
#[derive(Debug)]
pub(super) struct Lines {
    buffer: BytesMut,
    /// Up to here the buffer holds no line end.
    searched: usize,
    most: usize,
    head: usize,
    skipping: Option<(Bytes, u64)>,
}

impl Lines {
    /// Lines of at most `most` bytes; of longer ones the first `head` are kept.
    pub(super) fn new(most: usize, head: usize) -> Self {
        Self { buffer: BytesMut::new(), searched: 0, most, head, skipping: None }
    }

    pub(super) fn push(&mut self, chunk: &[u8]) {
        self.buffer.extend_from_slice(chunk);
    }

    /// The next line; empty ones are left out.
    pub(super) fn next(&mut self) -> Option<Line> {
        loop {
            let end = memchr::memchr(b'\n', &self.buffer[self.searched..]);
            let Some(end) = end.map(|at| self.searched + at) else {
                self.searched = self.buffer.len();
                self.skip_what_is_too_long();
                return None;
            };
            let mut line = self.buffer.split_to(end);
            self.buffer.advance(1);
            self.searched = 0;
            if let Some((head, length)) = self.skipping.take() {
                return Some(Line::TooLong { head, length: length + line.len() as u64 });
            }
            if line.len() > self.most {
                let length = line.len() as u64;
                line.truncate(self.head);
                return Some(Line::TooLong { head: Bytes::copy_from_slice(&line), length });
            }
            if line.last() == Some(&b'\r') {
                line.truncate(line.len() - 1);
            }
            if !line.is_empty() {
                return Some(Line::Whole(line.freeze()));
            }
        }
    }

    /// Whether a line was begun and not ended.
    pub(super) fn inside(&self) -> bool {
        !self.buffer.is_empty() || self.skipping.is_some()
    }

    fn skip_what_is_too_long(&mut self) {
        if self.buffer.len() <= self.most && self.skipping.is_none() {
            return;
        }
        let more = self.buffer.len() as u64;
        self.skipping = match self.skipping.take() {
            Some((head, length)) => Some((head, length + more)),
            None => Some((Bytes::copy_from_slice(&self.buffer[..self.head.min(self.buffer.len())]), more)),
        };
        self.buffer.clear();
        self.searched = 0;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cut(chunks: &[&[u8]], most: usize) -> (Vec<Line>, bool) {
        let mut lines = Lines::new(most, 3);
        let mut all = Vec::new();
        for chunk in chunks {
            lines.push(chunk);
            all.extend(std::iter::from_fn(|| lines.next()));
        }
        (all, lines.inside())
    }

    fn whole(text: &str) -> Line {
        Line::Whole(Bytes::copy_from_slice(text.as_bytes()))
    }

    #[test]
    fn lines_are_cut_and_the_longest_lose_their_tail() {
        assert_eq!(cut(&[b"ab\n\r\ncd\r\n", b"e"], 10), (vec![whole("ab"), whole("cd")], true));
        let long = Line::TooLong { head: Bytes::from_static(b"012"), length: 12 };
        assert_eq!(cut(&[b"0123456789ab\nx\n"], 10), (vec![long.clone(), whole("x")], false));
        assert_eq!(cut(&[b"0123", b"456789a", b"b", b"\nx\n"], 10), (vec![long, whole("x")], false));
    }

    proptest! {
        #[test]
        fn how_it_is_cut_into_chunks_does_not_matter(text in "[a-c\n]{0,60}", cuts in prop::collection::vec(0usize..60, 0..6)) {
            let mut places: Vec<usize> = cuts.into_iter().map(|at| at.min(text.len())).collect();
            places.extend([0, text.len()]);
            places.sort_unstable();
            let chunks: Vec<&[u8]> = places.windows(2).map(|w| &text.as_bytes()[w[0]..w[1]]).collect();
            prop_assert_eq!(cut(&chunks, 8), cut(&[text.as_bytes()], 8));
        }
    }
}
