//! Cuts a stream of bytes into JSON items, without holding more than one.
//!
//! ```text
//!  {"type":"ADDED",…}⏎{…}⏎                 a line each: one that does not close is broken, and the next line is read
//!  {⏎  "items": [⏎ {…}, {…} ]⏎}            pretty printed: an item may span lines
//!  {"hits":{"hits":[{…},{…}]}}  [{…},{…}]   items of a list, whose frame is passed over
//! ```
//!
//! A file whose first line is no more than an opening bracket is pretty printed; any other has values on single lines.
//! Only brackets and quotation marks are looked at: whether an item is JSON is found when it is read.

/// The longest item: a record of the log takes 16 MiB, and the Event's envelope needs a little of that.
pub const MAX_ITEM_BYTES: usize = 15 << 20;
/// Bytes of a broken item that are kept to show it.
const SHOWN: usize = 200;
/// What some programs write before UTF-8.
const MARK: [u8; 3] = [0xEF, 0xBB, 0xBF];
/// The longest key that means something here, `items`.
const LONGEST_KEY: usize = 5;

/// What was cut out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Piece {
    /// A whole item.
    Item(Vec<u8>),
    /// An item that is longer than [`MAX_ITEM_BYTES`]: its beginning.
    TooLong(Vec<u8>),
    /// An item, or a list, whose line or file ends before it does: its beginning.
    Cut(Vec<u8>),
    /// Something that is no object: its beginning.
    Stray(Vec<u8>),
}

/// The number of the line on which an item begins, from 1, and the item.
pub(super) type Cutting = (u64, Piece);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// The first line has not ended.
    Unknown,
    Lines,
    Pretty,
}

/// What is held of the present item.
#[derive(Debug)]
struct Held {
    bytes: Vec<u8>,
    line: u64,
    too_long: bool,
    /// It is no object and no list.
    stray: bool,
}

/// Cuts a stream.
#[derive(Debug)]
pub(super) struct Splitter {
    form: Form,
    line: u64,
    at: Place,
    held: Option<Held>,
    /// The first line has more than one opening bracket.
    more: bool,
    /// So many bytes of [`MARK`] were passed over; all of them where none is looked for any more.
    marked: usize,
}

/// Where the next byte stands.
#[derive(Debug, Default)]
struct Place {
    /// Open brackets.
    depth: usize,
    in_text: bool,
    escaped: bool,
    /// The last text before a value, where a list may begin.
    key: Vec<u8>,
    /// The member `hits` of the top level is open.
    in_hits: bool,
    /// The depth of a list's items; 0 outside of one.
    items: usize,
    /// The list has ended; what follows is its frame, up to the end of the top level.
    behind: bool,
}

impl Place {
    /// Whether a value that begins here is an item.
    fn begins_item(&self) -> bool {
        self.depth == self.items && !self.behind
    }

    /// Whether a list that begins here is one of items.
    fn begins_list(&self) -> bool {
        self.items == 0
            && !self.behind
            && match self.depth {
                0 => true,
                1 => self.key == b"items",
                2 => self.in_hits && self.key == b"hits",
                _ => false,
            }
    }

    fn note_key(&mut self, bytes: &[u8]) {
        let room = (LONGEST_KEY + 1).saturating_sub(self.key.len());
        if self.items == 0 && self.depth <= 2 {
            self.key.extend_from_slice(&bytes[..bytes.len().min(room)]);
        }
    }
}

impl Default for Splitter {
    fn default() -> Self {
        Self { form: Form::Unknown, line: 1, at: Place::default(), held: None, more: false, marked: 0 }
    }
}

impl Splitter {
    /// Takes the next bytes; what is cut out of them goes to `out`.
    pub(super) fn push(&mut self, bytes: &[u8], out: &mut Vec<Cutting>) {
        let mut rest = self.behind_mark(bytes, out);
        while !rest.is_empty() {
            // Most bytes stand in texts, where three of them mean something.
            if self.at.in_text && !self.at.escaped {
                let run = rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | b'\n')).unwrap_or(rest.len());
                self.at.note_key(&rest[..run]);
                self.hold(&rest[..run]);
                rest = &rest[run..];
            }
            if let Some((&byte, behind)) = rest.split_first() {
                self.byte(byte, out);
                rest = behind;
            }
        }
    }

    /// The stream has ended.
    pub(super) fn finish(mut self, out: &mut Vec<Cutting>) {
        self.no_mark(out);
        self.cut_short(out);
    }

    /// What stands behind a mark with which the stream begins.
    fn behind_mark<'a>(&mut self, bytes: &'a [u8], out: &mut Vec<Cutting>) -> &'a [u8] {
        let mut rest = bytes;
        while let (Some(expected), Some((byte, behind))) = (MARK.get(self.marked), rest.split_first()) {
            if byte == expected {
                self.marked += 1;
                rest = behind;
            } else {
                self.no_mark(out);
            }
        }
        rest
    }

    /// There is no mark here, or no whole one: what looked like its beginning stands in the dump.
    fn no_mark(&mut self, out: &mut Vec<Cutting>) {
        let passed = std::mem::replace(&mut self.marked, MARK.len());
        if passed < MARK.len() {
            MARK[..passed].iter().for_each(|byte| self.byte(*byte, out));
        }
    }

    fn byte(&mut self, byte: u8, out: &mut Vec<Cutting>) {
        let strays = self.held.as_ref().is_some_and(|held| held.stray) && self.at.items == 0;
        match byte {
            b'\n' => self.end_of_line(out),
            _ if strays => self.hold(&[byte]),
            _ if self.at.in_text => self.within_text(byte),
            b' ' | b'\t' | b'\r' => self.hold(&[byte]),
            b'{' | b'[' => self.open(byte, out),
            b'}' | b']' => self.close(byte, out),
            _ => self.other(byte, out),
        }
    }

    fn within_text(&mut self, byte: u8) {
        self.hold(&[byte]);
        let at = &mut self.at;
        match byte {
            _ if at.escaped => at.escaped = false,
            b'\\' => at.escaped = true,
            _ => at.in_text = byte != b'"',
        }
    }

    fn open(&mut self, byte: u8, out: &mut Vec<Cutting>) {
        self.more |= self.at.depth > 0;
        if byte == b'[' && self.at.begins_list() {
            self.held = None;
            self.at.depth += 1;
            self.at.items = self.at.depth;
            return;
        }
        if self.at.begins_item() {
            self.emit(out);
            self.begin(false);
        }
        self.at.in_hits |= byte == b'{' && self.at.depth == 1 && self.at.key == b"hits";
        self.at.depth += 1;
        self.at.key.clear();
        self.hold(&[byte]);
    }

    fn close(&mut self, byte: u8, out: &mut Vec<Cutting>) {
        if self.at.depth == 0 {
            return self.other(byte, out);
        }
        self.more = true;
        let at = &mut self.at;
        at.depth -= 1;
        at.in_hits &= at.depth > 1;
        if at.depth < at.items {
            // The list ends; a stray value may stand before its bracket.
            at.items = 0;
            at.behind = at.depth > 0;
            self.emit(out);
        } else if at.begins_item() {
            self.hold(&[byte]);
            self.emit(out);
        } else {
            self.hold(&[byte]);
        }
        self.at.behind &= self.at.depth > 0;
    }

    fn other(&mut self, byte: u8, out: &mut Vec<Cutting>) {
        self.more = true;
        if byte == b',' && self.at.begins_item() {
            return self.emit(out);
        }
        if self.at.begins_item() && self.held.is_none() {
            self.begin(true);
        }
        if matches!(byte, b'"' | b',') {
            self.at.key.clear();
            self.at.in_text = byte == b'"' && (self.at.depth > 0);
        }
        self.hold(&[byte]);
    }

    fn begin(&mut self, stray: bool) {
        self.held = Some(Held { bytes: Vec::new(), line: self.line, too_long: false, stray });
    }

    /// Gives away what is held: it is whole.
    fn emit(&mut self, out: &mut Vec<Cutting>) {
        let Some(mut held) = self.held.take() else { return };
        let piece = match (held.too_long, held.stray) {
            (true, _) => Piece::TooLong(held.bytes),
            (false, false) => Piece::Item(held.bytes),
            (false, true) => {
                held.bytes.truncate(SHOWN);
                Piece::Stray(held.bytes)
            }
        };
        out.push((held.line, piece));
    }

    fn hold(&mut self, bytes: &[u8]) {
        let Some(held) = &mut self.held else { return };
        if held.bytes.len() + bytes.len() > MAX_ITEM_BYTES {
            held.too_long = true;
            held.bytes.truncate(SHOWN);
        }
        if !held.too_long {
            held.bytes.extend_from_slice(bytes);
        }
    }

    fn end_of_line(&mut self, out: &mut Vec<Cutting>) {
        if self.form == Form::Unknown && (self.more || self.at.depth > 0) {
            self.form = if self.more { Form::Lines } else { Form::Pretty };
        }
        let between = self.at.depth == 0 || self.at.items > 0 || self.at.behind;
        let broken = self.held.is_some() || self.at.in_text || !between;
        let stray = self.held.as_ref().is_some_and(|held| held.stray);
        if (self.form == Form::Lines && broken) || (stray && self.at.items == 0) {
            self.cut_short(out);
        }
        // No text holds a line break: one that is open here lacks its quotation mark.
        (self.at.in_text, self.at.escaped) = (false, false);
        self.hold(b"\n");
        self.line += 1;
    }

    /// What is open ends here, broken; what follows begins anew.
    fn cut_short(&mut self, out: &mut Vec<Cutting>) {
        let open = self.at.depth > 0;
        self.at = Place::default();
        match self.held.take() {
            Some(held) if held.stray || held.too_long => {
                self.held = Some(held);
                self.emit(out);
            }
            Some(mut held) => {
                held.bytes.truncate(SHOWN);
                out.push((held.line, Piece::Cut(held.bytes)));
            }
            None if open => out.push((self.line, Piece::Cut(Vec::new()))),
            None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cut(chunks: &[&[u8]]) -> Vec<(u64, String)> {
        let (mut splitter, mut out) = (Splitter::default(), Vec::new());
        chunks.iter().for_each(|chunk| splitter.push(chunk, &mut out));
        splitter.finish(&mut out);
        let named = |piece: Piece| match piece {
            Piece::Item(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Piece::TooLong(_) => "too long".into(),
            Piece::Cut(bytes) => format!("cut {}", String::from_utf8_lossy(&bytes)),
            Piece::Stray(bytes) => format!("stray {}", String::from_utf8_lossy(&bytes)),
        };
        out.into_iter().map(|(line, piece)| (line, named(piece))).collect()
    }

    fn of(text: &str) -> Vec<(u64, String)> {
        cut(&[text.as_bytes()])
    }

    fn expect(text: &str, expected: &[(u64, &str)]) {
        let expected: Vec<_> = expected.iter().map(|(line, text)| (*line, (*text).to_owned())).collect();
        assert_eq!(of(text), expected, "{text}");
    }

    #[test]
    fn a_value_a_line() {
        expect("{\"a\":[1,{}]}\n\n{\"b\":\"}{\"}", &[(1, r#"{"a":[1,{}]}"#), (3, r#"{"b":"}{"}"#)]);
        expect("{\"a\":1},\r\n{\"b\":2} {\"c\":3}\n", &[(1, r#"{"a":1}"#), (2, r#"{"b":2}"#), (2, r#"{"c":3}"#)]);
    }

    #[test]
    fn a_mark_before_the_first_line_is_passed_over() {
        let pretty = "\u{feff}{\n\"items\": [\n{\n\"a\":1},\n{}\n]\n}\n";
        let expected = [(3_u64, "{\n\"a\":1}".to_owned()), (5, "{}".to_owned())];
        for at in 0..=5 {
            let (head, tail) = pretty.as_bytes().split_at(at);
            assert_eq!(cut(&[head, tail]), expected, "{at}");
        }
        expect("\u{feff}{\"a\":1}\n\u{feff}{}\n", &[(1, r#"{"a":1}"#), (2, "stray \u{feff}{}")]);
        assert_eq!(cut(&[b"\xEF", b"\xBB", b"{}"]), [(1_u64, "stray \u{fffd}{}".to_owned())]);
        assert_eq!(cut(&[b"\xEF\xBB"]), [(1_u64, "stray \u{fffd}".to_owned())]);
        assert!(of("\u{feff}").is_empty());
    }

    #[test]
    fn a_broken_line_costs_itself_alone() {
        expect("{\"a\":1}\n{\"b\":{\n{\"c\":3}\n", &[(1, r#"{"a":1}"#), (2, r#"cut {"b":{"#), (3, r#"{"c":3}"#)]);
        expect("{\"a\":\"1}\n{\"c\":3}\n{\"d\"", &[(1, r#"cut {"a":"1}"#), (2, r#"{"c":3}"#), (3, r#"cut {"d""#)]);
        expect("time {\"a\":1}\n{\"c\":3}\n}\n", &[(1, r#"stray time {"a":1}"#), (2, r#"{"c":3}"#), (3, "stray }")]);
        expect("\"{\"\n{\"c\":3}\nnull", &[(1, "stray \"{\""), (2, r#"{"c":3}"#), (3, "stray null")]);
    }

    #[test]
    fn the_items_of_lists() {
        expect(
            r#"{"kind":"items","items":[{"a":1},{"b":[2]}],"x":{"items":[{}]}}"#,
            &[(1, r#"{"a":1}"#), (1, r#"{"b":[2]}"#)],
        );
        expect(
            "{\n  \"items\": [\n  {\n \"a\":1},\n {}\n ],\n \"kind\": \"List\"\n}\n",
            &[(3, "{\n \"a\":1}"), (5, "{}")],
        );
        expect("[{\"a\":1},\n{\"b\":2}\n]\n{\"c\":3}", &[(1, r#"{"a":1}"#), (2, r#"{"b":2}"#), (4, r#"{"c":3}"#)]);
        expect(
            r#"{"took":1,"hits":{"total":{"hits":[1]},"hits":[{"_id":1},{"_id":2}]}}"#,
            &[(1, r#"{"_id":1}"#), (1, r#"{"_id":2}"#)],
        );
        expect(
            r#"[{},null,"x",{"b":1}] [1]"#,
            &[(1, "{}"), (1, "stray null"), (1, "stray \"x\""), (1, r#"{"b":1}"#), (1, "stray 1")],
        );
        expect("{\"items\":[]}\n{\"object\":{\"items\":[1]}}", &[(2, r#"{"object":{"items":[1]}}"#)]);
    }

    #[test]
    fn a_list_that_ends_early_says_so() {
        expect("{\n\"items\":[\n{\"a\":1},\n{\"b\":", &[(3, r#"{"a":1}"#), (4, r#"cut {"b":"#)]);
        expect("{\n\"items\":[\n{\"a\":1}\n", &[(3, r#"{"a":1}"#), (4, "cut ")]);
        expect("{\"items\":[{\"a\":1},{\"b\n{\"c\":3}\n", &[(1, r#"{"a":1}"#), (1, r#"cut {"b"#), (2, r#"{"c":3}"#)]);
    }

    #[test]
    fn a_pretty_item_without_a_quotation_mark_does_not_take_the_rest_along() {
        expect("[\n{\n\"a\": \"x\n},\n{\"b\":2}\n]", &[(2, "{\n\"a\": \"x\n}"), (5, r#"{"b":2}"#)]);
    }

    #[test]
    fn an_item_may_be_long_but_not_without_bound() {
        let item = |bytes: usize| format!("{{\"m\":\"{}\"}}", "x".repeat(bytes - 8));
        let (fits, long) = (item(MAX_ITEM_BYTES), item(MAX_ITEM_BYTES + 1));
        let found = of(&format!("{fits}\n{long}\n{{}}\n"));
        assert_eq!((found[0].1.len(), &found[1].1, &found[2].1), (MAX_ITEM_BYTES, &"too long".into(), &"{}".into()));
    }

    proptest! {
        #[test]
        fn where_the_stream_is_cut_does_not_matter(text in "[\\[\\]{}\",:a\\\\ \n]{0,60}", at in 0..60usize) {
            let (head, tail) = text.as_bytes().split_at(at.min(text.len()));
            prop_assert_eq!(cut(&[head, tail]), of(&text));
        }

        #[test]
        fn items_come_back_whole(values in proptest::collection::vec("[\\[\\]{}\",:a\\\\ \n]{0,12}", 0..6), pretty: bool) {
            let items: Vec<_> = values.iter().map(|v| serde_json::json!({"k": v, "l": [v, {"items": []}]})).collect();
            let list = serde_json::json!({"kind": "List", "items": items});
            let text = if pretty { serde_json::to_string_pretty(&list).unwrap() } else { list.to_string() };
            let back: Vec<serde_json::Value> = of(&text).iter().map(|(_, item)| serde_json::from_str(item).unwrap()).collect();
            prop_assert_eq!(&back, &items);
            let lines: Vec<_> = items.iter().map(ToString::to_string).collect();
            let back: Vec<serde_json::Value> = of(&lines.join("\n")).iter().map(|(_, item)| serde_json::from_str(item).unwrap()).collect();
            prop_assert_eq!(back, items);
        }
    }
}
