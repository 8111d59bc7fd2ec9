"""Seconds that a text message takes: opening chats within the page, as wasender does, compared with a page load each.

Run as `scripts/bench`. Both ways use the same stand-in with all its delays set to 0 (including the page's start, which
takes 5 to 20 s on the real page, see docs/whatsapp-web.md), so that only the driver's time is left. What counts is the
ratio, measured in one run.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import tempfile
import time
from pathlib import Path
from urllib.parse import quote

import structlog
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.support.wait import WebDriverWait

from daemon import config
from daemon.states import AccountState
from daemon.transports.browser.chrome import find_chrome, find_chromedriver
from daemon.transports.browser.driver import BrowserTransport
from daemon.transports.protocol import Outgoing
from standin.client import StandIn

TEXT = "Good morning, this is message {n}.\nIt has two lines and an emoji: 😀"
NO_DELAYS = dict.fromkeys(
    ("boot_ms", "loading_ms", "existence_ms", "modal_delay_ms", "modal_min_ms", "rows_ms", "send_ms", "ack_ms"), 0
)


async def in_page(standin: StandIn, folder: Path, numbers: list[str]) -> list[float]:
    """Seconds for each message through BrowserTransport: prepare, hand over, tick."""
    transport = BrowserTransport(config.load(data_dir=folder, whatsapp_url=standin.url))
    await transport.start()
    try:
        while (await transport.health()).state is not AccountState.READY:
            await asyncio.sleep(0.1)
        took = []
        for n, number in enumerate(numbers):
            message = Outgoing(number, TEXT.format(n=n))
            began = time.perf_counter()
            await transport.hand_over(message, await transport.prepare(message))
            took.append(time.perf_counter() - began)
        return took
    finally:
        await transport.close()


def page_load_each(standin: StandIn, folder: Path, numbers: list[str]) -> list[float]:
    """Seconds for each message when `/send?phone=&text=` is loaded anew, as is common."""
    options = webdriver.ChromeOptions()
    options.binary_location = str(find_chrome())
    agent = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/150.0.0.0 Safari/537.36"
    for argument in ("--headless=new", "--no-sandbox", "--lang=en-US", "--disable-background-networking",
                     f"--user-agent={agent}", f"--user-data-dir={folder}"):  # fmt: skip
        options.add_argument(argument)
    driver = webdriver.Chrome(options, webdriver.ChromeService(str(find_chromedriver())))
    tick = "//*[@id='main']//*[@aria-label=' Sent ' or @aria-label='Sent']"
    try:
        wait = WebDriverWait(driver, 20, poll_frequency=0.02)
        took = []
        for n, number in enumerate(numbers):
            began = time.perf_counter()
            driver.get(f"{standin.url}/send?phone={number[1:]}&text={quote(TEXT.format(n=n))}")
            wait.until(lambda d: d.find_elements(By.CSS_SELECTOR, '#main footer button[aria-label="Send"]'))[0].click()
            wait.until(lambda d: d.find_elements(By.XPATH, tick))
            took.append(time.perf_counter() - began)
        return took
    finally:
        driver.quit()


def show(name: str, took: list[float]) -> float:
    """Print one line; returns the median. The first message, which warms up, is left out."""
    steady = sorted(took[1:])
    median = statistics.median(steady)
    worst = steady[int(len(steady) * 0.95)]
    print(f"{name:<32} n={len(steady)}  median={median:.3f} s  p95={worst:.3f} s")
    return median


def main() -> None:
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__.splitlines()[0])
    parser.add_argument("--messages", type=int, default=40, help="messages each way (default 40)")
    parser.add_argument("--generation", choices="BC", default="B", help="DOM generation of the stand-in")
    options = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger("error"))
    with (
        tempfile.TemporaryDirectory() as folder,
        StandIn.start(Path(folder) / "standin", linked=True, generation=options.generation, **NO_DELAYS) as standin,
    ):
        first = [f"+4930231280{n:02d}" for n in range(options.messages + 1)]
        second = [f"+4930231290{n:02d}" for n in range(options.messages + 1)]
        ours = show("chat opened in the page", asyncio.run(in_page(standin, Path(folder) / "data", first)))
        theirs = show("one page load for each message", page_load_each(standin, Path(folder) / "profile", second))
        # The facts say 5 to 8 s to the chats, on a warm profile; here a second stands for that.
        standin.set(boot_ms=600, loading_ms=400)
        third = [f"+4930231330{n:02d}" for n in range(min(11, options.messages + 1))]
        booted = show("the same, 1 s to boot the page", page_load_each(standin, Path(folder) / "third", third))
        delivered, wanted = len(standin.messages()), len(first) + len(second) + len(third)
    print(f"ratio {theirs / ours:.1f}, with the boot {booted / ours:.1f}; {delivered} of {wanted} messages delivered")


if __name__ == "__main__":
    main()
