//! The functions that callers may use: pure ones, whose answer depends on their arguments and on the time alone.
//!
//! Never here: what reads (files, URLs, dictionaries, joined tables, settings, macros, server variables), what waits or
//! fails on purpose, and what calls functions by a name in a string.

/// Functions of one use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Family {
    /// What they are for.
    pub name: &'static str,
    /// Their names, as the engine writes them.
    pub functions: &'static [&'static str],
}

/// The families; names of the first may end in one or two of [`COMBINATORS`].
pub const FUNCTIONS: &[Family] = &[
    Family { name: "aggregate", functions: AGGREGATE },
    Family { name: "window", functions: WINDOW },
    Family { name: "time", functions: TIME },
    Family { name: "text", functions: TEXT },
    Family { name: "number", functions: NUMBER },
    Family { name: "condition", functions: CONDITION },
    Family { name: "array, map, tuple", functions: ARRAY },
    Family { name: "type", functions: TYPE },
];

/// What an aggregate function's name may end in.
pub const COMBINATORS: [&str; 6] = ["If", "Array", "Distinct", "OrNull", "OrDefault", "ForEach"];
/// `countDistinctIf` has two.
const MOST_COMBINATORS: usize = 2;

#[rustfmt::skip]
const AGGREGATE: &[&str] = &[
    "count", "sum", "avg", "min", "max", "any", "anyLast", "argMin", "argMax", "uniq", "uniqExact", "uniqCombined",
    "uniqCombined64", "uniqHLL12", "quantile", "quantiles", "quantileExact", "quantilesExact", "quantileTDigest",
    "quantilesTDigest", "median", "medianExact", "stddevPop", "stddevSamp", "varPop", "varSamp", "covarPop", "corr",
    "groupArray", "groupUniqArray", "groupArraySorted", "topK", "topKWeighted", "entropy", "first_value",
    "last_value", "deltaSum", "simpleLinearRegression", "retention", "windowFunnel", "sequenceMatch", "sequenceCount",
    "maxIntersections", "histogram",
];
#[rustfmt::skip]
const WINDOW: &[&str] = &[
    "row_number", "rank", "dense_rank", "percent_rank", "cume_dist", "ntile", "lag", "lead", "lagInFrame",
    "leadInFrame", "nth_value",
];
#[rustfmt::skip]
const TIME: &[&str] = &[
    "now", "now64", "today", "yesterday", "toDate", "toDate32", "toDateTime", "toDateTime64", "toStartOfSecond",
    "toStartOfMinute", "toStartOfFiveMinutes", "toStartOfTenMinutes", "toStartOfFifteenMinutes", "toStartOfHour",
    "toStartOfDay", "toStartOfWeek", "toMonday", "toStartOfMonth", "toStartOfQuarter", "toStartOfYear",
    "toStartOfInterval", "toYear", "toQuarter", "toMonth", "toISOWeek", "toDayOfYear", "toDayOfMonth", "toDayOfWeek",
    "toHour", "toMinute", "toSecond", "toYYYYMM", "toYYYYMMDD", "toUnixTimestamp", "toUnixTimestamp64Milli",
    "toUnixTimestamp64Micro", "fromUnixTimestamp", "fromUnixTimestamp64Milli", "fromUnixTimestamp64Micro",
    "toTimeZone", "toLastDayOfMonth", "dateDiff", "age", "dateTrunc", "timeSlot", "formatDateTime", "dateName",
    "parseDateTimeBestEffort", "parseDateTimeBestEffortOrNull", "parseDateTime64BestEffort",
    "parseDateTime64BestEffortOrNull", "makeDate", "makeDateTime", "addSeconds", "addMinutes", "addHours", "addDays",
    "addWeeks", "addMonths", "addYears", "subtractSeconds", "subtractMinutes", "subtractHours", "subtractDays",
    "subtractWeeks", "subtractMonths", "subtractYears", "toIntervalSecond", "toIntervalMinute", "toIntervalHour",
    "toIntervalDay", "toIntervalWeek", "toIntervalMonth",
];
#[rustfmt::skip]
const TEXT: &[&str] = &[
    "lower", "upper", "lowerUTF8", "upperUTF8", "length", "lengthUTF8", "empty", "notEmpty", "concat",
    "concatWithSeparator", "substring", "substringUTF8", "substringIndex", "left", "right", "leftUTF8", "rightUTF8",
    "position", "positionCaseInsensitive", "positionUTF8", "positionCaseInsensitiveUTF8", "startsWith", "endsWith",
    "like", "notLike", "ilike", "match", "multiSearchAny", "multiSearchAnyCaseInsensitive", "multiSearchFirstIndex",
    "countSubstrings", "countSubstringsCaseInsensitive", "regexpExtract", "extractAll", "extractGroups",
    "extractAllGroupsVertical", "countMatches", "replaceOne", "replaceAll", "replaceRegexpOne", "replaceRegexpAll",
    "splitByChar", "splitByString", "splitByRegexp", "splitByWhitespace", "splitByNonAlpha", "arrayStringConcat",
    "trimLeft", "trimRight", "trimBoth", "reverse", "reverseUTF8", "repeat", "leftPad", "rightPad", "format",
    "hasToken", "hasTokenCaseInsensitive", "hasAllTokens", "hasAnyTokens", "hasPhrase", "tokens", "toString",
    "toValidUTF8", "base64Encode", "base64Decode", "hex", "unhex", "levenshteinDistance", "ngramDistance",
    "JSONExtractString", "JSONExtractInt", "JSONExtractFloat", "JSONExtractBool", "JSONHas", "JSONLength",
];
#[rustfmt::skip]
const NUMBER: &[&str] = &[
    "abs", "round", "floor", "ceil", "trunc", "sqrt", "exp", "log", "log2", "log10", "pow", "sign", "greatest",
    "least", "plus", "minus", "multiply", "divide", "intDiv", "intDivOrZero", "modulo", "moduloOrZero", "negate",
    "bitAnd", "bitOr", "bitXor", "bitShiftLeft", "bitShiftRight", "isNaN", "isFinite", "cityHash64", "xxHash64",
    "sipHash64", "bar", "formatReadableSize", "formatReadableQuantity", "formatReadableTimeDelta",
];
#[rustfmt::skip]
const CONDITION: &[&str] = &[
    "if", "multiIf", "coalesce", "ifNull", "nullIf", "isNull", "isNotNull", "assumeNotNull", "toNullable", "equals",
    "notEquals", "less", "greater", "lessOrEquals", "greaterOrEquals", "and", "or", "not", "xor", "transform",
];
#[rustfmt::skip]
const ARRAY: &[&str] = &[
    "array", "arrayJoin", "arrayElement", "has", "hasAll", "hasAny", "indexOf", "countEqual", "arrayMap",
    "arrayFilter", "arrayExists", "arrayAll", "arrayCount", "arraySum", "arrayAvg", "arrayMin", "arrayMax",
    "arraySort", "arrayReverseSort", "arrayDistinct", "arrayUniq", "arraySlice", "arrayConcat", "arrayEnumerate",
    "arrayCumSum", "arrayDifference", "arrayZip", "arrayFlatten", "arrayFirst", "arrayLast", "arrayFirstIndex",
    "arrayReverse", "arrayCompact", "arrayPushBack", "range", "tuple", "tupleElement", "map", "mapKeys", "mapValues",
    "mapContains", "mapFromArrays",
];
#[rustfmt::skip]
const TYPE: &[&str] = &[
    "toInt8", "toInt16", "toInt32", "toInt64", "toUInt8", "toUInt16", "toUInt32", "toUInt64", "toFloat32",
    "toFloat64", "toInt32OrZero", "toInt64OrZero", "toUInt32OrZero", "toUInt64OrZero", "toFloat64OrZero",
    "toInt32OrNull", "toInt64OrNull", "toUInt32OrNull", "toUInt64OrNull", "toFloat64OrNull", "toBool", "toUUID",
    "toUUIDOrNull", "toIPv4", "toIPv4OrNull", "toIPv6OrNull", "toLowCardinality", "toTypeName", "materialize",
    "identity",
];

/// The engine's name of a function that callers may use, in whatever case they wrote it.
pub(super) fn known(name: &str) -> Option<String> {
    let mut all = FUNCTIONS.iter().flat_map(|family| family.functions);
    let plain = all.find(|known| known.eq_ignore_ascii_case(name));
    plain.map(|known| (*known).to_owned()).or_else(|| combined(name, MOST_COMBINATORS))
}

/// An aggregate function with combinators at its end, as the engine writes them.
fn combined(name: &str, most: usize) -> Option<String> {
    let endings = COMBINATORS.into_iter().filter(|_| most > 0);
    let mut ways = endings.filter_map(|ending| {
        let base = name.strip_suffix(ending)?;
        let plain = AGGREGATE.iter().find(|known| known.eq_ignore_ascii_case(base));
        let base = plain.map(|known| (*known).to_owned()).or_else(|| combined(base, most - 1))?;
        Some(base + ending)
    });
    ways.next()
}

/// Whether a function, by the engine's name, takes parameters in brackets of their own.
pub(super) fn is_parametric(known: &str) -> bool {
    AGGREGATE.contains(&known) || combined(known, MOST_COMBINATORS).is_some()
}

/// Functions that call a function: their first argument of several, which has to be a lambda. A bare name there is taken
/// for a function by the engine, whatever it is called.
#[rustfmt::skip]
const CALLING: [&str; 17] = [
    "arrayAll", "arrayAvg", "arrayCompact", "arrayCount", "arrayCumSum", "arrayDifference", "arrayExists",
    "arrayFilter", "arrayFirst", "arrayFirstIndex", "arrayLast", "arrayMap", "arrayMax", "arrayMin",
    "arrayReverseSort", "arraySort", "arraySum",
];

/// Whether a function, by the engine's name, may call its first argument.
pub(super) fn is_calling(known: &str) -> bool {
    CALLING.contains(&known)
}

/// Names that the engine takes for a call without brackets, in any case, and that tell of users and databases.
const NILADIC: [&str; 10] = [
    "currentDatabase",
    "currentUser",
    "current_database",
    "current_schema",
    "current_user",
    "session_user",
    "user",
    "schema",
    "database",
    "initialUser",
];

/// Whether a name alone is a call.
pub(super) fn is_niladic(name: &str) -> bool {
    NILADIC.iter().any(|known| known.eq_ignore_ascii_case(name))
}

/// Names that begin like one that is not known, for the text of a refusal.
pub(super) fn like(name: &str) -> Vec<&'static str> {
    let start = name.get(..4).unwrap_or(name).to_ascii_lowercase();
    let all = FUNCTIONS.iter().flat_map(|family| family.functions.iter().copied());
    all.filter(|known| known.to_ascii_lowercase().starts_with(&start)).take(5).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_in_any_case_and_with_combinators() {
        for (name, expected) in [
            ("COUNT", Some("count")),
            ("countIf", Some("countIf")),
            ("countDistinctIf", Some("countDistinctIf")),
            ("toStartOfHour", Some("toStartOfHour")),
            ("sumIfIfIf", None),
            ("lowerIf", None),
            ("If", Some("if")),
            ("file", None),
            ("in", None),
            ("sumState", None),
            ("arrayReduce", None),
            ("", None),
        ] {
            assert_eq!(known(name).as_deref(), expected, "{name}");
        }
    }

    #[test]
    fn no_name_stands_twice() {
        let mut all: Vec<_> = FUNCTIONS.iter().flat_map(|f| f.functions).map(|f| f.to_ascii_lowercase()).collect();
        let many = all.len();
        all.sort();
        all.dedup();
        assert_eq!(all.len(), many);
    }
}
