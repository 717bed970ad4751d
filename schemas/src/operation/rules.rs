//! When a cluster may be touched, and how carefully.

use std::collections::BTreeSet;

use jiff::tz::{Offset, TimeZone, TimeZoneDatabase};
use serde::{Deserialize, Serialize};

use crate::Micros;

/// A weekly time in which changes may begin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Window {
    /// Days on which it begins: 1 is Monday, 7 Sunday. None means every day.
    #[serde(default)]
    pub days: Vec<u8>,
    /// The minute of the day at which it begins, as clocks there show it.
    pub start_minute: u32,
    /// How long it is open, in minutes; at most a week.
    pub minutes: u32,
    /// The time zone of these clocks, by its IANA name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
    /// What they add to UTC, in minutes, where there is no time zone.
    #[serde(default)]
    pub utc_offset_minutes: i32,
}

impl Window {
    /// The time zone of its clocks; `None` for one that this version does not know. The database is that of the program, so
    /// that every machine says the same, also one without zoneinfo.
    #[must_use]
    pub fn zone(&self) -> Option<TimeZone> {
        let Some(name) = self.time_zone.as_deref() else {
            let seconds = self.utc_offset_minutes.checked_mul(60)?;
            return Offset::from_seconds(seconds).ok().map(TimeZone::fixed);
        };
        TimeZoneDatabase::bundled().get(name).ok().filter(|zone| zone.iana_name() == Some(name))
    }
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
    /// The uid under which its Events stand in the log. None where it is watched under the same name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster_uid: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_of_before_have_an_offset_alone() {
        let before = r#"{"days":[6],"start_minute":1350,"minutes":90,"utc_offset_minutes":480}"#;
        let window: Window = serde_json::from_str(before).unwrap();
        assert_eq!((window.utc_offset_minutes, &window.time_zone), (480, &None));
        assert_eq!(serde_json::to_string(&window).unwrap(), before, "nor is a zone written");
        let zoned = Window { time_zone: Some("Europe/Berlin".into()), utc_offset_minutes: 0, ..window };
        let text = serde_json::to_string(&zoned).unwrap();
        assert!(text.contains(r#""time_zone":"Europe/Berlin""#), "{text}");
        assert_eq!(serde_json::from_str::<Window>(&text).unwrap(), zoned);
    }

    #[test]
    fn a_zone_is_known_by_its_own_name_alone() {
        let zone = |name: &str| {
            let time_zone = Some(name.to_owned());
            Window { days: Vec::new(), start_minute: 0, minutes: 1, time_zone, utc_offset_minutes: 0 }.zone()
        };
        for name in ["Europe/Berlin", "America/New_York", "Asia/Shanghai", "US/Eastern", "UTC", "Etc/GMT-14"] {
            assert_eq!(zone(name).and_then(|zone| zone.iana_name().map(str::to_owned)).as_deref(), Some(name));
        }
        for name in ["europe/berlin", "Europe/Berlin ", "Mars/Olympus", "Etc/Unknown", "Local", "+08:00", "CEST", ""] {
            assert_eq!(zone(name), None, "{name}");
        }
    }

    #[test]
    fn rules_of_before_tell_of_no_parameters_and_no_uid() {
        let before = r#"{"pool":3,"windows":[],"freezes":[],"approve_above_hosts":20}"#;
        let rules: ClusterRules = serde_json::from_str(before).unwrap();
        assert_eq!((rules.pool, &rules.parameters, &rules.cluster_uid), (3, &None, &None));
        assert_eq!(serde_json::to_string(&rules).unwrap(), before, "nor are they written anew");
        let parameters = Some(BTreeSet::from(["kubespray_path".to_owned()]));
        let text = serde_json::to_string(&ClusterRules { parameters: parameters.clone(), ..rules }).unwrap();
        assert!(text.ends_with(r#""parameters":["kubespray_path"]}"#), "{text}");
        assert_eq!(serde_json::from_str::<ClusterRules>(&text).unwrap().parameters, parameters);
    }
}
