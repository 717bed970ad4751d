//! A dump as a stream of chunks: read, and unpacked where it is gzip, on a thread of its own.

use std::{
    fs::{self, File},
    io::{self, BufRead, BufReader, Read},
    path::Path,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
};

use flate2::bufread::MultiGzDecoder;
use futures::{Stream, stream};
use tokio::sync::mpsc;

use crate::exit::{Code, Failure};

/// One chunk: large enough that the way over threads costs nothing.
const CHUNK: usize = 256 << 10;
/// Chunks that are read ahead of the network.
const AHEAD: usize = 4;
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// A dump that is being read.
pub(super) struct Source<S> {
    /// Its size on disk; nothing for a pipe.
    pub total: Option<u64>,
    /// Bytes read of it.
    pub read: Arc<AtomicU64>,
    /// What it holds.
    pub chunks: S,
    /// Why it could not be read to its end. The request knows only that its body broke off.
    pub broken: Arc<OnceLock<io::Error>>,
}

/// Counts what passes.
struct Counted<R> {
    inner: R,
    read: Arc<AtomicU64>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.read.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

/// Makes sure that a file can be opened, and reads nothing of it. A pipe is not even opened: its writer would notice.
///
/// # Errors
/// When it cannot.
pub(super) fn check(path: &Path) -> anyhow::Result<()> {
    if path == Path::new("-") {
        return Ok(());
    }
    let failed = |error| Failure::new(Code::Usage, format!("cannot read {}", path.display()), "").because(error);
    let metadata = fs::metadata(path).map_err(failed)?;
    if metadata.is_dir() {
        let next = "name the files in it";
        return Err(Failure::new(Code::Usage, format!("{} is a folder", path.display()), next).into());
    }
    if metadata.is_file() {
        File::open(path).map_err(failed)?;
    }
    Ok(())
}

/// Opens a file that was checked, or standard input for `-`.
///
/// # Errors
/// When it cannot be opened.
pub(super) fn open(path: &Path) -> anyhow::Result<Source<impl Stream<Item = io::Result<Vec<u8>>> + Send + 'static>> {
    let read = Arc::new(AtomicU64::new(0));
    let (total, inner): (_, Box<dyn Read + Send>) = if path == Path::new("-") {
        (None, Box::new(io::stdin()))
    } else {
        let failed = |error| Failure::new(Code::Usage, format!("cannot read {}", path.display()), "").because(error);
        let file = File::open(path).map_err(failed)?;
        let metadata = file.metadata().map_err(failed)?;
        (metadata.is_file().then_some(metadata.len()), Box::new(file))
    };
    let counted = BufReader::with_capacity(CHUNK, Counted { inner, read: Arc::clone(&read) });
    let (queue, chunks) = mpsc::channel(AHEAD);
    let broken = Arc::new(OnceLock::new());
    let told = Arc::clone(&broken);
    std::thread::spawn(move || pump(counted, &queue, &told));
    let chunks = stream::unfold(chunks, |mut chunks| async { chunks.recv().await.map(|chunk| (chunk, chunks)) });
    Ok(Source { total, read, chunks, broken })
}

/// Reads to the end, or until nobody wants more.
fn pump(mut file: impl BufRead, queue: &mpsc::Sender<io::Result<Vec<u8>>>, broken: &OnceLock<io::Error>) {
    let mut unpacked: Box<dyn Read + '_> = match file.fill_buf() {
        Ok(head) if head.starts_with(&GZIP) => Box::new(MultiGzDecoder::new(file)),
        // An error comes again with the first chunk.
        Ok(_) | Err(_) => Box::new(file),
    };
    loop {
        // What a slow pipe has is sent at once: the server ends an import that sends nothing.
        let mut chunk = vec![0; CHUNK];
        let (chunk, ends) = match unpacked.read(&mut chunk) {
            Ok(0) => return,
            Ok(read) => {
                chunk.truncate(read);
                (Ok(chunk), false)
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => {
                let kind = error.kind();
                // Set once, by this thread alone.
                let _first = broken.set(error);
                (Err(kind.into()), true)
            }
        };
        if queue.blocking_send(chunk).is_err() || ends {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::{Compression, write::GzEncoder};
    use futures::StreamExt;

    use super::*;

    async fn all(path: &Path) -> io::Result<Vec<u8>> {
        let source = open(path).unwrap();
        let mut chunks = Box::pin(source.chunks);
        let mut text = Vec::new();
        while let Some(chunk) = chunks.next().await {
            text.extend(chunk?);
        }
        assert_eq!(source.total, Some(source.read.load(Ordering::Relaxed)));
        Ok(text)
    }

    #[tokio::test]
    async fn plain_and_packed_files_read_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let text = "{\"line\":1}\n".repeat(60_000);
        let (plain, packed) = (folder.path().join("a.ndjson"), folder.path().join("b"));
        std::fs::write(&plain, &text).unwrap();
        // Two members, as `cat a.gz b.gz` makes them.
        let half = |part: &str| {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
            encoder.write_all(part.as_bytes()).unwrap();
            encoder.finish().unwrap()
        };
        let (one, two) = text.split_at(text.len() / 2);
        let bytes = [half(one), half(two)].concat();
        std::fs::write(&packed, &bytes).unwrap();
        assert!(all(&plain).await.unwrap() == text.as_bytes());
        assert!(all(&packed).await.unwrap() == text.as_bytes());
        let cut = folder.path().join("cut.gz");
        std::fs::write(&cut, &bytes[..bytes.len() - 9]).unwrap();
        assert!(all(&cut).await.is_err(), "half a file is told");
    }

    #[test]
    fn what_a_pipe_has_is_sent_before_there_is_more() {
        let (reader, mut writer) = io::pipe().unwrap();
        let (queue, mut chunks) = mpsc::channel(AHEAD);
        let pumping =
            std::thread::spawn(move || pump(BufReader::with_capacity(CHUNK, reader), &queue, &OnceLock::new()));
        for line in ["{}\n", "{\"a\":1}\n"] {
            writer.write_all(line.as_bytes()).unwrap();
            assert_eq!(chunks.blocking_recv().unwrap().unwrap(), line.as_bytes());
        }
        drop(writer);
        assert!(chunks.blocking_recv().is_none());
        pumping.join().unwrap();
    }

    #[test]
    fn what_cannot_be_opened_is_told_before_it_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let (file, none) = (folder.path().join("a.ndjson"), folder.path().join("none"));
        std::fs::write(&file, "{}").unwrap();
        assert!(check(&file).is_ok() && check(Path::new("-")).is_ok());
        assert!(check(&none).unwrap_err().to_string().contains("none"));
        assert!(check(folder.path()).unwrap_err().to_string().contains("is a folder"));
        assert!(open(&none).is_err());
    }
}
