"""What a reader may do to us when a file makes it: tasks for a process of its own."""

import ctypes
import json
import os
import resource
import socket
import subprocess
import sys
import time


def echo(data, parameters, report):
    report(1, 2)
    return (data, memoryview(json.dumps(parameters).encode()))


def wait(data, parameters, report):
    """Tell the process's number as the page, and hang."""
    report(os.getpid(), 0)
    time.sleep(3_600)


def spin(data, parameters, report):
    report(3, 7)
    while True:
        pass


def crawl(data, parameters, report):
    done = 0
    while True:
        done += 1
        report(done, 0)
        time.sleep(0.01)


def stutter(data, parameters, report):
    """Tell of the same page again and again."""
    while True:
        report(7, 7)
        time.sleep(0.01)


def swell(data, parameters, report):
    """Take memory, whatever limit was set inside."""
    report(5, 9)
    resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    held = []
    while True:
        held.append(bytes(1 << 20).replace(b"\0", b"x"))


def swell_at_once(data, parameters, report):
    bytearray(1 << 45)


def gush(data, parameters, report):
    return [memoryview(bytes(1 << 20))] * parameters["megabytes"]


def crash(data, parameters, report):
    report(2, 4)
    ctypes.string_at(0)


def leave(data, parameters, report):
    os._exit(3)


def fail(data, parameters, report):
    raise LookupError("no \x1b such \ud800 thing")


def print_junk(data, parameters, report):
    """As libraries in C do, past Python."""
    for _ in range(200):
        os.write(1, b"warning: junk\n" * 1_000)
    print('{"result_bytes": 3, "peak_bytes": 0}')
    return (b"told",)


def lie(data, parameters, report):
    """Write into every pipe there is, as a reader taken over by a file could."""
    for descriptor in range(3, 20):
        try:
            os.write(descriptor, bytes.fromhex(parameters["words"]))
        except OSError:
            continue
    os._exit(0)


def _tried(what, does):
    try:
        does()
    except Exception as error:  # noqa: BLE001
        return {what: type(error).__name__}
    return {what: "done"}


def misbehave(data, parameters, report):
    """All that a reader has no need of; what became of it."""
    place = parameters["folder"]

    def write():
        with open(f"{place}/new", "w") as file:
            file.write("x")

    tried = {}
    tried |= _tried("connect", lambda: socket.create_connection(("127.0.0.1", parameters["port"])))
    tried |= _tried("resolve", lambda: socket.getaddrinfo("localhost", 80))
    tried |= _tried("run", lambda: subprocess.run([sys.executable, "-c", "pass"], check=True))
    tried |= _tried("shell", lambda: os.system("true"))  # noqa: S605
    tried |= _tried("fork", os.fork)
    tried |= _tried("write", write)
    tried |= _tried("remove", lambda: os.remove(f"{place}/old"))
    return (json.dumps({"tried": tried, "environment": dict(os.environ), "argv": sys.argv}).encode(),)


def connect_natively(data, parameters, report):
    """As a library in C could."""
    libc = ctypes.CDLL(None, use_errno=True)
    address = (
        socket.AF_INET.to_bytes(2, "little") + parameters["port"].to_bytes(2, "big") + bytes((127, 0, 0, 1)) + bytes(8)
    )
    connected = libc.connect(libc.socket(socket.AF_INET, socket.SOCK_STREAM, 0), address, len(address))
    return (b"connected" if connected == 0 else os.strerror(ctypes.get_errno()).encode(),)


def modules(data, parameters, report):
    """What is imported once a document was read."""
    from workbench.documents.parsing import parse_task

    for _ in parse_task(data, parameters, report):
        pass
    return (json.dumps(sorted(sys.modules)).encode(),)
