"""How PostgreSQL's programs are run for backups; tests/db/test_backup.py runs them."""

from __future__ import annotations

from pathlib import Path

import pytest

from daemon.ops import snapshot


def test_postgresqls_programs_get_what_the_environment_adds_and_show_no_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PGPASSWORD and certificates count as they do for our own connections; what the URL says comes first."""
    said = tmp_path / "said"
    (tmp_path / "psql").write_text(
        f'#!/bin/sh\nenv >{said}; echo "$@" >>{said}; cat "$PGSERVICEFILE" >>{said}.service\n'
    )
    (tmp_path / "psql").chmod(0o700)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setenv("PGSSLROOTCERT", "/their/own.pem")
    snapshot.run("postgresql://wasender:Mirabelle@127.0.0.1/name", tmp_path, ["psql", "--quiet"])
    assert "PGSSLROOTCERT=/their/own.pem" in said.read_text() and "Mirabelle" not in said.read_text()
    service = (tmp_path / "said.service").read_text()
    assert "password=Mirabelle" in service and "connect_timeout=10" in service
