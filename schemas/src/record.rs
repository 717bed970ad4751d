//! A record of the log: key, headers, value. All three are raw bytes; the topic says what they mean.

use std::{fmt, ops::Range};

use bytes::Bytes;

/// Bytes of a length.
const LENGTH: usize = 4;

/// Headers in order, each a name and a value: CloudEvents attributes travel as `ce_<name>` (CloudEvents Kafka protocol
/// binding, binary mode).
///
/// All of them are one piece of memory, in the form that the file log stores: `name length, name, value length, value` for
/// each, lengths in 32 bits, little endian. A record of an Event has nine; as single pieces they cost more than its JSON.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Headers {
    stored: Bytes,
    count: u32,
}

/// Bytes that are no headers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the headers end before the last of them")]
pub struct ShortHeaders;

impl Headers {
    /// Takes `count` headers from the front of `bytes` in the stored form; returns where they end.
    ///
    /// # Errors
    /// When the bytes end before.
    pub fn take(bytes: &Bytes, from: usize, count: u32) -> Result<(Self, usize), ShortHeaders> {
        let mut end = from;
        for _ in 0..2 * u64::from(count) {
            end = string_at(bytes, end).ok_or(ShortHeaders)?.end;
        }
        Ok((Self { stored: bytes.slice(from..end), count }, end))
    }

    /// The stored form.
    pub fn stored(&self) -> &[u8] {
        &self.stored
    }

    /// How many there are.
    pub fn count(&self) -> u32 {
        self.count
    }

    /// Names and values, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        let mut at = 0;
        (0..self.count).map_while(move |_| {
            let name = string_at(&self.stored, at)?;
            let value = string_at(&self.stored, name.end)?;
            at = value.end;
            Some((&self.stored[name], &self.stored[value]))
        })
    }

    /// The value of the first header of this name.
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        self.iter().find(|(found, _)| *found == name.as_bytes()).map(|(_, value)| value)
    }

    /// These and one more, at the end.
    pub fn with(&self, name: &str, value: &str) -> Self {
        let mut all = HeadersBuilder { stored: self.stored.to_vec(), count: self.count };
        all.add(name, [value]);
        all.build()
    }

    /// Bytes of names and values.
    fn size(&self) -> usize {
        self.stored.len() - 2 * LENGTH * self.count as usize
    }
}

/// Where the string lies whose length stands at `at`.
fn string_at(bytes: &[u8], at: usize) -> Option<Range<usize>> {
    let length: [u8; LENGTH] = bytes.get(at..)?.first_chunk().copied()?;
    let from = at + LENGTH;
    let end = from.checked_add(u32::from_le_bytes(length) as usize)?;
    (end <= bytes.len()).then_some(from..end)
}

impl<N: AsRef<[u8]>, V: AsRef<[u8]>> FromIterator<(N, V)> for Headers {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(headers: I) -> Self {
        let mut all = HeadersBuilder::with_room(0);
        for (name, value) in headers {
            all.put(name.as_ref());
            all.put(value.as_ref());
            all.count += 1;
        }
        all.build()
    }
}

impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = String::from_utf8_lossy;
        f.debug_map().entries(self.iter().map(|(name, value)| (text(name), text(value)))).finish()
    }
}

/// Writes headers in one go.
#[derive(Debug)]
pub(crate) struct HeadersBuilder {
    stored: Vec<u8>,
    count: u32,
}

impl HeadersBuilder {
    /// With room for so many bytes of the stored form.
    pub(crate) fn with_room(bytes: usize) -> Self {
        Self { stored: Vec::with_capacity(bytes), count: 0 }
    }

    /// Adds a header whose value is these parts; returns where the value lies.
    pub(crate) fn add<'a>(&mut self, name: &str, value: impl IntoIterator<Item = &'a str>) -> Range<usize> {
        self.put(name.as_bytes());
        let length = self.stored.len();
        self.stored.extend_from_slice(&[0; LENGTH]);
        let from = self.stored.len();
        value.into_iter().for_each(|part| self.stored.extend_from_slice(part.as_bytes()));
        let end = self.stored.len();
        self.stored[length..from].copy_from_slice(&length_of(end - from));
        self.count += 1;
        from..end
    }

    fn put(&mut self, string: &[u8]) {
        self.stored.extend_from_slice(&length_of(string.len()));
        self.stored.extend_from_slice(string);
    }

    fn build(self) -> Headers {
        Headers { stored: self.stored.into(), count: self.count }
    }

    /// The headers, and a part of them that [`HeadersBuilder::add`] returned: they share their memory.
    pub(crate) fn build_with(self, part: Range<usize>) -> (Headers, Bytes) {
        let headers = self.build();
        let part = headers.stored.slice(part);
        (headers, part)
    }
}

/// The log refuses records beyond 16 MiB, so that a length fits.
fn length_of(bytes: usize) -> [u8; LENGTH] {
    (bytes as u32).to_le_bytes()
}

/// A record as it is appended and read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Record {
    /// The key: records of one key stand in one partition, in order.
    pub key: Bytes,
    /// The headers.
    pub headers: Headers,
    /// The value.
    pub value: Bytes,
}

impl Record {
    /// The value of the first header of this name, as text; `None` where it is missing or no UTF-8.
    pub fn header(&self, name: &str) -> Option<&str> {
        std::str::from_utf8(self.headers.get(name)?).ok()
    }

    /// Bytes of key, headers and value: what the bounds of buffers count.
    pub fn size(&self) -> usize {
        self.key.len() + self.headers.size() + self.value.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_found_in_order_and_cut_ones_are_refused() {
        let headers: Headers = [("a", "1"), ("", ""), ("a", "2")].into_iter().collect();
        let with = headers.with("b", "3");
        let all: Vec<_> = with.iter().collect();
        assert_eq!(all, [(&b"a"[..], &b"1"[..]), (b"", b""), (b"a", b"2"), (b"b", b"3")]);
        assert_eq!((with.get("a"), with.get("c"), with.count(), with.size()), (Some(&b"1"[..]), None, 4, 6));
        let stored = Bytes::copy_from_slice(with.stored());
        assert_eq!(Headers::take(&stored, 0, 4), Ok((with, stored.len())));
        for end in 0..stored.len() {
            assert_eq!(Headers::take(&stored.slice(..end), 0, 4), Err(ShortHeaders));
        }
        assert_eq!(Headers::take(&Bytes::from_static(&[255; 8]), 0, 1), Err(ShortHeaders));
    }
}
