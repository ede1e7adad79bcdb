"""The library of conformance programs notices what is wrong, and says so in one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conformance.machines import LIMIT_TICKS, OURS, QEMU, Run, run_subject
from tests.conformance.subjects import assembled
from vectoros.assembler import Source

EVERY = pytest.mark.parametrize("machine", [*OURS, pytest.param(QEMU, marks=pytest.mark.qemu)])


def run(machine: str, *cases: str) -> Run:
    text = "\n".join(["SUBJECT s", *cases])
    return run_subject(assembled("s", [Source("s.S", text)]), machine)


UNDEFINED = "CASE64 a\n nop\n MARK\n ud2"
WRONG = [
    (f"{UNDEFINED}\nWANT VECTOR, 6\nWANT ERROR, NONE\nWANT RIP, 0", "ok"),
    (f"{UNDEFINED}\nWANT VECTOR, 6\nWANT RIP, -1 + 2", "FAIL rip got=0 want=1"),
    (f"{UNDEFINED}\nWANT VECTOR, 6\nWANT ERROR, 0", "FAIL error got=none want=0"),
    (f"{UNDEFINED}\nWANT VECTOR, 13\nWANT ERROR, 5", "FAIL vector got=6 want=d"),
    (f"{UNDEFINED}\nWANT VECTOR, 6\nWANT RCX, 1\nWANT RDX, 2",
     "FAIL rcx got=0 want=1, rdx got=0 want=2"),
    (UNDEFINED, "FAIL vector got=6 want=fe"),
    ("CASE64 a\n mov ebx, 5\nWANT RBX, 5", "ok"),
    ("CASE64 a\n mov rbx, 0x123456789abcdef0\nWANT_BITS RBX, 0xff << 56, 0x12 << 56", "ok"),
    ("CASE64 a\n mov rbx, -2\nWANT RBX, 0", "FAIL rbx got=fffffffffffffffe want=0"),
    ("CASE64 a\n RESUME64 a.next\n ud2\na.next:\n mov ebx, 5\nWANT VECTOR, 6\nWANT E1 + RBX, 6",
     "FAIL e1.rbx got=5 want=6, events got=2 want=1"),
    ("CASE64 a\n mov eax, SCRATCH\n mov dword ptr [rax], 7\nWANT_MEM SCRATCH, 0xffff, 8",
     "FAIL memory got=7 want=8"),
    ("CASE64 a\n xor esp, esp\n lidt [rip + home_gdt]\n ud2\nWANT RBX, 0",
     "FAIL vector got=100 want=fe"),
    ("CASE64 a\n xor esp, esp\n lidt [rip + home_gdt]\n ud2\nWANT VECTOR, SHUTDOWN", "ok"),
]  # fmt: skip


@EVERY
def test_a_case_says_ok_or_what_it_found(machine: str) -> None:
    cases = [
        text.replace(" a\n", f" a{i}\n").replace("a.", f"a{i}.")
        for i, (text, _) in enumerate(WRONG)
    ]
    done = run(machine, *cases)
    assert done.end == ""
    assert list(done.outcomes.items()) == [(f"s.a{i}", line) for i, (_, line) in enumerate(WRONG)]
    failed = sum(line != "ok" for _, line in WRONG)
    assert done.text.splitlines()[-1] == f"s: {len(WRONG)} cases, {failed} failed"


@EVERY
def test_each_case_starts_afresh(machine: str) -> None:
    spoil = """CASE64 spoil
        mov     eax, GDT
        mov     qword ptr [rax + CODE32_3 / 8 * 8], 0
        GATE64_TYPE 6, 0
        mov     eax, PT + 8 * 8
        mov     dword ptr [rax], 0
        mov     ecx, 0xc0000102
        wrmsr
        mov     r15, -1
        std
        HOME"""
    clean = """CASE64 clean.NAME
        mov     rbx, r15
        pushfq
        pop     rcx
        TO_COMPAT_64 CODE32_3, DATA_3, 0
        ud2
WANT VECTOR, 6
WANT RBX, 0
WANT RCX, 2
CASE32 prot.NAME
        ud2
WANT VECTOR, 6
CASE16 word.NAME
        ud2
WANT VECTOR, 6
CASE_REAL real.NAME
        ud2
WANT VECTOR, 6
WANT RSP, STACK_TOP"""
    texts = [clean.replace("NAME", "before"), spoil, clean.replace("NAME", "behind")]
    assert set(run(machine, *texts).outcomes.values()) == {"ok"}


@pytest.mark.parametrize("machine", OURS)
def test_a_case_that_never_ends_is_given_up(machine: str) -> None:
    done = run(machine, "CASE64 a\n cli\n hlt\n jmp case.a", "CASE64 b\n nop")
    assert done.outcomes == {}
    assert done.end.startswith("idle for ever")
    assert done.outcome("s.a").startswith("no line; idle for ever at rip 0x1")
    assert LIMIT_TICKS > 0


@EVERY
def test_the_example_of_the_manual_runs(machine: str) -> None:
    page = Path(__file__).parents[2] / "docs" / "how-to" / "write-a-conformance-program.md"
    text = page.read_text(encoding="utf-8").partition("```text\n")[2].partition("```")[0]
    done = run_subject(assembled("undefined", [Source(page.name, text)]), machine)
    assert done.outcomes == {"undefined.ring3": "ok"}
