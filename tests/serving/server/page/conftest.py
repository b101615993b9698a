"""A browser, and pages of small models in it."""

import contextlib
import shutil
from pathlib import Path

import pytest

from tfseq.serving import export as export_module

from ...conftest import Exported
from ...fake_server import Backend
from .page_server import PageServer

REFERENCE = Path(__file__).parents[4] / "exported" / "python_docs_gru" / "1"


# Names of a browser of this kind that a system may have.
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")


@pytest.fixture(scope="module")
def chromium():
    """A browser without a window; tests that need one are skipped where there is none.

    It is ended with its module: it keeps an event loop, and other tests have their own.
    """
    api = pytest.importorskip(
        "playwright.sync_api", reason="playwright is not installed (extra `browser`)"
    )
    with api.sync_playwright() as playwright:
        path = next(filter(None, map(shutil.which, BROWSERS)), None)
        if path is None and not Path(playwright.chromium.executable_path).exists():
            pytest.skip(
                "no Chromium or Chrome is on PATH; tests do not download one, "
                "`playwright install chromium` does"
            )
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def serve():
    """`serve(name=exported, ...)` -> a `PageServer`, closed after the test."""
    with contextlib.ExitStack() as stack:

        def start(token="", port=0, **exports):
            backends = [Backend(exported, name) for name, exported in exports.items()]
            server = PageServer(*backends, token=token, port=port)
            stack.callback(server.close)
            return server

        yield start


@pytest.fixture
def visit(chromium):
    """`visit(url, **options of the context)` -> a page; an error in its script fails the test."""
    faults = []
    with contextlib.ExitStack() as stack:

        def opened(url, **options):
            context = chromium.new_context(**options)
            stack.callback(context.close)
            page = context.new_page()
            page.set_default_timeout(30_000)
            page.on("pageerror", lambda fault: faults.append(str(fault)))
            page.goto(url)
            return page

        yield opened
    assert not faults


@pytest.fixture(scope="module")
def without_trial():
    """Exports are not tried in the loader before they are published: the tests do that."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(export_module, "LoaderProcess", contextlib.nullcontext)
        patch.setattr(export_module, "replay", lambda directory, loader: None)
        yield


@pytest.fixture(scope="module")
def reference(chromium, loader):
    """The language model of the repository; nothing is loaded where there is no browser."""
    return Exported(str(REFERENCE), loader.load(REFERENCE), None, loader)
