//! Where a team's bundle is: a folder, a tar archive, or an artifact in a registry.

use std::{
    fmt,
    path::{Path, PathBuf},
    str::FromStr,
};

use oci_client::Reference;
use serde::{Deserialize, Serialize};

/// What an artifact's name begins with.
const SCHEME: &str = "oci://";

/// The name of an artifact: `oci://registry.example/team/scale-up:1.4.0`, `…@sha256:…`, or both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArtifactName(Reference);

/// Where a bundle is, as settings say it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Place {
    /// A folder, or a tar archive.
    Path(PathBuf),
    /// An artifact in a registry.
    Registry(ArtifactName),
}

/// A name that is none of an artifact.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{name:?} is no name of a bundle in a registry: {why}; expected e.g. oci://registry.example/team/scale-up:1.4.0"
)]
pub struct PlaceError {
    name: String,
    why: String,
}

impl ArtifactName {
    pub(crate) fn reference(&self) -> &Reference {
        &self.0
    }

    /// The registry's host, with its port.
    #[must_use]
    pub fn registry(&self) -> &str {
        self.0.registry()
    }

    /// The same place, by what is there now.
    #[must_use]
    pub fn at(&self, digest: &str) -> Self {
        Self(self.0.clone_with_digest(digest.to_owned()))
    }
}

impl FromStr for ArtifactName {
    type Err = PlaceError;

    fn from_str(name: &str) -> Result<Self, PlaceError> {
        let refuse = |why: &str| PlaceError { name: name.into(), why: why.into() };
        let rest = name.strip_prefix(SCHEME).ok_or_else(|| refuse("it does not begin with oci://"))?;
        let (registry, repository) = rest.split_once('/').ok_or_else(|| refuse("it has no repository"))?;
        // Otherwise the library would take the first part of the repository for one of Docker's.
        if !registry.contains(['.', ':']) && registry != "localhost" {
            return Err(refuse("its registry is no host name"));
        }
        if !repository.contains([':', '@']) {
            return Err(refuse("it has neither tag nor digest"));
        }
        rest.parse().map(Self).map_err(|error: oci_client::ParseError| refuse(&error.to_string()))
    }
}

impl fmt::Display for ArtifactName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{SCHEME}{}", self.0)
    }
}

impl Place {
    /// A relative path starts at this folder.
    pub fn settle(&mut self, folder: &Path) {
        if let Self::Path(path) = self {
            *path = folder.join(&path);
        }
    }
}

impl TryFrom<String> for Place {
    type Error = PlaceError;

    fn try_from(text: String) -> Result<Self, PlaceError> {
        match text.starts_with(SCHEME) {
            true => text.parse().map(Self::Registry),
            false => Ok(Self::Path(text.into())),
        }
    }
}

impl From<Place> for String {
    fn from(place: Place) -> Self {
        place.to_string()
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(path) => path.display().fmt(f),
            Self::Registry(name) => name.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_path_or_an_artifact() {
        let place = |text: &str| Place::try_from(text.to_owned());
        assert_eq!(place("bundles/up"), Ok(Place::Path("bundles/up".into())));
        let digest = format!("sha256:{}", "a".repeat(64));
        for name in
            ["oci://reg.example/team/up:1", "oci://localhost/up:1", &format!("oci://127.0.0.1:5000/up@{digest}")]
        {
            let found = place(name).unwrap();
            assert!(matches!(found, Place::Registry(_)), "{name}");
            assert_eq!(found.to_string(), name);
        }
        for (name, why) in [
            ("oci://up:1", "no repository"),
            ("oci://team/up:1", "no host name"),
            ("oci://reg.example/team/up", "neither tag nor digest"),
            ("oci://reg.example/Team/up:1", "invalid reference"),
            ("oci://reg.example/up@sha256:abc", "invalid reference"),
        ] {
            let error = place(name).unwrap_err().to_string();
            assert!(error.contains(why) && error.contains(name), "{error}");
        }
    }

    #[test]
    fn only_paths_are_settled() {
        let mut all = ["up", "/up", "oci://reg.example/up:1"].map(|text| Place::try_from(text.to_owned()).unwrap());
        all.iter_mut().for_each(|place| place.settle(Path::new("/site")));
        assert_eq!(all.map(|place| place.to_string()), ["/site/up", "/up", "oci://reg.example/up:1"]);
    }
}
