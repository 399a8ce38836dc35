# Runs a program and its tests, and says last how they went. See the crate's documentation for what counts as passed.
import sys

sys.path[:] = [entry for entry in sys.path if entry]

import errno
import json
import os
import traceback
import types


def run():
    # Taken now: the program may replace anything that has a name.
    write, leave, execute, translate = os.write, os._exit, exec, compile
    quote = json.encoder.encode_basestring_ascii
    type_of, is_a, number = type, isinstance, int
    anything, exit_request, no_memory, system_error = BaseException, SystemExit, MemoryError, OSError
    no_thread, disk_is_full = RuntimeError, (errno.ENOSPC, errno.EDQUOT)
    describe, trace = traceback.format_exception_only, traceback.format_exception
    # Descriptors that whoever started the parent left open are none of the program's business.
    os.closerange(3, 65536)
    order = json.loads(sys.stdin.buffer.read())
    nonce = order["nonce"]
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    channel = os.dup(1)
    write(channel, (nonce + " started\n").encode())

    def flush():
        for stream in (sys.stdout, sys.stderr):
            try:
                stream.flush()
            except anything:
                pass

    def report(text):
        flush()
        write(channel, ("\n" + nonce + " " + text + "\n").encode())

    module = types.ModuleType("program")
    sys.modules["program"] = module
    names = module.__dict__
    try:
        for part in ("source", "tests"):
            execute(translate(order[part], part, "exec", dont_inherit=True), names)
    except exit_request as request:
        flush()
        leave(request.code if is_a(request.code, number) else number(request.code is not None))
    except no_memory:
        names.clear()
        report("memory")
        leave(1)
    except anything as error:
        if is_a(error, system_error) and error.errno in disk_is_full:
            report("files")
            leave(1)
        if is_a(error, no_thread) and error.args == ("can't start new thread",):
            report("threads")
            leave(1)
        message = type_of(error).__name__
        try:
            message = " ".join(describe(type_of(error), error)[-1][:1000].split())[:500]
            frames = error.__traceback__.tb_next
            sys.stderr.write("".join(trace(type_of(error), error, frames, limit=20)))
        except anything:
            pass
        report("failed " + quote(message))
        leave(1)
    report("passed")
    leave(0)


run()
