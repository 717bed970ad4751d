//! The pinned engine: one release, one package per platform, its checksums.
//!
//! Invariant: a file counts as the engine only if its SHA-512 is the one in [`RELEASES`]. The version is pinned
//! exactly; the package's `latest` tag points elsewhere.

use super::InstallError;

/// The engine's release.
pub const VERSION: &str = "26.7.3-stable.1";

/// One platform's package.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Release {
    /// `OS-ARCH` as Rust names them.
    pub platform: &'static str,
    /// Package scope and name in the registry.
    pub scope: &'static str,
    /// Package name without the scope.
    pub name: &'static str,
    /// Package version.
    pub version: &'static str,
    /// Size of the packed package, in bytes.
    pub package_bytes: u64,
    /// SHA-512 of the packed package, lower-case hexadecimal.
    pub package_sha512: &'static str,
    /// Path of the library inside the package.
    pub member: &'static str,
    /// Size of the library, in bytes.
    pub library_bytes: u64,
    /// SHA-512 of the library, lower-case hexadecimal.
    pub library_sha512: &'static str,
}

/// All platforms that were proven.
const RELEASES: [Release; 1] = [Release {
    platform: "linux-x86_64-gnu",
    scope: "@chdb",
    name: "lib-linux-x64-gnu",
    version: VERSION,
    package_bytes: 177_817_999,
    package_sha512: "5cff7b98caa7739b59a4a432c11f0dedc2d3b073624e61ebdf4a42e66ce8de35\
                     a6ba48ca9f62016bad1cd81fe059435cb858ce3235a8a2b408082a81563e70a7",
    member: "package/libchdb.so",
    library_bytes: 566_330_096,
    library_sha512: "0a5e6af5cf57034116d34a39480989a160dd105f372d85aa748f8d2b0a5ebd52\
                     a90d913737d7ae86f6f597d37fe06d3a4d22125c13c5aa961d91aa93d034751e",
}];

impl Release {
    /// The release for this machine.
    ///
    /// # Errors
    /// The platform is not supported.
    pub fn for_this_platform() -> Result<Release, InstallError> {
        let libc = if cfg!(target_env = "gnu") { "-gnu" } else { "" };
        let platform = format!("{}-{}{libc}", std::env::consts::OS, std::env::consts::ARCH);
        let known = RELEASES.iter().find(|release| release.platform == platform);
        known.copied().ok_or_else(|| InstallError::Unsupported {
            platform,
            supported: RELEASES.map(|release| release.platform).join(", "),
        })
    }

    /// What an installer holds on a machine without a release, when the user named a library: it is never fetched.
    pub(super) fn stand_in() -> Release {
        RELEASES[0]
    }

    /// Scope and name, as a registry knows the package.
    #[must_use]
    pub fn package(&self) -> String {
        format!("{}/{}", self.scope, self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_are_whole() {
        for release in RELEASES {
            for sum in [release.package_sha512, release.library_sha512] {
                assert_eq!(sum.len(), 128, "{}", release.platform);
                assert!(sum.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')), "{}", release.platform);
            }
        }
    }
}
