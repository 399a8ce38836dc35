//! Every function that is taught passes its own tests, and every print prints what is taught: by Python itself.

use std::collections::BTreeMap;
use std::io::Write;
use std::process::{Command, Stdio};

use dyno_curriculum::{Kind, Side, item, suites};

/// Runs a program; none, loudly, where there is no Python.
fn python(test: &str, program: &str) -> Option<String> {
    let child = Command::new("python3")
        .args(["-I", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut child) = child else {
        eprintln!("SKIPPED: python::{test}: python3 cannot be started here");
        return None;
    };
    child.stdin.take().unwrap().write_all(program.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8(output.stdout).unwrap())
}

#[test]
fn every_function_passes_its_tests() {
    let mut programs = BTreeMap::new();
    for (side, count) in [(Side::Training, 20_000), (Side::HeldOut, 1000)] {
        for index in 0..count {
            let item = item("python_function", side, (7, index)).unwrap();
            assert_eq!(item.kind, Kind::Code);
            if let Some(code) = &item.code {
                let program = format!("{}\n{}\n", item.answer, code.tests);
                programs.insert(item.identity, program);
            }
        }
    }
    // About 44 functions, three names, three sets of arguments: nearly all variations are met.
    assert!(programs.len() > 2000, "{}", programs.len());
    let all: String = programs.values().map(String::as_str).collect();
    python("every_function_passes_its_tests", &all);
}

#[test]
fn every_print_prints_the_answer() {
    let mut program = String::new();
    let mut expected = Vec::new();
    for index in 0..3000 {
        let item = item("python_print", Side::Training, (7, index)).unwrap();
        let start = item.question.find("print(").unwrap();
        let end = item.question.rfind(')').unwrap();
        program += &format!("{}\n", &item.question[start..=end]);
        expected.push(item.answer);
    }
    if let Some(printed) = python("every_print_prints_the_answer", &program) {
        let printed: Vec<&str> = printed.lines().collect();
        assert_eq!(printed, expected);
    }
}

#[test]
fn tests_of_the_suite_refuse_a_function_that_does_nothing() {
    let suites = suites();
    let code = suites.iter().find(|suite| suite.name == "heldout-code.jsonl").unwrap();
    let mut program = "failed = 0\n".to_owned();
    let mut items = 0;
    for line in code.text.lines().skip(1) {
        let item: serde_json::Value = serde_json::from_str(line).unwrap();
        let tests = item["tests"].as_str().unwrap().replace('\n', "\n    ");
        let name = item["entry_point"].as_str().unwrap();
        program += &format!(
            "def {name}(*given):\n    return None\ntry:\n    {tests}\nexcept AssertionError:\n    failed += 1\n"
        );
        items += 1;
    }
    program += "print(failed)\n";
    if let Some(printed) = python("tests_of_the_suite_refuse_a_function_that_does_nothing", &program) {
        assert_eq!(printed.trim(), items.to_string());
    }
}
