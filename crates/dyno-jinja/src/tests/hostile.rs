//! Templates that want too much.

use std::sync::atomic::{AtomicU32, Ordering};

use proptest::prelude::*;

use super::*;

/// Why a template is stopped.
fn stopped(source: &str, limits: Limits) -> String {
    let template = Template::compile(source).unwrap();
    match template.render(&[("text", Input::from("Hi"))], &Still, limits) {
        Err(Fault { reason: Reason::Limit(reason), .. }) => reason,
        other => panic!("{source:.80}: {other:?}"),
    }
}

#[test]
fn memory_is_bounded_however_it_is_asked_for() {
    for source in [
        "{% set ns = namespace(t='xxxxxxxxxxxxxxxx') %}{% for i in range(99) %}{% set ns.t = ns.t + ns.t %}{% endfor %}",
        "{% set ns = namespace(t=[1]) %}{% for i in range(99) %}{% set ns.t = ns.t + ns.t %}{% endfor %}",
        "{% set ns = namespace(t=[1]) %}{% for i in range(299) %}{% set ns.t = [ns.t, ns.t] %}{% endfor %}{{ ns.t }}",
        "{% set ns = namespace(t=[]) %}{% for i in range(999) %}{% set ns.t = [ns.t] %}{% endfor %}",
        "{{ 'x' * 99999999999 }}",
        "{{ [1] * 99999999999 }}",
        "{{ 'x'.center(99999999999) }}",
        "{{ '%99999999999d' % 1 }}",
        "{{ '%.99999999999d' % 1 }}",
        "{{ '{:99999999999}'.format(1) }}",
        "{{ ('x' * 9999999).replace('x', 'y' * 9999999) }}",
        "{{ ('x' * 9999999).replace('', 'y' * 9999) }}",
        "{{ ('y' * 9999999).join('x' * 9999999) }}",
        "{{ ('x,' * 7999999).split(',') }}",
        "{{ ('x' * 9999999) | list }}",
        "{{ range(99999) | batch(1, 'x') | list | batch(99999999, 0) | list }}",
        "{{ [1] | batch(99999999999, 0) | list }}",
        "{{ [1] | slice(99999999999, 0) | list }}",
        "{{ ('x' * 9999999) | indent(('y' * 9999999), true) }}",
        "{% macro m(n) %}{{ n }}{{ m(n ~ n) }}{% endmacro %}{{ m('xxxxxxxxxxxxxxxxxxxx') }}",
        "{% set ns = namespace(t='x') %}{% for i in range(99999) %}{% for j in range(99999) %}{% set ns.t = ns.t ~ 'xxxxxxxxxxxxxxxxxxx' %}{% endfor %}{% endfor %}",
    ] {
        assert!(stopped(source, LIMITS).len() > 10);
    }
}

#[test]
fn steps_and_nesting_are_bounded() {
    for source in [
        "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
        "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
        "{% set t = 'x' * 9999999 %}{% for a in range(99999) %}{{ 'y' in t }}{% endfor %}",
        "{% set t = range(99999) | list %}{% for a in range(99999) %}{{ t == t | list }}{% endfor %}",
        "{% set t = range(99999) | list %}{% for a in range(99999) %}{% if t | sort %}{% endif %}{% endfor %}",
        "{% for x in [1] recursive %}{{ loop([1]) }}{% endfor %}",
    ] {
        assert!(stopped(source, Limits { steps: 1_000_000, ..LIMITS }).len() > 10);
    }
}

/// A host that loses patience at the third look.
struct Impatient(AtomicU32);

impl Host for Impatient {
    fn strftime_now(&self, _format: &str) -> Result<String, String> {
        Err("no clock".to_owned())
    }

    fn out_of_time(&self) -> Option<String> {
        (self.0.fetch_add(1, Ordering::Relaxed) >= 2).then(|| "out of time".to_owned())
    }
}

#[test]
fn the_host_can_end_a_rendering() {
    let template = Template::compile("{% for a in range(99999) %}{{ a }}{% endfor %}").unwrap();
    let outcome = template.render(&[], &Impatient(AtomicU32::new(0)), LIMITS);
    assert_eq!(outcome.unwrap_err().reason, Reason::Limit("out of time".to_owned()));
}

#[test]
fn circles_and_long_chains_are_taken_apart() {
    let chain = "{% set ns = namespace() %}{% set ns.head = namespace() %}{% set ns.at = ns.head %}\
                 {% for i in range(50000) %}{% set at = ns.at %}{% set new = namespace() %}{% set at.next = new %}\
                 {% set ns.at = new %}{% endfor %}{% set ns.me = ns %}done";
    assert_eq!(render(chain, &[]).unwrap(), "done");
}

#[test]
fn sources_that_are_no_templates_say_where() {
    let deep = "{% if a %}".repeat(100_000);
    let parentheses = format!("{{{{ {}1{} }}}}", "(".repeat(100_000), ")".repeat(100_000));
    let signs = format!("{{{{ {}1 }}}}", "-".repeat(100_000));
    for source in [
        "{% for %}",
        "{{ unclosed",
        "{% if a %}",
        "{{ a b }}",
        "{% nope %}",
        "{% include 'x' %}",
        "{% break %}",
        "{{ 'a }}",
        "{# a",
        "{% raw %}a",
        "{{ ) }}",
        "{% set 1 = 2 %}",
        "{{ f(a=1, 2) }}",
        "{% endif %}",
        "{% macro m(a=1, b) %}{% endmacro %}",
        &deep,
        &parentheses,
        &signs,
    ] {
        let fault = Template::compile(source).unwrap_err();
        assert!(matches!(fault.reason, Reason::Syntax(_)), "{source:.40}: {fault}");
    }
    assert_eq!(Template::compile("\n\n{{ a b }}").unwrap_err().line, 3);
    assert_eq!(render("a\n{% if true %}\n{{ 1 + 'x' }}{% endif %}", &[]).unwrap_err().line, 3);
}

#[test]
fn long_chains_nest_no_deeper_than_short_ones() {
    let long = format!(
        "{{{{ 0{} }}}}{{% if false %}}{}{{% endif %}}",
        "+ 1".repeat(5000),
        "{% elif false %}".repeat(5000)
    );
    assert_eq!(render(&long, &[]).unwrap(), "5000");
    let filters = format!("{{{{ 'a'{} }}}}", "|upper".repeat(5000));
    assert_eq!(render(&filters, &[]).unwrap(), "A");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    /// Whatever a source is made of, it compiles and renders, or says why not.
    #[test]
    fn no_source_ends_in_a_panic(pieces in prop::collection::vec(prop::sample::select(vec![
        "{{", "}}", "{%", "%}", "{#", "#}", "-", "+", "if", "else", "endif", "for", "in", "endfor", "set", "endset", "macro",
        "endmacro", "call", "endcall", "filter", "raw", "endraw", "x", "text", "'a'", "\"", "\\", "(", ")", "[", "]", "{", "}",
        ",", ":", ".", "|", "~", "*", "**", "//", "%", "==", "is", "not", "1", "0", "1.5", "=", "\n", " ", "é", "loop", "length",
        "trim", "tojson", "namespace", "ns", "upper", "'%s'", "'{}'", "format", "split", "::", "range", "break",
    ]), 0..24)) {
        let source = pieces.concat();
        let outcome = render(&source, &[("text", Input::from("Hü 🙂")), ("x", Input::List(vec![Input::Int(1), Input::None]))]);
        if let Err(fault) = outcome {
            prop_assert!(!fault.to_string().contains("fault of this program"), "{}: {}", source, fault);
        }
    }
}
