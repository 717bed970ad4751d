//! What every command uses of its process: stdout for answers, stderr for all else, one runtime, one TLS library.

use std::io::{ErrorKind, Write};

use anyhow::Context;

/// Exit code where the reader of stdout has gone, as in `beidou events | head`: 128 + SIGPIPE, as shells report it.
const READER_GONE: i32 = 141;

/// Writes a line to stdout.
pub fn say(text: &str) {
    if let Err(error) = writeln!(std::io::stdout(), "{text}")
        && error.kind() == ErrorKind::BrokenPipe
    {
        std::process::exit(READER_GONE);
    }
}

/// Writes a line to stderr. A stderr that cannot be written to leaves nobody to tell.
pub fn tell(text: &str) {
    let _unheard = writeln!(std::io::stderr(), "{text}");
}

/// Arenas of the allocator. glibc takes eight for each core, each with free memory of its own: that doubled the memory
/// of a projector for nothing.
#[cfg(target_env = "gnu")]
const ARENAS: libc::c_int = 4;

/// Bounds the allocator; to be called before there are threads.
pub fn bound_memory() {
    #[cfg(target_env = "gnu")]
    // SAFETY: sets a number inside the allocator, and there are no other threads yet.
    unsafe {
        libc::mallopt(libc::M_ARENA_MAX, ARENAS);
    }
}

/// Gives memory that a burst of work has left free back to the system.
pub fn give_memory_back() {
    #[cfg(target_env = "gnu")]
    // SAFETY: the allocator takes its own locks; only free pages are touched.
    unsafe {
        libc::malloc_trim(0);
    }
}

/// The runtime of this process. TLS is set up on the way: the library takes one provider per process.
///
/// # Errors
/// When the operating system refuses threads.
pub fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    // An error says that a provider is set already, which is what is wanted.
    let _set_before = rustls::crypto::ring::default_provider().install_default();
    tokio::runtime::Builder::new_multi_thread().enable_all().build().context("cannot start threads")
}

/// How this program was called, for commands that people shall type: its plain name where that finds it.
pub fn program() -> String {
    let typed = std::env::args().next().unwrap_or_else(|| "beidou".into());
    let here = std::env::current_exe().ok();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let first = std::env::split_paths(&path).map(|folder| folder.join("beidou")).find(|file| file.is_file());
    match (first.and_then(|file| file.canonicalize().ok()), here) {
        (Some(found), Some(here)) if found == here => "beidou".into(),
        (Some(_), _) | (None, _) => typed,
    }
}
