"""Pods of interpreters, by the Kubernetes API: which there are, whose each is, and which of a group is the newest.

For close_lost.py, find_interpreters.py and rpc_filter.py. Runs in the Zeppelin image (Python 3.7).
"""

import http.client
import json
import ssl
import urllib.error
import urllib.parse
import urllib.request

FAULTS = (OSError, ValueError, KeyError, http.client.HTTPException)
"""What an API that answers badly comes to."""
LABELS = "app.kubernetes.io/name=zeppelin-interpreter,app.kubernetes.io/managed-by=zeppelin"
GROUP = "gaia-dmp/interpreter-group"
"""Annotation with Zeppelin's name of an interpreter (zeppelin: InterpreterSetting.getInterpreterGroupId, 0.12.1)."""
_ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"
_SECONDS = 30


class InterpreterPods:
    """Those of a namespace. environment: may say API, TOKEN_FILE and CA_FILE, which a Pod need not."""

    def __init__(self, namespace, environment):
        self._url = f"{environment.get('API') or address(environment)}/api/v1/namespaces/{namespace}/pods"
        self._token = environment.get("TOKEN_FILE", _ACCOUNT + "/token")
        self._context = ssl.create_default_context(cafile=environment.get("CA_FILE", _ACCOUNT + "/ca.crt"))

    def list(self, **selectors):
        """All of them, or those that a selector names. Raises one of FAULTS."""
        return self._call("GET", "?" + urllib.parse.urlencode({"labelSelector": LABELS, **selectors}))["items"]

    def delete(self, name):
        """Delete one, which may be gone already. Raises one of FAULTS."""
        try:
            self._call("DELETE", "/" + name)
        except urllib.error.HTTPError as problem:
            if problem.code != 404:
                raise

    def _call(self, method, path):
        # A token is written anew before it ends.
        with open(self._token) as file:
            headers = {"Authorization": "Bearer " + file.read().strip()}
        request = urllib.request.Request(self._url + path, headers=headers, method=method)
        with urllib.request.urlopen(request, context=self._context, timeout=_SECONDS) as answer:
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


def newest(pods):
    """Setting and group to the newest Pod of an interpreter. Those that have ended do not count."""
    return {(setting_of(pod), group_of(pod)): pod for pod in sorted(filter(is_there, pods), key=made)}
