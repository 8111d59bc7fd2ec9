"""Notices of the browser: asked for by a button, shown once however many pages are open, remembered."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from daemon.db import clock
from daemon.db.connection import write
from daemon.i18n.coded import refusal
from daemon.ops import notices
from daemon.ops.notices import Found
from daemon.ops.refusals import Notice as Says
from tests.support.visitor import Instance, Visitor

# What the browser is asked to show is kept, in the order in which it was, and shown all the same.
RECORDED = """
    const Real = window.Notification;
    window.Notification = class extends Real {
        constructor(title, options) {
            super(title, options);
            const kept = JSON.parse(localStorage.getItem("shown") || "[]");
            localStorage.setItem("shown", JSON.stringify([...kept, [options.body, options.tag]]));
        }
    };
    const ask = Real.requestPermission.bind(Real);
    window.Notification.requestPermission = () => (localStorage.setItem("asked", "yes"), ask());
"""
SHOWN = 'return JSON.parse(localStorage.getItem("shown") || "[]")'


def noted(code: Says, **values: Any) -> None:
    with write():
        notices.note(Found(f"{code} {clock.now_ms()}", "default", refusal(code, **values)), clock.now_ms())


def test_notices_are_shown_once_and_remembered(tmp_path: Path) -> None:
    """Denied, off, on; a test; with two pages open each is shown by one of them; old ones never; off again."""
    with Instance(tmp_path, log_level="warning") as instance, Visitor(instance, whole=True) as visitor:
        visitor.log_in()
        driver = visitor.driver

        def permit(setting: str) -> None:
            permission = {"permission": {"name": "notifications"}, "setting": setting, "origin": instance.url}
            driver.execute_cdp_cmd("Browser.setPermission", permission)

        def seen() -> list[str]:
            every = driver.find_elements("css selector", "[data-notices]")
            return [each.text for each in every if each.is_displayed()]

        def shown() -> list[str]:
            return [body for body, _ in driver.execute_script(SHOWN)]

        driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": RECORDED})
        noted(Says.FINISHED, job="Old", sent=1, total=1, failed=0)
        permit("denied")
        visitor.open("/app/notices")
        visitor.until(lambda: any("does not allow" in each for each in seen()))
        permit("granted")
        visitor.open("/app/notices")
        visitor.until(lambda: "Notices are off in this browser." in seen())
        assert driver.execute_script('return localStorage.getItem("asked")') is None, "only a button asks"
        driver.execute_script('document.getElementById("notices-on").focus()')
        driver.switch_to.active_element.send_keys(" ")
        visitor.until(lambda: "Notices are on in this browser." in seen())
        visitor.find("#notices-test").click()
        visitor.until(lambda: shown() == ["This is a test. Notices from wasender arrive."])
        visitor.until(lambda: driver.execute_script('return localStorage.getItem("wasender-notices-last")'))

        first = driver.current_window_handle
        driver.switch_to.new_window("tab")
        driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": RECORDED})
        visitor.open("/app/notices")
        visitor.until(lambda: "Notices are on in this browser." in seen())
        noted(Says.LOGGED_OUT, account="Zeferina")
        visitor.until(lambda: shown()[1:] == ["An account is logged out: link it again."])
        driver.switch_to.window(first)
        driver.close()  # the other one takes over, and shows nothing twice
        (second,) = driver.window_handles
        driver.switch_to.window(second)
        noted(Says.BACKUP_FAILED, why="full")
        visitor.until(lambda: shown()[2:] == ["A backup has failed."])
        assert "Zeferina" not in str(shown())
        driver.execute_script('localStorage.setItem("wasender-notices-last", "1000")')  # of before a restore
        noted(Says.HELD, account="Zeferina", why="full")
        visitor.until(lambda: driver.execute_script('return localStorage.getItem("wasender-notices-last")') != "1000")
        noted(Says.STALLED, account="Zeferina", minutes=10)
        visitor.until(lambda: "Nothing has been sent" in str(shown()[3:]))
        visitor.find("#notices-off").click()
        visitor.until(lambda: "Notices are off in this browser." in seen())
        assert [] == [line for line in driver.get_log("browser") if "Content Security Policy" in line["message"]]
