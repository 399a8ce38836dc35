//! Programs that mean harm, or do it by accident.

use std::time::Duration;

use dyno_sandbox::{Limit, Limits, Sandbox, Verdict};

use crate::world::{run, sandbox, sandbox_with_file_rules, sandbox_with_own_disk, tight};

fn over(limit: Limit) -> Verdict {
    Verdict::OverLimit { limit }
}

#[test]
fn what_never_ends_is_ended() {
    let Some(sandbox) = sandbox("what_never_ends_is_ended") else { return };
    let brief = Limits { time_limit: Duration::from_millis(1500), ..Limits::default() };
    let ignoring = "import signal\nfor number in range(1, 32):\n    try: signal.signal(number, signal.SIG_IGN)\n    except OSError: pass\n";
    let table: &[(&str, String, Limits, Verdict)] = &[
        ("infinite loop", "while True: pass".into(), tight(), over(Limit::Cpu)),
        ("one that catches everything", "while True:\n    try:\n        while True: pass\n    except BaseException: pass".into(), tight(), over(Limit::Cpu)),
        ("one that ignores signals", format!("{ignoring}while True: pass"), tight(), over(Limit::Cpu)),
        ("sleep", "import time; time.sleep(1000)".into(), brief, Verdict::TimedOut),
        ("sleep that ignores signals", format!("{ignoring}import time; time.sleep(1000)"), brief, Verdict::TimedOut),
        ("thread that stays", "import threading, time\nthreading.Thread(target=time.sleep, args=(1000,)).start()".into(), Limits::default(), Verdict::Passed),
        ("exit with a thread that stays", "import threading, time, sys\nthreading.Thread(target=time.sleep, args=(1000,)).start()\nsys.exit(0)".into(), Limits::default(), Verdict::EndedEarly { exit_code: 0 }),
        ("waiting for input", "input()".into(), Limits::default(), Verdict::Failed { message: "EOFError: EOF when reading a line".into() }),
        ("closed output", "import os, time\nos.closerange(0, 100)\ntime.sleep(1000)".into(), brief, Verdict::TimedOut),
        ("stopped", "import os, signal\nos.kill(os.getpid(), signal.SIGSTOP)".into(), brief, Verdict::TimedOut),
        ("catastrophic pattern", "import re; re.match('(a+)+b', 'a' * 50)".into(), tight(), over(Limit::Cpu)),
        ("large power", "len(str(9 ** 9 ** 9))".into(), tight(), over(Limit::Cpu)),
    ];
    for (name, source, limits, verdict) in table {
        let outcome = run(sandbox, source, "", *limits);
        assert_eq!(outcome.verdict, *verdict, "{name}\n{}", outcome.stderr);
    }
}

#[test]
fn what_swallows_memory_or_disk_is_ended() {
    let Some(sandbox) = sandbox("what_swallows_memory_or_disk_is_ended") else { return };
    let table: &[(&str, &str, Verdict)] = &[
        ("one block", "x = bytearray(10 ** 12)", over(Limit::Memory)),
        ("growing list", "x = []\nwhile True: x.append('x' * 10 ** 6)", over(Limit::Memory)),
        ("growing text", "x = 'x'\nwhile True: x += x", over(Limit::Memory)),
        ("in the tests", "def f(): return [0] * 10 ** 10", over(Limit::Memory)),
        ("endless printing", "while True: print('again')", over(Limit::Output)),
        ("endless errors", "import sys\nwhile True: print('again', file=sys.stderr)", over(Limit::Output)),
        (
            "one long line",
            "import os\nblock = b'x' * 65536\nwhile True: os.write(1, block)",
            over(Limit::Output),
        ),
        ("too much at the end", "print('x' * 2 ** 21)", over(Limit::Output)),
    ];
    for (name, source, verdict) in table {
        let tests = if *name == "in the tests" { "f()" } else { "" };
        let limits = Limits { cpu_limit: Duration::from_secs(30), ..tight() };
        let outcome = run(sandbox, source, tests, limits);
        assert_eq!(outcome.verdict, *verdict, "{name}\n{}", outcome.stderr);
        assert!(outcome.stdout.len() <= 3 * 8192 && outcome.stderr.len() <= 3 * 8192, "{name}");
    }
}

#[test]
fn files_are_bounded() {
    let Some(sandbox) = sandbox_with_file_rules("files_are_bounded") else { return };
    let large = "with open('large', 'wb') as file:\n    while True: file.write(b'x' * 65536)";
    let many = "while True:\n    for i in range(100000): open(str(i), 'w').close()";
    let total = "for i in range(100):\n    with open(str(i), 'wb') as file: file.write(b'x' * (8 << 20))\nimport time; time.sleep(1000)";
    let open = "held = [open('x', 'w') for i in range(100)]";
    let table = [
        ("one large file", large, Verdict::Failed { message: "OSError: [Errno 27] File too large".into() }),
        ("many files", many, over(Limit::Files)),
        ("much in all", total, over(Limit::Files)),
        (
            "open files",
            open,
            Verdict::Failed { message: "OSError: [Errno 24] Too many open files: 'x'".into() },
        ),
    ];
    for (name, source, verdict) in table {
        let outcome = run(sandbox, source, "", Limits::default());
        assert_eq!(outcome.verdict, verdict, "{name}\n{}", outcome.stderr);
    }
}

#[test]
fn files_that_no_folder_shows_are_bounded() {
    let Some(sandbox) = sandbox_with_own_disk("files_that_no_folder_shows_are_bounded") else { return };
    // Each file is mapped, so that it takes room for as long as the program lives, and neither the folder nor a descriptor shows it.
    let unseen = "import mmap, os\nheld = []\nwhile True:\n    file = os.open('f', os.O_CREAT | os.O_RDWR, 0o600)\n    \
        for _ in range(8): os.write(file, bytes(1 << 20))\n    held.append(mmap.mmap(file, 4096))\n    os.remove('f')\n    os.close(file)";
    let caught = "import os\nwritten = 0\ntry:\n    for i in range(100):\n        with open(str(i), 'wb', buffering=0) as file:\n            \
        for _ in range(8): written += file.write(bytes(1 << 20))\nexcept OSError as error: assert error.errno == 28, error\n\
        assert 0 < written <= 64 << 20, written";
    for (source, verdict) in [(unseen, over(Limit::Files)), (caught, Verdict::Passed)] {
        let outcome = run(sandbox, source, "", Limits::default());
        assert_eq!(outcome.verdict, verdict, "{source}\n{}", outcome.stderr);
    }
}

#[test]
fn threads_are_bounded() {
    let Some(sandbox) = sandbox("threads_are_bounded") else { return };
    let start = "import threading, time\nthreading.stack_size(32768)\n";
    let many = format!(
        "{start}for _ in range(4000): threading.Thread(target=time.sleep, args=(1000,), daemon=True).start()\ntime.sleep(1000)"
    );
    let few = format!(
        "{start}threads = [threading.Thread(target=int) for _ in range(40)]\n\
        for thread in threads: thread.start()\nfor thread in threads: thread.join()"
    );
    for (source, verdict) in [(many, over(Limit::Threads)), (few, Verdict::Passed)] {
        let outcome = run(sandbox, &source, "", Limits::default());
        assert_eq!(outcome.verdict, verdict, "{source}\n{}", outcome.stderr);
    }
}

/// Each attempt must be refused: an error with one of these numbers, never a success.
const ATTEMPTS: &str = "
import errno
def refused(attempt, *arguments):
    try:
        attempt(*arguments)
    except OSError as error:
        assert error.errno in (errno.EPERM, errno.EACCES), (attempt, error)
        return
    raise AssertionError(f'{attempt} {arguments} was not refused')
";

fn all_refused(sandbox: &Sandbox, attempts: &str) {
    let outcome = run(sandbox, &format!("{ATTEMPTS}{attempts}"), "", tight());
    assert_eq!(outcome.verdict, Verdict::Passed, "{attempts}\n{}", outcome.stderr);
}

#[test]
fn there_is_no_network() {
    let Some(sandbox) = sandbox("there_is_no_network") else { return };
    all_refused(
        sandbox,
        "import socket, urllib.request, asyncio
for family in (socket.AF_INET, socket.AF_INET6, socket.AF_UNIX, socket.AF_NETLINK, socket.AF_PACKET):
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_RAW):
        refused(socket.socket, family, kind)
refused(socket.create_connection, ('127.0.0.1', 80))
refused(socket.create_connection, ('::1', 80))
refused(socket.socketpair)
refused(asyncio.new_event_loop)
try:
    urllib.request.urlopen('http://127.0.0.1/')
    raise AssertionError
except urllib.error.URLError as error:
    assert 'not permitted' in str(error) or 'resolution' in str(error), error
",
    );
}

#[test]
fn there_are_no_other_processes() {
    let Some(sandbox) = sandbox("there_are_no_other_processes") else { return };
    all_refused(
        sandbox,
        "import os, sys, subprocess, pty, multiprocessing
refused(os.fork)
refused(os.forkpty)
refused(os.posix_spawn, sys.executable, [sys.executable], {})
refused(subprocess.run, ['/bin/true'])
refused(subprocess.run, 'true', )
refused(multiprocessing.get_context('fork').Process(target=print).start)
assert os.system('true') != 0
refused(os.setsid)
refused(os.setpgid, 0, 0)
refused(os.execv, '/bin/sh', ['sh', '-c', 'echo escaped'])
",
    );
}

#[test]
fn a_fork_bomb_and_a_daemon_find_no_fork() {
    let Some(sandbox) = sandbox("a_fork_bomb_and_a_daemon_find_no_fork") else { return };
    let bomb = "import os\nwhile True: os.fork()";
    let daemon = "import os\nif os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0:\n        import time; time.sleep(1000)";
    for source in [bomb, daemon] {
        let outcome = run(sandbox, source, "", tight());
        let message = "PermissionError: [Errno 1] Operation not permitted".to_owned();
        assert_eq!(outcome.verdict, Verdict::Failed { message }, "{source}");
    }
}

#[test]
fn nobody_else_is_signalled_and_no_limit_is_raised() {
    let Some(sandbox) = sandbox("nobody_else_is_signalled_and_no_limit_is_raised") else { return };
    all_refused(
        sandbox,
        "import os, signal, resource, fcntl, ctypes
for number in (0, signal.SIGKILL, signal.SIGTERM):
    refused(os.kill, os.getppid(), number)
    refused(os.kill, 1, number)
    refused(os.kill, -1, number)
    refused(os.kill, 0, number)
    refused(os.killpg, os.getpgrp(), number)
refused(signal.pidfd_send_signal, 0, 0) if hasattr(signal, 'pidfd_send_signal') else None
refused(fcntl.fcntl, 1, fcntl.F_SETOWN, os.getppid())
refused(fcntl.fcntl, 1, 10, 9)
refused(fcntl.ioctl, 1, 0x5412, b'x')
refused(os.nice, -5)
refused(os.sched_setaffinity, 0, {0})
for name in (resource.RLIMIT_CPU, resource.RLIMIT_AS, resource.RLIMIT_NOFILE):
    try:
        resource.setrlimit(name, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        raise AssertionError(name)
    except (ValueError, OSError):
        pass
libc = ctypes.CDLL(None, use_errno=True)
def call(*arguments):
    if libc.syscall(*arguments) == -1:
        raise OSError(ctypes.get_errno(), 'refused')
refused(call, 157 if os.uname().machine == 'x86_64' else 167, 1, 0, 0, 0, 0)
# io_uring_setup, pidfd_open, openat2 and process_vm_writev by their numbers.
for number in (425, 434, 437, 311 if os.uname().machine == 'x86_64' else 271):
    refused(call, number, 0, 0, 0, 0, 0, 0)
try:
    call(435, 0, 0)
except OSError as error:
    assert error.errno == 38, error
",
    );
}

#[test]
fn files_of_others_stay_closed() {
    let Some(sandbox) = sandbox_with_file_rules("files_of_others_stay_closed") else { return };
    let private = tempfile::tempdir().unwrap();
    let file = private.path().canonicalize().unwrap().join("secret");
    std::fs::write(&file, "secret").unwrap();
    let attempts = format!(
        "import os, sys, tempfile
secret = {file:?}
def ls(path): return os.listdir(path)
for path in ('/etc/passwd', '/etc/shadow', '/proc/self/maps', '/proc/self/environ', '/proc/1/cmdline', '/proc/self/mem', '/dev/tty', secret):
    if os.path.exists(path): refused(open, path)
for path in ('/', '/etc', '/home', '/root', '/tmp', '/var', '/proc', '..', os.path.dirname(secret)):
    if os.path.exists(path): refused(ls, path)
for path in (secret, '/etc/passwd', os.__file__, '/dev/full'):
    for mode in ('w', 'a', 'r+'): refused(open, path, mode)
    refused(os.open, path, os.O_RDONLY | os.O_TRUNC)
    refused(os.truncate, path, 0)
    refused(os.remove, path)
    refused(os.rename, path, 'here')
    refused(os.link, path, 'here')
    refused(os.chmod, path, 0o777)
    refused(os.utime, path)
for path in ('/tmp/made', '/var/tmp/made', '/dev/shm/made', '../made', secret + '.made', os.path.dirname(os.__file__) + '/made.py'):
    refused(os.open, path, os.O_CREAT | os.O_WRONLY)
refused(os.mkdir, 'folder')
refused(os.symlink, '/etc/passwd', 'link')
refused(os.mkfifo, 'fifo')
refused(os.chroot, '.')
"
    );
    all_refused(sandbox, &attempts);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "secret");
    assert_eq!(std::fs::read_dir(private.path()).unwrap().count(), 1);
}

#[test]
fn crashes_are_named_by_their_signal() {
    let Some(sandbox) = sandbox("crashes_are_named_by_their_signal") else { return };
    let killed = |signal| Verdict::Killed { signal };
    let deep = "def f(n): return f(n + 1)\nf(0)";
    let recursion = Verdict::Failed { message: "RecursionError: maximum recursion depth exceeded".into() };
    let table = [
        ("import ctypes; ctypes.string_at(0)", killed(11)),
        ("import os; os.abort()", killed(6)),
        ("import os; os.kill(os.getpid(), 9)", killed(9)),
        ("import os; os.kill(os.getpid(), 15)", killed(15)),
        (deep, recursion),
    ];
    for (source, verdict) in table {
        let outcome = run(sandbox, source, "", tight());
        assert_eq!(outcome.verdict, verdict, "{source}\n{}", outcome.stderr);
    }
    // Without the interpreter's own bound the stack or the memory ends it; which one depends on the version.
    let unbounded = format!("import sys\nsys.setrecursionlimit(2 ** 30)\n{deep}");
    let verdict = run(sandbox, &unbounded, "", tight()).verdict;
    assert!(
        verdict == killed(11) || verdict == over(Limit::Memory) || verdict == over(Limit::Cpu),
        "{verdict:?}"
    );
}

#[test]
fn the_harness_survives_what_a_program_does_to_its_interpreter() {
    let Some(sandbox) = sandbox("the_harness_survives_what_a_program_does_to_its_interpreter") else {
        return;
    };
    let failed = Verdict::Failed { message: "AssertionError".into() };
    let early = Verdict::EndedEarly { exit_code: 0 };
    let table: &[(&str, &Verdict)] = &[
        ("import builtins\nbuiltins.compile = builtins.exec = builtins.open = None", &failed),
        (
            "import builtins\nfor name in dir(builtins):\n    if name not in ('AssertionError', '__import__', 'setattr', 'builtins', 'str'): setattr(builtins, name, None)",
            &failed,
        ),
        (
            "import os, json, sys\nos.write = os._exit = json.dumps = None\nsys.stdout = sys.stderr = None",
            &failed,
        ),
        ("import sys\nsys.stdout.close(); sys.stderr.close()", &failed),
        ("import sys\nsys.modules.clear()", &failed),
        ("import traceback\ntraceback.format_exception_only = lambda *a: 1 / 0", &failed),
        ("import sys\nsys.excepthook = lambda *a: print('passed')", &failed),
        ("import sys\nsys.settrace(lambda *a: sys.exit(0))", &early),
        ("import atexit, os\natexit.register(lambda: os._exit(0))", &failed),
        ("def check(candidate): pass\nassertions = None", &failed),
        ("__debug__ if True else None\nimport gc\ngc.disable()", &failed),
    ];
    for (source, verdict) in table {
        let outcome = run(sandbox, source, "def probe():\n    assert 1 == 2\nprobe()", tight());
        assert_eq!(&outcome.verdict, *verdict, "{source}\n{}\n{}", outcome.stdout, outcome.stderr);
    }
}

/// The word is not where a program looks first. That a program which walks the frames of the driver finds it is documented.
#[test]
fn the_word_is_in_no_file_variable_or_argument() {
    let Some(sandbox) = sandbox("the_word_is_in_no_file_variable_or_argument") else { return };
    let source = "import os, sys, re, __main__
seen = [str(os.environ), str(sys.argv), str(getattr(sys, 'orig_argv', '')), str(vars(__main__)), str(globals())]
for number in range(3, 64):
    try:
        os.lseek(number, 0, 0)
        seen.append(repr(os.read(number, 100000)))
    except OSError:
        pass
try:
    os.lseek(0, 0, 0)
except OSError:
    pass
seen.append(sys.stdin.read())
words = [text for text in seen if re.search('[0-9a-f]{32}', text)]
assert not words, words";
    let outcome = run(sandbox, source, "", tight());
    assert_eq!(outcome.verdict, Verdict::Passed, "{}", outcome.stderr);
}
