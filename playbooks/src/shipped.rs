//! The bundles in the binary.

use crate::{Bundle, BundleError};

type Files = &'static [(&'static str, &'static [u8])];

const SHIPPED: &[(&str, Files)] = include!(concat!(env!("OUT_DIR"), "/shipped.rs"));

/// The names of the shipped bundles.
pub fn shipped_names() -> impl Iterator<Item = &'static str> {
    SHIPPED.iter().map(|(name, _)| *name)
}

/// The shipped bundle of a name, if there is one.
///
/// # Errors
/// Never for what was tested; a bundle that is not valid is not hidden.
pub fn shipped(name: &str) -> Option<Result<Bundle, BundleError>> {
    let (_, files) = SHIPPED.iter().find(|(shipped, _)| *shipped == name)?;
    Some(Bundle::of_files(files.iter().map(|(name, content)| ((*name).to_owned(), content.to_vec())).collect()))
}
