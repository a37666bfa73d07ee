"""The `darkroom` command, run once."""

import subprocess

from live_server import clean_environment, program

NOBODY = "127.0.0.1:1"  # No server is there.


def client_command(address, *arguments):
    return [str(program("darkroom")), "--server", address, *map(str, arguments)]


def run_client(address, *arguments, **options):
    """What became of it: its exit status, and what it printed."""
    return subprocess.run(
        client_command(address, *arguments),
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
        env=clean_environment(),
        **options,
    )
