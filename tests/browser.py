"""Opens pages in headless Chromium: as a reader has them, and driven as a reader would."""

import json
import os
import select
import shutil
import subprocess
from pathlib import Path

import pytest
from bs4 import BeautifulSoup

QUIET = [
    "disable-background-networking",
    "disable-component-update",
    "disable-sync",
    "no-first-run",
]
FLAGS = ["headless", "no-sandbox", "disable-gpu", "hide-scrollbars", *QUIET]

needs_chromium = pytest.mark.skipif(
    not shutil.which("chromium"), reason="needs chromium, which is not installed"
)


#: Tables and pictures that reach beyond the page or the frame they are in, in words.
TOO_WIDE = """(() => {
  const page = document.documentElement;
  const found = page.scrollWidth > innerWidth ? [`the page: ${page.scrollWidth} px`] : [];
  for (const one of document.querySelectorAll("main table, main img, main pre, .decide, .filter")) {
    if (!one.checkVisibility()) continue;
    const frame = one.closest(".scroll") ?? one;
    const right = frame.getBoundingClientRect().right;
    const cut = one.tagName === "TABLE" && frame.scrollWidth > frame.clientWidth + 1;
    if (right > innerWidth || (cut && innerWidth > 640))
      found.push(`${one.tagName} ${one.textContent.trim().slice(0, 60)}: ${frame.scrollWidth} px`);
  }
  return found;
})()"""


#: What is folded up on paper, but for code and what only a script can use, in words.
FOLDED_UP = """(() => {
  const folded = document.querySelectorAll("details:not(.code) > :not(summary, .filter, .more)");
  const hidden = [...folded].filter((one) => !one.checkVisibility());
  return hidden.map((one) => `folded up: ${one.textContent.slice(0, 60)}`);
})()"""
PAPER = 718  # pixels of the width of A4 within a browser's margins


def opened(page: Path, profile: Path) -> tuple[BeautifulSoup, str]:
    """Return the page as the browser has it, and what it logged; `profile` is an empty folder."""
    options = [f"--{flag}" for flag in (*FLAGS, "enable-logging=stderr", "dump-dom")]
    command = ["chromium", *options, f"--user-data-dir={profile}", page.as_uri()]
    browser = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert browser.returncode == 0
    return BeautifulSoup(browser.stdout, "html.parser"), browser.stderr


class Browser:
    """One window, which opens page after page, by Chromium's own protocol over two pipes.

    `problems` are messages in the console, errors of scripts and violations of the page's content
    policy since the last `open`; `requests` are the addresses that the page asked for.
    """

    def __init__(self, profile: Path):
        hears, self._speaks = os.pipe()
        self._hears, speaks = os.pipe()
        options = " ".join(f"--{flag}" for flag in (*FLAGS, "remote-debugging-pipe"))
        shell = f'exec chromium {options} --user-data-dir="$0" 3<&{hears} 4>&{speaks}'
        self.process = subprocess.Popen(
            ["bash", "-c", shell, str(profile)], pass_fds=(hears, speaks), stderr=subprocess.DEVNULL
        )
        os.close(hears)
        os.close(speaks)
        self._number, self._session, self._heard = 0, {}, b""
        self.problems: list[str] = []
        self.requests: list[str] = []
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self._session = {"sessionId": session}
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.ask(f"{domain}.enable")

    def open(self, page: Path | str, width: int = 1000, height: int = 1200) -> None:
        """Open a page in a window of this size, in pixels, and wait until it is loaded.

        `page` is a file, or an address.
        """
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.ask("Emulation.setDeviceMetricsOverride", **size)
        self.problems, self.requests = [], []
        self.ask("Page.navigate", url=page if isinstance(page, str) else page.as_uri())
        while self._listen().get("method") != "Page.loadEventFired":
            pass

    def value(self, expression: str):
        """Return the value of an expression of JavaScript on the page."""
        asked = {"expression": expression, "returnByValue": True, "awaitPromise": True}
        result = self.ask("Runtime.evaluate", **asked)
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    def choose(self, selector: str, paths: list[Path]) -> None:
        """Choose files in an input of the page, as in the dialogue that it opens."""
        page = self.ask("DOM.getDocument")["root"]["nodeId"]
        found = self.ask("DOM.querySelector", nodeId=page, selector=selector)["nodeId"]
        self.ask("DOM.setFileInputFiles", nodeId=found, files=[str(path) for path in paths])

    def drop(self, paths: list[Path]) -> None:
        """Drag files or folders over the page, and drop them there."""
        data = {"items": [], "files": [str(path) for path in paths], "dragOperationsMask": 1}
        for kind in ("dragEnter", "dragOver", "drop"):
            self.ask("Input.dispatchDragEvent", type=kind, x=100, y=100, data=data)

    def press(self, key: str) -> None:
        """Press and release a key, such as Enter or ArrowRight, where the focus is."""
        arrows = {"ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39, "ArrowDown": 40}
        code = ({"Enter": 13, " ": 32, "Tab": 9} | arrows)[key]
        text = {"Enter": "\r", " ": " "}.get(key, "")
        asked = {"key": key, "windowsVirtualKeyCode": code, "text": text}
        self.ask("Input.dispatchKeyEvent", type="keyDown", **asked)
        self.ask("Input.dispatchKeyEvent", type="keyUp", **asked)

    def ask(self, method: str, **parameters) -> dict:
        self._number += 1
        request = {"id": self._number, "method": method, "params": parameters, **self._session}
        os.write(self._speaks, json.dumps(request).encode() + b"\0")
        while (answer := self._listen()).get("id") != self._number:
            pass
        assert "error" not in answer, answer
        return answer["result"]

    def _listen(self) -> dict:
        while b"\0" not in self._heard:
            ready, _, _ = select.select([self._hears], [], [], 120)
            part = os.read(self._hears, 1 << 20) if ready else b""
            assert part, "the browser has ended, or is silent for two minutes"
            self._heard += part
        line, self._heard = self._heard.split(b"\0", 1)
        message = json.loads(line)
        method, found = message.get("method"), message.get("params")
        if method in ("Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Log.entryAdded"):
            self.problems.append(json.dumps(found))
        if method == "Network.requestWillBeSent":
            self.requests.append(found["request"]["url"])
        return message

    def close(self) -> None:
        self.ask("Browser.close")
        self.process.wait(timeout=60)
        os.close(self._speaks)
        os.close(self._hears)


def on_paper(window: Browser, page: Path) -> list[str]:
    """Return what is cut or folded up on a page that is printed on A4."""
    window.open(page, PAPER)
    window.ask("Emulation.setEmulatedMedia", media="print")
    try:
        return [*window.value(TOO_WIDE), *window.value(FOLDED_UP)]
    finally:
        window.ask("Emulation.setEmulatedMedia", media="")


def problems(window: Browser, page: Path) -> list[str]:
    """Return what is wrong with a page as a browser shows it, on a desk, a phone and paper."""
    found = []
    for width in (1000, 360):
        window.open(page, width)
        found += [f"at {width} px {words}" for words in window.value(TOO_WIDE)]
    asked = [url for url in window.requests if not url.startswith(("data:", page.as_uri()))]
    found += [f"on paper {words}" for words in on_paper(window, page)]
    return [*found, *window.problems, *asked]


def missing(page: BeautifulSoup) -> list[str]:
    """Return cells of tables that show a missing value as Python does; None may be a default."""
    cells = [cell.text.strip() for cell in page(["td", "th"])]
    bad = [text for text in cells if text in ("nan", "NaN", "<NA>", "NaT")]
    for table in page("table"):
        heads = [head.text for head in table("th")]
        nones = [cell for cell in table("td") if cell.text.strip() == "None"]
        bad += [] if "default" in heads else [f"None under {heads}" for _ in nones]
    return bad
