//! Run-time binding of the engine library's C interface.
//!
//! Purpose: resolve the few entry points that Beidou needs with `dlopen`, so that no build ever needs the 566 MB library.
//! Flow: [`Library::load`] opens the file and resolves every symbol, or fails; `session.rs` wraps the calls safely.
//! Invariants: a loaded library is never unloaded (the engine keeps threads of its own); only the entry points that carry
//! lengths are bound, so a NUL byte in a statement or in data never cuts it short.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::path::Path;
use std::sync::Arc;

/// `chdb_result *`: a result owned by the engine until it is destroyed.
pub(super) type RawResult = *mut c_void;
/// `chdb_connection`: itself a pointer; the engine hands out pointers to it.
pub(super) type RawConnection = *mut c_void;
/// `chdb_insert_stream`: an insert that takes its data piece by piece.
pub(super) type RawInsert = *mut c_void;
/// `const char *const *`: names or values of statement parameters.
pub(super) type RawStrings = *const *const c_char;
/// `const size_t *`: lengths that belong to a [`RawStrings`].
pub(super) type RawLengths = *const usize;

/// `chdb_query_analysis_v1`: what the engine's parser says about a text.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub(super) struct RawAnalysis {
    pub struct_size: u32,
    pub statement_count: u32,
    pub flags: u32,
    pub query_class: u32,
}

macro_rules! entry_points {
    ($($name:ident = $symbol:literal : fn($($argument:ty),*) $(-> $answer:ty)?;)*) => {
        /// The resolved entry points. All of them may be called from any thread.
        pub(super) struct Library {
            $(pub(super) $name: unsafe extern "C" fn($($argument),*) $(-> $answer)?,)*
            _handle: libloading::Library,
        }

        impl Library {
            /// Opens the shared library at `path` and resolves every entry point.
            ///
            /// # Errors
            /// The file is missing, is no shared library of this platform, or lacks an entry point.
            pub(super) fn load(path: &Path) -> Result<Arc<Library>, libloading::Error> {
                let flags = libc::RTLD_NOW | libc::RTLD_LOCAL | libc::RTLD_NODELETE;
                // SAFETY: loading runs the library's initialisers; the file is the verified engine, or one that the
                // user named explicitly. RTLD_NODELETE keeps its code mapped for the engine's own threads.
                let handle = unsafe { libloading::os::unix::Library::open(Some(path), flags) }?;
                let handle = libloading::Library::from(handle);
                Ok(Arc::new(Library {
                    // SAFETY: the signatures are those of the engine's public header for the pinned version, and the
                    // function pointers live no longer than `_handle`, which stands beside them.
                    $($name: *unsafe {
                        handle.get::<unsafe extern "C" fn($($argument),*) $(-> $answer)?>($symbol)
                    }?,)*
                    _handle: handle,
                }))
            }
        }
    };
}

entry_points! {
    version = b"chdb_version\0": fn() -> *const c_char;
    connect = b"chdb_connect\0": fn(c_int, *mut *mut c_char) -> *mut RawConnection;
    close = b"chdb_close_conn\0": fn(*mut RawConnection);
    set_signal_handlers = b"chdb_set_signal_handlers_enabled\0": fn(c_int);
    classify = b"chdb_classify_query_n\0":
        fn(RawConnection, *const u8, usize, *const u8, usize, *mut RawAnalysis) -> c_int;
    query = b"chdb_query_with_params_n\0": fn(
        RawConnection, *const u8, usize, *const u8, usize, RawStrings, RawLengths, RawStrings, RawLengths, usize
    ) -> RawResult;
    stream = b"chdb_stream_query_with_params_n\0": fn(
        RawConnection, *const u8, usize, *const u8, usize, RawStrings, RawLengths, RawStrings, RawLengths, usize
    ) -> RawResult;
    stream_fetch = b"chdb_stream_fetch_result\0": fn(RawConnection, RawResult) -> RawResult;
    stream_cancel = b"chdb_stream_cancel_query\0": fn(RawConnection, RawResult);
    insert = b"chdb_stream_insert_with_params_n\0": fn(
        RawConnection, *const u8, usize, *const u8, usize, RawStrings, RawLengths, RawStrings, RawLengths, usize
    ) -> RawInsert;
    insert_append = b"chdb_stream_append\0": fn(RawInsert, *const u8, usize) -> c_int;
    insert_done = b"chdb_stream_done\0": fn(RawInsert) -> RawResult;
    insert_error = b"chdb_stream_insert_error\0": fn(RawInsert) -> *const c_char;
    insert_destroy = b"chdb_destroy_insert_stream\0": fn(RawInsert);
    result_destroy = b"chdb_destroy_query_result\0": fn(RawResult);
    result_buffer = b"chdb_result_buffer\0": fn(RawResult) -> *const u8;
    result_length = b"chdb_result_length\0": fn(RawResult) -> usize;
    result_error = b"chdb_result_error\0": fn(RawResult) -> *const c_char;
    result_rows = b"chdb_result_rows_read\0": fn(RawResult) -> u64;
    result_storage_rows = b"chdb_result_storage_rows_read\0": fn(RawResult) -> u64;
    result_storage_bytes = b"chdb_result_storage_bytes_read\0": fn(RawResult) -> u64;
    result_rows_written = b"chdb_result_rows_written\0": fn(RawResult) -> u64;
    result_bytes_written = b"chdb_result_bytes_written\0": fn(RawResult) -> u64;
}

impl Library {
    /// Turns the engine's fatal-signal handlers off: signals belong to the host process.
    pub(super) fn disable_signal_handlers(&self) {
        // SAFETY: a plain switch without preconditions; called before the first connection.
        unsafe { (self.set_signal_handlers)(0) }
    }

    /// The library's own version, for example `26.7.3`.
    pub(super) fn version_text(&self) -> String {
        // SAFETY: the engine returns a static, NUL-terminated string, or null.
        unsafe { text((self.version)()) }.unwrap_or_default()
    }
}

/// Copies a NUL-terminated string of the engine; `None` for null or empty.
///
/// # Safety
/// `pointer` is null or a NUL-terminated string that stays valid for the call.
pub(super) unsafe fn text(pointer: *const c_char) -> Option<String> {
    if pointer.is_null() {
        return None;
    }
    // SAFETY: not null, and NUL-terminated by the caller's promise.
    let bytes = unsafe { CStr::from_ptr(pointer) }.to_string_lossy();
    (!bytes.is_empty()).then(|| bytes.into_owned())
}
