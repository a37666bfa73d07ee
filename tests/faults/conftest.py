"""One server for each file of faults, which must serve on after every one of them."""

import pytest

from live_server import LiveServer
from surviving_server import expect_serving


@pytest.fixture(scope="module")
def server():
    with LiveServer("--batch-window", "0s") as live:
        yield live


@pytest.fixture(autouse=True)
def still_serving(request):
    """After each test on the file's server. Others start a surviving_server of their own."""
    live = request.getfixturevalue("server") if "server" in request.fixturenames else None
    yield
    if live is not None:
        expect_serving(live)
