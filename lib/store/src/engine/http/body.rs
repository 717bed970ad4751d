//! Request bodies: from chunks on the network to plain bytes for the engine.
//!
//! Flow: an async task forwards chunks through a bounded channel; the engine's blocking thread reads them through
//! [`BodyReader`] and a decoder for the body's [`Encoding`].
//! Invariant: **a body that ends early is never taken for a short one.** The end is an explicit mark
//! ([`Piece::End`]); a channel that closes without it (client gone, handler dropped) reads as an error.

use super::fault::Fault;
use super::frame::FrameReader;
use axum::body::{Body, BodyDataStream};
use bytes::Bytes;
use futures::StreamExt;
use std::io::{self, Read};
use std::time::Duration;
use tokio::sync::mpsc;

/// Largest statement, with any inline data, that is held in memory: two batches of the projector (32 MiB each).
pub(super) const MAX_STATEMENT_BYTES: usize = 64 << 20;
/// Chunks between network and engine. Chunks are at most 64 KiB to 1 MiB, so 8 keep the engine busy within 8 MiB.
pub(super) const CHANNEL_PIECES: usize = 8;
/// Longest silence of a client inside a body: the server's own `http_receive_timeout` is 30 s; loopback needs no more.
const RECEIVE_TIMEOUT: Duration = Duration::from_secs(30);
/// So much of a refused insert's body is still taken and thrown away, so that the client is done sending when the reason
/// comes; many clients report a closed connection otherwise. Twice the projector's largest batch.
const MAX_DRAINED_BYTES: usize = 64 << 20;
/// Unpacked bytes handed to the engine at a time.
const DECODE_BYTES: usize = 1 << 20;

/// How a body is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    Identity,
    /// ClickHouse's own frames (`decompress=1`).
    Native,
    Lz4,
    Zstd,
    Gzip,
    Deflate,
}

impl Encoding {
    /// Reads a Content-Encoding header.
    pub(super) fn named(name: &str) -> Result<Encoding, Fault> {
        match name.trim().to_ascii_lowercase().as_str() {
            "" | "identity" => Ok(Encoding::Identity),
            "lz4" => Ok(Encoding::Lz4),
            "zstd" => Ok(Encoding::Zstd),
            "gzip" | "x-gzip" => Ok(Encoding::Gzip),
            "deflate" => Ok(Encoding::Deflate),
            other => Err(Fault::bad_request(format!(
                "Content-Encoding {} is not known; lz4, zstd, gzip, deflate and identity are",
                other.escape_default()
            ))),
        }
    }

    /// Wraps `source` so that plain bytes come out.
    fn decoder<'a>(self, source: impl Read + 'a) -> io::Result<Box<dyn Read + 'a>> {
        Ok(match self {
            Encoding::Identity => Box::new(source),
            Encoding::Native => Box::new(FrameReader::new(source)),
            Encoding::Lz4 => Box::new(lz4_flex::frame::FrameDecoder::new(source)),
            Encoding::Zstd => Box::new(zstd::Decoder::new(source)?),
            Encoding::Gzip => Box::new(flate2::read::MultiGzDecoder::new(source)),
            Encoding::Deflate => Box::new(flate2::read::ZlibDecoder::new(source)),
        })
    }
}

/// What travels from the network to the engine's thread.
pub(super) enum Piece {
    Data(Bytes),
    /// The body is complete.
    End,
}

/// Forwards a body; sends [`Piece::End`] only when all of it came. When the engine has stopped listening, its own error is
/// the better answer: the rest is drained and this returns quietly.
pub(super) async fn forward(body: Body, pieces: mpsc::Sender<Piece>) -> Result<(), Fault> {
    let mut stream = body.into_data_stream();
    while let Some(chunk) = next_chunk(&mut stream).await? {
        if pieces.send(Piece::Data(chunk)).await.is_err() {
            drain(&mut stream).await;
            return Ok(());
        }
    }
    // A receiver that is gone has its own error to tell.
    let _ = pieces.send(Piece::End).await;
    Ok(())
}

/// The next chunk that is not empty; `None` at the body's true end.
async fn next_chunk(stream: &mut BodyDataStream) -> Result<Option<Bytes>, Fault> {
    loop {
        match tokio::time::timeout(RECEIVE_TIMEOUT, stream.next()).await {
            Ok(Some(Ok(chunk))) if chunk.is_empty() => {}
            Ok(Some(Ok(chunk))) => return Ok(Some(chunk)),
            Ok(None) => return Ok(None),
            Ok(Some(Err(error))) => return Err(Fault::broken_body(format!("the request body broke off: {error}"))),
            Err(_) => {
                let seconds = RECEIVE_TIMEOUT.as_secs();
                return Err(Fault::broken_body(format!("no data of the request body came for {seconds} s")));
            }
        }
    }
}

/// Takes the rest of a body that nobody wants, within [`MAX_DRAINED_BYTES`].
async fn drain(stream: &mut BodyDataStream) {
    let mut drained = 0;
    while let Ok(Some(chunk)) = next_chunk(stream).await {
        drained += chunk.len();
        if drained > MAX_DRAINED_BYTES {
            return;
        }
    }
}

/// The receiving side of [`forward`], for a blocking thread.
pub(super) struct BodyReader {
    pieces: mpsc::Receiver<Piece>,
    current: Bytes,
    ended: bool,
}

impl BodyReader {
    pub(super) fn new(pieces: mpsc::Receiver<Piece>) -> BodyReader {
        BodyReader { pieces, current: Bytes::new(), ended: false }
    }

    /// The next chunk; `None` only after the explicit end.
    fn chunk(&mut self) -> io::Result<Option<Bytes>> {
        if self.ended {
            return Ok(None);
        }
        match self.pieces.blocking_recv() {
            Some(Piece::Data(chunk)) => Ok(Some(chunk)),
            Some(Piece::End) => {
                self.ended = true;
                Ok(None)
            }
            None => Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the request body broke off before its end")),
        }
    }

    /// Reads up to the explicit end, so that bytes behind a compressed stream's own end cannot hide a broken body.
    fn finish(&mut self) -> io::Result<()> {
        while let Some(chunk) = self.chunk()? {
            if !chunk.is_empty() {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "data follows the end of the compressed body"));
            }
        }
        Ok(())
    }
}

impl Read for BodyReader {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while self.current.is_empty() {
            match self.chunk()? {
                Some(chunk) => self.current = chunk,
                None => return Ok(0),
            }
        }
        let count = out.len().min(self.current.len());
        out[..count].copy_from_slice(&self.current.split_to(count));
        Ok(count)
    }
}

/// Feeds the unpacked body to `take` until its end (`true`), or until `take` wants no more (`false`).
pub(super) fn feed(mut body: BodyReader, encoding: Encoding, mut take: impl FnMut(&[u8]) -> bool) -> io::Result<bool> {
    if encoding == Encoding::Identity {
        while let Some(chunk) = body.chunk()? {
            if !take(&chunk) {
                return Ok(false);
            }
        }
        return Ok(true);
    }
    let mut buffer = vec![0u8; DECODE_BYTES];
    let mut decoder = encoding.decoder(&mut body)?;
    loop {
        let count = match decoder.read(&mut buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            other => other?,
        };
        if count == 0 {
            break;
        }
        if !take(&buffer[..count]) {
            return Ok(false);
        }
    }
    drop(decoder);
    body.finish().map(|()| true)
}

/// Collects and unpacks a body that holds (the rest of) a statement.
pub(super) async fn collect(body: Body, encoding: Encoding) -> Result<Bytes, Fault> {
    let packed = axum::body::to_bytes(body, MAX_STATEMENT_BYTES);
    let packed = tokio::time::timeout(RECEIVE_TIMEOUT, packed)
        .await
        .map_err(|_| Fault::broken_body("the request body did not end in time"))?
        .map_err(broken_or_large)?;
    if encoding == Encoding::Identity || packed.is_empty() {
        return Ok(packed);
    }
    let unpack = move || {
        let mut plain = Vec::new();
        let limit = MAX_STATEMENT_BYTES as u64;
        encoding.decoder(packed.as_ref())?.take(limit + 1).read_to_end(&mut plain)?;
        Ok::<_, io::Error>(plain)
    };
    let plain = tokio::task::spawn_blocking(unpack)
        .await
        .map_err(Fault::internal)?
        .map_err(|error| Fault::broken_body(format!("unpack the request body: {error}")))?;
    if plain.len() > MAX_STATEMENT_BYTES {
        return Err(statement_too_large());
    }
    Ok(Bytes::from(plain))
}

fn broken_or_large(error: axum::Error) -> Fault {
    let is_limit = std::error::Error::source(&error).is_some_and(|source| source.to_string().contains("limit"));
    if is_limit { statement_too_large() } else { Fault::broken_body(format!("the request body broke off: {error}")) }
}

/// The refusal of a statement that is not held in memory.
pub(super) fn statement_too_large() -> Fault {
    Fault::too_large(format!(
        "a statement with its inline data may have {MAX_STATEMENT_BYTES} bytes; put `INSERT … FORMAT …` into the \
         `query` parameter and only the data into the body, then it is streamed without a limit"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn packed(encoding: Encoding, data: &[u8]) -> Vec<u8> {
        match encoding {
            Encoding::Identity => data.to_vec(),
            Encoding::Native => super::super::frame::pack(data),
            Encoding::Lz4 => {
                let mut encoder = lz4_flex::frame::FrameEncoder::new(Vec::new());
                encoder.write_all(data).unwrap();
                encoder.finish().unwrap()
            }
            Encoding::Zstd => zstd::encode_all(data, 1).unwrap(),
            Encoding::Gzip => {
                let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
                encoder.write_all(data).unwrap();
                encoder.finish().unwrap()
            }
            Encoding::Deflate => {
                let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
                encoder.write_all(data).unwrap();
                encoder.finish().unwrap()
            }
        }
    }

    /// Sends `bytes` in chunks of 7, with or without the end mark, and reads them back.
    fn through(encoding: Encoding, bytes: &[u8], whole: bool) -> io::Result<Vec<u8>> {
        let (sender, receiver) = mpsc::channel(bytes.len() + 1);
        for chunk in bytes.chunks(7) {
            assert!(sender.try_send(Piece::Data(Bytes::copy_from_slice(chunk))).is_ok());
        }
        if whole {
            assert!(sender.try_send(Piece::End).is_ok());
        }
        drop(sender);
        let mut out = Vec::new();
        feed(BodyReader::new(receiver), encoding, |piece| {
            out.extend_from_slice(piece);
            true
        })?;
        Ok(out)
    }

    const ALL: [Encoding; 6] =
        [Encoding::Identity, Encoding::Native, Encoding::Lz4, Encoding::Zstd, Encoding::Gzip, Encoding::Deflate];

    #[test]
    fn every_encoding_is_unpacked_whole_and_refused_without_its_end_mark() {
        let data: Vec<u8> = (0..5000u32).flat_map(|number| (number % 97).to_le_bytes()).collect();
        for encoding in ALL {
            let bytes = packed(encoding, &data);
            assert_eq!(through(encoding, &bytes, true).unwrap(), data, "{encoding:?}");
            assert!(through(encoding, &bytes, false).is_err(), "{encoding:?} must not end without its mark");
        }
    }

    #[test]
    fn a_compressed_body_that_is_cut_is_an_error_even_with_an_end_mark() {
        let data = vec![7u8; 3000];
        for encoding in ALL.into_iter().filter(|encoding| *encoding != Encoding::Identity) {
            let bytes = packed(encoding, &data);
            assert!(through(encoding, &bytes[..bytes.len() - 5], true).is_err(), "{encoding:?}");
        }
    }
}
