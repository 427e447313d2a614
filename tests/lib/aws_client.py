#!/usr/bin/python3 -IS
"""The `aws` of the tests: hands its arguments, environment and standard descriptors to tests/lib/aws_zygote.py."""
import json
import os
import socket
import sys

server = socket.socket(socket.AF_UNIX)
server.connect(os.environ["AWS_ZYGOTE"])
call = json.dumps({"argv": sys.argv[1:], "env": dict(os.environ), "cwd": os.getcwd()}).encode() + b"\n"
sent = socket.send_fds(server, [call], [0, 1, 2])
server.sendall(call[sent:])
code = server.recv(16)
os._exit(int(code) if code else 255)
