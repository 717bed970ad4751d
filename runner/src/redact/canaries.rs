//! A thousand secrets in every form that tools commonly give them, whole and in pieces. The forms are made here anew, not by what
//! looks for them.

use std::fmt::Write;

use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE},
};

use super::Redactor;

/// As many as one operation can name.
const AT_ONCE: usize = 32;
const SECRETS: usize = 1024;
/// A text comes in so many small pieces, and what is left of it in one: each piece costs a look at what is held back.
const PIECES: usize = 1024;
/// Signs that some form or other must escape, among others.
const SIGNS: [char; 24] = [
    'a', 'Z', '7', '"', '\'', '\\', '/', '+', '=', '&', '<', '>', ' ', '%', '$', ',', ';', '.', '_', '~', '*', '(',
    'ü', '€',
];

/// The same in each run.
fn secrets() -> Vec<String> {
    let mut seed = 1u64;
    let mut pick = |most: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as usize % most
    };
    let mut all = Vec::with_capacity(SECRETS);
    for number in 0..SECRETS {
        let length = 8 + pick(60);
        let signs: String = (0..length).map(|_| SIGNS[pick(SIGNS.len())]).collect();
        all.push(format!("{number:04}{signs}x7"));
    }
    all
}

/// As Go and JavaScript write JSON, quotes included.
fn json(text: &str) -> String {
    serde_json::to_string(text).unwrap()
}

/// As Python writes the same.
fn ascii(json: &str) -> String {
    let escape = |character: char| match character.is_ascii() {
        true => character.to_string(),
        false => format!("\\u{:04x}", u32::from(character)),
    };
    json.chars().map(escape).collect()
}

/// As Go writes it for web pages, and so `kubectl`.
fn for_pages(json: &str) -> String {
    json.replace('&', "\\u0026").replace('<', "\\u003c").replace('>', "\\u003e")
}

fn percent(text: &str, kept: &str, space: &str, upper: bool) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        match char::from(byte) {
            ' ' => out.push_str(space),
            sign if sign.is_ascii_alphanumeric() || kept.contains(sign) => out.push(sign),
            _ if upper => write!(out, "%{byte:02X}").unwrap(),
            _ => write!(out, "%{byte:02x}").unwrap(),
        }
    }
    out
}

fn hex(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02x}")).collect()
}

/// Python's `repr`.
fn python(text: &str) -> String {
    let text = text.replace('\\', "\\\\");
    match text.contains('\'') && !text.contains('"') {
        true => format!("\"{text}\""),
        false => format!("'{}'", text.replace('\'', "\\'")),
    }
}

/// The same of bytes.
fn python_bytes(text: &str) -> String {
    let bytes = |character: char| match character.is_ascii() {
        true => character.to_string(),
        false => character.to_string().bytes().map(|byte| format!("\\x{byte:02x}")).collect(),
    };
    format!("b{}", python(text).chars().map(bytes).collect::<String>())
}

fn lines(text: &str, columns: usize, end: &str) -> String {
    text.as_bytes().chunks(columns).map(|line| str::from_utf8(line).unwrap()).collect::<Vec<_>>().join(end)
}

/// What tools make of it, each with how many characters of the text are not of the secret, or say little of it.
fn told(secret: &str) -> Vec<(String, usize)> {
    let mut all: Vec<(String, usize)> = vec![
        (format!("({secret})"), 2),
        (json(secret), 2),
        (ascii(&json(secret)), 2),
        (for_pages(&json(secret)), 2),
        (json(&json(secret)), 6),
        (json(&ascii(&json(secret))), 6),
        (json(&for_pages(&json(secret))), 6),
        (python(secret), 2),
        (python_bytes(secret), 3),
        (python_bytes(&json(secret)), 5),
        (python_bytes(&ascii(&json(secret))), 5),
        (format!("'{}'", secret.replace('\'', "'\\''")), 2),
        (format!("'{}'", secret.replace('\'', "'\"'\"'")), 2),
        (format!("'{}'", secret.replace('\'', "''")), 2),
        (hex(secret), 0),
        (hex(secret).to_uppercase(), 0),
        (secret.bytes().map(|byte| format!("\\x{byte:02x}")).collect(), 0),
        (lines(&hex(secret), 60, "\n"), 0),
    ];
    for upper in [false, true] {
        for (kept, space) in [
            ("-_.~", "%20"),
            ("-_.~", "+"),
            ("-_.~/", "%20"),
            ("-_.*", "+"),
            ("-_.!~*'()", "%20"),
            ("-_.~$&+,;=", "%20"),
        ] {
            all.push((percent(secret, kept, space, upper), 0));
        }
    }
    for before in ["", "u", "us"] {
        for after in ["", ":", ":x", ":xyz"] {
            let text = format!("{before}{secret}{after}");
            // What shares a character with its neighbours, the neighbours themselves, and the padding.
            all.extend([STANDARD.encode(&text), URL_SAFE.encode(&text)].map(|encoded| (encoded, 13)));
        }
    }
    for columns in [64, 76] {
        for end in ["\n", "\\n"] {
            all.push((lines(&STANDARD.encode(secret), columns, end), 5));
        }
    }
    all
}

#[test]
fn a_thousand_secrets_are_hidden_in_every_form_whole_and_in_pieces() {
    let secrets = secrets();
    for (batch, secrets) in secrets.chunks(AT_ONCE).enumerate() {
        let redactor = Redactor::new(secrets.iter().map(|secret| ("canary", secret.as_str()))).unwrap();
        let mut whole = String::new();
        for secret in secrets {
            for (text, rest) in told(secret) {
                let clean = redactor.text(&text);
                let left = clean.replacen("***", "", 1);
                assert!(left.len() < clean.len() && left.len() <= rest, "{secret} as {text}: {clean}");
                writeln!(whole, "{text}").unwrap();
            }
        }
        let (size, mut stream) = (batch * 7 + 1, redactor.stream());
        let (cut, rest) = whole.as_bytes().split_at(whole.len().min(size * PIECES));
        let mut clean: Vec<u8> = cut.chunks(size).chain([rest]).flat_map(|piece| stream.push(piece)).collect();
        clean.extend(stream.end());
        assert!(clean == redactor.text(&whole).as_bytes(), "pieces of {size} bytes are cleaned in another way");
    }
}

/// One that is broken into lines is hidden in each of them, wherever a tool puts them.
#[test]
fn each_line_of_what_a_tool_breaks_is_hidden() {
    let secret: String = (0..300u32).map(|number| char::from(b'!' + (number * 7 % 90) as u8)).collect();
    let redactor = Redactor::new([("canary", secret.as_str())]).unwrap();
    for (encoded, columns) in [(STANDARD.encode(&secret), 64), (STANDARD.encode(&secret), 76), (hex(&secret), 60)] {
        for line in encoded.as_bytes().chunks(columns).filter(|line| line.len() >= 16) {
            let line = str::from_utf8(line).unwrap();
            let clean = redactor.text(&format!("[\"{line}\"]"));
            assert!(clean.contains("***") && clean.len() < 12, "{line}: {clean}");
        }
    }
}
