//! What Events can be counted by, and the SQL that counts by several fields in one scan.

use super::statement::Statement;

/// A property of Events with a value that many share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Field {
    /// The cluster, by uid.
    Cluster,
    /// Namespace of the involved object; empty for a cluster-scoped one.
    Namespace,
    /// Kind of the involved object.
    Kind,
    /// Reason.
    Reason,
    /// Type.
    Type,
    /// `source.component` and `reportingComponent`: where they differ, a state counts for both, as the filter finds it
    /// by both.
    Component,
    /// Node concerned.
    Node,
    /// Name of the involved object.
    Name,
    /// The message folded to a template.
    Pattern,
}

impl Field {
    /// All of them, in the order in which answers have them.
    pub const ALL: [Self; 9] = [
        Self::Cluster,
        Self::Namespace,
        Self::Kind,
        Self::Reason,
        Self::Type,
        Self::Component,
        Self::Node,
        Self::Name,
        Self::Pattern,
    ];

    /// The stable name, also that of the filter.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cluster => "cluster",
            Self::Namespace => "namespace",
            Self::Kind => "kind",
            Self::Reason => "reason",
            Self::Type => "type",
            Self::Component => "component",
            Self::Node => "node",
            Self::Name => "name",
            Self::Pattern => "pattern",
        }
    }

    /// Whether the roll-up by hour has it.
    pub(super) const fn is_rolled_up(self) -> bool {
        match self {
            Self::Cluster | Self::Namespace | Self::Kind | Self::Reason | Self::Type => true,
            Self::Component | Self::Node | Self::Name | Self::Pattern => false,
        }
    }

    /// The field of this name.
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|field| field.name() == name)
    }
}

/// The texts by which a field takes part in a statement: its name where a row is about it, its value, its grouping set.
/// In rows of other sets a column is empty, so that all values put together are the value of the one field.
struct Part {
    name: &'static str,
    value: &'static str,
    set: &'static str,
}

macro_rules! part {
    ($name:literal, $column:literal) => {
        Part {
            name: concat!("        if(grouping(", $column, ") = 0, '", $name, "', ''),"),
            value: concat!("        toString(", $column, "),"),
            set: concat!("        (", $column, "),"),
        }
    };
}

impl Field {
    const fn part(self) -> Part {
        match self {
            Self::Cluster => part!("cluster", "cluster_uid"),
            Self::Namespace => part!("namespace", "namespace"),
            Self::Kind => part!("kind", "kind"),
            Self::Reason => part!("reason", "reason"),
            Self::Type => part!("type", "type"),
            Self::Component => Part {
                name: "        if(grouping(component) = 0, 'component', ''),",
                value: "        toString(component),",
                set: "        (component, reporting_component),",
            },
            Self::Node => part!("node", "node"),
            Self::Name => part!("name", "name"),
            Self::Pattern => part!("pattern", "pattern"),
        }
    }
}

/// Adds to a `SELECT` the name of the field that a row is about and its value, as `field` and `each`; both are empty in
/// the row for all. A pair of components becomes a row for each.
pub(super) fn select_each(statement: Statement, fields: &[Field]) -> Statement {
    let names = fields.iter().fold(statement.line("    concat("), |all, field| all.line(field.part().name));
    let open = match fields.contains(&Field::Component) {
        true => {
            "        '') AS field, arrayJoin(if(grouping(component) = 0 AND reporting_component NOT IN (component, ''),
            if(component = '', [toString(reporting_component)], [toString(component), toString(reporting_component)]), [concat("
        }
        false => "        '') AS field, arrayJoin(([concat(",
    };
    let values = fields.iter().fold(names.line(open), |all, field| all.line(field.part().value));
    values.line("        '')])) AS each,")
}

/// One scan for all fields, and for the row for all. Measured at 5 million rows and nine fields: 0.9 s of CPU time, a
/// `UNION ALL` of a query for each field 2.0 s; without names, of which there are as many as objects, 0.5 s.
pub(super) fn group_by_each(statement: Statement, fields: &[Field]) -> Statement {
    let open = statement.line("    GROUP BY GROUPING SETS (");
    fields.iter().fold(open, |all, field| all.line(field.part().set)).line("        ())")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_by_their_names() {
        for field in Field::ALL {
            assert_eq!(Field::of_name(field.name()), Some(field));
        }
        assert_eq!(Field::of_name("message"), None);
    }
}
