//! Whether the parameters that a specification gives are those of its bundle, and whether somebody gives each that it needs; and
//! whether machines have variables that they may have.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use beidou_schemas::{
    operation::{Machine, SecretRef, bundle::BundleShape},
    runner::{NODE_NAME, Unfit, host_variable},
};

use super::{Refused, refused::names};

/// Names that a refusal lists at most.
const MOST_NAMES: usize = 40;
/// Where parameters stand.
pub(super) const FIELD: &str = "parameters.";
/// What marks a parameter whose value never stands in a specification.
const SECRET: &str = "x-secret";
/// The parameter that Beidou brings itself, where a bundle has it: the nodes of the cluster.
pub const EXISTING_NODES: &str = "existing_nodes";

/// Each name known to one of the bundles, each value fitting to all that know it, secrets by reference only.
pub(crate) fn check(
    bundles: &[&BundleShape],
    given: &Map<String, Value>,
    secrets: &[SecretRef],
) -> Result<(), Refused> {
    let allowed = |what: &str, secret: bool| {
        let all = bundles.iter().filter_map(|bundle| properties(bundle)).flatten();
        let fitting = all.filter(|(_, property)| is_secret(property) == secret).map(|(name, _)| name.as_str());
        let (bundles, fitting) = (bundles.iter().map(|bundle| &*bundle.name), fitting.collect::<BTreeSet<_>>());
        format!("a {what} of bundle {}: {}", names(bundles, MOST_NAMES), names(fitting, MOST_NAMES))
    };
    for (name, value) in given {
        let field = format!("{FIELD}{name}");
        if !bundles.iter().any(|bundle| takes(bundle, name)) {
            return Err(Refused::new(field, value, allowed("parameter", false)));
        }
        for property in bundles.iter().filter_map(|bundle| property(bundle, name)) {
            // The value is not repeated.
            if is_secret(property) {
                return Err(Refused::new(field, "…", "a reference to a Secret, below secrets"));
            }
            fits(property, field.clone(), value)?;
        }
    }
    for (place, secret) in secrets.iter().enumerate() {
        if !bundles.iter().any(|bundle| takes_secret(bundle, &secret.parameter)) {
            let (field, allowed) = (format!("secrets[{place}].parameter"), allowed("secret parameter", true));
            return Err(Refused::new(field, &secret.parameter, allowed));
        }
    }
    Ok(())
}

/// Variables of machines: none that says how they are reached, none that has a field of its own; and what the bundle has as a
/// parameter is held to what the bundle says of it.
pub(crate) fn of_machines(bundle: &BundleShape, machines: &[Machine]) -> Result<(), Refused> {
    for (place, machine) in machines.iter().enumerate() {
        for (name, value) in &machine.vars {
            let at = format!("operationMachines[{place}].vars");
            let field = format!("{at}.{name}");
            match host_variable(name, value) {
                Ok(()) if name == NODE_NAME => {
                    let allowed = format!("the field operationMachines[{place}].name");
                    return Err(Refused::new(at, name, allowed));
                }
                Ok(()) => {}
                Err(Unfit::Name(allowed)) => return Err(Refused::new(at, name, allowed)),
                Err(Unfit::Value(allowed)) => return Err(Refused::new(field, value, allowed)),
            }
            match property(bundle, name) {
                Some(secret) if is_secret(secret) => {
                    return Err(Refused::new(field, "…", "a reference to a Secret, below secrets"));
                }
                Some(property) => fits(property, field, value)?,
                None => {}
            }
        }
    }
    Ok(())
}

fn properties(bundle: &BundleShape) -> Option<&Map<String, Value>> {
    bundle.parameters.get("properties")?.as_object()
}

fn property<'a>(bundle: &'a BundleShape, name: &str) -> Option<&'a Value> {
    properties(bundle)?.get(name)
}

/// Whether a bundle has a parameter of this name, or takes any.
fn takes(bundle: &BundleShape, name: &str) -> bool {
    bundle.parameters.get("additionalProperties") != Some(&Value::Bool(false)) || property(bundle, name).is_some()
}

/// Whether a bundle has a secret parameter of this name.
fn takes_secret(bundle: &BundleShape, name: &str) -> bool {
    property(bundle, name).is_some_and(is_secret)
}

/// Those that a bundle gets, of what is given to several.
pub(super) fn own(
    bundle: &BundleShape,
    given: &Map<String, Value>,
    secrets: &[SecretRef],
) -> (Map<String, Value>, Vec<SecretRef>) {
    let given = given.iter().filter(|(name, _)| takes(bundle, name));
    let secrets = secrets.iter().filter(|secret| takes_secret(bundle, &secret.parameter));
    (given.map(|(name, value)| (name.clone(), value.clone())).collect(), secrets.cloned().collect())
}

/// The first parameter that the bundle needs and nobody gives. The cluster brings these, by their names; what it brings is not
/// known where it was last told of by an older version.
pub(crate) fn missing(
    bundle: &BundleShape,
    given: &Map<String, Value>,
    secrets: &[SecretRef],
    brought: Option<&BTreeSet<String>>,
) -> Option<Refused> {
    let brought = brought?;
    let comes = |name: &str| {
        property(bundle, name).is_some_and(|property| {
            let plain = !is_secret(property) && (brought.contains(name) || name == EXISTING_NODES);
            plain || property.get("default").is_some()
        })
    };
    let is_given = |name: &str| given.contains_key(name) || secrets.iter().any(|secret| secret.parameter == name);
    let mut needed = bundle.parameters.get("required")?.as_array()?.iter().filter_map(Value::as_str);
    let name = needed.find(|&name| !is_given(name) && !comes(name))?;
    let from = match takes_secret(bundle, name) {
        true => "a reference to a Secret, below secrets",
        false => "a value, from here or from the cluster",
    };
    let needs = format!("{from}: bundle {} needs it", bundle.name);
    let allowed = property(bundle, name).map_or(needs.clone(), |property| allowed(property, &needs));
    Some(Refused::new(format!("{FIELD}{name}"), "", allowed))
}

/// The first of these parameters whose value must not be given: a secret stands in a specification by reference only.
pub fn secret_given<'a>(bundle: &BundleShape, given: &'a Map<String, Value>) -> Option<&'a str> {
    let known = properties(bundle)?;
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
        check(&[&bundle()], &given, &secrets).err().map(|refused| refused.to_string())
    }

    #[test]
    fn what_fits_passes_and_what_is_missing_may_come_from_the_cluster() {
        assert_eq!(refused(json!({}), &[]), None);
        assert_eq!(refused(json!({"api": "https://a", "size": 3}), &["token"]), None);
    }

    #[test]
    fn what_nobody_gives_is_missing() {
        let mut bundle = bundle();
        bundle.parameters["required"] = json!(["existing_nodes", "folder", "token", "api"]);
        bundle.parameters["properties"]["existing_nodes"] = json!({"type": "array"});
        bundle.parameters["properties"]["folder"] = json!({"type": "string", "default": "/opt"});
        let secret = SecretRef { parameter: "token".into(), secret: "s".into(), key: "k".into() };
        let found = |given: &Value, secrets: &[SecretRef], brought: Option<&str>| {
            let brought: Option<BTreeSet<String>> =
                brought.map(|names| names.split_whitespace().map(str::to_owned).collect());
            let refused = missing(&bundle, given.as_object().unwrap(), secrets, brought.as_ref())?;
            assert!(refused.is_missing_parameter());
            Some(refused.to_string())
        };
        let api = "parameters.api: \"\" is not possible; a value, from here or from the cluster: bundle uncordon needs it. Where the API server is.";
        let token =
            "parameters.token: \"\" is not possible; a reference to a Secret, below secrets: bundle uncordon needs it";
        for (given, has_token, brought, wanted) in [
            (json!({}), false, None, None),
            (json!({}), false, Some("api"), Some(token)),
            (json!({}), false, Some("api token"), Some(token)),
            (json!({}), true, Some(""), Some(api)),
            (json!({"size": 1}), true, Some("size"), Some(api)),
            (json!({}), true, Some("api"), None),
            (json!({"api": "https://a"}), true, Some(""), None),
        ] {
            let secrets = if has_token { std::slice::from_ref(&secret) } else { &[] };
            assert_eq!(found(&given, secrets, brought).as_deref(), wanted, "{given} {brought:?}");
        }
    }

    #[test]
    fn a_secret_that_is_given_is_found() {
        let found = |given: Value| secret_given(&bundle(), given.as_object().unwrap()).map(str::to_owned);
        assert_eq!(found(json!({"api": "hunter2", "other": 1})), None);
        assert_eq!(found(json!({"api": "a", "token": ""})).as_deref(), Some("token"));
    }

    #[test]
    fn a_variable_of_a_machine_says_nothing_of_how_it_is_reached_and_passes_by_no_parameter() {
        let refused = |vars: Value| {
            let plain = Machine { ip: "10.0.0.1".into(), ..Machine::default() };
            let told = Machine { vars: vars.as_object().cloned().unwrap(), ..plain.clone() };
            of_machines(&bundle(), &[plain, told]).err().map(|refused| refused.to_string())
        };
        assert_eq!(refused(json!({"rack": 7, "node_ip": "10.9.0.1", "size": 2})), None);
        assert_eq!(refused(json!({"ansible_python_interpreter": "/usr/bin/python3"})), None);
        for (vars, wanted) in [
            (
                json!({"ansible_ssh_common_args": "-o ProxyCommand='touch /tmp/x'"}),
                "operationMachines[1].vars: \"ansible_ssh_common_args\" is not possible; names that do not begin with ansible_, and \
                 ansible_python_interpreter; how a machine is reached is said by its ip, user and port, and by ssh of its Cluster",
            ),
            (
                json!({"ansible_python_interpreter": "/sbin/reboot"}),
                "operationMachines[1].vars.ansible_python_interpreter: \"\\\"/sbin/reboot\\\"\" is not possible; the absolute path of a \
                 Python on the machine, such as /usr/bin/python3.11",
            ),
            (
                json!({"node_name": "worker-9"}),
                "operationMachines[1].vars: \"node_name\" is not possible; the field operationMachines[1].name",
            ),
            (
                json!({"size": 0}),
                "operationMachines[1].vars.size: \"0\" is not possible; 0 is less than the minimum of 1",
            ),
            (
                json!({"token": "hunter2"}),
                "operationMachines[1].vars.token: \"…\" is not possible; a reference to a Secret, below secrets",
            ),
        ] {
            assert_eq!(refused(vars).as_deref(), Some(wanted));
        }
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
