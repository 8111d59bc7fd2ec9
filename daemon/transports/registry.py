"""Makes the transport that is chosen in the settings."""

from __future__ import annotations

from daemon.config import Settings
from daemon.transports.protocol import Transport


def make_transport(settings: Settings) -> Transport:
    """The transport that is chosen in the settings."""
    # Imported here because Selenium takes a second to import, and only the browser transport needs it.
    if settings.transport == "dryrun":
        from daemon.transports.dry_run import DryRunTransport

        return DryRunTransport(settings)
    from daemon.transports.browser.driver import BrowserTransport

    return BrowserTransport(settings)
