//! No function takes a tuple: what belongs together has a name, and what does not is several parameters.

use syn::visit::{self, Visit};
use syn::{FnArg, Pat, Type};

use super::Finding;
use super::source::{attributes, is_cfg_test, is_test_file};

/// Every parameter that is a tuple, in functions that are no tests.
pub(super) fn check(path: &str, file: &syn::File) -> Vec<Finding> {
    if is_test_file(path) {
        return Vec::new();
    }
    let mut tuples = Tuples { path, found: Vec::new() };
    tuples.visit_file(file);
    tuples.found
}

struct Tuples<'path> {
    path: &'path str,
    found: Vec<Finding>,
}

impl<'ast> Visit<'ast> for Tuples<'_> {
    fn visit_item(&mut self, item: &'ast syn::Item) {
        if !attributes(item).iter().any(is_cfg_test) {
            visit::visit_item(self, item);
        }
    }

    fn visit_signature(&mut self, signature: &'ast syn::Signature) {
        for input in &signature.inputs {
            let FnArg::Typed(parameter) = input else { continue };
            if is_tuple_pattern(&parameter.pat) || is_tuple(&parameter.ty) {
                self.found.push(Finding {
                    rule: "tuple-parameter",
                    path: self.path.to_owned(),
                    line: signature.ident.span().start().line,
                    message: format!(
                        "{} takes a tuple: name what belongs together with a struct, or take several parameters",
                        signature.ident
                    ),
                });
            }
        }
        visit::visit_signature(self, signature);
    }
}

fn is_tuple_pattern(pattern: &Pat) -> bool {
    match pattern {
        Pat::Tuple(_) => true,
        Pat::Reference(reference) => is_tuple_pattern(&reference.pat),
        _ => false,
    }
}

/// Of the unit type there is nothing to name.
fn is_tuple(kind: &Type) -> bool {
    match kind {
        Type::Tuple(tuple) => !tuple.elems.is_empty(),
        Type::Reference(reference) => is_tuple(&reference.elem),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(path: &str, text: &str) -> Vec<usize> {
        check(path, &syn::parse_file(text).unwrap()).into_iter().map(|finding| finding.line).collect()
    }

    #[test]
    fn tuples_are_found_in_every_function_that_is_no_test() {
        for taken in [
            "(a, b): (u8, u8)",
            "pair: (u8, u8)",
            "pair: &mut (u8, u8)",
            "&(a, b): &(u8, u8)",
            "(a, b): Pair",
        ] {
            for (before, after) in [
                ("", ""),
                ("impl A {", "}"),
                ("trait A {", "}"),
                ("fn outer() {", "}"),
                ("mod inner {", "}"),
                ("#[cfg(unix)] mod tests {", "}"),
            ] {
                let text = format!("{before}\nfn f(first: u8, {taken}) {{}}\n{after}");
                assert_eq!(lines("src/a.rs", &text), [2], "{text}");
                assert_eq!(lines("tests/it/a.rs", &text), [0; 0], "{text}");
                assert_eq!(
                    lines("src/a.rs", &format!("#[cfg(test)]\nmod tests {{ {text} }}")),
                    [0; 0],
                    "{text}"
                );
            }
        }
    }

    #[test]
    fn what_is_no_tuple_is_no_finding() {
        for taken in [
            "[a, b]: [u8; 2]",
            "Pair { a, b }: Pair",
            "_: ()",
            "f: &mut (dyn Fn(u8) + Send)",
            "f: fn((u8, u8))",
            "pairs: &[(u8, u8)]",
        ] {
            assert_eq!(lines("src/a.rs", &format!("fn f({taken}) {{}}")), [0; 0], "{taken}");
        }
    }
}
