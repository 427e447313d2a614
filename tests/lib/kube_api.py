"""The Kubernetes API for tests in Python: requests with the client certificate of a kubeconfig, and watches."""
import base64
import http.client
import json
import ssl
import tempfile
import urllib.parse

import yaml


def _file(entry, name):
    """The path of a certificate that stands in the kubeconfig as a path or as data."""
    if name in entry:
        return entry[name]
    f = tempfile.NamedTemporaryFile(delete=False)
    f.write(base64.b64decode(entry[name + "-data"]))
    f.close()
    return f.name


class Api:
    def __init__(self, kubeconfig):
        with open(kubeconfig) as f:
            config = yaml.safe_load(f)
        cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
        self.tls = ssl.create_default_context(cafile=_file(cluster, "certificate-authority"))
        self.tls.load_cert_chain(_file(user, "client-certificate"), _file(user, "client-key"))
        self.url = urllib.parse.urlsplit(cluster["server"])
        self.connection = self.connect(30)

    def connect(self, timeout):
        return http.client.HTTPSConnection(self.url.hostname, self.url.port, context=self.tls, timeout=timeout)

    def call(self, method, path, body=None, kind="application/json"):
        self.connection.request(method, path, json.dumps(body) if body is not None else None, {"Content-Type": kind})
        answer = self.connection.getresponse()
        return answer.status, json.loads(answer.read() or "{}")

    def watch(self, path, timeout=120):
        """Opens the watch at once; the events come from the iterator that it returns."""
        connection = self.connect(timeout)
        connection.request("GET", path + ("&" if "?" in path else "?") + "watch=true")
        answer = connection.getresponse()

        def events():
            for line in iter(answer.readline, b""):
                yield json.loads(line)
        return events()
