//! What callers ask: parameters, ranges, cursors. Everything here is refused with the parameter's name, or understood.

pub(crate) mod body;
pub(crate) mod cursor;
pub(crate) mod filter;
pub(crate) mod line;
pub(crate) mod params;
pub(crate) mod range;

pub(crate) use cursor::Signer;
pub(crate) use params::Params;
pub(crate) use range::Range;
