"""A second sender for an account whose first one does not move: as it would be on another machine.

The lock on the account is a matter of one machine, so it is left out; what keeps the two apart is the lease.
"""

from __future__ import annotations

import sys

from daemon import sender
from daemon.transports import registry
from daemon.transports.dry_run import DryRunTransport
from tests.crash.victim import quicken


class Rival(DryRunTransport):
    exclusive = False

    async def start(self) -> None:
        return

    async def close(self) -> None:
        return


if __name__ == "__main__":
    quicken()
    registry.make_transport = Rival
    sys.exit(sender.main())
