//! The order of the layers, and what a wrong one is told.

use serde::Deserialize;

use super::*;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Sample {
    name: String,
    api: Api,
    clusters: Vec<Cluster>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Api {
    listen: String,
    limit: u32,
    tls_file: Option<String>,
    token: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Cluster {
    name: String,
    #[serde(default)]
    token: String,
}

impl Default for Sample {
    fn default() -> Self {
        Self { name: "beidou".into(), api: Api::default(), clusters: Vec::new() }
    }
}

impl Default for Api {
    fn default() -> Self {
        Self { listen: "127.0.0.1:1".into(), limit: 1, tls_file: None, token: None }
    }
}

fn file(text: &str) -> tempfile::NamedTempFile {
    let file = tempfile::Builder::new().prefix("site").suffix(".yaml").tempfile().unwrap();
    std::fs::write(file.path(), text).unwrap();
    file
}

fn from_file(text: &str) -> Result<Loaded<Sample>, ConfigError> {
    load(&Layers { file: Some(file(text).path()), ..Layers::default() })
}

fn source<'a>(loaded: &'a Loaded<Sample>, key: &str) -> &'a str {
    &loaded.settings.iter().find(|setting| setting.key == key).unwrap().source
}

#[test]
fn each_layer_covers_the_one_below_and_is_named() {
    let file = file("api:\n  listen: 127.0.0.1:2\n  limit: 2\nclusters:\n- name: a\n");
    let environment = [("BEIDOU_API_LIMIT", "3"), ("BEIDOU_NAME", "42"), ("BEIDOU_NAEM", "x"), ("HOME", "/")];
    let environment = environment.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    let flags = vec![Flag { name: "--tls", key: "api.tls_file", value: "cert.pem".into() }];
    let loaded: Loaded<Sample> = load(&Layers { file: Some(file.path()), environment, flags }).unwrap();

    assert_eq!(loaded.config.name, "42");
    assert_eq!(loaded.config.api.listen, "127.0.0.1:2");
    assert_eq!((loaded.config.api.limit, loaded.config.api.tls_file.as_deref()), (3, Some("cert.pem")));
    assert_eq!(loaded.config.clusters, [Cluster { name: "a".into(), token: String::new() }]);
    assert_eq!(loaded.ignored, ["BEIDOU_NAEM"]);

    let path = file.path().display().to_string();
    assert_eq!(source(&loaded, "api.listen"), path);
    assert_eq!(source(&loaded, "clusters"), path);
    assert_eq!(source(&loaded, "api.limit"), "BEIDOU_API_LIMIT");
    assert_eq!(source(&loaded, "api.tls_file"), "--tls");
    assert_eq!(source(&loaded, "api.token"), "default");
}

#[test]
fn an_unknown_key_is_refused_with_its_place_and_what_is_allowed() {
    for (text, key, allowed) in [
        ("nmae: x", "`nmae`", "name, api, clusters"),
        ("api:\n  lisen: x", "`api.lisen`", "listen, limit, tls_file, token"),
        ("clusters:\n- name: a\n  contxt: b", "contxt`", "name, token"),
    ] {
        let error = from_file(text).unwrap_err();
        let message = error.to_string();
        assert!(matches!(error, ConfigError::UnknownKey { .. }), "{message}");
        for part in [key, allowed, ".yaml", "allowed there"] {
            assert!(message.contains(part), "{part} in {message}");
        }
    }
}

#[test]
fn a_wrong_value_names_key_place_and_type() {
    let message = from_file("api:\n  limit: many").unwrap_err().to_string();
    for part in ["`api.limit`", ".yaml", "many", "u32"] {
        assert!(message.contains(part), "{part} in {message}");
    }
    let environment = vec![("BEIDOU_API_LIMIT".to_owned(), "-1".to_owned())];
    let message = load::<Sample>(&Layers { environment, ..Layers::default() }).unwrap_err().to_string();
    assert!(message.contains("BEIDOU_API_LIMIT"), "{message}");
}

#[test]
fn types_of_ours_are_not_named() {
    for text in ["api: 5", "clusters: [a]"] {
        let message = from_file(text).unwrap_err().to_string();
        assert!(message.contains("expected a mapping") && !message.contains("struct"), "{message}");
    }
    assert_eq!(
        without_types("x: expected struct Api_2 at line 3, or expected struct B"),
        "x: expected a mapping at line 3, or expected a mapping"
    );
    assert_eq!(without_types("expected u32"), "expected u32");
}

#[test]
fn files_that_are_none_say_so() {
    assert_eq!(from_file("# nothing yet\n").unwrap().config, Sample::default());
    assert!(matches!(from_file("- a\n"), Err(ConfigError::Syntax { .. })));
    assert!(matches!(from_file("a: [\n"), Err(ConfigError::Syntax { .. })));
    let missing = load::<Sample>(&Layers { file: Some(Path::new("/does/not/exist.yaml")), ..Layers::default() });
    assert!(missing.unwrap_err().to_string().contains("/does/not/exist.yaml"));
}

#[test]
fn secrets_are_not_shown() {
    let loaded = from_file("api:\n  token: abc\nclusters:\n- {name: a, token: abc}\n").unwrap();
    assert_eq!(loaded.config.api.token.as_deref(), Some("abc"));
    assert!(!serde_json::to_string(&loaded.settings).unwrap().contains("abc"));
}
