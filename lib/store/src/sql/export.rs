//! Exports: an answer of any length, written to a file as it comes.
//!
//! ```text
//!  engine ─► stream of chunks ─► channel ─► thread: counts rows, writes text or Arrow as it is, Parquet from Arrow
//! ```
//!
//! Invariant: a file counts as whole only when the stream said its end; whoever drops the export drops the channel, and
//! the thread ends without having said so.

use std::{
    fs::File,
    io::Write,
    path::{Path, PathBuf},
};

use arrow_array::RecordBatch;
use arrow_buffer::Buffer;
use arrow_ipc::reader::StreamDecoder;
use bytes::Bytes;
use futures::{Stream, StreamExt, pin_mut};
use parquet::{
    arrow::ArrowWriter,
    basic::{Compression, ZstdLevel},
    file::properties::WriterProperties,
};
use tokio::sync::mpsc;

use super::{Format, SqlError};

/// How far an export is, and in the end how large.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Exported {
    /// Rows.
    pub rows: u64,
    /// Bytes of the file.
    pub bytes: u64,
}

/// Why an export is not whole.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The statement gave no whole answer.
    #[error(transparent)]
    Sql(#[from] SqlError),
    /// The file cannot be written.
    #[error("cannot write the export {path}: {source}")]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// What the engine sent cannot be written in this form.
    #[error("the rows cannot be written in this form: {0}")]
    Form(String),
    /// It would not fit.
    #[error("the export is larger than the {0} bytes that are left for exports")]
    TooLarge(u64),
}

/// Chunks between the engine and the thread, each of about 1 MB.
const CHUNKS: usize = 4;
/// The level of the archive: three times faster than 9, a few percent larger.
const ZSTD_LEVEL: i32 = 3;
/// Rows of a group: about 30 MB of Events, which is what the thread holds.
const GROUP_ROWS: usize = 65_536;

/// Writes the answer to a new file. `most_bytes` is told how far it is, and says how large it may become.
///
/// # Errors
/// When it is not whole; the file is then of no use.
pub async fn export(
    chunks: impl Stream<Item = Result<Bytes, SqlError>>,
    format: Format,
    path: PathBuf,
    most_bytes: impl Fn(Exported) -> u64 + Send + 'static,
) -> Result<Exported, ExportError> {
    let (sender, receiver) = mpsc::channel(CHUNKS);
    let writing = tokio::task::spawn_blocking(move || write(receiver, format, path, most_bytes));
    let fed = feed(chunks, sender).await;
    let written = writing.await.map_err(|error| ExportError::Form(format!("the writer failed: {error}")))?;
    fed?;
    written
}

/// `None` in the channel is the end of a whole answer.
async fn feed(
    chunks: impl Stream<Item = Result<Bytes, SqlError>>,
    sender: mpsc::Sender<Option<Bytes>>,
) -> Result<(), SqlError> {
    pin_mut!(chunks);
    while let Some(chunk) = chunks.next().await {
        // A writer that has gone has an error of its own to tell.
        if sender.send(Some(chunk?)).await.is_err() {
            return Ok(());
        }
    }
    // As above.
    let _gone = sender.send(None).await;
    Ok(())
}

/// Whoever drops the export may do so before there is a file: what is not whole is removed by who made it.
fn write(
    chunks: mpsc::Receiver<Option<Bytes>>,
    format: Format,
    path: PathBuf,
    most_bytes: impl Fn(Exported) -> u64,
) -> Result<Exported, ExportError> {
    let written = fill(chunks, format, &path, most_bytes);
    if written.is_err() {
        let _gone = std::fs::remove_file(&path);
    }
    written
}

fn fill(
    mut chunks: mpsc::Receiver<Option<Bytes>>,
    format: Format,
    path: &Path,
    most_bytes: impl Fn(Exported) -> u64,
) -> Result<Exported, ExportError> {
    let failed = |source| ExportError::Write { path: path.into(), source };
    let fits = |exported: Exported| match most_bytes(exported) {
        most if exported.bytes > most => Err(ExportError::TooLarge(most)),
        _ => Ok(exported),
    };
    let file = File::create(path).map_err(failed)?;
    let mut sink = Sink { file: Some(file), rows: Rows::of(format), writer: None, exported: Exported::default() };
    loop {
        let Some(chunk) = chunks.blocking_recv() else {
            return Err(ExportError::Form("the answer broke off".into()));
        };
        let Some(chunk) = chunk else { break };
        sink.take(chunk, format).map_err(|fault| fault.of(path))?;
        fits(sink.exported)?;
    }
    // The last rows of Parquet are written with its end.
    fits(sink.finish(format).map_err(|fault| fault.of(path))?)
}

/// What counts the rows of a stream.
enum Rows {
    /// Each line is one, and what stands in quotation marks has no end of line that counts.
    Lines { quoted: bool, in_quotes: bool, header: bool },
    /// Batches tell.
    Batches(Box<StreamDecoder>),
}

impl Rows {
    fn of(format: Format) -> Self {
        match format {
            Format::Csv => Self::Lines { quoted: true, in_quotes: false, header: true },
            Format::Ndjson | Format::Json => Self::Lines { quoted: false, in_quotes: false, header: false },
            Format::Arrow | Format::Parquet => Self::Batches(Box::new(StreamDecoder::new())),
        }
    }
}

struct Sink {
    file: Option<File>,
    rows: Rows,
    /// Of Parquet, once the first batch has told the schema.
    writer: Option<ArrowWriter<File>>,
    exported: Exported,
}

/// A fault that does not know its file.
enum Fault {
    Io(std::io::Error),
    Form(String),
}

impl Fault {
    fn of(self, path: &Path) -> ExportError {
        match self {
            Self::Io(source) => ExportError::Write { path: path.into(), source },
            Self::Form(why) => ExportError::Form(why),
        }
    }
}

impl From<arrow_schema::ArrowError> for Fault {
    fn from(error: arrow_schema::ArrowError) -> Self {
        Self::Form(error.to_string())
    }
}

impl From<parquet::errors::ParquetError> for Fault {
    fn from(error: parquet::errors::ParquetError) -> Self {
        match error {
            parquet::errors::ParquetError::External(cause) => match cause.downcast::<std::io::Error>() {
                Ok(io) => Self::Io(*io),
                Err(other) => Self::Form(other.to_string()),
            },
            other => Self::Form(other.to_string()),
        }
    }
}

impl Sink {
    fn take(&mut self, chunk: Bytes, format: Format) -> Result<(), Fault> {
        if format != Format::Parquet {
            self.file.as_mut().map_or(Ok(()), |file| file.write_all(&chunk)).map_err(Fault::Io)?;
            self.exported.bytes += chunk.len() as u64;
        }
        match &mut self.rows {
            Rows::Lines { quoted, in_quotes, header } => {
                for byte in chunk.iter() {
                    match byte {
                        b'"' if *quoted => *in_quotes = !*in_quotes,
                        b'\n' if *in_quotes => {}
                        b'\n' if *header => *header = false,
                        b'\n' => self.exported.rows += 1,
                        _ => {}
                    }
                }
                Ok(())
            }
            Rows::Batches(decoder) => {
                let mut rest = Buffer::from(chunk);
                let mut batches = Vec::new();
                while !rest.is_empty() {
                    batches.extend(decoder.decode(&mut rest)?);
                }
                batches.into_iter().try_for_each(|batch| self.batch(&batch, format))
            }
        }
    }

    fn batch(&mut self, batch: &RecordBatch, format: Format) -> Result<(), Fault> {
        self.exported.rows += batch.num_rows() as u64;
        if format == Format::Parquet {
            if self.writer.is_none() {
                self.begin(batch.schema())?;
            }
            if let Some(writer) = &mut self.writer {
                writer.write(batch)?;
                self.exported.bytes = writer.bytes_written() as u64;
            }
        }
        Ok(())
    }

    fn begin(&mut self, schema: arrow_schema::SchemaRef) -> Result<(), Fault> {
        let level = ZstdLevel::try_new(ZSTD_LEVEL).expect("the level is one that ZSTD has");
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(level))
            .set_max_row_group_row_count(Some(GROUP_ROWS))
            .build();
        if let Some(file) = self.file.take() {
            self.writer = Some(ArrowWriter::try_new(file, schema, Some(properties))?);
        }
        Ok(())
    }

    fn finish(mut self, format: Format) -> Result<Exported, Fault> {
        if let Rows::Batches(decoder) = &mut self.rows {
            decoder.finish()?;
            // No row, and still a schema.
            if format == Format::Parquet
                && self.writer.is_none()
                && let Some(schema) = decoder.schema()
            {
                self.begin(schema)?;
            }
        }
        let file = match (self.writer, self.file) {
            (Some(writer), _) => writer.into_inner()?,
            (None, Some(file)) => file,
            (None, None) => return Err(Fault::Form("a file without a form".into())),
        };
        file.sync_all().map_err(Fault::Io)?;
        self.exported.bytes = file.metadata().map_err(Fault::Io)?.len();
        Ok(self.exported)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::stream;

    async fn text(format: Format, chunks: &[&'static str], most: u64) -> Result<Exported, ExportError> {
        let folder = tempfile::tempdir().unwrap();
        let chunks: Vec<_> = chunks.iter().map(|chunk| Ok(Bytes::from_static(chunk.as_bytes()))).collect();
        export(stream::iter(chunks), format, folder.path().join("x"), move |_| most).await
    }

    #[tokio::test]
    async fn rows_of_text_are_counted_across_chunks() {
        let csv = text(Format::Csv, &["\"a\"\n\"on", "e\nline\"\n\"tw\"\"o\"\n"], 99).await.unwrap();
        assert_eq!(csv, Exported { rows: 2, bytes: 23 });
        assert_eq!(text(Format::Ndjson, &["{}\n{", "}\n"], 99).await.unwrap().rows, 2);
        assert!(matches!(text(Format::Ndjson, &["{}\n{}\n"], 5).await, Err(ExportError::TooLarge(5))));
    }

    #[tokio::test]
    async fn an_answer_that_breaks_off_is_no_export() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        let chunks = stream::iter([Ok(Bytes::from_static(b"{}\n")), Err(SqlError::Cancelled)]);
        let failed = export(chunks, Format::Ndjson, path.clone(), |_| 99).await;
        assert!(matches!(failed, Err(ExportError::Sql(SqlError::Cancelled))), "{failed:?}");
        assert!(!path.exists(), "and leaves no file");
        assert!(matches!(text(Format::Parquet, &["PAR1"], 99).await, Err(ExportError::Form(_))));
    }
}
