"""Makes the transport that is chosen in the settings."""

from __future__ import annotations

from daemon.config import Settings
from daemon.transports.protocol import Transport

NAMES = ("browser", "cloud", "dryrun")  #: those that an account may have
BOUND = frozenset({"browser", "dryrun"})  #: these keep something in the data folder: their accounts stay where it is


def discard(settings: Settings, name: str, life: str = "") -> None:
    """Delete what the browser transport has kept for an account that was removed: its login above all. life: of the
    one that has its name now, of which everything stays."""
    from daemon.transports.browser.discarding import discard

    discard(settings, name, life)


def make_transport(settings: Settings) -> Transport:
    """The transport that is chosen in the settings."""
    if settings.transport == "cloud":
        from daemon.transports.cloud.transport import CloudTransport

        return CloudTransport(settings)
    # Imported here because Selenium takes a second to import, and only the browser transport needs it.
    if settings.transport == "dryrun":
        from daemon.transports.dry_run import DryRunTransport

        return DryRunTransport(settings)
    from daemon.transports.browser.driver import BrowserTransport

    return BrowserTransport(settings)
