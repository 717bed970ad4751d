//! A YAML document as texts, lists and mappings. What an alias repeats counts each time: a text of some lines could stand for
//! gigabytes.

use std::{cell::Cell, collections::BTreeSet, fmt};

use serde::de::{DeserializeSeed, Deserializer, EnumAccess, Error, MapAccess, SeqAccess, VariantAccess, Visitor};

/// What a document may come to: the largest body without an alias comes to half of it, if it is an inventory.
const MOST_BYTES: usize = 16 << 20;
/// What a value counts beside its text.
const EACH_BYTES: usize = 16;

/// A value; numbers and the like are texts.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Node {
    Empty,
    Text(String),
    List(Vec<Node>),
    Map(Vec<(String, Node)>),
}

impl Node {
    /// Of lists and mappings nothing.
    pub(super) fn text(&self) -> &str {
        match self {
            Self::Text(text) => text,
            Self::Empty | Self::List(_) | Self::Map(_) => "",
        }
    }
}

/// Reads a document. Tags are left out: `!vault` and `!unsafe` say nothing of a machine.
pub(super) fn read(text: &str) -> Result<Node, serde_yaml_ng::Error> {
    Counted(&Cell::new(MOST_BYTES)).deserialize(serde_yaml_ng::Deserializer::from_str(text))
}

/// Makes a value, and takes what it counts from what is left.
#[derive(Clone, Copy)]
struct Counted<'a>(&'a Cell<usize>);

impl Counted<'_> {
    fn take<E: Error>(self, bytes: usize) -> Result<(), E> {
        let left = self.0.get().checked_sub(EACH_BYTES + bytes);
        self.0.set(left.ok_or_else(|| E::custom(format!("more than {MOST_BYTES} bytes, with what aliases repeat")))?);
        Ok(())
    }

    fn text<E: Error>(self, text: &str) -> Result<Node, E> {
        self.take(text.len())?;
        Ok(Node::Text(text.to_owned()))
    }
}

impl<'de> DeserializeSeed<'de> for Counted<'_> {
    type Value = Node;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Counted<'_> {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a YAML value")
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Node, E> {
        self.text(&value.to_string())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Node, E> {
        self.text(&value.to_string())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Node, E> {
        self.text(&value.to_string())
    }

    fn visit_i128<E: Error>(self, value: i128) -> Result<Node, E> {
        self.text(&value.to_string())
    }

    fn visit_u128<E: Error>(self, value: u128) -> Result<Node, E> {
        self.text(&value.to_string())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Node, E> {
        self.text(&value.to_string())
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Node, E> {
        self.text(value)
    }

    fn visit_unit<E: Error>(self) -> Result<Node, E> {
        self.take(0)?;
        Ok(Node::Empty)
    }

    fn visit_none<E: Error>(self) -> Result<Node, E> {
        self.visit_unit()
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<Node, A::Error> {
        self.take(0)?;
        let mut list = Vec::new();
        while let Some(value) = values.next_element_seed(self)? {
            list.push(value);
        }
        Ok(Node::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut values: A) -> Result<Node, A::Error> {
        self.take(0)?;
        let (mut map, mut keys) = (Vec::new(), BTreeSet::new());
        while let Some(key) = values.next_key_seed(self)? {
            let key = key.text().to_owned();
            if !keys.insert(key.clone()) {
                return Err(A::Error::custom(format!("{key:?} stands twice in one mapping")));
            }
            map.push((key, values.next_value_seed(self)?));
        }
        Ok(Node::Map(map))
    }

    fn visit_enum<A: EnumAccess<'de>>(self, tagged: A) -> Result<Node, A::Error> {
        let (_, value) = tagged.variant::<String>()?;
        value.newtype_variant_seed(self)
    }
}
