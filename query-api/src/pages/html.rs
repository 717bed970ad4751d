//! The frame of all pages, and text made safe for HTML.

const STYLE: &str = "\
:root{color-scheme:light dark;--ink:#1b1f24;--soft:#5b6470;--line:#d9dee4;--pane:#f5f7f9;--accent:#0b5cad}\
@media(prefers-color-scheme:dark){:root{--ink:#e4e8ec;--soft:#9aa5b1;--line:#333b44;--pane:#1a1f25;--accent:#6cb2ff}body{background:#12161a}}\
body{margin:0 auto;max-width:60rem;padding:2rem 1.25rem 5rem;font:15px/1.55 system-ui,sans-serif;color:var(--ink)}\
h1{font-size:1.7rem;margin:0 0 .5rem}h2{font-size:1.2rem;margin:2.2rem 0 .5rem}h3{font-size:1rem;margin:1.8rem 0 .3rem}\
a{color:var(--accent)}.lead{font-size:1.1rem}.meta{color:var(--soft)}\
code,pre{font:13px/1.5 ui-monospace,monospace}code{background:var(--pane);padding:.05em .3em;border-radius:3px}\
pre{background:var(--pane);border:1px solid var(--line);border-radius:4px;padding:.8rem;overflow-x:auto}\
table{border-collapse:collapse;width:100%;margin:.5rem 0 1rem}\
th,td{text-align:left;vertical-align:top;padding:.3rem .8rem .3rem 0;border-bottom:1px solid var(--line)}\
th{color:var(--soft);font-weight:500}.method{color:var(--soft);margin-right:.5em}nav li{list-style:none}nav ul{padding:0}";

/// A whole page around a body that is already HTML.
pub(super) fn page(title: &str, body: &str) -> String {
    format!(
        "<!doctype html><html lang=en><head><meta charset=utf-8><meta name=viewport content=\"width=device-width\">\
         <title>{}</title><style>{STYLE}</style></head><body>{body}</body></html>\n",
        escape(title)
    )
}

/// Text as HTML.
pub(super) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}

/// Text as HTML, with what stands between back quotes as code, and blank lines as new paragraphs.
pub(super) fn code_spans(text: &str) -> String {
    let mut out = String::new();
    for (index, piece) in text.split('`').enumerate() {
        let piece = escape(piece);
        match index % 2 {
            0 => out.push_str(&piece.replace("\n\n", "<p>")),
            _ => out.extend(["<code>", &piece, "</code>"]),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_cannot_become_markup() {
        let evil = "<script>alert('x')</script> `a<b` & \"";
        for html in [escape(evil), code_spans(evil), page(evil, "")] {
            assert!(!html.contains("<script"), "{html}");
        }
        assert_eq!(code_spans("use `a<b`"), "use <code>a&lt;b</code>");
    }
}
