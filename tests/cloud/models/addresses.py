"""Where the server is found, and the addresses of those who ask it."""

HOST = "gaia.example.org"
GATEWAY = "127.0.0.1"
ALICE, BOB, EXECUTOR, GUEST, CHECK, NOBODY = (f"127.0.7.{number}" for number in range(1, 7))
ADMIN = "127.0.7.7"
OTHER_GATEWAY = "127.0.7.8"
"""The gateway's while executors run, whose address is that of this machine (tests/cloud/kubelet.py)."""
