//! Tokens of attempts. A token is made of the attempt's name and a key that never leaves the data folder, so that a second
//! try to make the same runner hands over the same one. The log holds its SHA-256 alone.

use std::{
    fs,
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use beidou_schemas::runner::AttemptId;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

use crate::error::ControllersError;

/// A text that is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(pub(crate) String);

impl Secret {
    /// What it is: for whoever hands it over.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("<secret>")
    }
}

/// Makes tokens.
#[derive(Clone)]
pub(crate) struct Tokens {
    key: [u8; 32],
}

impl Tokens {
    /// With the key in the folder, made where there is none.
    pub(crate) fn open(folder: &Path) -> Result<Self, ControllersError> {
        let path = folder.join("attempt.key");
        let failed = |source| ControllersError::File { path: path.clone(), source };
        if let Some(key) = read(&path).map_err(failed)? {
            return Ok(Self { key });
        }
        let key: [u8; 32] = rand::random();
        fs::create_dir_all(folder).map_err(failed)?;
        let mut file =
            fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&path).map_err(failed)?;
        file.write_all(&key).and_then(|()| file.sync_all()).map_err(failed)?;
        Ok(Self { key })
    }

    pub(crate) fn of(&self, attempt: &AttemptId) -> Secret {
        Secret(hex(&sign(&self.key, attempt.as_str().as_bytes())))
    }
}

fn read(path: &PathBuf) -> std::io::Result<Option<[u8; 32]>> {
    match fs::read(path) {
        Ok(bytes) => Ok(bytes.try_into().ok()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// HMAC-SHA256.
pub(crate) fn sign(key: &[u8], text: &[u8]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("any length of key will do");
    mac.update(text);
    mac.finalize().into_bytes().into()
}

/// SHA-256 as 64 hex digits.
pub(crate) fn digest(text: &[u8]) -> String {
    hex(&Sha256::digest(text))
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Without an early end, so that time tells nothing.
pub(crate) fn same(one: &str, other: &str) -> bool {
    one.len() == other.len() && one.bytes().zip(other.bytes()).fold(0, |all, (a, b)| all | (a ^ b)) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_the_same_after_a_restart_and_another_for_each_attempt() {
        let folder = tempfile::tempdir().unwrap();
        let (one, other): (AttemptId, AttemptId) = ("a-b0-a1".parse().unwrap(), "a-b0-a2".parse().unwrap());
        let token = Tokens::open(folder.path()).unwrap().of(&one);
        let again = Tokens::open(folder.path()).unwrap();
        assert_eq!(again.of(&one), token);
        assert_ne!(again.of(&other), token);
        assert_eq!((token.0.len(), format!("{token:?}").as_str()), (64, "<secret>"));
    }

    #[test]
    fn signatures_are_those_of_the_rfc() {
        // RFC 4231, test case 2.
        let found = hex(&sign(b"Jefe", b"what do ya want for nothing?"));
        assert_eq!(found, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
        assert!(same("ab", "ab") && !same("ab", "ac") && !same("ab", "abc"));
    }
}
