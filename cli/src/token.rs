//! The token of a data directory: made once, kept beside the data, readable by its owner only.

use std::{fs, io, path::Path};

use anyhow::Context;
use uuid::Uuid;

use crate::{
    args::roles::Token,
    exit::{Code, Failure},
    places::{self, Places},
    private_file, site,
};

/// Characters of a token that are shown where the whole would be too much.
const HINT: usize = 6;

/// Prints the token of a data directory: who looks for it makes none.
///
/// # Errors
/// When the directory has none, or its file cannot be read.
pub fn main(args: &Token) -> anyhow::Result<()> {
    let site = site::read(&args.role, Vec::new())?.config;
    let data = site.data.map_or_else(|| Places::from_environment().data(), Ok)?;
    let token = read(&data)?.ok_or_else(|| {
        let next = "the first `beidou up` there makes it; name another directory with --data";
        Failure::new(Code::Usage, format!("there is no token in {}", data.display()), next)
    })?;
    crate::say(&token);
    Ok(())
}

/// The token of the data directory; made when missing.
///
/// # Errors
/// When the file cannot be read or written.
pub fn of(data: &Path) -> anyhow::Result<String> {
    if let Some(token) = read(data)? {
        return Ok(token);
    }
    let path = places::token(data);
    // 244 random bits of the operating system.
    let token = format!("bd_{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple());
    private_file::write(&path, format!("{token}\n").as_bytes())
        .with_context(|| format!("cannot write the token file {}", path.display()))?;
    Ok(token)
}

fn read(data: &Path) -> anyhow::Result<Option<String>> {
    let path = places::token(data);
    match fs::read_to_string(&path) {
        Ok(text) => Ok(Some(text.trim().to_owned()).filter(|token| !token.is_empty())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("cannot read the token file {}", path.display())),
    }
}

/// The beginning of a token, enough to tell it from another.
pub fn hint(token: &str) -> String {
    format!("{}…", token.chars().take(HINT).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_made_once() {
        let dir = tempfile::tempdir().unwrap();
        let token = of(dir.path()).unwrap();
        assert_eq!(of(dir.path()).unwrap(), token);
        assert!(token.len() > 60 && token.starts_with("bd_"), "{token}");
        assert!(!hint(&token).contains(&token[8..]));
        let other = tempfile::tempdir().unwrap();
        assert_ne!(of(other.path()).unwrap(), token);
    }
}
