# Tries to break each protection and prints the list of those that held. OUTSIDE is a file, with a content, outside the scratch
# folder; MEMORY_BYTES is more than the memory limit, DISK_BYTES more than all files of a program may have together. Only a refusal counts: an attempt that fails for another reason proves nothing.
import errno
import json
import os
import socket

REFUSED = (errno.EPERM, errno.EACCES)
STEP_BYTES = 4 << 20


def refused(attempt):
    try:
        attempt()
    except OSError as error:
        return error.errno in REFUSED
    return False


def raise_limit():
    import resource

    for name in (resource.RLIMIT_CPU, resource.RLIMIT_AS):
        soft, hard = resource.getrlimit(name)
        if soft == resource.RLIM_INFINITY or hard == resource.RLIM_INFINITY:
            return
        try:
            resource.setrlimit(name, (hard + 1, hard + 1))
            return
        except (ValueError, OSError):
            pass
    raise PermissionError(errno.EPERM, "no limit could be raised")


def memory_is_bounded():
    try:
        bytearray(MEMORY_BYTES)
    except MemoryError:
        return True
    return False


def write_unseen(held):
    # Removed files that are still open take room, and no list of the folder shows it.
    file = os.open("unseen", os.O_CREAT | os.O_RDWR, 0o600)
    held.append(file)
    os.remove("unseen")
    os.write(file, bytes(STEP_BYTES))


def disk_is_bounded():
    held = []
    try:
        for _ in range(DISK_BYTES // STEP_BYTES + 1):
            write_unseen(held)
    except OSError as error:
        return error.errno in REFUSED or error.errno == errno.ENOSPC
    finally:
        for file in held:
            os.close(file)
    return False


def disk_is_own():
    # Where files cannot be removed, or none can be made, the disk is not the program's own.
    try:
        held = []
        write_unseen(held)
        os.close(held[0])
        return True
    except OSError:
        return False


def fork():
    if os.fork() == 0:
        os._exit(0)


def sockets():
    for family in ("AF_INET", "AF_INET6", "AF_UNIX"):
        if not refused(lambda: socket.socket(getattr(socket, family), socket.SOCK_STREAM)):
            return False
    return True


def append():
    open(OUTSIDE, "ab").close()


def make_beside():
    name = OUTSIDE + ".made"
    os.close(os.open(name, os.O_CREAT | os.O_WRONLY))


def read():
    with open(OUTSIDE, "rb") as file:
        file.read()


held = {
    "limits": refused(raise_limit) and memory_is_bounded(),
    "disk": disk_is_bounded(),
    "network": sockets(),
    "processes": refused(fork),
    "signals": refused(lambda: os.kill(os.getppid(), 0)),
    "writes": all(refused(attempt) for attempt in (append, make_beside, lambda: os.remove(OUTSIDE))),
    "reads": refused(read),
}
print(json.dumps({"held": [name for name in held if held[name]], "own_disk": disk_is_own()}))
