//! Safe wrappers over the C interface: engine, session, result, streams.
//!
//! Flow: one [`Engine`] per process opens one data path; each statement gets a fresh [`Session`] (0.2 ms), so that no
//! setting, database or temporary table leaks from one caller to the next.
//! Invariants: a session runs one statement at a time (it is `Send`, not `Sync`); results and streams are freed exactly
//! once; a stream that is dropped early is cancelled; an insert that was not finished explicitly is never committed.

use super::library::{Library, RawAnalysis, RawConnection, RawInsert, RawResult, text};
use std::ffi::{CString, NulError, c_char, c_int};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

/// Why the engine could not be loaded, opened, or did not do what a statement asked.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The shared library cannot be loaded.
    #[error(
        "load the engine library {path}: it is not usable on this machine; remove it and run `beidou engine install`, \
         or point BEIDOU_ENGINE_LIBRARY at a working libchdb.so"
    )]
    Load {
        /// The file that was tried.
        path: PathBuf,
        /// What the dynamic linker said.
        #[source]
        source: libloading::Error,
    },
    /// The engine refused to open its data path.
    #[error("open the engine's data at {path}: the engine refused; its own reason stands on standard error")]
    Open {
        /// The ClickHouse data path.
        path: PathBuf,
    },
    /// The engine refused one more session.
    #[error("open an engine session: the engine refused")]
    Session,
    /// A start argument holds a NUL byte.
    #[error("start the engine: an argument holds a NUL byte")]
    Argument(#[from] NulError),
    /// The engine answered with an exception; the text is ClickHouse's own, beginning `Code: N.`.
    #[error("{0}")]
    Exception(String),
}

/// The engine of this process. Dropping it closes the last session.
pub(super) struct Engine {
    library: Arc<Library>,
    arguments: Vec<CString>,
    /// Keeps the engine running while no statement does.
    anchor: Mutex<Option<Session>>,
}

impl Engine {
    /// Loads `library` and opens the engine on `data` with the server settings in `config`.
    pub(super) fn open(library: &Path, data: &Path, config: &Path) -> Result<Engine, EngineError> {
        let loaded =
            Library::load(library).map_err(|source| EngineError::Load { path: library.to_path_buf(), source })?;
        loaded.disable_signal_handlers();
        let arguments =
            ["chdb".to_owned(), format!("--path={}", data.display()), format!("--config-file={}", config.display())]
                .map(CString::new)
                .into_iter()
                .collect::<Result<Vec<_>, _>>()?;
        let engine = Engine { library: loaded, arguments, anchor: Mutex::new(None) };
        let anchor = engine.session().map_err(|_| EngineError::Open { path: data.to_path_buf() })?;
        if let Ok(mut slot) = engine.anchor.lock() {
            *slot = Some(anchor);
        }
        Ok(engine)
    }

    /// The library's own version.
    pub(super) fn library_version(&self) -> String {
        self.library.version_text()
    }

    /// Opens a session of its own.
    pub(super) fn session(&self) -> Result<Session, EngineError> {
        let mut pointers: Vec<*mut c_char> = self.arguments.iter().map(|a| a.as_ptr().cast_mut()).collect();
        let count = c_int::try_from(pointers.len()).map_err(|_| EngineError::Session)?;
        // SAFETY: `pointers` holds `count` valid C strings that outlive the call; the engine copies them.
        let raw = unsafe { (self.library.connect)(count, pointers.as_mut_ptr()) };
        // SAFETY: a connection that is not null points at a valid `chdb_connection` until it is closed.
        if raw.is_null() || unsafe { (*raw).is_null() } {
            return Err(EngineError::Session);
        }
        Ok(Session { library: self.library.clone(), raw })
    }
}

/// Named statement parameters, values in ClickHouse's escaped text form.
pub(super) type Parameters = [(String, String)];

/// What the engine counted for a result or an insert.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Counters {
    pub read_rows: u64,
    pub read_bytes: u64,
    pub written_rows: u64,
    pub written_bytes: u64,
    pub result_rows: u64,
}

/// What a text would do, told by the engine's own parser.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StatementClass {
    /// Reads only.
    Read,
    /// Changes data or tables.
    Mutate,
    /// Changes users, grants and the like.
    Global,
    /// Steers the engine or touches files: SET, KILL, SYSTEM, BACKUP, `INTO OUTFILE`.
    Control,
    /// The parser made nothing of it.
    Unknown,
}

/// The parser's verdict on a text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Analysis {
    pub class: StatementClass,
    pub statements: u32,
}

/// One engine session.
pub(super) struct Session {
    library: Arc<Library>,
    raw: *mut RawConnection,
}

// SAFETY: the engine lets any thread use a connection; the type is not `Sync`, so only one does at a time.
unsafe impl Send for Session {}

impl Drop for Session {
    fn drop(&mut self) {
        // SAFETY: opened by `Engine::session`, closed only here.
        unsafe { (self.library.close)(self.raw) }
    }
}

/// Parameters in the layout of the C interface; borrows the strings.
struct Columns {
    names: Vec<*const c_char>,
    name_lengths: Vec<usize>,
    values: Vec<*const c_char>,
    value_lengths: Vec<usize>,
}

impl Columns {
    fn of(parameters: &Parameters) -> Columns {
        Columns {
            names: parameters.iter().map(|(name, _)| name.as_ptr().cast()).collect(),
            name_lengths: parameters.iter().map(|(name, _)| name.len()).collect(),
            values: parameters.iter().map(|(_, value)| value.as_ptr().cast()).collect(),
            value_lengths: parameters.iter().map(|(_, value)| value.len()).collect(),
        }
    }
}

/// Calls an entry point that takes a statement, a format and parameters.
macro_rules! call {
    ($session:expr, $entry:ident, $sql:expr, $format:expr, $parameters:expr) => {{
        let columns = Columns::of($parameters);
        // SAFETY: all pointers come from live Rust strings and vectors with the lengths given beside them.
        unsafe {
            ($session.library.$entry)(
                $session.connection(),
                $sql.as_ptr(),
                $sql.len(),
                $format.as_ptr(),
                $format.len(),
                columns.names.as_ptr(),
                columns.name_lengths.as_ptr(),
                columns.values.as_ptr(),
                columns.value_lengths.as_ptr(),
                $parameters.len(),
            )
        }
    }};
}

impl Session {
    fn connection(&self) -> RawConnection {
        // SAFETY: `raw` was checked to be valid when the session was opened and is closed only on drop.
        unsafe { *self.raw }
    }

    fn answer(&self, raw: RawResult) -> Result<ResultBuffer, EngineError> {
        if raw.is_null() {
            return Err(EngineError::Exception(
                "Code: 49. DB::Exception: the engine gave no result (LOGICAL_ERROR)".into(),
            ));
        }
        let result = ResultBuffer { library: self.library.clone(), raw };
        match result.error() {
            Some(message) => Err(EngineError::Exception(message)),
            None => Ok(result),
        }
    }

    /// Runs a statement and holds its whole result. Never pass insert data inline: the engine cuts it at a blank line.
    pub(super) fn query(&self, sql: &str, format: &str, parameters: &Parameters) -> Result<ResultBuffer, EngineError> {
        self.answer(call!(self, query, sql, format, parameters))
    }

    /// Runs a statement of our own that needs neither parameters nor a result.
    pub(super) fn execute(&self, sql: &str) -> Result<(), EngineError> {
        self.query(sql, "Null", &[]).map(drop)
    }

    /// Starts a SELECT whose result comes chunk by chunk; every chunk is a document of its own.
    pub(super) fn stream(
        &self,
        sql: &str,
        format: &str,
        parameters: &Parameters,
    ) -> Result<SelectStream<'_>, EngineError> {
        let handle = self.answer(call!(self, stream, sql, format, parameters))?;
        Ok(SelectStream { session: self, handle, ended: false })
    }

    /// Starts an insert; `sql` ends before its FORMAT or VALUES word.
    pub(super) fn insert(
        &self,
        sql: &str,
        format: &str,
        parameters: &Parameters,
    ) -> Result<InsertStream<'_>, EngineError> {
        let raw = call!(self, insert, sql, format, parameters);
        let stream = InsertStream { session: self, raw };
        match stream.error() {
            Some(message) => Err(EngineError::Exception(message)),
            None => Ok(stream),
        }
    }

    /// Asks the engine's parser what `sql` would do.
    pub(super) fn classify(&self, sql: &str) -> Analysis {
        let mut raw =
            RawAnalysis { struct_size: size_of::<RawAnalysis>() as u32, statement_count: 0, flags: 0, query_class: 4 };
        // SAFETY: `sql` lives through the call, the database may be null, `raw` has the size that it states.
        unsafe {
            (self.library.classify)(self.connection(), sql.as_ptr(), sql.len(), std::ptr::null(), 0, &mut raw);
        }
        let class = match raw.query_class {
            0 => StatementClass::Read,
            1 => StatementClass::Mutate,
            2 => StatementClass::Global,
            3 => StatementClass::Control,
            _ => StatementClass::Unknown,
        };
        Analysis { class, statements: raw.statement_count }
    }
}

/// A result owned by the engine, readable without a copy.
pub(super) struct ResultBuffer {
    library: Arc<Library>,
    raw: RawResult,
}

// SAFETY: a finished result is plain memory, independent of its session; any one thread may read and free it.
unsafe impl Send for ResultBuffer {}

impl ResultBuffer {
    fn error(&self) -> Option<String> {
        // SAFETY: `raw` is a live result; its error text lives as long as the result.
        unsafe { text((self.library.result_error)(self.raw)) }
    }

    /// The bytes in the format that was asked for.
    pub(super) fn bytes(&self) -> &[u8] {
        // SAFETY: buffer and length describe memory that the result owns until it is destroyed.
        unsafe {
            let (start, length) = ((self.library.result_buffer)(self.raw), (self.library.result_length)(self.raw));
            if start.is_null() || length == 0 { &[] } else { std::slice::from_raw_parts(start, length) }
        }
    }

    /// The bytes as text without the last line break.
    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(self.bytes()).trim_end_matches('\n').to_owned()
    }

    /// What the engine counted.
    pub(super) fn counters(&self) -> Counters {
        // SAFETY: plain getters on a live result.
        unsafe {
            Counters {
                read_rows: (self.library.result_storage_rows)(self.raw),
                read_bytes: (self.library.result_storage_bytes)(self.raw),
                written_rows: (self.library.result_rows_written)(self.raw),
                written_bytes: (self.library.result_bytes_written)(self.raw),
                result_rows: (self.library.result_rows)(self.raw),
            }
        }
    }
}

impl AsRef<[u8]> for ResultBuffer {
    fn as_ref(&self) -> &[u8] {
        self.bytes()
    }
}

impl Drop for ResultBuffer {
    fn drop(&mut self) {
        // SAFETY: owned, freed only here.
        unsafe { (self.library.result_destroy)(self.raw) }
    }
}

/// A running SELECT.
pub(super) struct SelectStream<'a> {
    session: &'a Session,
    handle: ResultBuffer,
    ended: bool,
}

impl SelectStream<'_> {
    /// The next chunk; `None` at the natural end.
    pub(super) fn next(&mut self) -> Result<Option<ResultBuffer>, EngineError> {
        if self.ended {
            return Ok(None);
        }
        // SAFETY: the session and the stream handle are alive; the stream has not ended.
        let raw = unsafe { (self.session.library.stream_fetch)(self.session.connection(), self.handle.raw) };
        let chunk = self.session.answer(raw).inspect_err(|_| self.ended = true)?;
        self.ended = chunk.bytes().is_empty();
        Ok((!self.ended).then_some(chunk))
    }
}

impl Drop for SelectStream<'_> {
    fn drop(&mut self) {
        if !self.ended {
            // SAFETY: as in `next`; cancelling a running stream frees its query.
            unsafe { (self.session.library.stream_cancel)(self.session.connection(), self.handle.raw) }
        }
    }
}

/// A running insert. Dropped without [`InsertStream::commit`], it leaves nothing of its last block behind.
pub(super) struct InsertStream<'a> {
    session: &'a Session,
    raw: RawInsert,
}

impl InsertStream<'_> {
    fn error(&self) -> Option<String> {
        // SAFETY: the engine never returns a null insert stream; the text lives as long as the stream.
        unsafe { text((self.session.library.insert_error)(self.raw)) }
    }

    /// Hands over a piece of data; blocks while the engine is behind. `false`: the insert has failed, and
    /// [`InsertStream::commit`] tells why.
    pub(super) fn append(&self, piece: &[u8]) -> bool {
        // SAFETY: the engine copies the piece before it returns.
        unsafe { (self.session.library.insert_append)(self.raw, piece.as_ptr(), piece.len()) == 0 }
    }

    /// Ends the data and waits until it is stored.
    pub(super) fn commit(self) -> Result<Counters, EngineError> {
        // SAFETY: called once; the stream itself is destroyed on drop.
        let raw = unsafe { (self.session.library.insert_done)(self.raw) };
        self.session.answer(raw).map(|result| result.counters())
    }
}

impl Drop for InsertStream<'_> {
    fn drop(&mut self) {
        // SAFETY: owned, destroyed only here; an unfinished stream is cancelled by it.
        unsafe { (self.session.library.insert_destroy)(self.raw) }
    }
}
