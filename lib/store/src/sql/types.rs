//! Types in casts, written as the engine writes them: the parser's library would print them as other databases do.

use sqlparser::{
    ast::{ArrayElemTypeDef, DataType, Ident, ObjectName},
    tokenizer::Span,
};

use super::{
    names::single,
    refusal::{Checking, Refused},
};

const ALLOWED: &str = "Int8 to Int256, UInt8 to UInt256, Float32, Float64, Bool, String, Date, Date32, DateTime, \
    DateTime64(n), UUID, IPv4, IPv6, Array(T), Nullable(T), LowCardinality(T)";
/// Deeper types are nobody's.
const DEEPEST: usize = 8;
/// Types that the library does not know by name.
const NAMED: [&str; 8] = ["DateTime", "IPv4", "IPv6", "UUID", "String", "Bool", "Date", "Date32"];

/// Replaces the type by its name in the engine.
pub(super) fn plain(data_type: &mut DataType, at: Span) -> Checking {
    let name = name(data_type, 0).ok_or_else(|| {
        Refused::new("type", format!("the type {:?} cannot be cast to", data_type.to_string()), ALLOWED, at)
    })?;
    *data_type = DataType::Custom(ObjectName::from(vec![Ident::new(name)]), Vec::new());
    Ok(())
}

fn name(data_type: &DataType, depth: usize) -> Option<String> {
    let inner = |inner: &DataType| (depth < DEEPEST).then(|| name(inner, depth + 1)).flatten();
    let plain = match data_type {
        // Here Int8 has eight bits; a library of many dialects takes it for eight bytes, with a display width.
        DataType::Int8(None) => "Int8",
        DataType::Int16 => "Int16",
        DataType::Int32 => "Int32",
        DataType::Int64 => "Int64",
        DataType::Int128 => "Int128",
        DataType::Int256 => "Int256",
        DataType::UInt8 => "UInt8",
        DataType::UInt16 => "UInt16",
        DataType::UInt32 => "UInt32",
        DataType::UInt64 => "UInt64",
        DataType::UInt128 => "UInt128",
        DataType::UInt256 => "UInt256",
        DataType::Float32 => "Float32",
        DataType::Float64 => "Float64",
        DataType::Bool => "Bool",
        DataType::String(None) => "String",
        DataType::Date => "Date",
        DataType::Date32 => "Date32",
        DataType::Datetime(None) => "DateTime",
        DataType::Uuid => "UUID",
        DataType::Datetime64(digits, None) if *digits <= 9 => return Some(format!("DateTime64({digits})")),
        DataType::Nullable(of) => return Some(format!("Nullable({})", inner(of)?)),
        DataType::LowCardinality(of) => return Some(format!("LowCardinality({})", inner(of)?)),
        DataType::Array(ArrayElemTypeDef::Parenthesis(of)) => return Some(format!("Array({})", inner(of)?)),
        DataType::Custom(of, arguments) if arguments.is_empty() => {
            let of = single(of)?;
            NAMED.into_iter().find(|known| *known == of.value)?
        }
        // Many types of many databases: what is not named above is not known.
        _ => return None,
    };
    Some(plain.to_owned())
}
