"""The transport that the settings name."""

from __future__ import annotations

from daemon import errors
from daemon.config import Settings
from daemon.transports.protocol import Transport


def make_transport(settings: Settings) -> Transport:
    """The transport that the settings name. Raises ConfigError."""
    # Imported here: Selenium is a second of start-up that only the browser needs.
    if settings.transport == "browser":
        from daemon.transports.browser.driver import BrowserTransport

        return BrowserTransport(settings)
    if settings.transport == "dryrun":
        from daemon.transports.dry_run import DryRunTransport

        return DryRunTransport(settings)
    raise errors.ConfigError(f"WASENDER_TRANSPORT={settings.transport} is not available yet: use browser or dryrun.")
