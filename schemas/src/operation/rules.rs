//! When a cluster may be touched, and how carefully.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::Micros;

/// A weekly time in which changes may begin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Window {
    /// Days on which it begins: 1 is Monday, 7 Sunday. None means every day.
    #[serde(default)]
    pub days: Vec<u8>,
    /// The minute of the day at which it begins.
    pub start_minute: u32,
    /// How long it is open, in minutes; at most a week.
    pub minutes: u32,
    /// What the cluster's people add to UTC, in minutes.
    #[serde(default)]
    pub utc_offset_minutes: i32,
}

/// A time in which nothing may begin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Freeze {
    /// From when.
    pub from: Micros,
    /// Until when.
    pub until: Micros,
    /// Why, for people.
    pub why: String,
}

/// What holds for operations on a cluster.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClusterRules {
    /// Nodes that it has: what a share of a pool is counted from. 0 where that is not known.
    #[serde(default)]
    pub pool: u32,
    /// When changes may begin. None means always.
    #[serde(default)]
    pub windows: Vec<Window>,
    /// When nothing may begin.
    #[serde(default)]
    pub freezes: Vec<Freeze>,
    /// Changes of more hosts need the approval of another subject. None means never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approve_above_hosts: Option<u32>,
    /// Names of the parameters that it gives to bundles, never their values. None where that is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parameters: Option<BTreeSet<String>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_of_before_tell_of_no_parameters() {
        let before = r#"{"pool":3,"windows":[],"freezes":[],"approve_above_hosts":20}"#;
        let rules: ClusterRules = serde_json::from_str(before).unwrap();
        assert_eq!((rules.pool, &rules.parameters), (3, &None));
        assert_eq!(serde_json::to_string(&rules).unwrap(), before, "nor are they written anew");
        let parameters = Some(BTreeSet::from(["kubespray_path".to_owned()]));
        let text = serde_json::to_string(&ClusterRules { parameters: parameters.clone(), ..rules }).unwrap();
        assert!(text.ends_with(r#""parameters":["kubespray_path"]}"#), "{text}");
        assert_eq!(serde_json::from_str::<ClusterRules>(&text).unwrap().parameters, parameters);
    }
}
