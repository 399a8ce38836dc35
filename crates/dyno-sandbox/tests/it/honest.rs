//! Programs that mean no harm: right ones, wrong ones, and what they may use.

use dyno_sandbox::{Limits, Verdict};

use crate::world::{run, sandbox, sandbox_with_own_disk};

fn failed(message: &str) -> Verdict {
    Verdict::Failed { message: message.to_owned() }
}

#[test]
fn right_and_wrong_are_told_apart() {
    let Some(sandbox) = sandbox("right_and_wrong_are_told_apart") else { return };
    let early = |exit_code| Verdict::EndedEarly { exit_code };
    let table: &[(&str, &str, Verdict)] = &[
        ("def add(a, b):\n    return a + b\n", "assert add(2, 3) == 5", Verdict::Passed),
        ("def add(a, b):\n    return a - b\n", "assert add(2, 3) == 5", failed("AssertionError")),
        (
            "def add(a, b):\n    return a - b\n",
            "assert add(2, 3) == 5, 'sum\\nis wrong'",
            failed("AssertionError: sum is wrong"),
        ),
        ("def add(a, b)\n    return a + b\n", "", failed("SyntaxError")),
        ("x = 1", "assert missing", failed("NameError: name 'missing' is not defined")),
        ("raise ValueError('é')", "", failed("ValueError: é")),
        ("", "", Verdict::Passed),
        // An exit is no pass, whatever its code, and wherever it is.
        ("import sys; sys.exit(0)", "assert False", early(0)),
        ("import sys; sys.exit('text')", "assert False", early(1)),
        ("raise SystemExit", "assert False", early(0)),
        ("import os; os._exit(0)", "assert False", early(0)),
        ("import sys\ndef f():\n    sys.exit(0)", "f()\nassert False", early(0)),
        ("import os\ndef f():\n    os._exit(3)", "f()\nassert False", early(3)),
        ("print('0' * 32 + ' passed')\nimport os; os._exit(0)", "assert False", early(0)),
        // An open quotation mark must not swallow the tests, nor a continued line.
        ("def f(): return 1\n'''", "assert f() == 2 '''", failed("SyntaxError")),
        ("if True:\n    pass\nelse:\n    pass\\", "assert False", failed("SyntaxError")),
        ("from __future__ import annotations", "assert eval('1') == 2", failed("AssertionError")),
        // Code for the command line does not run, as in the suites' own harness.
        ("if __name__ == '__main__':\n    raise ValueError", "", Verdict::Passed),
        (
            "import dataclasses\n@dataclasses.dataclass\nclass P:\n    x: 'int'",
            "assert P(1) == P(1)",
            Verdict::Passed,
        ),
        ("", "import sys\nassert sys.modules['program'].__name__ == 'program'", Verdict::Passed),
    ];
    for (source, tests, verdict) in table {
        let mut outcome = run(sandbox, source, tests, Limits::default());
        // What the parser says about an error depends on its version.
        if let Verdict::Failed { message } = &mut outcome.verdict
            && message.starts_with("SyntaxError: ")
        {
            "SyntaxError".clone_into(message);
        }
        assert_eq!(outcome.verdict, *verdict, "{source:?} {tests:?}\n{}", outcome.stderr);
        assert_eq!(&outcome.protections, sandbox.protections());
    }
}

#[test]
fn output_is_the_programs_own() {
    let Some(sandbox) = sandbox("output_is_the_programs_own") else { return };
    let source = "import sys\nprint('out')\nprint('err', file=sys.stderr)\nprint(input)";
    let outcome = run(sandbox, source, "sys.stdout.write('no newline')", Limits::default());
    assert_eq!(outcome.verdict, Verdict::Passed);
    assert_eq!(outcome.stdout, "out\n<built-in function input>\nno newline");
    assert_eq!(outcome.stderr, "err\n");
    let failing = run(sandbox, "def f():\n    raise KeyError(7)", "f()", Limits::default());
    let traceback = "Traceback (most recent call last):\n  File \"tests\", line 1, in <module>\n  File \"source\", line 2, in f\nKeyError: 7\n";
    assert_eq!((failing.verdict, failing.stderr.as_str()), (failed("KeyError: 7"), traceback));
}

#[test]
fn the_surroundings_are_bare_and_the_same_each_time() {
    let Some(sandbox) = sandbox("the_surroundings_are_bare_and_the_same_each_time") else { return };
    let source = "import os, sys\n\
        print(sorted(os.environ))\nprint(sys.stdin.read() == '', os.read(0, 1) == b'')\nprint(os.listdir('.'))\n\
        print(sys.flags.no_site, sys.flags.no_user_site, sys.dont_write_bytecode, sys.flags.utf8_mode)\n\
        print([entry for entry in sys.path if not entry.startswith(sys.base_prefix)])\n\
        print({'a', 'b', 'c', 'd', 'e', 'f', 'g'})\n\
        print(sorted(int(fd) for fd in range(64) if not __import__('errno').EBADF == (lambda: (lambda r: r)(probe(fd)))()))"
        .replace("print(sorted(int(fd)", "def probe(fd):\n    try:\n        os.fstat(fd)\n    except OSError as error:\n        return error.errno\nprint(sorted(int(fd)");
    let first = run(sandbox, &source, "", Limits::default());
    assert_eq!(first.verdict, Verdict::Passed, "{}", first.stderr);
    let lines: Vec<&str> = first.stdout.lines().collect();
    let environment =
        "['HOME', 'LC_ALL', 'MALLOC_ARENA_MAX', 'PYTHONHASHSEED', 'PYTHONUTF8', 'TMPDIR', 'TZ']";
    assert_eq!(lines[..5], [environment, "True True", "[]", "1 1 True 1", "[]"]);
    // Input, output, error, and the driver's own copy of output.
    assert_eq!(lines[6], "[0, 1, 2, 3]");
    for _ in 0..3 {
        assert_eq!(run(sandbox, &source, "", Limits::default()).stdout, first.stdout);
    }
}

#[test]
fn the_standard_library_works() {
    let Some(sandbox) = sandbox("the_standard_library_works") else { return };
    let source = "import math, re, json, random, itertools, collections, functools, heapq, bisect, string, datetime, decimal\n\
        import fractions, statistics, hashlib, operator, copy, typing, enum, abc, io, time, uuid, threading, queue, os\n\
        import concurrent.futures, contextlib, inspect, textwrap, unittest, array, struct, base64, zlib, calendar, locale\n\
        from multiprocessing.pool import ThreadPool\n\
        assert hashlib.md5(b'').hexdigest() == 'd41d8cd98f00b204e9800998ecf8427e'\n\
        assert list(concurrent.futures.ThreadPoolExecutor(4).map(abs, [-1, 2])) == [1, 2]\n\
        assert decimal.Decimal('0.1') * 3 == decimal.Decimal('0.3')\n\
        assert datetime.datetime.now().astimezone().utcoffset().total_seconds() == 0\n\
        time.sleep(0.01); random.random(); uuid.uuid4(); os.urandom(4); os.kill(os.getpid(), 0)\n";
    let outcome = run(sandbox, source, "", Limits::default());
    assert_eq!(outcome.verdict, Verdict::Passed, "{}", outcome.stderr);
}

#[test]
fn the_scratch_folder_takes_files_and_is_gone_afterwards() {
    let Some(sandbox) = sandbox_with_own_disk("the_scratch_folder_takes_files_and_is_gone_afterwards") else {
        return;
    };
    let source = "import os, tempfile\n\
        with open('note', 'w') as file: file.write('text')\n\
        with tempfile.NamedTemporaryFile() as file: file.write(b'x')\n\
        assert open('note').read() == 'text'\nopen('note', 'a').close()\n\
        os.remove('note')\nopen('left behind', 'w').close()\nprint(os.getcwd())";
    let outcome = run(sandbox, source, "", Limits::default());
    assert_eq!(outcome.verdict, Verdict::Passed, "{}", outcome.stderr);
    let folder = std::path::Path::new(outcome.stdout.trim());
    assert!(folder.is_absolute() && !folder.exists(), "{}", folder.display());
}

#[test]
fn processor_time_is_reported() {
    let Some(sandbox) = sandbox("processor_time_is_reported") else { return };
    let source = "import time\nwhile time.process_time() < 0.3: pass";
    let outcome = run(sandbox, source, "", Limits::default());
    assert_eq!(outcome.verdict, Verdict::Passed);
    // The program saw to it that this much was used; the kernel counts in steps of 10 ms.
    assert!(outcome.cpu_ms.is_none_or(|cpu_ms| cpu_ms >= 280.0), "{:?}", outcome.cpu_ms);
    assert!(outcome.wall_ms > 0.0);
}

#[test]
fn programs_run_side_by_side() {
    let Some(sandbox) = sandbox("programs_run_side_by_side") else { return };
    std::thread::scope(|scope| {
        let runs: Vec<_> = (0..6)
            .map(|index| scope.spawn(move || run(sandbox, &format!("print({index})"), "", Limits::default())))
            .collect();
        for (index, outcome) in runs.into_iter().enumerate() {
            assert_eq!(outcome.join().unwrap().stdout, format!("{index}\n"));
        }
    });
}
