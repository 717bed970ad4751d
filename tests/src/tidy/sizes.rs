//! Sizes and headers of Rust files: what does not fit on a screen is not read.
//!
//! Functions inside a macro call are not measured: to the parser they are mere tokens.

use syn::{
    Block, ImplItemFn, ItemFn, Signature, TraitItemFn,
    spanned::Spanned,
    visit::{self, Visit},
};

use super::{Source, Violation};

const FUNCTION_LINES: usize = 70;
const FILE_LINES: usize = 500;
const FOLDERS_BELOW_SRC: usize = 3;

/// Checks one Rust file.
pub(super) fn check(source: &Source) -> Vec<Violation> {
    let mut found = Vec::new();
    let mut refuse = |message: String| found.push(Violation::new(&source.path, 1, message));
    if !source.text.starts_with("//!") {
        refuse("no header: begin with //! and say what this is for".into());
    }
    let lines = source.text.lines().count();
    if lines > FILE_LINES {
        refuse(format!("the file has {lines} lines: at most {FILE_LINES}, split it by kind"));
    }
    let folders = source.path.rsplit_once("src/").map_or(0, |(_, below)| below.matches('/').count());
    if folders > FOLDERS_BELOW_SRC {
        refuse(format!("{folders} folders below src: at most {FOLDERS_BELOW_SRC}"));
    }
    match syn::parse_file(&source.text) {
        Ok(file) => Functions { path: &source.path, found: &mut found }.visit_file(&file),
        Err(error) => refuse(format!("cannot be parsed: {error}")),
    }
    found
}

struct Functions<'a> {
    path: &'a str,
    found: &'a mut Vec<Violation>,
}

impl Functions<'_> {
    /// From the signature to the closing brace; documentation and attributes are not counted.
    fn measure(&mut self, signature: &Signature, block: &Block) {
        let (first, last) = (signature.span().start().line, block.span().end().line);
        let lines = last + 1 - first;
        if lines > FUNCTION_LINES {
            let message = format!("{} has {lines} lines: at most {FUNCTION_LINES}", signature.ident);
            self.found.push(Violation::new(self.path, first, message));
        }
    }
}

impl<'ast> Visit<'ast> for Functions<'_> {
    fn visit_item_fn(&mut self, item: &'ast ItemFn) {
        self.measure(&item.sig, &item.block);
        visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast ImplItemFn) {
        self.measure(&item.sig, &item.block);
        visit::visit_impl_item_fn(self, item);
    }

    fn visit_trait_item_fn(&mut self, item: &'ast TraitItemFn) {
        if let Some(block) = &item.default {
            self.measure(&item.sig, block);
        }
        visit::visit_trait_item_fn(self, item);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::tests::{lines, source};

    fn found(text: &str) -> Vec<usize> {
        lines(&check(&source("log/src/a.rs", text)))
    }

    /// A body of so many lines, for a function that has two more.
    fn body(lines: usize) -> String {
        "let _ = 1;\n".repeat(lines)
    }

    #[test]
    fn long_functions_are_refused_wherever_they_stand() {
        assert!(found(&format!("//! x\nfn f() {{\n{}}}", body(FUNCTION_LINES - 2))).is_empty());
        assert_eq!(found(&format!("//! x\n/// Doc.\nfn f() {{\n{}}}", body(FUNCTION_LINES - 1))), [3]);
        assert_eq!(found(&format!("//! x\nimpl A {{\nasync fn f() {{\n{}}} }}", body(FUNCTION_LINES))), [3]);
        assert_eq!(found(&format!("//! x\ntrait A {{\nfn f() {{\n{}}} }}", body(FUNCTION_LINES))), [3]);
        assert_eq!(found(&format!("//! x\nmod m {{ fn g() {{}}\nfn f() {{\n{}}} }}", body(FUNCTION_LINES))), [3]);
    }

    #[test]
    fn long_files_are_refused() {
        assert!(found(&format!("//! x\n{}", "\n".repeat(FILE_LINES - 1))).is_empty());
        assert_eq!(found(&format!("//! x\n{}", "\n".repeat(FILE_LINES))), [1]);
    }

    #[test]
    fn files_without_header_or_grammar_are_refused() {
        assert_eq!(found("// x\n"), [1]);
        assert_eq!(found("//! x\nfn {"), [1]);
    }

    #[test]
    fn deep_folders_are_refused() {
        assert!(check(&source("log/src/a/b/c/d.rs", "//! x")).is_empty());
        assert_eq!(check(&source("log/src/a/b/c/d/e.rs", "//! x")).len(), 1);
    }
}
