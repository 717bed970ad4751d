//! The append-only ledger that all servers of a fleet share.

use std::fs::File;
use std::io::{self, BufRead, BufReader, LineWriter, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::entry::{Entry, Loss};

/// What happened, in order; cheap to clone, all clones write to one book.
#[derive(Debug, Clone, Default)]
pub struct Ledger {
    book: Arc<Mutex<Book>>,
}

#[derive(Debug, Default)]
struct Book {
    entries: Vec<Entry>,
    file: Option<LineWriter<File>>,
    file_error: Option<io::Error>,
}

impl Ledger {
    /// A ledger that also writes each entry as a line of JSON to a new file.
    ///
    /// # Errors
    /// If the file cannot be created.
    pub fn with_file(path: &Path) -> io::Result<Self> {
        let file = Some(LineWriter::new(File::create(path)?));
        Ok(Self { book: Arc::new(Mutex::new(Book { file, ..Book::default() })) })
    }

    /// Reads a ledger file that this or another process wrote; a torn last line is left out.
    ///
    /// # Errors
    /// If the file cannot be read, or a line other than the last is not an entry.
    pub fn read_file(path: &Path) -> io::Result<Vec<Entry>> {
        let mut lines = BufReader::new(File::open(path)?).lines().peekable();
        let mut entries = Vec::new();
        while let Some(line) = lines.next() {
            match serde_json::from_str(&line?) {
                Ok(entry) => entries.push(entry),
                Err(_) if lines.peek().is_none() => break,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(entries)
    }

    /// Appends an entry.
    pub fn append(&self, entry: Entry) {
        let mut book = self.lock();
        if let Some(file) = book.file.as_mut()
            && let Err(error) = write_line(file, &entry)
        {
            tracing::error!(%error, "cannot write the oracle's ledger, its file ends here");
            book.file = None;
            book.file_error = Some(error);
        }
        book.entries.push(entry);
    }

    /// Entries from number `from` on, in order.
    #[must_use]
    pub fn entries_from(&self, from: usize) -> Vec<Entry> {
        self.lock().entries.get(from..).unwrap_or_default().to_vec()
    }

    /// All entries, in order.
    #[must_use]
    pub fn entries(&self) -> Vec<Entry> {
        self.entries_from(0)
    }

    /// Number of entries.
    #[must_use]
    pub fn len(&self) -> usize {
        self.lock().entries.len()
    }

    /// True if nothing has happened yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All losses so far.
    #[must_use]
    pub fn losses(&self) -> Vec<Loss> {
        let losses = self.lock();
        losses
            .entries
            .iter()
            .filter_map(|entry| if let Entry::Lost(loss) = entry { Some(loss.clone()) } else { None })
            .collect()
    }

    /// The error that ended the file, if one did; a judge that reads the file must not trust it then.
    #[must_use]
    pub fn file_failed(&self) -> bool {
        self.lock().file_error.is_some()
    }

    fn lock(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn write_line(file: &mut LineWriter<File>, entry: &Entry) -> io::Result<()> {
    let mut line = serde_json::to_vec(entry)?;
    line.push(b'\n');
    file.write_all(&line)
}
