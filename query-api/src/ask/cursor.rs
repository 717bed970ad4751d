//! Cursors and positions: opaque, signed, bound to the query that they belong to.
//!
//! `base64url( payload ‖ HMAC-SHA256(key, purpose ‖ query ‖ payload)[..16] )`. The query is part of what is signed, not
//! of what is sent: a cursor of another query fails like an altered one. 128 bits of signature cannot be guessed.

use std::{io, path::Path};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use serde::{Serialize, de::DeserializeOwned};
use sha2::Sha256;

const KEY_BYTES: usize = 32;
const SIGNATURE_BYTES: usize = 16;

/// Signs and checks.
pub struct Signer {
    key: [u8; KEY_BYTES],
}

/// What a signed text is for. Stable: it is part of what is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// The next page of a list.
    Page,
    /// A position of a live tail.
    Tail,
}

impl Purpose {
    const fn name(self) -> &'static [u8] {
        match self {
            Self::Page => b"page.1",
            Self::Tail => b"tail.1",
        }
    }
}

impl Signer {
    /// A key that ends with the process.
    pub fn random() -> Self {
        let mut key = [0; KEY_BYTES];
        key[..16].copy_from_slice(uuid::Uuid::new_v4().as_bytes());
        key[16..].copy_from_slice(uuid::Uuid::new_v4().as_bytes());
        Self { key }
    }

    /// The key in this file, which is made if it is not there, readable by its owner alone.
    pub(crate) fn from_file(path: &Path) -> io::Result<Self> {
        match std::fs::read(path) {
            Ok(bytes) => bytes.try_into().map(|key| Self { key }).map_err(|bytes: Vec<u8>| {
                let text =
                    format!("holds {} bytes instead of {KEY_BYTES}: remove it, and a new one is made", bytes.len());
                io::Error::new(io::ErrorKind::InvalidData, text)
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Self::create(path),
            Err(error) => Err(error),
        }
    }

    /// Written beside its place and linked to it: two processes that start at once end with one key.
    fn create(path: &Path) -> io::Result<Self> {
        use std::{io::Write, os::unix::fs::OpenOptionsExt};
        let new = Self::random();
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let beside = path.with_extension(format!("{}.new", uuid::Uuid::new_v4()));
        let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside)?;
        file.write_all(&new.key)?;
        file.sync_all()?;
        let linked = std::fs::hard_link(&beside, path);
        std::fs::remove_file(&beside)?;
        match linked {
            Ok(()) => Ok(new),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Self::from_file(path),
            Err(error) => Err(error),
        }
    }

    /// Signs a value for a purpose and a query.
    pub fn seal<T: Serialize>(&self, purpose: Purpose, query: &[u8], value: &T) -> String {
        let mut bytes = serde_json::to_vec(value).expect("payloads are structs of texts and numbers");
        let signature = self.mac(purpose, query, &bytes).finalize().into_bytes();
        bytes.extend_from_slice(&signature[..SIGNATURE_BYTES]);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// The value, if text, purpose and query are those that were signed.
    pub fn open<T: DeserializeOwned>(&self, purpose: Purpose, query: &[u8], text: &str) -> Option<T> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (payload, signature) = bytes.split_at_checked(bytes.len().checked_sub(SIGNATURE_BYTES)?)?;
        self.mac(purpose, query, payload).verify_truncated_left(signature).ok()?;
        serde_json::from_slice(payload).ok()
    }

    fn mac(&self, purpose: Purpose, query: &[u8], payload: &[u8]) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key).expect("HMAC takes keys of any length");
        for part in [purpose.name(), query, payload] {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part);
        }
        mac
    }
}

/// What a page's cursor is bound to: the path and every parameter that decides what is found.
pub(crate) fn query_of(path: &str, meaning: &[(&str, &str)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut add = |part: &str| {
        bytes.extend_from_slice(&(part.len() as u64).to_be_bytes());
        bytes.extend_from_slice(part.as_bytes());
    };
    add(path);
    for (name, value) in meaning {
        add(name);
        add(value);
    }
    bytes
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use proptest::prelude::*;

    type Payload = (i64, String, u64);

    fn payload() -> impl Strategy<Value = Payload> {
        (any::<i64>(), ".{0,20}", any::<u64>())
    }

    proptest! {
        #[test]
        fn what_was_signed_is_read_back(value in payload(), query in prop::collection::vec(any::<u8>(), 0..20)) {
            let signer = Signer::random();
            let text = signer.seal(Purpose::Page, &query, &value);
            prop_assert!(text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_'));
            prop_assert_eq!(signer.open::<Payload>(Purpose::Page, &query, &text), Some(value));
        }

        #[test]
        fn no_byte_can_be_altered_added_or_left_out(value in payload(), at in any::<prop::sample::Index>(), with in any::<u8>()) {
            let signer = Signer::random();
            let text = signer.seal(Purpose::Page, b"q", &value);
            let at = at.index(text.len());
            let opened = |bytes: Vec<u8>| {
                let text = String::from_utf8_lossy(&bytes).into_owned();
                signer.open::<Payload>(Purpose::Page, b"q", &text)
            };
            let mut altered = text.clone().into_bytes();
            altered[at] = with;
            prop_assert!(altered == text.as_bytes() || opened(altered).is_none());
            let mut shorter = text.clone().into_bytes();
            shorter.remove(at);
            prop_assert!(opened(shorter).is_none());
            let mut longer = text.into_bytes();
            longer.insert(at, with);
            prop_assert!(opened(longer).is_none());
        }

        #[test]
        fn another_query_purpose_or_key_is_refused(value in payload(), query in ".{0,10}", other in ".{0,10}") {
            prop_assume!(query != other);
            let signer = Signer::random();
            let text = signer.seal(Purpose::Page, query.as_bytes(), &value);
            prop_assert!(signer.open::<Payload>(Purpose::Page, other.as_bytes(), &text).is_none());
            prop_assert!(signer.open::<Payload>(Purpose::Tail, query.as_bytes(), &text).is_none());
            prop_assert!(Signer::random().open::<Payload>(Purpose::Page, query.as_bytes(), &text).is_none());
        }
    }

    #[test]
    fn queries_that_differ_are_told_apart() {
        let one = query_of("/a", &[("x", "1"), ("y", "2")]);
        for other in [
            query_of("/a", &[("x", "1")]),
            query_of("/a", &[("x", "1y2")]),
            query_of("/a", &[("x", "1"), ("y2", "")]),
            query_of("/ax", &[("1", "y"), ("2", "")]),
        ] {
            assert_ne!(one, other);
        }
    }

    #[test]
    fn the_key_is_made_once_and_only_its_owner_reads_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("api/cursor.key");
        let first = Signer::from_file(&path).unwrap();
        assert_eq!(Signer::from_file(&path).unwrap().key, first.key);
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(path.parent().unwrap().read_dir().unwrap().count(), 1);
        std::fs::write(&path, b"short").unwrap();
        let error = Signer::from_file(&path).err().unwrap().to_string();
        assert!(error.contains("5 bytes") && error.contains("remove it"), "{error}");
    }
}
