#!/usr/bin/env python3
"""aws_rows.py ENDPOINT < ROWS - many calls of the real aws CLI in one process, which spares each its start.

A row is a JSON array: [name, code, text, argument, ...]. The call must fail with that error code and a message that
begins with the text; with the code "" it must succeed and its output match the text, a regular expression. Prints
"ok NAME" or "FAIL NAME: what it said" for each. To be run by the interpreter of the aws command.
"""
import contextlib
import io
import json
import re
import sys

from awscli.clidriver import create_clidriver

ERROR = re.compile(r"An error occurred \((\w+)\) when calling the \w+ operation(?: \(.*?\))?: (.*)", re.S)


def call(arguments):
    out, err = io.TextIOWrapper(io.BytesIO()), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = create_clidriver().main(["--endpoint-url", sys.argv[1], "--output", "text"] + arguments)
        except SystemExit as e:
            code = e.code
        out.flush()
    return code, out.buffer.getvalue().decode() + err.getvalue()


for line in sys.stdin:
    name, code, text, *arguments = json.loads(line)
    status, said = call(arguments)
    error = ERROR.search(said)
    if code:
        good = status and error and error[1] == code and error[2].startswith(text)
    else:
        good = not status and re.search(text, said, re.M)
    print("ok" if good else "FAIL", name, "" if good else ": exit code %s: %s" % (status, " ".join(said.split())), flush=True)
