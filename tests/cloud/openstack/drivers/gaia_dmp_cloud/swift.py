"""Run Swift in one process: proxy with S3 API, account, container and object server; `python -m gaia_dmp_cloud.swift PORT`.

Each server listens on a port of its own, because the proxy finds the others by rings, which are made here anew at every start.
"""

import os
import sys
from pathlib import Path
from time import monotonic as now

import eventlet

eventlet.monkey_patch()

from eventlet import wsgi
from swift.common import utils
from swift.common.ring import RingBuilder
from swift.common.wsgi import loadapp

STORAGE = ("account", "container", "object")


class Memory:
    """What memcached is to Swift, in this process. Without it the S3 API cannot keep a key's secret, and refuses uploads in signed chunks,
    which is how Spark uploads (s3token.py: secret_cache_duration).
    """

    def __init__(self):
        self._values = {}

    def get(self, key, *_, **__):
        value, end = self._values.get(key, (None, 0))
        return value if not end or now() < end else None

    def set(self, key, value, *_, time=0, **__):
        self._values[key] = (value, time and now() + time)

    def delete(self, key, *_, **__):
        self._values.pop(key, None)

    def incr(self, key, delta=1, *_, time=0, **__):
        value = (self.get(key) or 0) + delta
        self.set(key, value, time=time)
        return value


def remembering(application):
    memory = Memory()

    def with_memory(environ, start_response):
        environ["swift.cache"] = memory
        return application(environ, start_response)

    return with_memory


def main():
    port = int(sys.argv[1])
    folder = Path(os.environ["GAIA_DMP_CLOUD"]) / "swift"
    (folder / "disks" / "disk").mkdir(parents=True, exist_ok=True)
    utils.set_swift_dir(str(folder))
    utils.validate_hash_conf()
    sockets = {name: eventlet.listen(("127.0.0.1", 0)) for name in STORAGE} | {"proxy": eventlet.listen(("127.0.0.1", port))}
    for name in STORAGE:
        builder = RingBuilder(2, 1, 0)
        device = {"id": 0, "region": 1, "zone": 1, "ip": "127.0.0.1", "device": "disk", "weight": 1}
        builder.add_dev(device | {"port": sockets[name].getsockname()[1]})
        builder.rebalance()
        builder.get_ring().save(str(folder / f"{name}.ring.gz"))
    applications = {name: loadapp(str(folder / f"{name}-server.conf"), global_conf={}) for name in sockets}
    applications["proxy"] = remembering(applications["proxy"])
    servers = [eventlet.spawn(wsgi.server, sockets[name], application) for name, application in applications.items()]
    for server in servers:
        server.wait()


if __name__ == "__main__":
    main()
