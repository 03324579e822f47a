"""Serves metrics in Prometheus' text format, for the scripts beside it. Python 3.8, standard library alone."""

import http.server
import os
import signal


def serve(port, metrics):
    """Answer /metrics by what `metrics()` says, and /healthz, until SIGTERM."""
    # The first process of a container has no default action for signals: without this the kubelet waits and kills. At once: in its
    # orderly end Python has crashed (SIGSEGV) while a thread still answered.
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            known = self.path in ("/metrics", "/healthz")
            body = (metrics() if self.path == "/metrics" else "").encode()
            self.send_response(200 if known else 404)
            self.send_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    http.server.ThreadingHTTPServer(("", port), Handler).serve_forever()
