"""What `scripts/start` asks before it starts supervisord: can this work here? One clear line if not.

Run as `python -m daemon.preflight`; prints the data folder, the page's address and where the key is, a line each.
"""

from __future__ import annotations

import socket
import sys

from daemon import config, errors
from daemon.config import Settings


def check(settings: Settings) -> None:
    """Raises SetupError or ConfigError for the first thing that would keep wasender from running."""
    config.prepare_data_dir(settings)
    config.api_key(settings)
    _check_port(settings)
    if settings.transport == "browser":
        from daemon.transports.chrome import find_chrome, find_chromedriver

        find_chrome(settings.chrome)
        find_chromedriver(settings.chromedriver)


def _check_port(settings: Settings) -> None:
    try:
        family = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM)[0][0]
        socket.create_server((settings.host, settings.port), family=family).close()
    except OSError as error:
        raise errors.SetupError(
            f"Port {settings.port} on {settings.host} cannot be used ({error.strerror or error}): "
            "stop what uses it, or choose another with --port."
        ) from error


def main() -> int:
    try:
        settings = config.load()
        check(settings)
    except errors.DaemonError as error:
        print(f"wasender: {error}", file=sys.stderr)  # noqa: T201
        return 1
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    key = "in the setting WASENDER_API_KEY" if settings.api_key else f"in the file {settings.data_dir / 'api_key'}"
    print(settings.data_dir.resolve(), f"http://{host}:{settings.port}/app", key, sep="\n")  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
