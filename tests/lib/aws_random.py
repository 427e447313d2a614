#!/usr/bin/env python3
"""Random valid and invalid requests for every operation of a service, made from botocore's model.

usage: aws_random.py [--count N] [--seed N] [--service NAME] [--world] [--threads N] ENDPOINT [OPERATION...]

Sends N (default 200) signed requests an operation with the credentials of the environment, in an order that follows from
the seed. A quarter of the requests is somewhat wrong and a quarter very. --world (ecs): makes clusters, task definitions,
services and tasks first, and puts names that exist into the requests, also those that answers told, so that they get past
the first checks.

Every answer must be below 500, carry a request id and fit the model: as the operation's output (no member that the model
does not have, each of its type, those that are required), or as an error with a code that the operation or every AWS
service knows. botocore must parse it. Prints what broke, and how often each code came; fails if anything broke.
"""
import argparse
import collections
import http.client
import json
import random
import threading
import urllib.parse

import botocore.auth
import botocore.awsrequest
import botocore.parsers
import botocore.session

DEPTH_MAX = 7
WRONG = [None, True, 0, -1, 1.5, 1e300, 2 ** 40, "", "x", "\u00fc\U0001f600", "a" * 3000, [], {}, [None], {"a": {"b": []}}]
# What any operation may answer.
COMMON_CODES = {"SerializationException", "UnknownOperationException", "ValidationException", "AccessDeniedException",
                "ThrottlingException", "InvalidParameterException", "ClientException"}
TYPES = {"structure": dict, "list": list, "map": dict, "string": str, "integer": int, "long": int,
         "boolean": bool, "double": (int, float), "float": (int, float), "timestamp": (int, float), "blob": str}
# Members at the top that a request mostly has, though the model does not ask for them.
MOSTLY_THERE = ("cluster", "networkConfiguration", "desiredCount", "clusters", "taskDefinition",
                "instanceIdentityDocument")
IDENTITY = json.dumps({"instanceId": "i-0123456789abcdef0", "region": "us-east-1", "accountId": "000000000000",
                       "instanceType": "m5.large", "availabilityZone": "us-east-1a"})
NETWORK = {"awsvpcConfiguration": {"subnets": ["subnet-1"], "securityGroups": ["sg-1"], "assignPublicIp": "ENABLED"}}


class World:
    """Names that exist, by the member they go into."""
    MEMBERS = {
        "cluster": "cluster", "clusters": "cluster", "clusterName": "cluster", "service": "service",
        "serviceName": "service", "services": "service", "taskDefinition": "definition", "family": "family",
        "familyPrefix": "family", "task": "task", "tasks": "task", "containerInstance": "instance",
        "containerInstances": "instance", "capacityProvider": "provider", "capacityProviders": "provider",
        "resourceArn": "arn", "targetId": "instance", "startedBy": "started_by", "group": "group", "image": "image",
        "nextToken": "token", "serviceDeploymentArns": "deployment", "serviceDeploymentArn": "deployment",
        "serviceRevisionArns": "revision", "containerName": "container", "taskDefinitions": "definition",
        "cpu": "cpu", "memory": "memory", "launchType": "launch", "expression": "expression", "networkMode": "network",
    }
    ARNS = {":cluster/": "cluster", ":service/": "service", ":task/": "task", ":task-definition/": "definition",
            ":container-instance/": "instance", ":service-deployment/": "deployment",
            ":service-revision/": "revision", ":capacity-provider/": "provider"}
    POOL_MAX = 60

    def __init__(self):
        self.lock = threading.Lock()
        self.pools = {
            "cluster": ["rnd-a", "rnd-b", "default"], "service": ["web", "api", "loop"], "container": ["main", "side"],
            "family": ["one", "two", "net"], "definition": ["one", "two", "net", "one:1", "two:1"], "task": [],
            "instance": [], "provider": ["FARGATE", "FARGATE_SPOT", "mine"], "arn": [], "started_by": ["me"],
            "group": ["family:one", "service:web", "mine"], "image": ["example/app:1"], "token": [], "deployment": [],
            "revision": [], "cpu": ["256", "512", ".25 vCPU", 64, 128], "memory": ["512", "1024", "1 GB", 64, 128],
            "launch": ["EC2", "FARGATE"], "network": ["bridge", "awsvpc", "host"],
            "expression": ["attribute:ecs.os-type == linux", "runningTasksCount < 3", "task:group == service:web",
                           "attribute:color in [red, blue]", "not(agentConnected == true)", "registeredAt > 2020-01-01"]}

    def value(self, rng, member):
        kind = self.MEMBERS.get(member)
        with self.lock:
            pool = self.pools.get(kind)
            if not pool:
                return None
            return rng.choice(pool[:10] if rng.random() < 0.6 else pool)  # the first ones are what was made on purpose

    def learn(self, answer):
        """Keeps ARNs and tokens of an answer."""
        with self.lock:
            self._learn(answer)

    def _learn(self, answer):
        if isinstance(answer, dict):
            for key, value in answer.items():
                if key == "nextToken":
                    self._add("token", value)
                self._learn(value)
        elif isinstance(answer, list):
            for value in answer:
                self._learn(value)
        elif isinstance(answer, str) and answer.startswith("arn:aws:ecs:"):
            self._add("arn", answer)
            for part, kind in self.ARNS.items():
                if part in answer:
                    self._add(kind, answer)
                    self._add(kind, answer.rsplit("/", 1)[1])

    def _add(self, kind, value):
        pool = self.pools[kind]
        if value in pool:
            return
        if len(pool) >= self.POOL_MAX:
            pool.pop(10)
        pool.append(value)


class Maker:
    """Values of a shape; with a chance of `wrong` for each node to be something else."""

    def __init__(self, rng, wrong, world=None, operation=""):
        self.rng, self.wrong, self.world, self.operation = rng, wrong, world, operation
        self.often = rng.choice([0.03, 0.15, 0.35]) if world else 0.5  # optional members

    def make(self, shape, depth=0, name=""):
        if self.rng.random() < self.wrong:
            return self.rng.choice(WRONG)
        if self.world and self.rng.random() < 0.9:
            known = self.known(shape, name)
            if known is not None:
                return known
        return getattr(self, "make_" + shape.type_name, self.make_string)(shape, depth, name)

    def known(self, shape, name):
        """A value that makes sense in this member; None: any will do."""
        if name in ("desiredCount", "count"):
            return self.rng.randint(0, 3)
        if name in ("networkConfiguration", "awsvpcConfiguration"):
            return NETWORK if name == "networkConfiguration" else NETWORK["awsvpcConfiguration"]
        if name == "attributes" and shape.type_name == "list":
            return [{"name": "color", "value": "red", "targetId": self.world.value(self.rng, "containerInstance") or "x",
                     "targetType": "container-instance"}]
        if name == "value" and shape.type_name == "string":
            return self.rng.choice(["enabled", "disabled", "on", "red"])
        if name == "serviceName" and self.operation == "CreateService":
            return self.rng.choice(["web", "s%d" % self.rng.randint(0, 15)])
        if self.operation in ("CreateCluster", "DeleteCluster") and name in ("cluster", "clusterName"):
            return self.rng.choice(["rnd-b", "rnd-c", "rnd-d", "Rnd_E"])
        if name == "instanceIdentityDocument":
            return IDENTITY
        if name == "cluster" and self.rng.random() < 0.6:
            return "rnd-a"
        if self.operation in ("DeregisterTaskDefinition", "DeleteTaskDefinitions") and shape.type_name == "string":
            return self.rng.choice(["two:1", "two:2", "net:7", "one:3", "one:4"])  # most of them stay
        if name == "containerDefinitions":
            return [{"name": "main", "image": "example/app:1", "memory": 64, "essential": True,
                     "portMappings": [{"containerPort": 80}]}]
        if shape.type_name == "list" and shape.member.type_name == "string" and name in World.MEMBERS:
            values = [self.world.value(self.rng, name) for _ in range(self.rng.randint(1, 3))]
            return [v for v in values if v is not None]
        if shape.type_name == "string":
            value = self.world.value(self.rng, name)
            return str(value) if value is not None else None
        if shape.type_name == "integer" and name in ("cpu", "memory"):
            return self.rng.choice([16, 64, 128])
        return None

    def make_structure(self, shape, depth, _name):
        out = {}
        for name, member in shape.members.items():
            needed = name in shape.required_members and self.rng.random() >= self.wrong
            if self.world and depth == 0 and name in MOSTLY_THERE and "CapacityProvider" not in self.operation:
                needed = needed or self.rng.random() < 0.8
            if needed or (depth < DEPTH_MAX and self.rng.random() < self.often / (1 + depth)):
                out[name] = self.make(member, depth + 1, name)
        if self.rng.random() < self.wrong:
            out["noSuchMember"] = self.rng.choice(WRONG)
        return out

    def make_list(self, shape, depth, name):
        n = self.rng.randint(0, 2 if depth < DEPTH_MAX else 0)
        return [self.make(shape.member, depth + 1, name) for _ in range(n)]

    def make_map(self, shape, depth, _name):
        return {self.make_string(shape.key, 0, ""): self.make(shape.value, depth + 1)
                for _ in range(self.rng.randint(0, 2))}

    def make_string(self, shape, _depth, _name):
        if shape.metadata.get("enum"):
            return self.rng.choice(shape.metadata["enum"])
        return self.rng.choice(["web", "demo", "default", "a:1", "arn:aws:ecs:us-east-1:000000000000:cluster/demo", "80",
                                "0" * 32, "busybox", "x=y", "_.:/-"])

    def make_integer(self, shape, _depth, name):
        low, high = int(shape.metadata.get("min", 0)), int(shape.metadata.get("max", 70000))
        if name == "desiredCount":
            high = 5
        return self.rng.choice([low, high, self.rng.randint(low, max(low, high)), 1, min(256, high)])

    make_long = make_integer

    def make_double(self, _shape, _depth, _name):
        return self.rng.choice([0, 1, 50.5, 100])

    make_float = make_double

    def make_boolean(self, _shape, _depth, _name):
        return self.rng.random() < 0.5

    def make_timestamp(self, _shape, _depth, _name):
        return self.rng.choice([0, 1795500000, 1795500000.123])


def misfit(value, shape, path=""):
    """What of a JSON value is not as the shape says; None when it fits."""
    kind = shape.type_name
    if not isinstance(value, TYPES[kind]) or (kind != "boolean" and isinstance(value, bool)):
        return "%s is %r, not a %s" % (path, value, kind)
    if kind == "structure":
        for name in value:
            if name not in shape.members:
                return "%s.%s is not in the model" % (path, name)
        for name in shape.required_members:
            if name not in value:
                return "%s.%s is missing" % (path, name)
        parts = [(v, shape.members[k], "%s.%s" % (path, k)) for k, v in value.items()]
    elif kind == "list":
        parts = [(v, shape.member, "%s[%d]" % (path, i)) for i, v in enumerate(value)]
    elif kind == "map":
        parts = [(v, shape.value, "%s[%s]" % (path, k)) for k, v in value.items()]
    else:
        if kind == "string" and shape.metadata.get("enum") and value not in shape.metadata["enum"]:
            return "%s is %r, none of the enum" % (path, value)
        return None
    for part in parts:
        wrong = misfit(*part)
        if wrong:
            return wrong
    return None


class Caller:
    def __init__(self, endpoint, service):
        session = botocore.session.get_session()
        self.model = session.get_service_model(service)
        self.url = urllib.parse.urlsplit(endpoint)
        self.endpoint = endpoint
        self.auth = botocore.auth.SigV4Auth(session.get_credentials(), self.model.signing_name, "us-east-1")
        self.parser = botocore.parsers.create_parser(self.model.metadata["protocol"])
        self.connection = None
        self.message = ""  # of the last error
        self.answer = None  # of the last request, when it was a success
        self.codes = {s.error_code for s in self.model.error_shapes} | COMMON_CODES

    def send(self, operation, body):
        meta = self.model.metadata
        headers = {"Content-Type": "application/x-amz-json-" + meta["jsonVersion"],
                   "X-Amz-Target": meta["targetPrefix"] + "." + operation}
        request = botocore.awsrequest.AWSRequest("POST", self.endpoint + "/", headers=headers, data=body)
        self.auth.add_auth(request)
        if not self.connection:
            self.connection = http.client.HTTPConnection(self.url.hostname, self.url.port, timeout=60)
        try:
            self.connection.request("POST", "/", body, dict(request.headers.items()))
            answer = self.connection.getresponse()
            return answer.status, answer.headers, answer.read()
        except (OSError, http.client.HTTPException):
            self.connection = None
            raise

    def check(self, operation, body):
        """The code of the answer ("" = success) and what is wrong with it (None = nothing)."""
        self.answer = None
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
        self.message = parsed.get("Error", {}).get("Message", "")
        if status >= 300:
            return code, None if code in self.codes else "code %r: %r" % (code, content[:300])
        self.answer = json.loads(content or b"{}")
        wrong = misfit(self.answer, shape, operation) if shape else None
        return code, wrong and "%s in %r" % (wrong, content[:300])


def make_world(endpoint):
    """What the requests are about; tolerant, since what is not there yet is asked for all the same."""
    caller, world = Caller(endpoint, "ecs"), World()

    def do(operation, **body):
        code, wrong = caller.check(operation, json.dumps(body).encode())
        if wrong or code:
            print("setting up: %s: %s" % (operation, wrong or code))
        world.learn(caller.answer)

    main = {"name": "main", "image": "example/app:1", "memory": 64, "portMappings": [{"containerPort": 80}]}
    for name in ("rnd-a", "rnd-b"):
        do("CreateCluster", clusterName=name)
    do("RegisterTaskDefinition", family="one", containerDefinitions=[main])
    do("RegisterTaskDefinition", family="two", containerDefinitions=[
        main, {"name": "side", "image": "example/app:2", "memory": 32, "essential": False}])
    do("RegisterTaskDefinition", family="net", networkMode="awsvpc", cpu="256", memory="512",
       requiresCompatibilities=["FARGATE", "EC2"], containerDefinitions=[main])
    do("CreateCapacityProvider", name="mine", autoScalingGroupProvider={
        "autoScalingGroupArn": "arn:aws:autoscaling:us-east-1:000000000000:autoScalingGroup:1:autoScalingGroupName/g"})
    do("CreateService", cluster="rnd-a", serviceName="web", taskDefinition="one", desiredCount=2)
    do("CreateService", cluster="rnd-a", serviceName="api", taskDefinition="net", desiredCount=1, launchType="FARGATE",
       networkConfiguration=NETWORK)
    do("CreateService", cluster="rnd-b", serviceName="loop", taskDefinition="two", schedulingStrategy="DAEMON")
    do("RunTask", cluster="rnd-a", taskDefinition="one", count=3, startedBy="me")
    do("RunTask", cluster="rnd-b", taskDefinition="net", launchType="FARGATE", networkConfiguration=NETWORK)
    do("ListContainerInstances", cluster="rnd-a")
    do("ListContainerInstances", cluster="rnd-b")
    return world


class Result:
    def __init__(self):
        self.lock, self.codes, self.broken, self.success = threading.Lock(), collections.Counter(), 0, set()
        self.messages = collections.defaultdict(collections.Counter)
        self.unknown = set()  # operations that are not implemented

    def add(self, operation, body, code, wrong, message=""):
        with self.lock:
            self.messages[operation][message[:150]] += 1
            self.codes[code or "success"] += 1
            if not code and not wrong:
                self.success.add(operation)
            if code == "UnknownOperationException":
                self.unknown.add(operation)
            if wrong:
                self.broken += 1
                if self.broken <= 20:
                    print("%s %s\n    %s" % (operation, body[:800], wrong), flush=True)


def work(args, plan, seed, world, result):
    caller, rng = Caller(args.endpoint, args.service), random.Random(seed)
    for name, i in plan:
        shape = caller.model.operation_model(name).input_shape
        body = json.dumps(Maker(rng, (0, 0, 0.03, 0.2)[i % 4], world, name).make(shape) if shape else {})
        if i % 16 == 15:
            body = body[:rng.randint(0, len(body))]
        code, wrong = caller.check(name, body.encode())
        if world and caller.answer:
            world.learn(caller.answer)
        result.add(name, body, code, wrong, caller.message)
        if result.broken > 200:
            return


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--count", type=int, default=200)
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--service", default="ecs")
    p.add_argument("--world", action="store_true")
    p.add_argument("--threads", type=int, default=1)
    p.add_argument("--verbose", action="store_true", help="say why an operation never succeeded")
    p.add_argument("endpoint")
    p.add_argument("operations", nargs="*")
    args = p.parse_args()
    names = args.operations or Caller(args.endpoint, args.service).model.operation_names
    plan = [(name, i) for name in names for i in range(args.count)]
    random.Random(args.seed).shuffle(plan)
    world, result = make_world(args.endpoint) if args.world else None, Result()
    threads = [threading.Thread(target=work, args=(args, plan[k::args.threads], args.seed * 1000 + k, world, result))
               for k in range(args.threads)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    print("seed %d: %d requests to %d operations (%d of them succeeded at least once), %d broken: %s" % (
        args.seed, sum(result.codes.values()), len(names), len(result.success), result.broken,
        ", ".join("%s %d" % c for c in result.codes.most_common())))
    never = sorted(set(names) - result.success - result.unknown)
    print("never a success: %s" % (", ".join(never) or "none"))
    for name in never if args.verbose else []:
        for message, n in result.messages[name].most_common(8):
            print("    %s: %d x %s" % (name, n, message))
    raise SystemExit(result.broken > 0)


main()
