//! Answers as models give them, and the programs in them.

use super::*;
use crate::ItemKind;

const START: &str = "from typing import List\n\ndef helper(x):\n    return x\n\n\ndef add(a: int, b: int) -> int:\n    \"\"\" Sum.\n    >>> add(1, 2)\n    3\n    \"\"\"\n";
const PREAMBLE: &str = "from typing import List\n\ndef helper(x):\n    return x\n\n\n";

fn item(code_start: &str) -> Item {
    let mut item = Item::new("1", "code", ItemKind::Code, "Write it.");
    item.code_start = code_start.to_owned();
    item.entry_point = "add".to_owned();
    item.tests = "def check(candidate):\n    assert candidate(1, 2) == 3".to_owned();
    item
}

fn source(answer: &str) -> Option<(ProgramShape, String)> {
    program(&item(START), answer).map(|program| (program.shape, program.source))
}

#[test]
fn a_continuation_is_cut_where_it_leaves_the_function() {
    let table = [
        ("    return a + b\n", "    return a + b\n"),
        ("\n\n    return a + b", "    return a + b"),
        ("    return a + b\n\n\ndef other():\n    pass\n", "    return a + b\n\n\n"),
        ("    return a + b\nprint(add(1, 2))\n", "    return a + b\n"),
        ("    return a + b\n```\nThis adds.", "    return a + b\n"),
        ("    x = (a\n+ b)\n    return x\nassert x", "    x = (a\n+ b)\n    return x\n"),
        ("    s = '''\nnot the end\n'''\n    return a\nx", "    s = '''\nnot the end\n'''\n    return a\n"),
        (
            "    if a:\n# note\n        return b\n    return a\n# end\nif x:",
            "    if a:\n# note\n        return b\n    return a\n# end\n",
        ),
        // What a template or a trimming reader took away is given back.
        ("return a + b", "    return a + b"),
        ("x = a\n    return x + b\n", "    x = a\n    return x + b\n"),
        ("x = a\nreturn x + b\n", "    x = a\n    return x + b\n"),
        ("for x in a:\n        b += x\n    return b\n", "    for x in a:\n        b += x\n    return b\n"),
        ("for x in a:\n    b += x\nreturn b\n", "    for x in a:\n        b += x\n    return b\n"),
        ("```python\n    return a + b\n```\n", "    return a + b\n"),
        ("Here it is:\n```\nreturn a + b\n```\n", "    return a + b\n"),
        ("<think>def add(a, b): no</think>    return a + b", "    return a + b"),
        ("    return a + b\r\nprint(1)\r\n", "    return a + b\n"),
        // One space in front of everything, as vocabularies of word beginnings write it.
        (" return a + b", "    return a + b"),
        ("     return a + b", "    return a + b"),
        ("     x = a\n    return x + b", "    x = a\n    return x + b"),
        ("     for x in a:\n        b += x\n    return b", "    for x in a:\n        b += x\n    return b"),
        (" Here it is:\n```\nreturn a + b\n```\n", "    return a + b\n"),
        ("```\n return a + b\n```", "    return a + b\n"),
        // Sentences are no statements, however far they are indented.
        ("  Here it is:\n```\nreturn a + b\n```\n", "    return a + b\n"),
        ("    Sure, for example so:\n```python\n    return a + b\n```\n", "    return a + b\n"),
        ("Here is the inside:\n\n    x = a\n    return x + b\n", "    x = a\n    return x + b\n"),
        // Another depth than that of the question's beginning is moved to it.
        ("  x = a\n  return x + b\n", "    x = a\n    return x + b\n"),
        ("        x = a\n        return x + b\n", "    x = a\n    return x + b\n"),
    ];
    for (answer, body) in table {
        let expected = (ProgramShape::Continuation, format!("{START}{body}"));
        assert_eq!(source(answer), Some(expected), "{answer:?}");
    }
}

#[test]
fn a_definition_stands_for_itself_behind_what_the_question_gave() {
    let whole = "def add(a, b):\n    return a + b\n";
    let with_import = format!("import math\n\n{whole}");
    let constant = format!("LIMIT = 10 ** 9\n{whole}");
    let lambda = "add = lambda a, b: a + b\n";
    let typed = "def add(\n    a: int,\n    b: int,\n) -> int:\n    return a + b\n";
    let table = [
        (whole.to_owned(), whole),
        (format!("```python\n{whole}```"), whole),
        (format!("Sure!\n\n```py\n{with_import}```\nThis function (see above) adds."), &with_import),
        (format!("```\n{whole}"), whole),
        (format!(" {whole}"), whole),
        (format!(" {with_import}"), &with_import),
        (format!(" Here is the function:\n```python\n{whole}```"), whole),
        (format!("   Here is the function:\n\n```python\n{whole}```\nIt adds."), whole),
        (format!("    You can write it so, if you like:\n```python\n{whole}```"), whole),
        (format!(" Here is the function:\n\n{whole}"), whole),
        // Examples of use are dropped; constants and guards stay.
        (format!("```python\n{constant}print(add(1, 2))\nassert add(1, 1) == 3\nadd(1, 2)\n```"), &constant),
        (format!("```python\n{whole}if __name__ == '__main__':\n    print(input())\n```"), whole),
        // The last fence that defines the function counts, not a draft and not an example.
        (
            format!(
                "Draft:\n```python\ndef add(a, b): pass\n```\nBetter:\n```python\n{whole}```\nUse:\n```python\nadd(1, 2)\n```"
            ),
            whole,
        ),
        // Among sentences.
        (
            format!("Here's the code (it's short:\n{whole}\nThis function's result = a + b.\nx = 1"),
            "def add(a, b):\n    return a + b\n\n",
        ),
        (format!("from the question:\n{with_import}"), &with_import),
        (format!("```python\n{typed}```"), typed),
        (format!("```python\n{lambda}```"), lambda),
        (
            "1. Code:\n   ```python\n   def add(a, b):\n       return a + b\n\n   ```\n".to_owned(),
            "def add(a, b):\n    return a + b\n\n",
        ),
        (
            format!("<think>\nIs it\n```python\ndef add(): wrong\n```\n?</think>\n```python\n{whole}```"),
            whole,
        ),
    ];
    for (answer, code) in table {
        let expected = (ProgramShape::Definition, format!("{PREAMBLE}\n{code}"));
        assert_eq!(source(&answer), Some(expected), "{answer:?}");
    }
}

#[test]
fn what_belongs_to_a_definition_stays_with_it() {
    let code = "import functools\nfrom math import (\n    sqrt,\n    pi,\n)\n\n# Sums.\nCACHE: dict = {}\nx, y = 1, 2\ntable = [0] * 3\ntable[0] = 1\n\
        try:\n    import numpy\nexcept ImportError:\n    numpy = None\n\n@functools.lru_cache(maxsize=None)\ndef add(a, b):\n    '''Doc\nprint(\n    '''\n    return a + b\n\nclass Sum:\n    def add(self): pass\n";
    let answer = format!(
        "```python\n{code}\nfor i in range(3):\n    print(i)\nprint(add(a=1, b=2))\nadd(1, 2) == 3\n```"
    );
    let Some((ProgramShape::Definition, source)) = source(&answer) else { panic!() };
    assert_eq!(source, format!("{PREAMBLE}\n{code}\n"));
}

#[test]
fn where_there_is_no_program_there_is_none() {
    for answer in ["", " \n\n", "```python\n```", "<think>def add(a, b): return 1"] {
        assert_eq!(source(answer), None, "{answer:?}");
    }
    // Without a beginning to continue, prose is no program, and other functions are none either.
    for answer in ["I cannot do that.", "```python\nprint(1)\n```", "def add_all(a): pass"] {
        assert_eq!(program(&item(""), answer), None, "{answer:?}");
    }
    let found = program(&item(""), "def add(a, b): return 1\n").unwrap();
    assert_eq!(found.source, "\ndef add(a, b): return 1\n");
}

#[test]
fn tests_are_called_where_they_define_a_check() {
    let mut item = item(START);
    assert_eq!(tests(&item), "def check(candidate):\n    assert candidate(1, 2) == 3\ncheck(add)\n");
    item.tests = "assert add(1, 2) == 3".to_owned();
    assert_eq!(tests(&item), "assert add(1, 2) == 3");
    item.entry_point = String::new();
    let script = program(&item, "```python\nprint(7)\n```").unwrap();
    assert_eq!((script.source.as_str(), script.shape), ("print(7)\n", ProgramShape::Script));
}

proptest::proptest! {
    /// Whatever a model writes, reading it neither fails nor goes on for ever.
    #[test]
    fn any_answer_can_be_read(answer in "([ \\n\\t(){}\\[\\]'\"\\\\#=:@`a-zé]|```|'''|def add\\(|return |<think>|</think>){0,60}") {
        if let Some(found) = program(&item(START), &answer) {
            proptest::prop_assert!(found.source.starts_with(PREAMBLE));
        }
    }
}
