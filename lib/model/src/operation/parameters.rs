//! Whether the parameters that a specification gives are those of its bundle. What is missing cannot be said here: the cluster
//! may bring it, and a step that lacks something does not begin.

use serde_json::{Map, Value};

use beidou_schemas::operation::{SecretRef, bundle::BundleShape};

use super::{Refused, refused::names};

/// Names that a refusal lists at most.
const MOST_NAMES: usize = 40;
/// What marks a parameter whose value never stands in a specification.
const SECRET: &str = "x-secret";

/// Each name known, each value fitting, secrets by reference only.
pub(crate) fn check(bundle: &BundleShape, given: &Map<String, Value>, secrets: &[SecretRef]) -> Result<(), Refused> {
    let none = Map::new();
    let known = bundle.parameters.get("properties").and_then(Value::as_object).unwrap_or(&none);
    let open = bundle.parameters.get("additionalProperties") != Some(&Value::Bool(false));
    for (name, value) in given {
        let field = format!("parameters.{name}");
        match known.get(name) {
            None if open => {}
            None => {
                let plain = known.iter().filter(|(_, property)| !is_secret(property)).map(|(name, _)| name.as_str());
                let allowed = format!("a parameter of bundle {}: {}", bundle.name, names(plain, MOST_NAMES));
                return Err(Refused::new(field, value, allowed));
            }
            // The value is not repeated.
            Some(property) if is_secret(property) => {
                return Err(Refused::new(field, "…", "a reference to a Secret, below secrets"));
            }
            Some(property) => fits(property, field, value)?,
        }
    }
    for (place, secret) in secrets.iter().enumerate() {
        if !known.get(&secret.parameter).is_some_and(is_secret) {
            let all = known.iter().filter(|(_, property)| is_secret(property)).map(|(name, _)| name.as_str());
            let allowed = format!("a secret parameter of bundle {}: {}", bundle.name, names(all, MOST_NAMES));
            return Err(Refused::new(format!("secrets[{place}].parameter"), &secret.parameter, allowed));
        }
    }
    Ok(())
}

/// The first of these parameters whose value must not be given: a secret stands in a specification by reference only.
pub fn secret_given<'a>(bundle: &BundleShape, given: &'a Map<String, Value>) -> Option<&'a str> {
    let known = bundle.parameters.get("properties")?.as_object()?;
    given.keys().map(String::as_str).find(|name| known.get(*name).is_some_and(is_secret))
}

fn is_secret(property: &Value) -> bool {
    property.get(SECRET) == Some(&Value::Bool(true))
}

fn fits(property: &Value, field: String, value: &Value) -> Result<(), Refused> {
    let schema = jsonschema::validator_for(property);
    let schema = schema.map_err(|error| Refused::new(&*field, value, format!("the bundle's own schema: {error}")))?;
    match schema.iter_errors(value).next() {
        None => Ok(()),
        Some(error) => Err(Refused::new(field, value, allowed(property, &error.to_string()))),
    }
}

/// What the bundle says of a parameter, and what is wrong with the value.
fn allowed(property: &Value, error: &str) -> String {
    match property.get("description").and_then(Value::as_str) {
        Some(description) => format!("{error}. {description}"),
        None => error.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn bundle() -> BundleShape {
        let parameters = json!({"type": "object", "additionalProperties": false, "required": ["api"], "properties": {
            "api": {"type": "string", "pattern": "^https://", "description": "Where the API server is."},
            "size": {"type": "integer", "minimum": 1},
            "token": {"type": "string", "x-secret": true},
        }});
        BundleShape { parameters, ..super::super::built_in() }
    }

    fn refused(given: Value, secrets: &[&str]) -> Option<String> {
        let Value::Object(given) = given else { return None };
        let secret =
            |parameter: &&str| SecretRef { parameter: (*parameter).into(), secret: "s".into(), key: "k".into() };
        let secrets: Vec<SecretRef> = secrets.iter().map(secret).collect();
        check(&bundle(), &given, &secrets).err().map(|refused| refused.to_string())
    }

    #[test]
    fn what_fits_passes_and_what_is_missing_may_come_from_the_cluster() {
        assert_eq!(refused(json!({}), &[]), None);
        assert_eq!(refused(json!({"api": "https://a", "size": 3}), &["token"]), None);
    }

    #[test]
    fn a_secret_that_is_given_is_found() {
        let found = |given: Value| secret_given(&bundle(), given.as_object().unwrap()).map(str::to_owned);
        assert_eq!(found(json!({"api": "hunter2", "other": 1})), None);
        assert_eq!(found(json!({"api": "a", "token": ""})).as_deref(), Some("token"));
    }

    #[test]
    fn what_does_not_fit_is_named_with_what_is_allowed() {
        for (given, secrets, wanted) in [
            (
                json!({"sise": 3}),
                &[][..],
                "parameters.sise: \"3\" is not possible; a parameter of bundle uncordon: api, size",
            ),
            (json!({"size": 0}), &[], "parameters.size: \"0\" is not possible; 0 is less than the minimum of 1"),
            (
                json!({"api": "http://a"}),
                &[],
                "parameters.api: \"\\\"http://a\\\"\" is not possible; \"http://a\" does not match \"^https://\". Where the API server is.",
            ),
            (
                json!({"token": "hunter2"}),
                &[],
                "parameters.token: \"…\" is not possible; a reference to a Secret, below secrets",
            ),
            (
                json!({}),
                &["size"],
                "secrets[0].parameter: \"size\" is not possible; a secret parameter of bundle uncordon: token",
            ),
        ] {
            assert_eq!(refused(given, secrets).as_deref(), Some(wanted));
        }
    }
}
