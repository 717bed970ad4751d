//! Which package registry the user has configured, and with which token.
//!
//! Flow: environment > `.npmrc` of the working directory > the user's `.npmrc` > `/etc/npmrc`; in each of them a registry
//! for the scope counts before the general one.
//! Invariants: no registry is known to the source; a token is only sent to the registry whose address it was given for;
//! tokens never appear in debug output.

use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};

/// A registry to fetch from.
#[derive(Clone, PartialEq, Eq)]
pub struct Registry {
    /// Base URL without a slash at its end.
    pub url: String,
    /// Bearer token, if one is configured for this address.
    pub token: Option<String>,
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registry").field("url", &self.url).field("has_token", &self.token.is_some()).finish()
    }
}

impl Registry {
    /// The registry that npm would use for `scope` (with its `@`), as far as it is configured explicitly.
    pub(super) fn configured(scope: &str) -> Option<Registry> {
        let mut config = HashMap::new();
        for file in files() {
            if let Ok(text) = std::fs::read_to_string(file) {
                read_npmrc(&text, |name| std::env::var(name).ok(), &mut config);
            }
        }
        for (name, value) in std::env::vars() {
            if name.eq_ignore_ascii_case("npm_config_registry") && !value.is_empty() {
                config.insert("registry".to_owned(), value);
            }
        }
        choose(scope, &config)
    }
}

/// Configuration files, weakest first.
fn files() -> Vec<PathBuf> {
    let user = std::env::vars_os()
        .find(|(name, _)| name.eq_ignore_ascii_case("npm_config_userconfig"))
        .map(|(_, path)| PathBuf::from(path))
        .or_else(|| std::env::home_dir().map(|home| home.join(".npmrc")));
    let system = Path::new("/etc/npmrc").to_path_buf();
    [Some(system), user, Some(PathBuf::from(".npmrc"))].into_iter().flatten().collect()
}

/// Reads `key = value` lines; `;` and `#` begin comments, `${NAME}` stands for a variable of the environment.
fn read_npmrc(text: &str, variable: impl Fn(&str) -> Option<String>, config: &mut HashMap<String, String>) {
    for line in text.lines().map(str::trim).filter(|line| !line.starts_with([';', '#'])) {
        if let Some((key, value)) = line.split_once('=') {
            let value = value.trim().trim_matches(['"', '\'']);
            config.insert(key.trim().to_owned(), expand(value, &variable));
        }
    }
}

fn expand(value: &str, variable: &impl Fn(&str) -> Option<String>) -> String {
    let mut out = String::new();
    let mut rest = value;
    while let Some((before, after)) = rest.split_once("${") {
        let Some((name, tail)) = after.split_once('}') else { break };
        out.push_str(before);
        out.push_str(&variable(name).unwrap_or_default());
        rest = tail;
    }
    out + rest
}

fn choose(scope: &str, config: &HashMap<String, String>) -> Option<Registry> {
    let scoped = config.get(&format!("{scope}:registry"));
    let url = scoped.or_else(|| config.get("registry"))?.trim_end_matches('/').to_owned();
    let address = url.split_once("://")?.1.to_owned() + "/";
    let token = config
        .iter()
        .filter_map(|(key, value)| Some((key.strip_prefix("//")?.strip_suffix(":_authToken")?, value)))
        .filter(|(prefix, _)| address.starts_with(&format!("{}/", prefix.trim_end_matches('/'))))
        .max_by_key(|(prefix, _)| prefix.len())
        .map(|(_, token)| token.clone());
    Some(Registry { url, token })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(npmrc: &str) -> Option<Registry> {
        let mut config = HashMap::new();
        read_npmrc(npmrc, |name| (name == "TOKEN").then(|| "secret".to_owned()), &mut config);
        choose("@scope", &config)
    }

    #[test]
    fn the_scope_counts_first_and_tokens_stay_with_their_address() {
        let registry =
            |url: &str, token: Option<&str>| Some(Registry { url: url.to_owned(), token: token.map(str::to_owned) });
        for (npmrc, expected) in [
            ("", None),
            ("; registry=http://no.example\n", None),
            ("registry = http://a.example/npm/ \n", registry("http://a.example/npm", None)),
            ("registry=http://a.example\n@scope:registry=http://b.example/\n", registry("http://b.example", None)),
            (
                "registry=http://a.example/npm\n//a.example/npm/:_authToken=${TOKEN}\n",
                registry("http://a.example/npm", Some("secret")),
            ),
            (
                "registry=http://a.example/npm\n//a.example/other/:_authToken=x\n",
                registry("http://a.example/npm", None),
            ),
            ("registry=http://a.example.evil/\n//a.example/:_authToken=x\n", registry("http://a.example.evil", None)),
            (
                "registry=http://a.example/npm\n//a.example/:_authToken=wide\n//a.example/npm/:_authToken=narrow\n",
                registry("http://a.example/npm", Some("narrow")),
            ),
            ("registry=nonsense\n", None),
        ] {
            assert_eq!(chosen(npmrc), expected, "{npmrc}");
        }
    }

    #[test]
    fn debug_output_hides_the_token() {
        let registry = Registry { url: "http://a.example".into(), token: Some("secret".into()) };
        assert!(!format!("{registry:?}").contains("secret"));
    }
}
