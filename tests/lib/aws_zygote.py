#!/usr/bin/env python3
"""aws_zygote.py SOCKET - the real aws CLI, loaded once and forked for every call, which spares each the half second of
its start. tests/lib/aws_client.py is the `aws` that asks it; tests/lib/aws_fast.sh starts it and puts that into PATH.

A call is one message on a stream socket: JSON {"argv", "env", "cwd"} with a newline, and the caller's three standard
descriptors; the answer is the exit code as text. A caller that goes away ends its call; the zygote ends with the process
that started it. To be run by the interpreter of the aws command.
"""
import ctypes
import functools
import json
import os
import signal
import socket
import sys
import threading
import traceback

import awscli.clidriver
import awscli.handlers  # noqa: F401 - what the CLI would import in every child
import botocore.loaders
import botocore.session

PR_SET_PDEATHSIG = 1


def end_with_parent():
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def preload():
    """Parse the API's model, and look for the services there are, once and not in every child."""
    loader = botocore.loaders.JSONFileLoader
    load = loader.load_file
    once = functools.lru_cache(maxsize=64)(lambda path: load(loader(), path))
    loader.load_file = lambda self, path: once(path)
    find = botocore.loaders.Loader.list_available_services
    known = functools.lru_cache(maxsize=16)(lambda kind: find(botocore.loaders.create_loader(os.environ.get("AWS_DATA_PATH", "")), kind))
    botocore.loaders.Loader.list_available_services = lambda self, type_name: known(type_name)
    known("service-2")
    session = botocore.session.Session()
    for name in ("ecs", "sts", "cloudtrail"):
        session.get_service_model(name)


def read_call(conn):
    data, fds = b"", []
    while not data.endswith(b"\n"):
        part, more, _, _ = socket.recv_fds(conn, 1 << 20, 3)
        if not part:
            raise EOFError("the caller went away")
        data += part
        fds += more
    return json.loads(data), fds


def watch_caller(conn):
    if not conn.recv(1):
        os._exit(1)


def serve(conn):
    end_with_parent()
    call, fds = read_call(conn)
    for to, fd in enumerate(fds):
        os.dup2(fd, to)
        os.close(fd)
    os.chdir(call["cwd"])
    data_path = os.environ.get("AWS_DATA_PATH", "")  # the CLI's own models: set as it was loaded
    os.environ.clear()
    os.environ.update({**call["env"], "AWS_DATA_PATH": data_path})
    sys.argv = ["aws"] + call["argv"]
    threading.Thread(target=watch_caller, args=(conn,), daemon=True).start()
    code = 255
    try:
        code = awscli.clidriver.main()
    except SystemExit as e:
        code = e.code
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        conn.sendall(str(code or 0).encode())
        os._exit(0)


def main():
    end_with_parent()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    preload()
    server = socket.socket(socket.AF_UNIX)
    server.bind(sys.argv[1] + ".new")
    server.listen(64)
    os.rename(sys.argv[1] + ".new", sys.argv[1])
    while True:
        conn, _ = server.accept()
        if os.fork() == 0:
            server.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            serve(conn)
        conn.close()


main()
