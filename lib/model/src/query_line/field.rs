//! The fields of a query line: names, other names, and which values they take.

use std::fmt;

use beidou_schemas::{EventUid, envelope::FoundBy};

use super::Kind;

/// The name of the field that is compared as a number: how often the thing has happened so far.
pub const COUNT: &str = "count";
const COUNT_ALIASES: &[&str] = &["occurrences"];

macro_rules! fields {
    ($($(#[$doc:meta])* $field:ident $name:literal [$($alias:literal)*])+) => {
        /// A field whose values are texts.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Field { $($(#[$doc])* $field,)+ }

        impl Field {
            /// All of them, in the order of the documentation.
            pub const ALL: &'static [Self] = &[$(Self::$field,)+];

            /// Its name in the normal form.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$field => $name,)+ }
            }

            /// Other names that are taken for it.
            pub const fn aliases(self) -> &'static [&'static str] {
                match self { $(Self::$field => &[$($alias),*],)+ }
            }
        }
    };
}

fields! {
    /// The cluster, by uid or by any name it ever had.
    Cluster "cluster" []
    /// Namespace of the involved object; empty for a cluster-scoped one.
    Namespace "namespace" ["ns"]
    /// Kind of the involved object, in any case and by kubectl's short names.
    Kind "kind" []
    /// Name of the involved object.
    Name "name" ["object" "obj"]
    /// Uid of the Event or of the involved object.
    Uid "uid" ["id"]
    /// Machine-readable reason, in any case.
    Reason "reason" []
    /// `Normal`, `Warning`, in any case.
    Type "type" ["severity" "sev"]
    /// What was done, in any case.
    Action "action" []
    /// Who said it: `source.component` or `reportingComponent`.
    Component "component" ["reporter" "source"]
    /// `source.host`.
    Host "host" []
    /// The node concerned.
    Node "node" []
    /// `reportingInstance`.
    Instance "instance" []
    /// The message: words in any case.
    Message "message" ["msg" "text"]
    /// The message folded to its template.
    Pattern "pattern" ["template"]
    /// How the state was found: `watch`, `list`, `seed`, `import`.
    FoundBy "found_by" ["found-by" "found"]
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl serde::Serialize for Field {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// What a name in front of `:` or of a comparison stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Named {
    Text(Field),
    Count,
}

impl Named {
    /// The field of this name, in any case.
    pub(super) fn of(name: &str) -> Option<Self> {
        let is = |known: &str| known.eq_ignore_ascii_case(name);
        if is(COUNT) || COUNT_ALIASES.iter().any(|alias| is(alias)) {
            return Some(Self::Count);
        }
        let of = |field: &&Field| is(field.name()) || field.aliases().iter().any(|alias| is(alias));
        Field::ALL.iter().find(of).map(|field| Self::Text(*field))
    }
}

impl Field {
    /// The field of this name or alias, in any case; `None` also for `count`.
    pub fn of(name: &str) -> Option<Self> {
        match Named::of(name)? {
            Named::Text(field) => Some(field),
            Named::Count => None,
        }
    }

    /// Whether values are compared in any case. The other fields hold names, which Kubernetes writes in one way.
    pub const fn any_case(self) -> bool {
        match self {
            Self::Kind | Self::Reason | Self::Type | Self::Action | Self::Message => true,
            Self::Cluster | Self::Namespace | Self::Name | Self::Uid | Self::Component | Self::Host => false,
            Self::Node | Self::Instance | Self::Pattern | Self::FoundBy => false,
        }
    }

    /// Whether wildcards and regular expressions make sense.
    pub const fn takes_patterns(self) -> bool {
        match self {
            Self::Uid | Self::FoundBy => false,
            Self::Cluster | Self::Namespace | Self::Kind | Self::Name | Self::Reason | Self::Type | Self::Action => {
                true
            }
            Self::Component | Self::Host | Self::Node | Self::Instance | Self::Message | Self::Pattern => true,
        }
    }

    /// The way in which a well-known value is stored: such values are compared exactly, which is the fastest way.
    pub fn known(self, value: &str) -> Option<&'static str> {
        let among = |all: &[&'static str]| all.iter().copied().find(|known| known.eq_ignore_ascii_case(value));
        match self {
            Self::Kind => Kind::of(value).map(|kind| kind.name),
            Self::Type => among(&["Normal", "Warning"]),
            Self::Namespace => (value == "_").then_some(""),
            Self::FoundBy => value.to_ascii_lowercase().parse::<FoundBy>().ok().map(FoundBy::name),
            Self::Cluster | Self::Name | Self::Uid | Self::Reason | Self::Action | Self::Component => None,
            Self::Host | Self::Node | Self::Instance | Self::Message | Self::Pattern => None,
        }
    }

    /// What is allowed, where this whole value is not.
    pub(super) fn refuses(self, value: &str) -> Option<String> {
        let not_empty = || value.is_empty().then(|| "a value that is not empty".to_owned());
        match self {
            Self::Uid => value.parse::<EventUid>().err().map(|error| error.allowed.to_owned()),
            Self::FoundBy => value.parse::<FoundBy>().err().map(|error| error.allowed.to_owned()),
            Self::Cluster | Self::Name | Self::Component | Self::Message => not_empty(),
            Self::Namespace | Self::Kind | Self::Reason | Self::Type | Self::Action | Self::Host => None,
            Self::Node | Self::Instance | Self::Pattern => None,
        }
    }
}

/// All names in the normal form, `count` among them.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    Field::ALL.iter().map(|field| field.name()).chain([COUNT])
}

/// The field whose name or alias is nearest to a misspelt one.
pub(super) fn nearest(written: &str) -> Option<&'static str> {
    let written = written.to_ascii_lowercase();
    let others = Field::ALL.iter().flat_map(|field| field.aliases().iter().map(|alias| (*alias, field.name())));
    let all = names().map(|name| (name, name)).chain(others).filter(|(name, _)| name.len() > 2);
    let near = all.map(|(name, field)| (distance(&written, name), field));
    // Two slips, but not as many as would make any word of any other.
    near.filter(|(slips, field)| *slips <= 2 && slips * 2 < field.len().min(written.len()).max(1))
        .min_by_key(|(slips, _)| *slips)
        .map(|(_, field)| field)
}

/// How many characters must be put in, taken out, exchanged, or swapped with the next (optimal string alignment).
fn distance(one: &str, other: &str) -> usize {
    let (one, other): (Vec<char>, Vec<char>) = (one.chars().collect(), other.chars().collect());
    let first: Vec<usize> = (0..=other.len()).collect();
    let mut rows = [first.clone(), first.clone(), first];
    for (i, a) in one.iter().enumerate() {
        // The rows before the last one, the last one, and the one that is made.
        rows.rotate_left(1);
        rows[2][0] = i + 1;
        for (j, b) in other.iter().enumerate() {
            let change = rows[1][j] + usize::from(a != b);
            let mut least = change.min(rows[1][j + 1] + 1).min(rows[2][j] + 1);
            if i > 0 && j > 0 && *a == other[j - 1] && one[i - 1] == *b {
                least = least.min(rows[0][j - 1] + 1);
            }
            rows[2][j + 1] = least;
        }
    }
    rows[2][other.len()]
}
