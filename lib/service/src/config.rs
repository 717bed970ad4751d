//! Configuration in layers: defaults < YAML file < environment < flags.
//!
//! ```text
//!  T::default() ──► file ──► BEIDOU_<SECTION>_<KEY> ──► flags ──► T, and for each key where its value came from
//! ```
//!
//! The keys are those of `T::default()` as serde writes it, `section.key`. `T` refuses unknown fields
//! (`#[serde(deny_unknown_fields)]`), which becomes an error with the key, its place and what is allowed there.

use std::path::{Path, PathBuf};

use figment::{
    Error as FigmentError, Figment, Metadata, Profile, Provider,
    error::Kind,
    providers::Serialized,
    value::{Dict, Map, Tag, Value},
};
use serde::{Serialize, de::DeserializeOwned};

/// Every variable of the environment that belongs to Beidou begins so.
pub const PREFIX: &str = "BEIDOU_";
const DEFAULTS: &str = "default";
/// Values of keys that end so are not shown.
const SECRET: [&str; 5] = ["password", "token", "tokens", "secret", "secret_access_key"];

/// A value given on the command line.
#[derive(Debug, Clone, PartialEq)]
pub struct Flag {
    /// The flag as typed, such as `--listen`.
    pub name: &'static str,
    /// The key that it sets, such as `api.listen`.
    pub key: &'static str,
    /// Its value.
    pub value: serde_json::Value,
}

/// Where to read from, lowest layer first.
#[derive(Debug, Clone, Default)]
pub struct Layers<'a> {
    /// The configuration file, if there is one.
    pub file: Option<&'a Path>,
    /// Variables of the environment; those without the prefix are passed over.
    pub environment: Vec<(String, String)>,
    /// Values from the command line.
    pub flags: Vec<Flag>,
}

/// The effective configuration.
#[derive(Debug, Clone)]
pub struct Loaded<T> {
    /// The typed values.
    pub config: T,
    /// Every key with its value and source, in the order of the names.
    pub settings: Vec<Setting>,
    /// Variables with our prefix that are no key: perhaps misspelt, perhaps another program's.
    pub ignored: Vec<String>,
}

/// One key of the effective configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Setting {
    /// `section.key`.
    pub key: String,
    /// Its value as JSON; secrets are not shown.
    pub value: serde_json::Value,
    /// `default`, the file, the variable or the flag.
    pub source: String,
}

/// The configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the configuration file {path}; check the path and its permissions")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is no YAML mapping.
    #[error("{path} is not valid: a YAML mapping is expected; `beidou config --example` prints one")]
    Syntax {
        /// The file.
        path: PathBuf,
        /// What the parser says, with line and column.
        source: serde_yaml_ng::Error,
    },
    /// A key that nobody reads: refused, since a misspelt key would silently do nothing.
    #[error("unknown key `{key}` in {place}; allowed there: {allowed}")]
    UnknownKey {
        /// The key with its section.
        key: String,
        /// The file, variable or flag.
        place: String,
        /// What is allowed.
        allowed: String,
    },
    /// A value of the wrong type or out of range.
    #[error("`{key}` in {place} is not valid: {what}")]
    Value {
        /// The key with its section.
        key: String,
        /// The file, variable or flag.
        place: String,
        /// What is wrong.
        what: String,
    },
}

/// Reads all layers into a typed struct.
///
/// # Errors
/// When the file cannot be read or parsed, a key is unknown, or a value does not fit.
pub fn load<T>(layers: &Layers<'_>) -> Result<Loaded<T>, ConfigError>
where
    T: Default + Serialize + DeserializeOwned,
{
    let defaults = Serialized::defaults(T::default());
    let keys = leaves(&Figment::from(&defaults));
    let mut figment = Figment::from(Layer::new(DEFAULTS, defaults.data().ok().and_then(into_dict).unwrap_or_default()));
    if let Some(path) = layers.file {
        figment = figment.merge(Layer::new(path.display().to_string(), read(path)?));
    }
    let mut ignored = Vec::new();
    for (name, text) in layers.environment.iter().filter(|(name, _)| name.starts_with(PREFIX)) {
        match keys.iter().find(|(key, _)| variable(key) == *name) {
            Some((key, default)) => {
                figment = figment.merge(Layer::new(name.clone(), nest(key, from_text(default, text))));
            }
            None => ignored.push(name.clone()),
        }
    }
    for flag in &layers.flags {
        let value = Value::serialize(&flag.value).unwrap_or_else(|_| Value::from(flag.value.to_string()));
        figment = figment.merge(Layer::new(flag.name, nest(flag.key, value)));
    }
    let config = figment.extract().map_err(|error| explain(&figment, error))?;
    Ok(Loaded { config, settings: settings(&figment), ignored })
}

/// The variable that sets a key: `api.listen` is set by `BEIDOU_API_LISTEN`.
pub fn variable(key: &str) -> String {
    PREFIX.to_owned() + &key.replace('.', "_").to_uppercase()
}

fn read(path: &Path) -> Result<Dict, ConfigError> {
    let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Read { path: path.into(), source })?;
    // A file of comments alone is a mapping without keys.
    serde_yaml_ng::from_str::<Option<Dict>>(&text)
        .map(Option::unwrap_or_default)
        .map_err(|source| ConfigError::Syntax { path: path.into(), source })
}

/// One layer, named as people know it.
struct Layer {
    name: String,
    values: Dict,
}

impl Layer {
    fn new(name: impl Into<String>, values: Dict) -> Self {
        Self { name: name.into(), values }
    }
}

impl Provider for Layer {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.name.clone())
    }

    fn data(&self) -> Result<Map<Profile, Dict>, FigmentError> {
        Ok(Map::from([(Profile::Default, self.values.clone())]))
    }
}

fn into_dict(mut data: Map<Profile, Dict>) -> Option<Dict> {
    data.remove(&Profile::Default)
}

fn nest(key: &str, value: Value) -> Dict {
    let (head, rest) = key.split_once('.').map_or((key, None), |(head, rest)| (head, Some(rest)));
    let value = rest.map_or_else(|| value.clone(), |rest| Value::Dict(Tag::Default, nest(rest, value.clone())));
    Dict::from([(head.to_owned(), value)])
}

/// A variable is text, read as in the file; where the default is a text it stays one, be it of digits alone.
fn from_text(default: &Value, text: &str) -> Value {
    match default {
        Value::String(..) | Value::Char(..) => Value::from(text),
        Value::Bool(..) | Value::Num(..) | Value::Empty(..) | Value::Dict(..) | Value::Array(..) => {
            serde_yaml_ng::from_str(text).unwrap_or_else(|_| Value::from(text))
        }
    }
}

fn leaves(figment: &Figment) -> Vec<(String, Value)> {
    let mut found = Vec::new();
    collect("", Value::Dict(Tag::Default, figment.extract().unwrap_or_default()), &mut found);
    found
}

/// Lists and empty sections are values of their own.
fn collect(path: &str, value: Value, found: &mut Vec<(String, Value)>) {
    match value {
        Value::Dict(_, dict) if !dict.is_empty() => {
            for (key, value) in dict {
                let path = if path.is_empty() { key } else { format!("{path}.{key}") };
                collect(&path, value, found);
            }
        }
        value => found.push((path.to_owned(), value)),
    }
}

fn settings(figment: &Figment) -> Vec<Setting> {
    let show = |(key, value): (String, Value)| {
        let source = figment.get_metadata(value.tag()).map_or(DEFAULTS, |metadata| &metadata.name).to_owned();
        let value = without_secrets(&key, value.deserialize().unwrap_or_default());
        Setting { key, value, source }
    };
    leaves(figment).into_iter().map(show).collect()
}

/// Lists may hold mappings with secrets of their own.
fn without_secrets(key: &str, value: serde_json::Value) -> serde_json::Value {
    use serde_json::Value::{Array, Null, Object};
    match value {
        Null => Null,
        _ if SECRET.iter().any(|end| key.ends_with(end)) => "(not shown)".into(),
        Array(items) => items.into_iter().map(|item| without_secrets("", item)).collect(),
        Object(fields) => {
            Object(fields.into_iter().map(|(key, value)| (key.clone(), without_secrets(&key, value))).collect())
        }
        plain => plain,
    }
}

fn explain(figment: &Figment, error: FigmentError) -> ConfigError {
    let key = error.path.join(".");
    let place = place(figment, &key, &error);
    match error.kind {
        Kind::UnknownField(_, allowed) => ConfigError::UnknownKey { key, place, allowed: allowed.join(", ") },
        kind => ConfigError::Value { key, place, what: without_types(&kind.to_string()) },
    }
}

/// What serde says, without the names of our types: they mean nothing to whoever wrote the file. Where it expects one of
/// our structs, it expects a mapping of keys.
pub fn without_types(text: &str) -> String {
    const STRUCT: &str = "expected struct ";
    let mut parts = text.split(STRUCT);
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        plain += "expected a mapping";
        plain += part.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || c == '_');
    }
    plain
}

/// The layer of the key, else of the nearest section around it.
fn place(figment: &Figment, key: &str, error: &FigmentError) -> String {
    let mut path = key;
    loop {
        if let Some(metadata) = figment.find_metadata(path) {
            return metadata.name.to_string();
        }
        match path.rsplit_once('.') {
            Some((parent, _)) => path = parent,
            None => break,
        }
    }
    error.metadata.as_ref().map_or_else(|| "the configuration".into(), |metadata| metadata.name.to_string())
}

#[cfg(test)]
mod tests;
