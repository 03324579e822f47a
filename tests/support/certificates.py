"""Certificates for servers that tests run."""

import subprocess
from pathlib import Path


def self_signed(folder: Path, days: int = 2, host: str = "localhost") -> tuple[Path, Path]:
    """A certificate of 127.0.0.1 and a host that it has signed itself, and its key: PEM files `tls.crt` and `tls.key` of the folder."""
    certificate, key = folder / "tls.crt", folder / "tls.key"
    request = f"openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days {days} -subj /CN=tests"
    command = [*request.split(), "-addext", f"subjectAltName=IP:127.0.0.1,DNS:{host}", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(command, check=True, capture_output=True)
    return certificate, key
