"""What a transport that sends nothing says: each code with its sentence, see `i18n/coded.py`."""

from __future__ import annotations

from daemon.i18n.coded import Recorded


class Rehearsed(Recorded):
    """The codes are API: they are added to, never changed."""

    NOTHING_LEAVES = "dry_run_only", "Dry run: nothing leaves this machine."
    RUNS_ALREADY = "dry_run_runs_already", "Another sender already runs account {account}: stop it first."
    LEASE_RAN_OUT = "lease_ran_out_before_hand_over", "Time ran out before the message was handed over."
    JOURNAL_FULL = (
        "dry_run_journal_full",
        "The journal of the dry run cannot be written to: make room on the disk.",
    )
    OF_A_REAL_SENDER = (
        "look_of_a_real_sender",
        "A real sender handed it over, and a dry run cannot check its chat.",
    )
    IN_THE_JOURNAL = "look_in_the_journal", "It is in the journal of the dry run."
    NOT_IN_THE_JOURNAL = "look_not_in_the_journal", "It is not in the journal of the dry run."
