"""`gaia restore`: restore notebooks from a backup, or list the backups."""

import argparse
import sys
import tempfile
from pathlib import Path

import httpx2
from lightkube import ApiError
from lightkube.core.exceptions import ConfigError

from cli.exit import Exit
from cli.output import complain, errors
from operate.restore import JOB_SECONDS, STOP_SECONDS, Cluster, RestoreError, kubeconfig
from settings import StackFileError


def run(options: argparse.Namespace) -> Exit:
    """Restore one stack's notebooks: FOUND if there is no stack file, FAILED if it did not work; the message describes the situation."""
    console = errors()

    def say(line: str) -> None:
        console.print(f"{line} ...", style="dim", markup=False)

    try:
        with tempfile.TemporaryDirectory() as folder:
            file = options.kubeconfig or kubeconfig(options.stack, Path(folder))
            times = {"stop_seconds": options.stop_timeout or STOP_SECONDS, "job_seconds": options.job_timeout or JOB_SECONDS}
            cluster = Cluster(file, say, **times)
            words = cluster.listing() if options.snapshot == "list" else cluster.restore(options.snapshot)
    except httpx2.TransportError as error:
        complain(f"the Kubernetes API of stack {options.stack} does not answer: {error}")
        return Exit.FAILED
    except StackFileError as error:
        complain(error)
        return Exit.FOUND
    except (RestoreError, ApiError, ConfigError) as error:
        complain(error)
        return Exit.FAILED
    sys.stdout.write(words)
    return Exit.WELL
