//! From resources to what stands in commands and facts.

use std::ops::RangeInclusive;

use beidou_schemas::{Micros, numbered::UnknownKind, operation as wish};

use crate::{
    AutoOperationTaskSpec, Batches, ClusterSpec, Gate, Machine, OperationSpec, SecretParameter, TaskMachine, Window,
};

/// How long a window is open at most.
const WEEK_MINUTES: u32 = 7 * 24 * 60;
/// What clocks add to UTC: no zone is further away.
const OFFSETS_MINUTES: RangeInclusive<i32> = -14 * 60..=14 * 60;

/// A resource that the API server let pass and this version does not understand.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SpecError {
    /// A value of a closed set.
    #[error(transparent)]
    Kind(#[from] UnknownKind),
    /// A time, or a time zone.
    #[error("{field}: {value:?} is no {expected}")]
    Time {
        /// The field.
        field: &'static str,
        /// What stands there.
        value: String,
        /// What is expected.
        expected: &'static str,
    },
    /// A value that the API server refuses in a resource, and that a file may have.
    #[error("{field}: {value} is not possible; {allowed}")]
    Range {
        /// The field.
        field: &'static str,
        /// What stands there.
        value: String,
        /// What is allowed.
        allowed: &'static str,
    },
    /// Two fields that both say how far from UTC clocks are.
    #[error("windows.timeZone: {time_zone:?} does not go with windows.utcOffsetMinutes: {minutes}; name one of both")]
    TwoZones {
        /// The time zone.
        time_zone: String,
        /// The offset beside it.
        minutes: i32,
    },
}

impl OperationSpec {
    /// What it asks for.
    ///
    /// # Errors
    /// When the type of operation is not known.
    pub fn wish(&self) -> Result<wish::OperationSpec, SpecError> {
        Ok(wish::OperationSpec {
            cluster_name: self.cluster_name.clone(),
            operation_type: self.operation_type.parse()?,
            operation_flow: self.operation_flow.clone(),
            operation_machines: self.operation_machines.iter().map(machine).collect(),
            bundle: self.bundle.clone(),
            parameters: self.parameters.clone(),
            secrets: self.secrets.iter().map(secret).collect(),
            batches: self.batches.as_ref().map(batches).unwrap_or_default(),
            require_approval: self.require_approval,
            dry_run: self.dry_run,
            ignore_windows: self.ignore_windows,
            suspend: self.suspend,
            labels: Default::default(),
        })
    }
}

impl AutoOperationTaskSpec {
    /// What it asks for.
    ///
    /// # Errors
    /// When a step, a gate or the type is not known.
    pub fn wish(&self) -> Result<wish::TaskSpec, SpecError> {
        let steps = self.operation_task_step.iter().map(|named| Ok(wish::NamedStep { step: named.step.parse()? }));
        Ok(wish::TaskSpec {
            cluster: self.cluster.clone(),
            cluster_type: self.cluster_type.clone(),
            operation_ids: self.operation_ids.clone(),
            operation_task_machines: self.operation_task_machines.iter().map(named_machine).collect(),
            operation_task_step: steps.collect::<Result<_, UnknownKind>>()?,
            operation_task_type: self.operation_task_type.parse()?,
            parameters: self.parameters.clone(),
            secrets: self.secrets.iter().map(secret).collect(),
            batches: self.batches.as_ref().map(batches).unwrap_or_default(),
            workprocess: gate(self.workprocess.as_ref(), wish::Gate::before())?,
            sub_workprocess: gate(self.sub_workprocess.as_ref(), wish::Gate::behind())?,
            suspend: self.suspend,
        })
    }
}

impl ClusterSpec {
    /// What holds for its operations; the number of nodes is the caller's knowledge.
    ///
    /// # Errors
    /// When a time is none, a time zone not known, or nothing could ever begin, or be held back.
    pub fn rules(&self, pool: u32) -> Result<wish::ClusterRules, SpecError> {
        let freezes = self.freezes.iter().map(|freeze| {
            let (from, until) = (moment("freezes.from", &freeze.from)?, moment("freezes.until", &freeze.until)?);
            if from >= until {
                let value = format!("{:?}", freeze.until);
                return Err(SpecError::Range { field: "freezes.until", value, allowed: "a time after freezes.from" });
            }
            Ok(wish::Freeze { from, until, why: freeze.why.clone() })
        });
        Ok(wish::ClusterRules {
            pool,
            windows: self.windows.iter().map(window).collect::<Result<_, SpecError>>()?,
            freezes: freezes.collect::<Result<_, SpecError>>()?,
            approve_above_hosts: self.approve_above_hosts,
            parameters: Some(self.parameters.keys().cloned().collect()),
            cluster_uid: self.cluster_uid.clone(),
        })
    }
}

fn machine(machine: &Machine) -> wish::Machine {
    let Machine { ip, role, user, name, port, vars } = machine.clone();
    wish::Machine { ip, role, user, name: Some(name).filter(|name| !name.is_empty()), port, vars }
}

fn named_machine(machine: &TaskMachine) -> wish::NamedMachine {
    let TaskMachine { name, role, user, port } = machine.clone();
    wish::NamedMachine { name, role, user, port }
}

fn secret(secret: &SecretParameter) -> wish::SecretRef {
    let SecretParameter { parameter, secret, key } = secret.clone();
    wish::SecretRef { parameter, secret, key }
}

fn batches(batches: &Batches) -> wish::Batches {
    let Batches { canary, soak_seconds, size, pool_percent, hold_at_hosts, hold_at_percent } = batches.clone();
    wish::Batches { canary, soak_seconds, size, pool_percent, hold_at_hosts, hold_at_percent }
}

fn gate(gate: Option<&Gate>, missing: wish::Gate) -> Result<wish::Gate, SpecError> {
    let Some(gate) = gate else { return Ok(missing) };
    Ok(wish::Gate {
        mode: gate.mode.parse()?,
        webhook: gate.webhook.clone(),
        open_up_to_hosts: gate.open_up_to_hosts,
        deadline_seconds: gate.deadline_seconds.unwrap_or(missing.deadline_seconds),
    })
}

fn window(window: &Window) -> Result<wish::Window, SpecError> {
    let Window { days, start, minutes, time_zone, utc_offset_minutes } = window.clone();
    let range =
        |field, value: &dyn ToString, allowed| Err(SpecError::Range { field, value: value.to_string(), allowed });
    if let Some(day) = days.iter().find(|day| !(1..=7).contains(*day)) {
        return range("windows.days", day, "1 to 7: 1 is Monday, 7 Sunday");
    }
    if !(1..=WEEK_MINUTES).contains(&minutes) {
        return range("windows.minutes", &minutes, "1 to 10080: a week");
    }
    if let Some(offset) = utc_offset_minutes.filter(|offset| !OFFSETS_MINUTES.contains(offset)) {
        return range("windows.utcOffsetMinutes", &offset, "-840 to 840: 14 hours");
    }
    if let (Some(time_zone), Some(minutes)) = (&time_zone, utc_offset_minutes) {
        return Err(SpecError::TwoZones { time_zone: time_zone.clone(), minutes });
    }
    let (start_minute, utc_offset_minutes) = (minute(&start)?, utc_offset_minutes.unwrap_or(0));
    let told = wish::Window { days, start_minute, minutes, time_zone, utc_offset_minutes };
    if told.zone().is_some() {
        return Ok(told);
    }
    let value = told.time_zone.unwrap_or_default();
    Err(SpecError::Time { field: "windows.timeZone", value, expected: "IANA time zone as Europe/Berlin" })
}

fn minute(text: &str) -> Result<u32, SpecError> {
    let bad = || SpecError::Time { field: "windows.start", value: text.into(), expected: "time of day as 22:30" };
    let (hour, minute) = text.split_once(':').ok_or_else(bad)?;
    let (hour, minute): (u32, u32) = (hour.parse().map_err(|_| bad())?, minute.parse().map_err(|_| bad())?);
    if hour > 23 || minute > 59 { Err(bad()) } else { Ok(hour * 60 + minute) }
}

fn moment(field: &'static str, text: &str) -> Result<Micros, SpecError> {
    let bad = || SpecError::Time { field, value: text.into(), expected: "RFC 3339 time" };
    Micros::parse(text).ok_or_else(bad)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_manifests_of_the_contract_are_read() {
        let spec: OperationSpec = serde_json::from_value(json!({
            "clusterName": "product-cluster",
            "operationType": "ScaleUp",
            "operationFlow": ["preCheck", "scaleUp", "postCheck"],
            "operationMachines": [{"ip": "10.0.0.11", "role": "Compute", "user": "admin"}],
        }))
        .unwrap();
        let wish = spec.wish().unwrap();
        assert_eq!(wish.operation_type, wish::OperationType::ScaleUp);
        assert_eq!(wish.operation_machines[0].user.as_deref(), Some("admin"));
        let spec: AutoOperationTaskSpec = serde_json::from_value(json!({
            "cluster": "cluster-example",
            "clusterType": "native",
            "operationIds": ["scale-up"],
            "operationTaskMachines": [{"name": "10.0.0.11"}, {"name": "10.0.0.12"}],
            "operationTaskStep": [{"step": "ScaleUpPreCheck"}, {"step": "UncordonNodes"}],
            "operationTaskType": "ScaleUp",
        }))
        .unwrap();
        let wish = spec.wish().unwrap();
        assert_eq!((wish.operation_task_step.len(), wish.workprocess), (2, wish::Gate::before()));
    }

    #[test]
    fn what_is_not_known_is_named_with_what_is() {
        let step = crate::TaskStep { step: "ScaleSideways".into() };
        let spec = AutoOperationTaskSpec {
            cluster: "c".into(),
            cluster_type: String::new(),
            operation_ids: vec!["scale-up".into()],
            operation_task_machines: Vec::new(),
            operation_task_step: vec![step],
            operation_task_type: "ScaleUp".into(),
            parameters: Default::default(),
            secrets: Vec::new(),
            batches: None,
            workprocess: None,
            sub_workprocess: None,
            suspend: false,
            cancel: false,
        };
        let error = spec.wish().unwrap_err().to_string();
        assert!(error.contains("ScaleSideways") && error.contains("ScaleUpSubWorkprocess"), "{error}");
    }

    fn weekly(time_zone: Option<&str>, utc_offset_minutes: Option<i32>) -> Window {
        let time_zone = time_zone.map(str::to_owned);
        Window { days: vec![6], start: "22:30".into(), minutes: 90, time_zone, utc_offset_minutes }
    }

    #[test]
    fn a_zone_that_cannot_be_is_named_with_what_is_allowed() {
        for (window, said) in [
            (
                weekly(Some("Europe/Berlni"), None),
                r#"windows.timeZone: "Europe/Berlni" is no IANA time zone as Europe/Berlin"#,
            ),
            (weekly(None, Some(-841)), "windows.utcOffsetMinutes: -841 is not possible; -840 to 840: 14 hours"),
            (
                weekly(Some("UTC"), Some(0)),
                r#"windows.timeZone: "UTC" does not go with windows.utcOffsetMinutes: 0; name one of both"#,
            ),
        ] {
            let spec = ClusterSpec { windows: vec![window], ..ClusterSpec::default() };
            assert_eq!(spec.rules(0).unwrap_err().to_string(), said);
        }
    }

    #[test]
    fn a_window_that_never_opens_and_a_freeze_that_never_holds_are_refused() {
        let plain = || weekly(None, None);
        for (window, said) in [
            (Window { minutes: 0, ..plain() }, "windows.minutes: 0 is not possible; 1 to 10080: a week"),
            (Window { minutes: 10_081, ..plain() }, "windows.minutes: 10081 is not possible; 1 to 10080: a week"),
            (Window { days: vec![1, 0], ..plain() }, "windows.days: 0 is not possible; 1 to 7: 1 is Monday, 7 Sunday"),
            (Window { days: vec![8], ..plain() }, "windows.days: 8 is not possible; 1 to 7: 1 is Monday, 7 Sunday"),
        ] {
            let spec = ClusterSpec { windows: vec![window], ..ClusterSpec::default() };
            assert_eq!(spec.rules(0).unwrap_err().to_string(), said);
        }
        for until in ["2026-12-24T00:00:00Z", "2026-12-27T00:00:00Z"] {
            let freeze = crate::Freeze { from: "2026-12-27T00:00:00Z".into(), until: until.into(), why: "late".into() };
            let spec = ClusterSpec { freezes: vec![freeze], ..ClusterSpec::default() };
            let said = format!("freezes.until: {until:?} is not possible; a time after freezes.from");
            assert_eq!(spec.rules(0).unwrap_err().to_string(), said);
        }
        let whole = Window { days: vec![1, 7], minutes: 10_080, utc_offset_minutes: Some(840), ..plain() };
        assert!(ClusterSpec { windows: vec![whole], ..ClusterSpec::default() }.rules(0).is_ok());
    }

    #[test]
    fn windows_and_freezes_become_rules() {
        let spec = ClusterSpec {
            windows: vec![weekly(None, Some(480)), weekly(Some("Europe/Berlin"), None), weekly(None, None)],
            freezes: vec![crate::Freeze {
                from: "2026-12-24T00:00:00Z".into(),
                until: "2026-12-27T00:00:00Z".into(),
                why: "holidays".into(),
            }],
            cluster_uid: Some("u1".into()),
            ..ClusterSpec::default()
        };
        let rules = spec.rules(7).unwrap();
        assert_eq!(rules.cluster_uid.as_deref(), Some("u1"));
        assert_eq!((rules.pool, rules.windows[0].start_minute), (7, 22 * 60 + 30));
        let zones: Vec<_> =
            rules.windows.iter().map(|window| (window.time_zone.as_deref(), window.utc_offset_minutes)).collect();
        assert_eq!(zones, [(None, 480), (Some("Europe/Berlin"), 0), (None, 0)]);
        assert_eq!(rules.freezes[0].until.0 - rules.freezes[0].from.0, 3 * beidou_schemas::time::DAY);
        for bad in ["24:00", "22", "ab:cd", "1:60"] {
            assert!(minute(bad).is_err(), "{bad}");
        }
    }
}
