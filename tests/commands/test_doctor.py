"""``vectoros doctor``: the whole self-test, and a verdict."""

from __future__ import annotations

import json
import sys

import pytest

from vectoros import cli
from vectoros.commands import doctor
from vectoros.cpu import selftest
from vectoros.cpu.selftest import Check


def test_every_check_is_shown_with_the_verdict(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["doctor"]) == 0
    said = capsys.readouterr().out
    checks = selftest.fast_engine_checks()
    assert f"--engine auto takes: {'fast' if checks[-1].ok else 'portable'}; " in said
    for check in checks:
        assert f"\n{check.name} " in said
    for package in doctor.PACKAGES:
        assert f"\n{package} " in said
    assert "x87 transcendentals" in said
    assert "Sandy Bridge) (family 6, model 42, stepping 1)" in said
    assert "\nit has           FPU, DE, PSE, TSC, " in said
    assert "\nit has not       VME, APIC, " in said


def test_json_has_all_of_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["doctor", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    names = {
        "ok",
        "version",
        "engine",
        "why",
        "checks",
        "trials",
        "cpu",
        "versions",
        "host",
        "notes",
    }
    assert set(found) == names
    assert found["ok"] is True
    cpu = found["cpu"]
    assert (cpu["model"], cpu["vendor"]) == ("Intel Xeon E312xx (Sandy Bridge)", "GenuineIntel")
    assert (cpu["family"], cpu["model_number"], cpu["stepping"]) == (6, 42, 1)
    assert {"SSE4_2", "NX", "SYSCALL", "SMEP"} <= set(cpu["features"])
    assert {"AVX", "RDRAND", "APIC", "PCID"} <= set(cpu["absent"])
    assert set(cpu["features"]).isdisjoint(cpu["absent"])
    assert all(trial["ok"] for trial in found["trials"])
    assert found["versions"]["python"] == ".".join(map(str, sys.version_info[:3]))


def test_a_failed_check_means_portable_and_says_why(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    checks = [Check("host", True, "ok"), Check("unicorn release", False, "needs another")]
    monkeypatch.setattr(selftest, "fast_engine_checks", lambda: checks)
    assert cli.main(["doctor"]) == 0
    said = capsys.readouterr().out
    why = "the fast engine cannot run: unicorn release: needs another"
    assert f"--engine auto takes: portable; {why}" in said
    assert "unicorn release  FAILED  needs another" in said


def test_what_only_a_repaired_unicorn_does_is_a_note_where_it_is_not_repaired(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert selftest.caveats() == []
    monkeypatch.setattr(selftest, "repair", lambda: "it is another")
    monkeypatch.setattr(selftest, "exported", lambda: False)
    assert cli.main(["doctor"]) == 0
    said = capsys.readouterr().out
    assert "\nNote: Unicorn is not repaired here (it is another): IDIV" in said
    assert "\nNote: this build of unicorn does not export how to forget code" in said


def test_an_engine_that_is_inexact_fails_the_visit(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("vectoros.trial.exactness", lambda engine: f"{engine} is off")
    assert cli.main(["doctor", "--json"]) == doctor.UNAVAILABLE
    found = json.loads(capsys.readouterr().out)
    assert found["ok"] is False
    assert found["trials"][-1]["detail"] == "portable is off"


def test_libraries_that_do_not_load_are_a_finding(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "vectoros.cpu.selftest", None)
    assert cli.main(["doctor"]) == doctor.UNAVAILABLE
    said = capsys.readouterr().out
    assert "--engine auto takes: nothing; nothing can run: " in said
    assert "libraries" in said


def test_the_trial_notices_an_engine_that_drifts(monkeypatch: pytest.MonkeyPatch) -> None:
    from vectoros import trial

    assert trial.exactness("portable") is None
    monkeypatch.setattr(trial, "PAUSES", range(0))
    monkeypatch.setattr(trial, "_hash", lambda engine, *, pauses: f"{engine}{pauses}")
    assert "with pauses" in (trial.exactness("fast") or "")


def test_a_host_without_the_guards_is_told_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("vectoros.cpu.repairs.repair", lambda: "this is another build")
    assert cli.main(["doctor"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    why = "a guest may end this process or leave its ring: this is another build"
    assert f"guards of the host FAILED none, so that {why}" in said
