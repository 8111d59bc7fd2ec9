"""What a kill leaves: real SIGKILLs, also in the middle of a system call."""

from __future__ import annotations

import random
import signal

import pytest

from daemon.db import connection
from tests.db.power_loss.victims import ENDINGS, FRAME, MOST, NUMBERS, copy, look, wal_of

BEFORE_SUBMIT = 25  # so many transactions, and the next one moves a message to `sending`
needs_seccomp = pytest.mark.skipif(not NUMBERS, reason="the system calls' numbers are not known here")

# A kill


def test_whatever_a_process_said_it_committed_is_there_after_its_kill(nursery, file, after, tmp_path):
    """SIGKILL at any moment: what was said is there, the transaction in hand is there or not, and nothing else."""
    dice = random.Random(1)
    for n in range(20):
        mine = copy(file, tmp_path / str(n))
        death = nursery.victim(mine, MOST, kill=(dice.randint(1, 30), dice.uniform(0, 0.004)))
        found = look(mine)
        assert signal.SIGKILL == death.signal
        assert found in after[death.committed : death.committed + 2]


@pytest.mark.parametrize("where", [name for name in ENDINGS if name.startswith(("in the ", "between "))])
def test_a_commit_that_was_cut_off_while_it_wrote_has_never_been(nursery, file, after, where):
    """The kernel ends the process inside the COMMIT's write, at a byte that we choose."""
    death = nursery.victim(file, BEFORE_SUBMIT, where)
    assert signal.SIGXFSZ == death.signal
    assert death.sizes[-1] < wal_of(file).stat().st_size, "it has not come to write"
    assert after[BEFORE_SUBMIT] == look(file)


@needs_seccomp
def test_a_commit_does_not_return_before_the_disk_has_it(nursery, file, after):
    """synchronous=FULL, seen from outside: the COMMIT waits for the disk, and the process dies where it waits.

    All was written by then, so to those who live on the machine it is committed, said or not.
    """
    death = nursery.victim(file, BEFORE_SUBMIT, "before the disk has it")
    assert (signal.SIGSYS, BEFORE_SUBMIT) == (death.signal, death.committed)
    assert after[BEFORE_SUBMIT + 1] == look(file)


@needs_seccomp
def test_a_disk_that_fails_is_said_before_anything_is_handed_over(nursery, file, after):
    """The move to `sending` raises, so nothing goes out. Whether it was written nobody knows until the next look."""
    death = nursery.victim(file, BEFORE_SUBMIT, "told that the disk fails")
    assert (signal.SIGUSR1, BEFORE_SUBMIT) == (death.signal, death.committed)
    assert look(file) in after[BEFORE_SUBMIT : BEFORE_SUBMIT + 2]


CHECKPOINT = [name for name in ENDINGS if name.startswith(("writing", "before the -wal", "before the pages"))]


@needs_seccomp
@pytest.mark.parametrize("where", CHECKPOINT)
def test_a_checkpoint_that_was_cut_off_is_made_again(nursery, file, after, where):
    """Pages are half copied into the database, but all of them are in the -wal still."""
    death = nursery.victim(file, BEFORE_SUBMIT, where)
    assert death.signal in (signal.SIGXFSZ, signal.SIGSYS)
    assert after[BEFORE_SUBMIT] == look(file)


def test_a_first_start_that_was_cut_off_begins_anew(tmp_path, blank):
    """Wherever the -wal with the new schema ends, the schema is whole afterwards."""
    file = tmp_path / "made" / "wasender.db"
    file.parent.mkdir()
    connection.connect(f"sqlite:///{file}")
    first = wal_of(file).read_bytes()
    empty = file.read_bytes()
    connection.close()
    for end in range(0, len(first), 5 * FRAME + 11):
        started = tmp_path / str(end) / file.name
        started.parent.mkdir()
        started.write_bytes(empty)
        wal_of(started).write_bytes(first[:end])
        assert [[], [], [], [], []] == look(started)
