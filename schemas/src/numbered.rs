//! Closed enums whose kinds have a stable number (stored) and a stable name (shown, and written in JSON).

/// A number or name that no kind of a closed enum has. A reader that meets one is older than the writer: it must stop.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{value:?} is no known {what}; allowed: {allowed}")]
pub struct UnknownKind {
    /// The enum.
    pub what: &'static str,
    /// The value that was met.
    pub value: String,
    /// All known names.
    pub allowed: String,
}

/// Declares a closed enum: `Kind = number => "name"`.
macro_rules! numbered {
    ($(#[$doc:meta])* pub enum $name:ident { $($(#[$kind_doc:meta])* $kind:ident = $number:literal => $text:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub enum $name { $($(#[$kind_doc])* $kind = $number,)+ }

        impl $name {
            /// All kinds, by number.
            pub const ALL: &'static [Self] = &[$(Self::$kind,)+];

            /// The stored number.
            pub const fn number(self) -> u8 {
                self as u8
            }

            /// The stable name.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$kind => $text,)+ }
            }

            /// The kind with this number, if there is one.
            pub fn from_number(number: u8) -> Option<Self> {
                Self::ALL.iter().copied().find(|kind| kind.number() == number)
            }
        }
        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.name())
            }
        }
        impl std::str::FromStr for $name {
            type Err = $crate::numbered::UnknownKind;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Self::ALL.iter().copied().find(|kind| kind.name() == text).ok_or_else(|| {
                    let names: Vec<_> = Self::ALL.iter().map(|kind| kind.name()).collect();
                    $crate::numbered::UnknownKind { what: stringify!($name), value: text.into(), allowed: names.join(", ") }
                })
            }
        }
        impl TryFrom<String> for $name {
            type Error = $crate::numbered::UnknownKind;
            fn try_from(text: String) -> Result<Self, Self::Error> {
                text.parse()
            }
        }
        impl From<$name> for String {
            fn from(kind: $name) -> String {
                kind.name().into()
            }
        }
    };
}
pub(crate) use numbered;
