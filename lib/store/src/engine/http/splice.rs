//! Joins the chunks of a streamed result into one document.
//!
//! The engine formats every chunk as a document of its own: a header each time, for Arrow an end mark too. Here the
//! header of the first chunk is kept and, byte for byte, removed from all later ones; Arrow's end mark is written once.
//! Invariants: no copy is made; a later chunk that does not begin with the same header is an error, never passed on.
//! Formats whose chunks cannot be joined ([`Splice::of`] gives `None`) must be materialised instead.

use bytes::Bytes;

/// The end mark of an Arrow IPC stream.
pub(super) const ARROW_END: [u8; 8] = [0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0];
/// The prefix of each Arrow IPC message: continuation mark and metadata length.
const ARROW_PREFIX: usize = 8;

/// What stands at the beginning of each chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Header {
    /// Nothing: rows only.
    None,
    /// A column count and so many strings per column.
    Binary { strings_per_column: u64 },
    /// So many lines.
    Lines(usize),
    /// An Arrow schema message; and an end mark at the end.
    Arrow,
}

/// Joins chunks of one format.
#[derive(Debug)]
pub(super) struct Splice {
    header: Header,
    first: Option<Bytes>,
}

/// A chunk that does not have the shape of its format.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Misshapen;

impl Splice {
    /// The joiner for `format` (any case); `None` if its chunks cannot be joined.
    pub(super) fn of(format: &str) -> Option<Splice> {
        let name = format.to_ascii_lowercase();
        let is_text =
            |name: &str| matches!(name, "tabseparated" | "tsv" | "tabseparatedraw" | "tsvraw" | "raw" | "csv");
        let header = match name.as_str() {
            "native" | "rowbinary" | "jsoneachrow" | "jsonlines" | "jsonl" | "ndjson" | "jsoncompacteachrow"
            | "lineasstring" | "rawblob" | "null" => Header::None,
            "rowbinarywithnames" => Header::Binary { strings_per_column: 1 },
            "rowbinarywithnamesandtypes" => Header::Binary { strings_per_column: 2 },
            "arrowstream" => Header::Arrow,
            text if is_text(text) => Header::None,
            text if text.strip_suffix("withnamesandtypes").is_some_and(is_text) => Header::Lines(2),
            text if text.strip_suffix("withnames").is_some_and(is_text) => Header::Lines(1),
            _ => return None,
        };
        Some(Splice { header, first: None })
    }

    /// Whether an empty result still has something to say (its header).
    pub(super) fn has_header(&self) -> bool {
        self.header != Header::None
    }

    /// The bytes of `chunk` that belong into the document.
    pub(super) fn join(&mut self, chunk: Bytes) -> Result<Bytes, Misshapen> {
        let body = match self.header {
            Header::Arrow => chunk.slice(..chunk.strip_suffix(&ARROW_END).unwrap_or(&chunk).len()),
            Header::None => return Ok(chunk),
            Header::Binary { .. } | Header::Lines(_) => chunk,
        };
        match &self.first {
            Some(header) if body.starts_with(header) => Ok(body.slice(header.len()..)),
            Some(_) => Err(Misshapen),
            None => {
                let length = self.header.length(&body).filter(|&length| length <= body.len()).ok_or(Misshapen)?;
                self.first = Some(body.slice(..length));
                Ok(body)
            }
        }
    }

    /// What closes the document.
    pub(super) fn end(&self) -> Bytes {
        match self.header {
            Header::Arrow => Bytes::from_static(&ARROW_END),
            Header::None | Header::Binary { .. } | Header::Lines(_) => Bytes::new(),
        }
    }
}

impl Header {
    /// The header's length at the start of `chunk`, in bytes.
    fn length(self, chunk: &[u8]) -> Option<usize> {
        match self {
            Header::None => Some(0),
            Header::Arrow => {
                let metadata = chunk.get(4..ARROW_PREFIX)?;
                Some(ARROW_PREFIX + u32::from_le_bytes(metadata.try_into().ok()?) as usize)
            }
            Header::Lines(lines) => {
                chunk.iter().enumerate().filter(|(_, b)| **b == b'\n').nth(lines - 1).map(|(at, _)| at + 1)
            }
            Header::Binary { strings_per_column } => {
                let (columns, mut at) = varint(chunk, 0)?;
                for _ in 0..columns.checked_mul(strings_per_column)? {
                    let (length, start) = varint(chunk, at)?;
                    at = start.checked_add(usize::try_from(length).ok()?).filter(|end| *end <= chunk.len())?;
                }
                Some(at)
            }
        }
    }
}

/// Reads a LEB128 number at `at`: the number and the position after it.
fn varint(bytes: &[u8], mut at: usize) -> Option<(u64, usize)> {
    let (mut value, mut shift) = (0u64, 0u32);
    while shift < u64::BITS {
        let byte = *bytes.get(at)?;
        at += 1;
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some((value, at));
        }
        shift += 7;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn joined(format: &str, chunks: &[&[u8]]) -> Result<Vec<u8>, Misshapen> {
        let mut splice = Splice::of(format).unwrap();
        let mut out = Vec::new();
        for chunk in chunks {
            out.extend_from_slice(&splice.join(Bytes::copy_from_slice(chunk))?);
        }
        out.extend_from_slice(&splice.end());
        Ok(out)
    }

    #[test]
    fn repeated_headers_are_written_once() {
        let binary = |row: u8| [b"\x02\x01a\x01b\x05UInt8\x05UInt8".as_slice(), &[row, row]].concat();
        let arrow = |body: &[u8]| [&[0xff, 0xff, 0xff, 0xff, 4, 0, 0, 0, 1, 2, 3, 4], body, &ARROW_END].concat();
        for (format, chunks, expected) in [
            ("CSVWithNames", vec![b"a,b\n1,2\n".to_vec(), b"a,b\n3,4\n".to_vec()], b"a,b\n1,2\n3,4\n".to_vec()),
            (
                "TSVWithNamesAndTypes",
                vec![b"a\nUInt8\n1\n".to_vec(), b"a\nUInt8\n2\n".to_vec()],
                b"a\nUInt8\n1\n2\n".to_vec(),
            ),
            ("JSONEachRow", vec![b"{}\n".to_vec(), b"{}\n".to_vec()], b"{}\n{}\n".to_vec()),
            ("RowBinaryWithNamesAndTypes", vec![binary(1), binary(2)], [binary(1).as_slice(), &[2, 2]].concat()),
            ("ArrowStream", vec![arrow(b"rows1"), arrow(b"rows2")], arrow(b"rows1rows2")),
            ("arrowstream", vec![], ARROW_END.to_vec()),
        ] {
            let chunks: Vec<&[u8]> = chunks.iter().map(Vec::as_slice).collect();
            assert_eq!(joined(format, &chunks), Ok(expected), "{format}");
        }
    }

    #[test]
    fn documents_that_cannot_be_joined_are_known() {
        for format in ["JSON", "Parquet", "Pretty", "Arrow", "Vertical", "Template", "nonsense"] {
            assert!(Splice::of(format).is_none(), "{format}");
        }
    }

    #[test]
    fn another_header_in_a_later_chunk_is_an_error() {
        assert_eq!(joined("CSVWithNames", &[b"a\n1\n", b"b\n1\n"]), Err(Misshapen));
        assert_eq!(joined("RowBinaryWithNames", &[b"\x05\x01a"]), Err(Misshapen));
        assert_eq!(joined("ArrowStream", &[b"\xff\xff\xff\xff\xff\xff"]), Err(Misshapen));
    }

    proptest! {
        #[test]
        fn no_chunk_makes_it_panic(chunk in prop::collection::vec(any::<u8>(), 0..64)) {
            for format in ["RowBinaryWithNames", "RowBinaryWithNamesAndTypes", "ArrowStream", "CSVWithNames"] {
                let _ = joined(format, &[&chunk, &chunk]);
            }
        }
    }
}
