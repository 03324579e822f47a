"""`gaia connect`: a driver of one's own for Spark Connect, without a notebook."""

import argparse
import getpass
import os

from cli.exit import Exit
from cli.output import complain, errors
from operate.connect import ConnectError, Platform

PASSWORD = "GAIA_PASSWORD"  # noqa: S105 - the name of a variable


def run(options: argparse.Namespace) -> int:
    """Start, list or stop drivers, or log in to models. Prints an address or a token and nothing else. Returns WELL or FAILED."""

    def say(line: str) -> None:
        errors().print(line, style="dim", markup=False)

    try:
        password = os.environ.get(PASSWORD) or getpass.getpass(f"Password of {options.user} at {options.url}: ")
        platform = Platform(options.url, options.user, password)
        if options.models:
            print(platform.token)
        elif options.list:
            for driver in platform.drivers():
                print(f"{driver.size:<20} {driver.pod or '-':<50} {'runs' if platform.runs(driver) else 'has ended'}")
        elif options.stop:
            platform.stop(options.size)
            say(f"{options.size}: stopped")
        else:
            print(platform.start(options.size, say))
    except EOFError:
        complain(f"no password: set {PASSWORD}, or run this in a terminal")
        return Exit.FAILED
    except ConnectError as error:
        complain(error)
        return Exit.FAILED
    return Exit.WELL
