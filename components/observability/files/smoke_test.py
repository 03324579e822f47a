"""Whether people can work: a notebook that counts, cross-matches and plots, run through Zeppelin's REST API. Python 3.8, standard library.

  smoke_test.py once URL            run it once; says each step and its seconds, and ends with 1 where it fails
  smoke_test.py serve URL CONFIG    go on running it, and serve the results at /metrics in Prometheus' text format

The login name is in the variable SMOKE_USER, the password in SMOKE_PASSWORD. SMOKE_STEPS may name a JSON file of [step, text, wanted] in
place of our own steps. CONFIG is JSON: {"every": seconds from one run to the next, "slow": seconds, "port": of the metrics, "certificate":
host:port whose certificate is looked at, or null}.

The notebook is made anew for each run and removed after it, with which Zeppelin ends its interpreters: so each run starts a driver, as a
person's first paragraph does. Its path has the time and a random part; what an earlier run left when it was killed is removed first.
Files of Zeppelin: zeppelin-server/src/main/java/org/apache/zeppelin/rest/NotebookRestApi.java and, for what a note is made of,
rest/message/NewNoteRequest.java (https://github.com/apache/zeppelin/tree/v0.12.1).
"""

import calendar
import http.cookiejar
import json
import os
import signal
import socket
import ssl
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

FOLDER = "/smoke-test/"
"""Where the notebooks of all runs are. Zeppelin shows a person those of their own."""

OLD = 3 * 3600
"""Seconds after which a notebook is what a killed run left, and not that of a run at work elsewhere (`make smoke`)."""

PATIENCE = 1800
"""Seconds that one step may take: a node of an autoscaled pool takes minutes to come."""

SOON = 20
"""Seconds until the next try where the login has failed."""

CATALOGUE = """
from pyspark.sql import functions as F
def stars(shift):
    rows = spark.range(200000, numPartitions=8)
    return rows.select("id", (F.col("id") % 360 + shift).alias("ra"), (F.floor(F.col("id") / 360) * 0.3 - 83).alias("dec"))
"""
STEPS = (
    ("count", "%spark.pyspark\n" + CATALOGUE + "print('counted', stars(0.0).count())", "counted 200000"),
    (
        "cross-match",
        "%spark.pyspark\n"
        "left, right = stars(0.0), stars(0.0001).withColumnRenamed('id', 'other')\n"
        "cell = lambda t: t.withColumn('cell', F.floor('ra') * 1000 + F.floor('dec'))\n"
        "near = cell(left).alias('l').join(cell(right).alias('r'), 'cell').where('l.dec = r.dec and abs(l.ra - r.ra) < 0.001')\n"
        "print('matched', near.count())",
        "matched 200000",
    ),
    (
        "plot",
        "%spark.pyspark\n"
        "import matplotlib\nmatplotlib.use('Agg')\nimport io, base64\nimport matplotlib.pyplot as plt\n"
        "rows = stars(0.0).where('id < 1000').collect()\n"
        "figure, axes = plt.subplots()\naxes.scatter([r.ra for r in rows], [r.dec for r in rows], s=1)\n"
        "image = io.BytesIO()\nfigure.savefig(image, format='png')\nprint('plotted', len(rows), len(image.getvalue()) > 1000)",
        "plotted 1000 True",
    ),
)
"""(step, text of its paragraph, what its result must hold)."""


class FailedError(Exception):
    def __init__(self, step, words):
        super().__init__(words)
        self.step = step


class Zeppelin:
    """A session with Zeppelin's REST API."""

    def __init__(self, url):
        self._url = url.rstrip("/")
        context = ssl.create_default_context(cafile=os.environ.get("SSL_CERT_FILE"))
        jar = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
        self._opener = urllib.request.build_opener(jar, urllib.request.HTTPSHandler(context=context), urllib.request.ProxyHandler({}))

    def ask(self, method, path, body=None, form=None):
        """The `body` of the answer. Raises OSError."""
        data = urllib.parse.urlencode(form).encode() if form else json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(self._url + "/api" + path, data=data, method=method)
        if body is not None:
            request.add_header("Content-Type", "application/json")
        with self._opener.open(request, timeout=PATIENCE) as answer:
            return json.loads(answer.read() or b"{}").get("body")


def run(url, tell):
    """Run all steps. tell: is called with each step and its seconds. Raises FailedError."""
    zeppelin, step, note = Zeppelin(url), "login", None
    begin = time.monotonic()
    try:
        zeppelin.ask("POST", "/login", form={"userName": os.environ["SMOKE_USER"], "password": os.environ["SMOKE_PASSWORD"]})
        tell(step, time.monotonic() - begin)
        step, begin = "notebook", time.monotonic()
        remove_left(zeppelin, time.time())
        path = FOLDER + time.strftime("%Y%m%d-%H%M%S", time.gmtime()) + "-" + os.urandom(3).hex()
        note = zeppelin.ask("POST", "/notebook", {"notePath": path, "addingEmptyParagraph": False, "defaultInterpreterGroup": "spark"})
        tell(step, time.monotonic() - begin)
        for step, text, wanted in steps():
            begin = time.monotonic()
            paragraph = zeppelin.ask("POST", f"/notebook/{note}/paragraph", {"title": step, "text": text})
            result = zeppelin.ask("POST", f"/notebook/run/{note}/{paragraph}", {})
            said = "\n".join(str(each.get("data")) for each in (result or {}).get("msg") or [])
            if (result or {}).get("code") != "SUCCESS":
                raise FailedError(step, (result or {}).get("code", "no result") + ": " + said.strip()[-500:])
            if wanted not in said:
                raise FailedError(step, f"said {said.strip()[-200:]!r}, wanted {wanted!r}")
            tell(step, time.monotonic() - begin)
    except (OSError, ValueError) as error:
        raise FailedError(step, f"{type(error).__name__}: {error}") from error
    finally:
        if note:
            try:
                zeppelin.ask("DELETE", f"/notebook/{note}")
            except (OSError, ValueError) as error:
                print(f"notebook {note} stays: {error}", flush=True)


def remove_left(zeppelin, now):
    """Remove the notebooks of runs that were killed before they could."""
    for note in zeppelin.ask("GET", "/notebook") or []:
        path = note.get("path") or ""
        try:
            begun = calendar.timegm(time.strptime(path[len(FOLDER) : len(FOLDER) + 15], "%Y%m%d-%H%M%S"))
        except ValueError:
            # Not one of ours.
            continue
        if path.startswith(FOLDER) and now - begun > OLD:
            try:
                zeppelin.ask("DELETE", "/notebook/" + note["id"])
            except (OSError, ValueError) as error:
                print(f"notebook {path} of an earlier run stays: {error}", flush=True)


def steps():
    path = os.environ.get("SMOKE_STEPS")
    if not path:
        return STEPS
    with open(path) as file:
        return json.load(file)


def once(url):
    # A run that is stopped removes its notebook: `finally` of run() does it on SystemExit.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    begin = time.monotonic()
    try:
        run(url, lambda step, seconds: print(f"{step:12} {seconds:6.1f} s", flush=True))
    except FailedError as failed:
        sys.exit(f"{failed.step:12} FAILED: {failed}")
    print(f"{'pass':12} {time.monotonic() - begin:6.1f} s")


def certificate_end(address):
    """When the certificate of host:port ends, in seconds since 1970; None where nobody answers."""
    host, port = address.rsplit(":", 1)
    context = ssl.create_default_context()
    # Whoever signed it: it is its last day that is asked for.
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        with socket.create_connection((host, int(port)), timeout=10) as raw, context.wrap_socket(raw, server_hostname=host) as tls:
            pem = ssl.DER_cert_to_PEM_cert(tls.getpeercert(binary_form=True))
    except OSError as error:
        print(f"certificate of {address}: {error}", flush=True)
        return None
    with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:
        file.write(pem)
        file.flush()
        # The one decoder of the standard library that asks for no trust.
        return ssl.cert_time_to_seconds(ssl._ssl._test_decode_cert(file.name)["notAfter"])  # noqa: SLF001


class State:
    """The last run."""

    def __init__(self, config):
        self.config, self.lock = config, threading.Lock()
        self.result, self.step, self.at, self.seconds, self.certificate = None, "", 0.0, {}, None

    def watch(self, url):
        while True:
            if self.config.get("certificate"):
                self.certificate = certificate_end(self.config["certificate"])
            begin, seconds, step = time.monotonic(), {}, ""
            try:
                run(url, seconds.__setitem__)
                result = "slow" if time.monotonic() - begin > self.config["slow"] else "pass"
            except FailedError as failed:
                result, step = "fail", failed.step
                print(f"failed at {failed.step}: {failed}", flush=True)
            with self.lock:
                self.result, self.step, self.at, self.seconds = result, step, time.time(), seconds
            print(f"{result} in {time.monotonic() - begin:.1f} s", flush=True)
            # What failed is tried again soon: an operator who mends it wants to see that. A login starts nothing, and on a platform that
            # comes up nobody answers for some minutes.
            soon = SOON if step == "login" else 600
            pause = min(self.config["every"], soon) if result == "fail" else self.config["every"]
            time.sleep(max(1, pause - (time.monotonic() - begin)))

    def metrics(self):
        with self.lock:
            result, step, at, seconds = self.result, self.step, self.at, dict(self.seconds)
        lines = [
            "# HELP gaia_dmp_smoke_test_result What the last run of the test notebook came to.",
            "# TYPE gaia_dmp_smoke_test_result gauge",
        ]
        if result:
            for each in ("pass", "slow", "fail"):
                label = f',step="{step}"' if each == "fail" and step else ""
                lines.append(f'gaia_dmp_smoke_test_result{{result="{each}"{label}}} {int(each == result)}')
            lines.append("# HELP gaia_dmp_smoke_test_timestamp_seconds When the last run ended.")
            lines += ["# TYPE gaia_dmp_smoke_test_timestamp_seconds gauge", f"gaia_dmp_smoke_test_timestamp_seconds {at:f}"]
            lines.append("# HELP gaia_dmp_smoke_test_step_seconds How long each step of the last run took.")
            lines.append("# TYPE gaia_dmp_smoke_test_step_seconds gauge")
            lines += ['gaia_dmp_smoke_test_step_seconds{{step="{}"}} {:f}'.format(*each) for each in seconds.items()]
        if self.certificate:
            lines.append("# HELP gaia_dmp_certificate_expires_timestamp_seconds When the gateway's certificate expires.")
            lines.append("# TYPE gaia_dmp_certificate_expires_timestamp_seconds gauge")
            lines.append(f"gaia_dmp_certificate_expires_timestamp_seconds {self.certificate}")
        return "\n".join(lines) + "\n"


def serve(url, config):
    state = State(config)
    threading.Thread(target=state.watch, args=(url,), daemon=True).start()

    # Beside this script where it serves, and nowhere else.
    import serve_metrics  # noqa: PLC0415

    serve_metrics.serve(config["port"], state.metrics)


if __name__ == "__main__":
    if sys.argv[1:2] == ["once"] and len(sys.argv) == 3:
        once(sys.argv[2])
    elif sys.argv[1:2] == ["serve"] and len(sys.argv) == 4:
        with open(sys.argv[3]) as config_file:
            serve(sys.argv[2], json.load(config_file))
    else:
        sys.exit(__doc__)
