"""A headless Chromium whose pages may speak to this machine and to nobody else; and dashboards to look at."""

import shutil
import socket
from collections.abc import Callable, Iterator

import panel as pn
import pytest
from playwright.sync_api import Browser, Page, Request, expect, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")
OPTIONS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip
HERE = ("http://127.0.0.1:", "ws://127.0.0.1:", "blob:http://127.0.0.1:", "data:")

expect.set_options(timeout=120_000)

Visit = Callable[..., Page]
Serve = Callable[..., str]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    path = next((found for name in NAMES if (found := shutil.which(name))), None)
    if path is None:
        pytest.skip("There is no Chromium here. On Debian this installs one: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=OPTIONS)
        yield browser
        browser.close()


@pytest.fixture
def visit(browser: Browser) -> Iterator[Visit]:
    """Open an address in a session of its own; at the end, nothing may have been asked of another host."""
    contexts, elsewhere, errors = [], [], []

    def note(request: Request) -> None:
        if not request.url.startswith(HERE):
            elsewhere.append(request.url)

    def open_page(url: str, **options: object) -> Page:
        context = browser.new_context(viewport={"width": 1_000, "height": 760}, **options)
        contexts.append(context)
        context.route(lambda address: not address.startswith(HERE), lambda route: route.abort())
        context.on("request", note)
        page = context.new_page()
        page.on("websocket", lambda socket: None if socket.url.startswith(HERE) else elsewhere.append(socket.url))
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(url)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert elsewhere == []
    assert errors == []


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Serve what a function makes for each session, in a thread of this process; the address comes back."""
    servers = []

    def start(make: Callable[[], pn.viewable.Viewable], **options: int) -> str:
        host = f"127.0.0.1:{free_port()}"
        options |= {"address": "127.0.0.1", "port": int(host.partition(":")[2])}
        servers.append(pn.serve(make, websocket_origin=[host], show=False, verbose=False, threaded=True, **options))
        return f"http://{host}/"

    yield start
    for server in servers:
        server.stop()
