"""Pods of interpreters, by the Kubernetes API: which there are, and whose each is.

For close_lost.py, find_interpreters.py and rpc_filter.py. Runs in the Zeppelin image (Python 3.7).
"""

import http.client
import json
import ssl
import urllib.error
import urllib.parse
import urllib.request

FAULTS = (OSError, ValueError, LookupError, TypeError, http.client.HTTPException)
"""What an API that answers badly comes to."""
LABELS = "app.kubernetes.io/name=zeppelin-interpreter,app.kubernetes.io/managed-by=zeppelin"
GROUP = "gaia-dmp/interpreter-group"
"""Annotation with Zeppelin's name of an interpreter (zeppelin: InterpreterSetting.getInterpreterGroupId, 0.12.1)."""
ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"
SECONDS = 30


class InterpreterPods:
    """Interpreters' Pods in one namespace.

    environment: KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT, as in every Pod; or API, TOKEN_FILE and CA_FILE. seconds: that one
    answer may take.
    """

    def __init__(self, namespace, environment, seconds=SECONDS):
        self._namespace, self._environment, self._seconds = namespace, environment, seconds

    def list(self, **selectors):
        """All of them, or those that a selector matches. Raises one of FAULTS."""
        return self._call("GET", "?" + urllib.parse.urlencode({"labelSelector": LABELS, **selectors}))["items"]

    def delete(self, name):
        """Delete one, which may be gone already. Raises one of FAULTS."""
        try:
            self._call("DELETE", "/" + name)
        except urllib.error.HTTPError as problem:
            if problem.code != 404:
                raise

    def _call(self, method, path):
        # Token and certificate are written anew from time to time.
        with open(self._environment.get("TOKEN_FILE", ACCOUNT + "/token")) as file:
            headers = {"Authorization": "Bearer " + file.read().strip()}
        context = ssl.create_default_context(cafile=self._environment.get("CA_FILE", ACCOUNT + "/ca.crt"))
        # The server's container may have a proxy for the world outside. The API is not there.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context))
        url = f"{self._environment.get('API') or address(self._environment)}/api/v1/namespaces/{self._namespace}/pods{path}"
        with opener.open(urllib.request.Request(url, headers=headers, method=method), timeout=self._seconds) as answer:
            return json.load(answer)


def address(environment):
    """Where a Pod finds the API, without asking a name server."""
    host, port = environment["KUBERNETES_SERVICE_HOST"], environment["KUBERNETES_SERVICE_PORT"]
    return f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"


def group_of(pod):
    """Zeppelin's name of the interpreter, `<setting>-<person>-<note>`. It can be read in two ways: names may hold hyphens."""
    return (pod["metadata"].get("annotations") or {}).get(GROUP, "")


def setting_of(pod):
    """The interpreter setting that it was started for, or None (zeppelin: bin/interpreter.sh, -g)."""
    arguments = pod["spec"]["containers"][0].get("args") or []
    return arguments[arguments.index("-g") + 1] if "-g" in arguments[:-1] else None


def made(pod):
    """When it was made, as text that can be compared."""
    return pod["metadata"]["creationTimestamp"]


def is_there(pod):
    """Whether it runs, or starts."""
    return pod["status"].get("phase") in ("Pending", "Running")
