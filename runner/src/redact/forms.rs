//! The forms that a secret takes on its way through tools.

use std::fmt::Write;

use base64::{
    Engine,
    engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD},
};

/// A line of a secret with many lines is hidden by itself when it has so many bytes.
const LEAST_LINE_BYTES: usize = 12;
/// Where `xxd -p` begins a new line.
const HEX_COLUMNS: usize = 60;
/// Where PEM and `base64` begin a new line.
const BASE64_COLUMNS: [usize; 2] = [64, 76];

/// Every form of a secret that is looked for.
pub(super) fn forms(secret: &str) -> Vec<Vec<u8>> {
    let mut all = of_text(secret);
    // Tools indent, prefix and break at lines; `-----BEGIN …-----` is no secret.
    if secret.lines().nth(1).is_some() {
        let lines = secret.lines().map(str::trim);
        for line in lines.filter(|line| line.len() >= LEAST_LINE_BYTES && !line.starts_with("-----")) {
            all.extend(of_text(line));
        }
    }
    all
}

fn of_text(text: &str) -> Vec<Vec<u8>> {
    let bytes = text.as_bytes();
    let json = json(text, false);
    let go = json.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026");
    let inner = [json, self::json(text, true), go];
    let mut all = vec![bytes.to_vec(), hex(bytes, "", false), hex(bytes, "", true), hex(bytes, "\\x", false)];
    all.extend(broken(&hex(bytes, "", false), HEX_COLUMNS));
    // Shells and YAML: a quote within quotes.
    for quote in ["'\"'\"'", "'\\''", "\\'", "''"] {
        all.push(text.replace('\'', quote).into_bytes());
    }
    for told in &inner {
        all.push(self::json(told, false).into_bytes());
        all.push(told.clone().into_bytes());
    }
    // As Go, Python, Java, JavaScript, and Go within a URL leave signs.
    for keep in ["-_.~", "-_.~/", "-_.*", "-_.!~*'()", "-_.~$&+,;="] {
        for upper in [false, true] {
            all.push(percent(bytes, keep, upper, false));
            all.push(percent(bytes, keep, upper, true));
        }
    }
    // What Ansible prints of an answer with -vvv is Python's form of bytes, most often of JSON.
    for inner in std::iter::once(text).chain(inner.iter().map(String::as_str)) {
        for quote in [false, true] {
            all.push(python(inner, quote, false));
            all.push(python(inner, quote, true));
        }
    }
    // Inside a longer text a secret begins at one of three places of a group of base64.
    for before in 0..3 {
        for engine in [&STANDARD_NO_PAD, &URL_SAFE_NO_PAD] {
            let mut padded = vec![0; before];
            padded.extend_from_slice(bytes);
            let encoded = engine.encode(&padded).into_bytes();
            let first = [0, 2, 3][before];
            // The last character may carry bits of what follows.
            let last = if padded.len() % 3 == 0 { encoded.len() } else { encoded.len() - 1 };
            if last > first {
                all.push(encoded[first..last].to_vec());
            }
            if before == 0 {
                BASE64_COLUMNS.iter().for_each(|columns| all.extend(broken(&encoded[..last], *columns)));
            }
        }
    }
    all
}

/// What tools break into lines where it is long: the whole, as it is and within JSON, and each line by itself.
fn broken(encoded: &[u8], columns: usize) -> Vec<Vec<u8>> {
    let lines: Vec<&[u8]> = encoded.chunks(columns).collect();
    if lines.len() < 2 {
        return Vec::new();
    }
    let whole = [&b"\n"[..], &b"\\n"[..]].map(|end| lines.join(end));
    let long = lines.iter().filter(|line| line.len() >= LEAST_LINE_BYTES).map(|line| line.to_vec());
    whole.into_iter().chain(long).collect()
}

fn json(text: &str, ascii: bool) -> String {
    let quoted = serde_json::to_string(text).expect("a text is JSON");
    let inner = &quoted[1..quoted.len() - 1];
    let mut out = String::with_capacity(inner.len());
    for character in inner.chars() {
        if ascii && !character.is_ascii() {
            for unit in character.encode_utf16(&mut [0; 2]) {
                write!(out, "\\u{unit:04x}").expect("a String takes any text");
            }
        } else {
            out.push(character);
        }
    }
    out
}

/// As `repr` writes it: of a text, or of bytes.
fn python(text: &str, quote: bool, bytes: bool) -> Vec<u8> {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\\' => out.push_str("\\\\"),
            '\'' if quote => out.push_str("\\'"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            other if bytes && !other.is_ascii() => {
                let encoded =
                    other.encode_utf8(&mut [0; 4]).bytes().map(|byte| format!("\\x{byte:02x}")).collect::<String>();
                out.push_str(&encoded);
            }
            other => out.push(other),
        }
    }
    out.into_bytes()
}

fn hex(bytes: &[u8], before: &str, upper: bool) -> Vec<u8> {
    let mut out = String::with_capacity(bytes.len() * (2 + before.len()));
    for byte in bytes {
        let digits = if upper { format!("{byte:02X}") } else { format!("{byte:02x}") };
        out.push_str(before);
        out.push_str(&digits);
    }
    out.into_bytes()
}

fn percent(bytes: &[u8], keep: &str, upper: bool, plus: bool) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len() * 3);
    for byte in bytes {
        if byte.is_ascii_alphanumeric() || keep.as_bytes().contains(byte) {
            out.push(*byte);
        } else if plus && *byte == b' ' {
            out.push(b'+');
        } else {
            out.extend(hex(&[*byte], "%", upper));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_common_form_is_found_inside_other_text() {
        let secret = "p/ss w\"r'd+ü9";
        let redactor = crate::Redactor::new([("a", secret)]).unwrap();
        let ascii_json = r#"p/ss w\"r'd+\u00fc9"#;
        let texts = [
            secret.to_owned(),
            serde_json::to_string(&serde_json::json!({"x": {"y": secret}})).unwrap(),
            serde_json::to_string(&serde_json::to_string(secret).unwrap()).unwrap(),
            ascii_json.to_owned(),
            format!("b'{}'", ascii_json.replace('\\', "\\\\").replace('\'', "\\'")),
            r#"b"p/ss w\\"r'd+\xc3\xbc9""#.to_owned(),
            "p%2Fss%20w%22r%27d%2B%C3%BC9".to_owned(),
            "p%2fss+w%22r%27d%2b%c3%bc9".to_owned(),
            format!("'{}'", secret.replace('\'', "'\"'\"'")),
            String::from_utf8(hex(secret.as_bytes(), "", true)).unwrap(),
            String::from_utf8(hex(secret.as_bytes(), "\\x", false)).unwrap(),
        ];
        for text in texts {
            let clean = redactor.text(&format!("before {text} after"));
            assert!(clean.contains("***") && !clean.contains("ss"), "{text}: {clean}");
        }
        for before in ["", "u", "us", "use"] {
            for after in ["", ":", ":x", ":xyz"] {
                for engine in [&STANDARD_NO_PAD, &URL_SAFE_NO_PAD] {
                    let encoded = engine.encode(format!("{before}{secret}{after}"));
                    let clean = redactor.text(&encoded);
                    assert!(clean.contains("***") && clean.len() < 16, "{encoded}: {clean}");
                }
            }
        }
    }

    #[test]
    fn lines_of_a_key_are_hidden_each() {
        let key =
            "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAA\nBG5vbmUAAAAEbm9uZQAAAAAA\n-----END-----";
        let redactor = crate::Redactor::new([("key", key)]).unwrap();
        assert_eq!(redactor.text("  | b3BlbnNzaC1rZXktdjEAAAAA"), "  | ***");
        assert_eq!(redactor.text("-----BEGIN OPENSSH PRIVATE KEY-----"), "-----BEGIN OPENSSH PRIVATE KEY-----");
    }
}
