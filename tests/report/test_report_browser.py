"""A report as a real browser shows it: styled, without errors, and without asking for anything."""

import functools
import http.server
import json
import re
import shutil
import subprocess
import threading

import pytest

from tfseq.report import Report

BROWSER = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
pytestmark = pytest.mark.skipif(BROWSER is None, reason="no Chromium is installed")

FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-sync "
    "--disable-background-networking --disable-component-update --enable-logging=stderr "
    "--virtual-time-budget=20000"
).split()
WIDTHS = (320, 375, 1000)

# Beside the report, in frames of several widths, a page that looks into them.
LOOK = """<!DOCTYPE html><link rel="icon" href="data:,"><body><pre id="found"></pre><script>
console.error("a complaint is seen");
const widths = %s, found = [];
for (const width of widths) {
  const frame = document.createElement("iframe");
  frame.style.cssText = `width: ${width}px; height: 800px; border: 0`;
  frame.onload = () => {
    const page = frame.contentDocument, root = page.documentElement;
    const shown = (selector) => [...page.querySelectorAll(selector)].map(
      (e) => frame.contentWindow.getComputedStyle(e).display !== "none");
    const hot = page.querySelector(".tokens .h10");
    found.push({
      width, client: root.clientWidth, scroll: root.scrollWidth, title: page.title,
      wide: shown("svg.wide"), narrow: shown("svg.narrow"),
      hot: frame.contentWindow.getComputedStyle(hot).backgroundColor,
      picture: page.querySelector("img").naturalWidth,
      hostile: page.querySelector("pre").textContent, ran: String(frame.contentWindow.ran),
      outside: [...page.querySelectorAll("section *")].filter((e) => !e.closest(".scroll > *")
        && e.getBoundingClientRect().right > root.clientWidth + 1).map((e) => e.outerHTML),
    });
    document.getElementById("found").textContent = JSON.stringify(found);
  };
  frame.src = "report.html";
  document.body.append(frame);
}
</script>"""


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A directory that is served, its address, and the paths that were asked for."""
    place, asked = tmp_path_factory.mktemp("served"), []

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            asked.append(self.path)

    handler = functools.partial(Handler, directory=place)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as listening:
        thread = threading.Thread(target=listening.serve_forever)
        thread.start()
        yield place, f"http://127.0.0.1:{listening.server_port}", asked
        listening.shutdown()
        thread.join()


def hostile_report(address):
    """What would fetch from `address` or run, if it were let; and what is hard to fit."""
    code = f"<script>ran = 1</script><img src={address}/text.png onerror='ran = 1'>"
    svg = (
        '<svg xmlns="http://www.w3.org/2000/svg" width="40" height="20" onload="parent.ran = 1">'
        f'<image href="{address}/picture.png" width="9" height="9"/><script>ran = 1</script></svg>'
    )
    long = "x" * 300
    report = Report(f"A report {code}", long).highlights({long: 1.5, "n": long})
    report.section("Text").text(code + long, caption=code).prose(code + long)
    report.values({code: code, "long": long}, caption=long)
    report.section("Tables").table([f"column {n}" for n in range(20)], [["word " * 5] * 20], code)
    report.matrix(["a" * 30] * 3, ["b" * 30] * 3, [[1, 2, 3]] * 3)
    report.figure(svg.encode(), "a picture", caption=code)
    line = [(n, float(n % 7)) for n in range(1000)]
    report.section("Charts").chart({long: line, code: line}, code, long, marks={"middle": 500})
    report.heat_map(list(long + code), [1.0] * len(long + code), "bits", limit=0.5)
    return report.heat_map(["word", long], [-1.0, 1.0], "a unit with a long name", words=True)


@pytest.fixture(scope="module")
def opened(server, tmp_path_factory):
    """What was found in the frames, what the browser complained of, and what it asked for."""
    place, address, asked = server
    hostile_report(address).write(place / "report.html")
    (place / "look.html").write_text(LOOK % json.dumps(WIDTHS))
    profile = tmp_path_factory.mktemp("profile")
    done = subprocess.run(
        [BROWSER, *FLAGS, f"--user-data-dir={profile}", "--dump-dom", f"{address}/look.html"],
        capture_output=True,
        text=True,
        timeout=180,
    )
    text = re.search('<pre id="found">(.*?)</pre>', done.stdout, flags=re.S)[1]
    for name, character in (("lt", "<"), ("gt", ">"), ("amp", "&")):
        text = text.replace(f"&{name};", character)
    complaints = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    return json.loads(text), complaints, list(asked)


def test_nothing_but_the_page_is_asked_for(opened):
    frames, complaints, asked = opened
    # A frame may get the page that another one has asked for.
    assert set(asked) == {"/look.html", "/report.html"}
    assert len(complaints) == 1
    assert "a complaint is seen" in complaints[0]
    assert {frame["ran"] for frame in frames} == {"undefined"}


def test_it_is_styled_and_whole(opened):
    frames, _, _ = opened
    assert sorted(frame["width"] for frame in frames) == sorted(WIDTHS)
    for frame in frames:
        assert frame["title"].startswith("A report <script>ran = 1</script>")
        assert frame["hostile"].startswith("<script>ran = 1</script>")
        assert frame["picture"] == 40
        # The full colour, through the style sheet whose digest the policy lets in.
        assert re.fullmatch(r"rgba\(2\d\d, \d+, \d+, 0\.72\d*\)", frame["hot"])


def test_no_width_is_too_narrow(opened):
    for frame in opened[0]:
        assert frame["scroll"] <= frame["client"] <= frame["width"], frame["width"]
        assert frame["outside"] == [], frame["width"]
        narrow = frame["width"] < 640
        assert set(frame["narrow"]) == {narrow}
        assert set(frame["wide"]) == {not narrow}
