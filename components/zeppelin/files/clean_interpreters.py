"""Deletes interpreters that have ended, marks those as failed that wait too long for a node, and deletes Services without a Pod.

Zeppelin removes what it stops itself. What ends by itself (idle, out of memory, evicted) or outlives a restart of the server stays as a
finished Pod and a Service: that is for this script, run every few minutes as a CronJob. Python 3.8, standard library alone.

Environment: NAMESPACE of the interpreters; KEEP_SECONDS that a finished Pod stays readable; WAIT_SECONDS that a Pod may be pending;
API, TOKEN_FILE, CA_FILE only where it does not run in a Pod.
"""

import datetime
import json
import os
import ssl
import sys
import urllib.error
import urllib.request

ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"
SELECTOR = "app.kubernetes.io%2Fmanaged-by%3Dzeppelin"


class Api:
    def __init__(self, environment):
        self.url = environment.get("API", "https://kubernetes.default.svc")
        with open(environment.get("TOKEN_FILE", ACCOUNT + "/token")) as file:
            self.token = file.read().strip()
        self.context = ssl.create_default_context(cafile=environment.get("CA_FILE", ACCOUNT + "/ca.crt"))

    def call(self, method, path, body=None):
        """The answer as data; None where the object is gone."""
        headers = {"Authorization": "Bearer " + self.token, "Content-Type": "application/merge-patch+json"}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data=data, headers=headers, method=method)
        try:
            with urllib.request.urlopen(request, context=self.context, timeout=30) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            if error.code == 404:
                return None
            raise RuntimeError(f"{method} {path}: {error.code} {error.read().decode()[:500]}") from error


def age(item, now, field="creationTimestamp"):
    """Seconds since an object was made."""
    made = datetime.datetime.strptime(item["metadata"][field], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=datetime.timezone.utc)
    return (now - made).total_seconds()


def ended(pod, now):
    """Seconds since the last container of a finished Pod ended; since it was made where no container tells."""
    ends = [
        state["terminated"]["finishedAt"]
        for status in pod["status"].get("containerStatuses") or []
        for state in [status.get("state") or {}]
        if (state.get("terminated") or {}).get("finishedAt")
    ]
    return age({"metadata": {"creationTimestamp": max(ends)}}, now) if ends else age(pod, now)


def clean(api, namespace, keep, wait, now):
    """What was done, one line each."""
    root = f"/api/v1/namespaces/{namespace}/"
    pods = api.call("GET", root + "pods?labelSelector=" + SELECTOR)["items"]
    services = api.call("GET", root + "services?labelSelector=" + SELECTOR)["items"]
    done = []
    for pod in pods:
        name, phase = pod["metadata"]["name"], pod["status"].get("phase")
        if phase in ("Succeeded", "Failed") and ended(pod, now) > keep:
            api.call("DELETE", root + "pods/" + name)
            done.append(f"removed Pod {name}, {phase}")
        elif phase == "Pending" and age(pod, now) > wait:
            # A deletion would leave Zeppelin waiting for the Pod for ever (K8sRemoteInterpreterProcess.start); this ends its wait.
            message = f"No node could run this within {wait} s: the platform is full, or an image cannot be pulled."
            status = {"phase": "Failed", "reason": "NotStarted", "message": message}
            api.call("PATCH", root + "pods/" + name + "/status", {"status": status})
            done.append(f"gave up Pod {name}, pending for more than {wait} s")
    names = {pod["metadata"]["name"] for pod in pods}
    for service in services:
        name = service["metadata"]["name"]
        # The Pod is made before its Service; a Service alone has lost it.
        if name not in names and age(service, now) > keep:
            api.call("DELETE", root + "services/" + name)
            done.append(f"removed Service {name}, whose Pod is gone")
    return done


def main(environment):
    now = datetime.datetime.now(datetime.timezone.utc)
    arguments = environment["NAMESPACE"], int(environment["KEEP_SECONDS"]), int(environment["WAIT_SECONDS"])
    for line in clean(Api(environment), *arguments, now):
        print(line)


if __name__ == "__main__":
    try:
        main(os.environ)
    except (OSError, RuntimeError) as error:
        sys.exit(f"clean_interpreters: {error}")
