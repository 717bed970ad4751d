//! A record of the log: key, headers, value. All three are raw bytes; the topic says what they mean.

use bytes::Bytes;

/// A header: CloudEvents attributes travel as `ce_<name>` (CloudEvents Kafka protocol binding, binary mode).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// The header's name, UTF-8.
    pub name: Bytes,
    /// Its value, UTF-8.
    pub value: Bytes,
}

/// A record as it is appended and read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Record {
    /// The key: records of one key stand in one partition, in order.
    pub key: Bytes,
    /// The headers, in order.
    pub headers: Vec<Header>,
    /// The value.
    pub value: Bytes,
}

impl Record {
    /// The value of the first header of this name, as text; `None` where it is missing or no UTF-8.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|header| header.name == name.as_bytes())?;
        std::str::from_utf8(&found.value).ok()
    }

    /// Bytes of key, headers and value: what the bounds of buffers count.
    pub fn size(&self) -> usize {
        let headers: usize = self.headers.iter().map(|h| h.name.len() + h.value.len()).sum();
        self.key.len() + headers + self.value.len()
    }
}
