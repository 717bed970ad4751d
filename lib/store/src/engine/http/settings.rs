//! The settings of one statement's session.
//!
//! Invariants: a name is letters, digits and underscores, a value is always quoted; `readonly` is set last and never
//! weaker than the role demands; a reader chooses limits and output details only ([`READER_MAY_SET`]).

use super::access::Role;
use super::cancel::MARKER_SETTING;
use super::fault::{Fault, code};
use super::text::literal;

/// How much a session may change, weakest first. ClickHouse's `readonly` values are 0, 2 and 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum ReadOnly {
    /// Everything.
    No,
    /// Settings, but no data.
    Settings,
    /// Neither settings nor data.
    Strict,
}

impl ReadOnly {
    fn of_value(value: &str) -> ReadOnly {
        match value {
            "0" | "" => ReadOnly::No,
            "2" => ReadOnly::Settings,
            _ => ReadOnly::Strict,
        }
    }

    fn value(self) -> &'static str {
        match self {
            ReadOnly::No => "0",
            ReadOnly::Settings => "2",
            ReadOnly::Strict => "1",
        }
    }
}

/// What whoever reads may choose: limits of its own statement, its label, and how values are written.
const READER_MAY_SET: [&str; 30] = [
    "cancel_http_readonly_queries_on_client_close",
    "date_time_output_format",
    "enable_http_compression",
    "extremes",
    "limit",
    "log_comment",
    "max_block_size",
    "max_bytes_to_read",
    "max_execution_time",
    "max_memory_usage",
    "max_result_bytes",
    "max_result_rows",
    "max_rows_to_read",
    "max_threads",
    "optimize_read_in_order",
    "priority",
    "query_plan_max_limit_for_lazy_materialization",
    "read_in_order_use_buffering",
    "read_overflow_mode",
    "readonly",
    "result_overflow_mode",
    "send_progress_in_http_headers",
    "session_timezone",
    "timeout_overflow_mode",
    "use_primary_key",
    "use_query_cache",
    "use_skip_indexes_on_data_read",
    "join_use_nulls",
    "max_bytes_before_external_group_by",
    "max_bytes_before_external_sort",
];
const READER_MAY_SET_PREFIXES: [&str; 2] = ["output_format_", "format_csv_"];

/// Whether folders of files name columns: whoever reads the archive switches it off.
const FOLDERS_NAME_COLUMNS: &str = "use_hive_partitioning";

/// What differs between the embedded engine and a server, put right: there a lone word is no SELECT, and nobody looks
/// into the process's memory.
const SERVER_DEFAULTS: &str = "implicit_select = 0, allow_introspection_functions = 0";

/// Checked settings of one request.
#[derive(Debug)]
pub(super) struct Settings {
    pairs: Vec<(String, String)>,
    read_only: ReadOnly,
}

impl Settings {
    /// Checks names and rights; `least` is the weakest `readonly` that the caller may have.
    pub(super) fn checked(pairs: Vec<(String, String)>, role: Role, least: ReadOnly) -> Result<Settings, Fault> {
        let mut kept = Settings { pairs: Vec::with_capacity(pairs.len()), read_only: least };
        for (name, value) in pairs {
            let plain = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
            if !plain || name == MARKER_SETTING {
                let message = format!("Unknown setting '{}'.", name.escape_default());
                return Err(Fault::new(code::UNKNOWN_SETTING, "UNKNOWN_SETTING", message));
            }
            let may_set = match role {
                Role::Writer => true,
                Role::Reader => reader_may_set(&name),
                Role::ArchiveReader => reader_may_set(&name) || name == FOLDERS_NAME_COLUMNS,
            };
            if !may_set {
                let message = format!("Cannot modify '{name}' setting in readonly mode.");
                return Err(Fault::new(code::READONLY, "READONLY", message));
            }
            if name == "readonly" {
                kept.read_only = kept.read_only.max(ReadOnly::of_value(&value));
            } else {
                kept.pairs.push((name, value));
            }
        }
        Ok(kept)
    }

    /// Whether results of row formats may come as one JSON array, which no two chunks can share.
    pub(super) fn names(&self, name: &str) -> bool {
        self.pairs.iter().any(|(known, _)| known == name)
    }

    /// The SET statement of the session; `marker` names it for a later KILL, `extra` comes before `readonly`.
    pub(super) fn statement(&self, marker: &str, extra: Option<(&str, u64)>) -> String {
        let mut sql = format!("SET {SERVER_DEFAULTS}");
        let pairs = self.pairs.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        for (name, value) in pairs.chain([(MARKER_SETTING, marker)]) {
            sql.push_str(&format!(", {name} = {}", literal(value)));
        }
        if let Some((name, value)) = extra.filter(|(name, _)| !self.names(name)) {
            sql.push_str(&format!(", {name} = {value}"));
        }
        if self.read_only > ReadOnly::No {
            sql.push_str(&format!(", readonly = {}", self.read_only.value()));
        }
        sql
    }
}

fn reader_may_set(name: &str) -> bool {
    READER_MAY_SET.contains(&name) || READER_MAY_SET_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
        list.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn a_statement_keeps_the_callers_settings_and_ends_with_readonly() {
        let settings =
            Settings::checked(pairs(&[("readonly", "0"), ("log_comment", "it's")]), Role::Reader, ReadOnly::Strict)
                .unwrap();
        assert_eq!(
            settings.statement("m", Some(("max_result_bytes", 5))),
            "SET implicit_select = 0, allow_introspection_functions = 0, log_comment = 'it\\'s', chdb_client_name = 'm', \
             max_result_bytes = 5, readonly = 1"
        );
    }

    #[test]
    fn readonly_can_be_tightened_but_never_loosened() {
        for (least, asked, expected) in [
            (ReadOnly::No, "1", ReadOnly::Strict),
            (ReadOnly::No, "2", ReadOnly::Settings),
            (ReadOnly::Settings, "0", ReadOnly::Settings),
            (ReadOnly::Strict, "2", ReadOnly::Strict),
            (ReadOnly::No, "nonsense", ReadOnly::Strict),
        ] {
            let settings = Settings::checked(pairs(&[("readonly", asked)]), Role::Writer, least).unwrap();
            assert_eq!(settings.read_only, expected, "{least:?} {asked}");
        }
    }

    #[test]
    fn odd_names_and_a_readers_wishes_are_refused() {
        let refused = |name: &str, role| Settings::checked(pairs(&[(name, "1")]), role, ReadOnly::No).unwrap_err().code;
        assert_eq!(refused("a = 1, readonly", Role::Writer), code::UNKNOWN_SETTING);
        assert_eq!(refused("", Role::Writer), code::UNKNOWN_SETTING);
        assert_eq!(refused(MARKER_SETTING, Role::Writer), code::UNKNOWN_SETTING);
        assert_eq!(refused("allow_ddl", Role::Reader), code::READONLY);
        assert!(Settings::checked(pairs(&[("max_execution_time", "1")]), Role::Reader, ReadOnly::Strict).is_ok());
    }
}
