#!/usr/bin/env python3
"""Random valid and invalid requests for every operation of a service, made from botocore's model.

usage: aws_random.py ENDPOINT [COUNT [SEED [SERVICE [OPERATION...]]]]

Sends COUNT (default 200) signed requests an operation with the credentials of the environment. Every answer must be
below 500, carry a request id and parse in botocore: as the operation's output, or as an error with a code. Prints what
broke, and how often each code came; fails if anything broke.
"""
import collections
import http.client
import json
import random
import sys
import urllib.parse

import botocore.auth
import botocore.awsrequest
import botocore.parsers
import botocore.session

DEPTH_MAX = 7
WRONG = [None, True, 0, -1, 1.5, 1e300, 2 ** 40, "", "x", "\u00fc\U0001f600", "a" * 3000, [], {}, [None], {"a": {"b": []}}]


class Maker:
    """Values of a shape; with a chance of `wrong` for each node to be something else."""

    def __init__(self, rng, wrong):
        self.rng, self.wrong = rng, wrong

    def make(self, shape, depth=0):
        if self.rng.random() < self.wrong:
            return self.rng.choice(WRONG)
        return getattr(self, "make_" + shape.type_name, self.make_string)(shape, depth)

    def make_structure(self, shape, depth):
        out = {}
        for name, member in shape.members.items():
            needed = name in shape.required_members and self.rng.random() >= self.wrong
            if needed or (depth < DEPTH_MAX and self.rng.random() < 0.5 / (1 + depth)):
                out[name] = self.make(member, depth + 1)
        if self.rng.random() < self.wrong:
            out["noSuchMember"] = self.rng.choice(WRONG)
        return out

    def make_list(self, shape, depth):
        n = self.rng.randint(0, 2 if depth < DEPTH_MAX else 0)
        return [self.make(shape.member, depth + 1) for _ in range(n)]

    def make_map(self, shape, depth):
        return {self.make_string(shape.key, 0): self.make(shape.value, depth + 1) for _ in range(self.rng.randint(0, 2))}

    def make_string(self, shape, _depth):
        if shape.metadata.get("enum"):
            return self.rng.choice(shape.metadata["enum"])
        return self.rng.choice(["web", "demo", "default", "a:1", "arn:aws:ecs:us-east-1:000000000000:cluster/demo", "80",
                                "0" * 32, "busybox", "x=y", "_.:/-"])

    def make_integer(self, shape, _depth):
        low, high = int(shape.metadata.get("min", 0)), int(shape.metadata.get("max", 70000))
        return self.rng.choice([low, high, self.rng.randint(low, max(low, high)), 1, 256])

    make_long = make_integer

    def make_double(self, _shape, _depth):
        return self.rng.choice([0, 1, 50.5, 100])

    make_float = make_double

    def make_boolean(self, _shape, _depth):
        return self.rng.random() < 0.5

    def make_timestamp(self, _shape, _depth):
        return self.rng.choice([0, 1795500000, 1795500000.123])


class Caller:
    def __init__(self, endpoint, service):
        session = botocore.session.get_session()
        self.model = session.get_service_model(service)
        self.url = urllib.parse.urlsplit(endpoint)
        self.endpoint = endpoint
        self.auth = botocore.auth.SigV4Auth(session.get_credentials(), self.model.signing_name, "us-east-1")
        self.parser = botocore.parsers.create_parser(self.model.metadata["protocol"])
        self.connection = None

    def send(self, operation, body):
        meta = self.model.metadata
        headers = {"Content-Type": "application/x-amz-json-" + meta["jsonVersion"],
                   "X-Amz-Target": meta["targetPrefix"] + "." + operation}
        request = botocore.awsrequest.AWSRequest("POST", self.endpoint + "/", headers=headers, data=body)
        self.auth.add_auth(request)
        if not self.connection:
            self.connection = http.client.HTTPConnection(self.url.hostname, self.url.port, timeout=30)
        try:
            self.connection.request("POST", "/", body, dict(request.headers.items()))
            answer = self.connection.getresponse()
            return answer.status, answer.headers, answer.read()
        except (OSError, http.client.HTTPException):
            self.connection = None
            raise

    def check(self, operation, body):
        """The code of the answer ("" = success) and what is wrong with it (None = nothing)."""
        try:
            status, headers, content = self.send(operation, body)
        except (OSError, http.client.HTTPException) as e:
            return "", "no answer: %r" % e
        shape = self.model.operation_model(operation).output_shape
        try:
            parsed = self.parser.parse({"status_code": status, "headers": headers, "body": content}, shape)
        except Exception as e:  # whatever botocore makes of it, boto3's user would meet it
            return "", "does not parse: %r: %r" % (e, content[:300])
        code = parsed.get("Error", {}).get("Code", "")
        if status >= 500:
            return code, "status %d: %r" % (status, content[:300])
        if not headers.get("x-amzn-requestid"):
            return code, "no request id"
        if status >= 300 and (not code or code.isdigit()):
            return code, "no error code: %r" % content[:300]
        return code, None


def main():
    args = sys.argv[1:]
    if not args:
        sys.exit(__doc__)
    count, seed = int(args[1]) if len(args) > 1 else 200, int(args[2]) if len(args) > 2 else 1
    caller = Caller(args[0], args[3] if len(args) > 3 else "ecs")
    rng, codes, broken = random.Random(seed), collections.Counter(), 0
    names = args[4:] or caller.model.operation_names
    for name in names:
        shape = caller.model.operation_model(name).input_shape
        for i in range(count):
            body = json.dumps(Maker(rng, (0, 0, 0.03, 0.2)[i % 4]).make(shape) if shape else {})
            if i % 16 == 15:
                body = body[:rng.randint(0, len(body))]
            code, wrong = caller.check(name, body.encode())
            codes[code or "success"] += 1
            if wrong:
                broken += 1
                if broken <= 20:
                    print("%s %s\n    %s" % (name, body[:500], wrong))
    print("%d requests to %d operations, %d broken: %s" % (
        sum(codes.values()), len(names), broken, ", ".join("%s %d" % c for c in codes.most_common())))
    sys.exit(broken > 0)


main()
