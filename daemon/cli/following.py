"""A job that somebody waits for: its progress as a bar, or as lines, until it is over."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol

import typer

from daemon.cli.client import PASSING, Client
from daemon.cli.exits import Exit, Failure, Interrupted
from daemon.cli.output import document, output, printable
from daemon.cli.words import counts, ended, instant, of_people, state_of

WAIT_S = 30  #: for a change, before it is asked again
AGAIN_S = 300.0  #: how long it is asked again where no answer comes: a restart or an update of wasender takes less
BETWEEN_S = 2.0  #: before it is asked again
OVER = frozenset({"completed", "stopped"})
# Counts that keep an end from being a good one. Not "accepted": WhatsApp has those, and tells more later. Nor
# "skipped": whoever is on the suppression list, say, was to be left out.
BADLY = ("failed", "uncertain", "expired", "cancelled")
Job = Mapping[str, Any]


def changes(client: Client, job_id: int, queued: bool = False) -> Iterator[dict[str, Any]]:
    """The job as it is, and then whenever it is different, until it is over. queued: it was made just now, so that
    somebody was there who answers. Raises Failure."""
    tag, known = "", queued
    silent: float | None = None  # since when there is no answer
    while True:
        try:
            job, tag = client.changed(f"/jobs/{job_id}", tag, WAIT_S)
        except Failure as failure:
            if not known or failure.exit_code not in PASSING:
                raise
            now = time.monotonic()
            if silent is None:
                silent = now
                output.note(f"{failure} Asking again.")
            if now > silent + AGAIN_S:
                sentence = f"{failure} Job {job_id} is not ended by that: `wasender status {job_id}` shows it."
                raise Failure(failure.code, sentence, failure.exit_code, failure.members) from None
            time.sleep(BETWEEN_S)
            continue
        known, silent = True, None
        if job is not None:
            yield job
            if job["status"] in OVER and not ahead(job):
                return


def ahead(job: Job) -> int:
    """How many of its messages are still to be sent, or cancelled."""
    return sum(int(job[each]) for each in ("pending", "claimed", "sending"))


def described(job: Job) -> str:
    """A job in a few lines."""
    lines = [f"Job {job['job_id']}{_name(job)}: {state_of(job)}"]
    if job.get("reason"):
        lines.append(str(job["reason"]))
    lines.append(f"{of_people(job['total'])}: {counts(job) or 'none yet'}")
    if job.get("replied"):
        lines.append(f"{job['replied']:,} have replied")
    if job["status"] == "scheduled" and job.get("schedule_at"):
        lines.append(f"starts {instant(job['schedule_at'])}")
    elif job.get("eta") and job["status"] not in OVER:
        lines.append(f"done about {instant(job['eta'])}")
    return "\n".join(lines)


def _name(job: Job) -> str:
    return f" ({job['name']})" if job.get("name") else ""


def wait(client: Client, job_id: int) -> dict[str, Any]:
    """The job, which was queued just now, once it is over; meanwhile progress is drawn, if somebody looks on."""
    job: dict[str, Any] = {}
    with _bar() as bar:
        for job in changes(client, job_id, queued=True):
            bar.show(job)
    return job


def watch(client: Client, job_id: int) -> None:
    """Tell each change: a bar for who looks on, a line for each in a pipe, JSON lines for a program."""
    last: dict[str, Any] = {}
    with _bar() as bar, left_alone(job_id):
        for last in changes(client, job_id):
            bar.show(last)
            if output.as_json:
                typer.echo(document(last))
            elif not output.live:
                typer.echo(printable(f"{state_of(last)}\t{ended(last)}/{last['total']}\t{counts(last)}"))
    if not output.as_json:
        output.tell(described(last), last)
    judge(last)


def judge(job: Job) -> None:
    """Raises Failure where the job did not end as it was meant to."""
    bad = {each: int(job[each]) for each in BADLY if job[each]}
    if job["status"] == "completed" and not bad:
        return
    why = ", ".join(f"{count:,} {name}" for name, count in bad.items()) or f"it was {state_of(job)}"
    raise Failure(
        "not_all_sent",
        f"Not everybody got it ({why}): `wasender report {job['job_id']}` says who and why.",
        Exit.NOT_DONE,
        {"job_id": job["job_id"], "status": job["status"], **bad},
    )


@contextmanager
def left_alone(job_id: int) -> Iterator[None]:
    """Ctrl-C ends the waiting, and nothing else. Every Failure has the job's id."""
    try:
        yield
    except Failure as failure:
        failure.members["job_id"] = job_id
        raise
    except KeyboardInterrupt:
        raise Interrupted(
            f"Waiting has ended; job {job_id} goes on. `wasender status {job_id}` shows it, "
            f"`wasender pause {job_id}` and `wasender stop {job_id}` end it."
        ) from None


class _Shows(Protocol):
    def show(self, job: Job) -> None: ...


class _Nothing:
    def show(self, job: Job) -> None:
        """Nobody looks on."""


@contextmanager
def _bar() -> Iterator[_Shows]:
    if not output.live:
        yield _Nothing()
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    with Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[said]}", markup=False),
        console=Console(stderr=True),
        transient=True,
    ) as progress:
        task = progress.add_task("", total=None, said="")

        class Bar:
            def show(self, job: Job) -> None:
                why = str(job.get("reason") or "") if job["status"] not in ("running", "completed") else ""
                said = printable(why or (f"done about {instant(job['eta'])}" if job.get("eta") else ""))
                progress.update(task, description=state_of(job), total=job["total"], completed=ended(job), said=said)

        yield Bar()
