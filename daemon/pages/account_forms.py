"""The forms of the page of the accounts, as `forms.py` reads them."""

from __future__ import annotations

from daemon.accounts.limits import Limits
from daemon.pages.forms import AccountLimits, Cap, Form, Given, Line, Pause, Zone


class AccountSettings(AccountLimits):
    """What is an account's own. whole: the form had all of it, not only the caps and hours."""

    whole: Given
    title: Zone
    transport: Zone
    delay_min: Pause
    delay_max: Pause
    long_pause_every: Cap
    long_pause_min: Pause
    long_pause_max: Pause
    canary: Zone

    @property
    def limits(self) -> Limits:
        """What is to be set."""
        found = Limits(
            hourly_cap=self.hourly_cap,
            daily_cap=self.daily_cap,
            quiet_hours=self.quiet_hours,
            timezone=self.timezone,
        )
        if self.whole:
            found |= Limits(
                title=self.title,
                transport=self.transport,
                delay_min=self.delay_min,
                delay_max=self.delay_max,
                long_pause_every=self.long_pause_every,
                long_pause_min=self.long_pause_min,
                long_pause_max=self.long_pause_max,
                canary=self.canary,
            )
        return found


class NewAccount(Form):
    """An account to be added. name: for good; title: what people call it, empty for its name."""

    name: Line
    title: Zone
    transport: Zone


class RemoveAccount(Form):
    """cancel: also when it has campaigns that are not over, which are stopped."""

    cancel: Given
