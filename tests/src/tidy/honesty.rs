//! Tests that pretend, and code that is not there: `#[ignore]`, `todo!`, `unimplemented!`, sleeping in a test.
//!
//! Seen too where they stand inside a macro call (`select!`, `proptest!`), as tokens. A test is what lies below a
//! folder `tests`, in a file `tests.rs`, or in a module for `cfg(test)`.

use proc_macro2::{TokenStream, TokenTree};
use syn::{
    Attribute, ItemMod, Macro, Path, UseName, UseRename,
    spanned::Spanned,
    visit::{self, Visit},
};

use super::{Source, Violation};

/// The files that may let time pass: each holds a loop that asks for a condition, and nothing else. A library's tests
/// cannot import the one of this crate, so they have their own.
const WAITS: &str = "/wait.rs";

const SLEEPS: [&str; 3] = ["sleep", "sleep_ms", "sleep_until"];
const ABSENT: [&str; 2] = ["todo", "unimplemented"];

/// Checks one Rust file; one that cannot be parsed is reported elsewhere.
pub(super) fn check(source: &Source) -> Vec<Violation> {
    let Ok(file) = syn::parse_file(&source.text) else { return Vec::new() };
    let in_tests =
        source.path.split('/').any(|part| part == "tests" || part == "tests.rs") && !source.path.ends_with(WAITS);
    let mut seen = Seen { path: &source.path, in_tests, found: Vec::new() };
    seen.visit_file(&file);
    seen.found
}

struct Seen<'a> {
    path: &'a str,
    in_tests: bool,
    found: Vec<Violation>,
}

impl Seen<'_> {
    fn refuse(&mut self, at: proc_macro2::Span, message: &str) {
        self.found.push(Violation::new(self.path, at.start().line, message));
    }

    fn name(&mut self, name: &syn::Ident) {
        if self.in_tests && SLEEPS.iter().any(|form| name == form) {
            self.refuse(
                name.span(),
                "a test that sleeps: wait for a condition (tests/src/wait.rs, or your own wait.rs)",
            );
        }
    }

    fn absent(&mut self, name: &syn::Ident) {
        if ABSENT.iter().any(|form| name == form) {
            self.refuse(name.span(), "todo! and unimplemented! promise what is not there: write it, or an issue");
        }
    }

    fn tokens(&mut self, tokens: TokenStream) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        for (index, token) in tokens.iter().enumerate() {
            let before = index.checked_sub(1).and_then(|before| tokens.get(before));
            match token {
                TokenTree::Group(group) => self.tokens(group.stream()),
                TokenTree::Ident(name) if name == "ignore" && is_alone_in_attribute(&tokens) => {
                    self.ignored(name.span())
                }
                TokenTree::Ident(name) => {
                    if is(tokens.get(index + 1), '!') {
                        self.absent(name);
                    }
                    // `x.sleep()` is somebody's own method.
                    if !is(before, '.')
                        && (is(before, ':') || matches!(tokens.get(index + 1), Some(TokenTree::Group(_))))
                    {
                        self.name(name);
                    }
                }
                TokenTree::Punct(_) | TokenTree::Literal(_) => {}
            }
        }
    }

    fn ignored(&mut self, at: proc_macro2::Span) {
        self.refuse(at, "an ignored test proves nothing: repair it or remove it");
    }
}

/// Inside `#[…]`, a group of its own, `ignore` is the first token and all that matters.
fn is_alone_in_attribute(tokens: &[TokenTree]) -> bool {
    match tokens {
        [TokenTree::Ident(_)] => true,
        [TokenTree::Ident(_), equals, TokenTree::Literal(_)] => is(Some(equals), '='),
        _ => false,
    }
}

fn is(token: Option<&TokenTree>, sign: char) -> bool {
    matches!(token, Some(TokenTree::Punct(punct)) if punct.as_char() == sign)
}

/// `#[cfg(test)]`, or a `cfg` that names `test` among others.
fn is_for_tests(attribute: &Attribute) -> bool {
    attribute.path().is_ident("cfg")
        && attribute.meta.require_list().is_ok_and(|list| {
            let words = list.tokens.to_string();
            words == "test" || words.contains("(test") || words.contains(" test")
        })
}

impl<'ast> Visit<'ast> for Seen<'_> {
    fn visit_item_mod(&mut self, item: &'ast ItemMod) {
        let outside = self.in_tests;
        self.in_tests |= item.attrs.iter().any(is_for_tests) && !self.path.ends_with(WAITS);
        visit::visit_item_mod(self, item);
        self.in_tests = outside;
    }

    fn visit_attribute(&mut self, attribute: &'ast Attribute) {
        if attribute.path().is_ident("ignore") {
            self.ignored(attribute.span());
        }
        visit::visit_attribute(self, attribute);
    }

    fn visit_macro(&mut self, call: &'ast Macro) {
        if let Some(last) = call.path.segments.last() {
            self.absent(&last.ident);
        }
        self.tokens(call.tokens.clone());
    }

    fn visit_path(&mut self, path: &'ast Path) {
        if let Some(last) = path.segments.last() {
            self.name(&last.ident);
        }
        visit::visit_path(self, path);
    }

    fn visit_use_name(&mut self, name: &'ast UseName) {
        self.name(&name.ident);
    }

    fn visit_use_rename(&mut self, rename: &'ast UseRename) {
        self.name(&rename.ident);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::tests::{lines, source};

    fn found(path: &str, text: &str) -> Vec<usize> {
        lines(&check(&source(path, text)))
    }

    #[test]
    fn sleeping_tests_are_refused_in_every_form() {
        for bad in [
            "use std::thread::sleep;",
            "use tokio::time::{self, sleep as nap};",
            "fn f() { std::thread::sleep(x); }",
            "fn f() { tokio::select! { _ = sleep(x) => {} } }",
            "fn f() { assert!(g(tokio::time::sleep_until(x))); }",
        ] {
            assert_eq!(found("lib/log/tests/a.rs", bad), [1], "{bad}");
            assert_eq!(found("lib/log/src/a.rs", &format!("#[cfg(test)]\nmod t {{\n{bad}\n}}")), [3], "{bad}");
            assert_eq!(
                found("lib/log/src/a.rs", &format!("#[cfg(all(unix, test))]\nmod t {{\n{bad}\n}}")),
                [3],
                "{bad}"
            );
            assert_eq!(found("lib/log/src/file/tests.rs", bad), [1], "{bad}");
            assert!(found("lib/log/src/a.rs", bad).is_empty(), "{bad}");
            assert!(found("lib/log/tests/support/wait.rs", bad).is_empty(), "{bad}");
        }
        assert!(found("tests/tests/a.rs", "fn f() { bed.sleep(); assert!(bed.sleep()); let sleep = 1; }").is_empty());
    }

    #[test]
    fn ignored_tests_are_refused() {
        assert_eq!(found("a/src/a.rs", "#[test]\n#[ignore]\nfn f() {}"), [2]);
        assert_eq!(found("a/src/a.rs", "#[test]\n#[ignore = \"slow\"]\nfn f() {}"), [2]);
        assert_eq!(found("a/src/a.rs", "proptest! {\n#[test]\n#[ignore]\nfn f(x in 0..1) {} }"), [3]);
        assert!(found("a/src/a.rs", "fn f() { ignore(g!(ignore, 1)); }").is_empty());
    }

    #[test]
    fn what_is_not_there_is_refused() {
        assert_eq!(found("a/src/a.rs", "fn f() {\ntodo!() }"), [2]);
        assert_eq!(found("a/src/a.rs", "fn f() {\nstd::unimplemented!(\"later\") }"), [2]);
        assert_eq!(found("a/src/a.rs", "fn f() { select! {\n_ = x => todo!(), } }"), [2]);
        assert!(found("a/src/a.rs", "fn todo() { f(\"todo!()\"); todo(); }").is_empty());
    }
}
