"""The interface: numbers that do not collide, and a page that shows them all."""

from __future__ import annotations

import pytest

from vectoros.image import format as image
from vectoros.image import kernel_constants
from vectoros.kernel import abi, boot
from vectoros.kernel.boot_record import NAME_SIZE
from vectoros.kernel.gate import MAX_OPS, OP_SIZE, OPS, PANIC_TEXT, GateBlock
from vectoros.kernel.methods import METHODS
from vectoros.kernel.objects import FIXED_BITS, Type
from vectoros.kernel.slot import SIZE, Slot
from vectoros.kernel.tcb import BUFFER, CSPACE, HANDLER, NAME, VSPACE, Tcb
from vectoros.kernel.views import Field, View


def test_no_two_methods_share_a_label() -> None:
    labels = [method.label for method in METHODS]
    assert len(labels) == len(set(labels))
    assert all(label >> 8 == method.object for label, method in zip(labels, METHODS, strict=True))


def test_every_trap_is_described() -> None:
    assert set(abi.TRAPS) == set(abi.Trap)


def test_the_image_and_the_kernel_agree_on_modules() -> None:
    assert image.Kind.PROGRAM == boot.PROGRAM
    assert image.NAME_SIZE == NAME_SIZE


def test_names_that_both_export_mean_the_same() -> None:
    theirs, ours = image.constants(), kernel_constants.constants()
    assert {name: theirs[name] for name in theirs.keys() & ours} == {
        name: ours[name] for name in theirs.keys() & ours
    }


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("FRAME_RIP", 17 * 8),
        ("FRAME_SS", 21 * 8),
        ("FRAME_GS_BASE", 23 * 8),
        ("GATE_NEXT", 0x80),
        ("GATE_OPS", 0xC0),
        ("PANIC_TEXT", 0x300),
        ("OP_ADDRESS", 8),
        ("BOOT_MODULE_SIZE", 48),
        ("BOOT_MODULE_GRANTS", 0x24),
        ("TCB_FPU", 0x200),
        ("INIT_UNTYPEDS", 64),
    ],
)
def test_the_contract_with_the_stubs(name: str, value: int) -> None:
    assert kernel_constants.constants()[name] == value


def test_the_parts_of_a_tcb_do_not_overlap() -> None:
    ends = [field.offset + field.width for field in Tcb.fields.values()]
    assert max(ends) <= NAME < abi.TCB_FPU
    assert abi.TCB_FPU % 16 == 0
    slots = (CSPACE, VSPACE, BUFFER, HANDLER)
    assert min(slots) >= abi.TCB_FPU + 512
    assert max(slots) + SIZE <= 1 << FIXED_BITS[Type.TCB]
    assert 8 * len(Slot.fields) >= SIZE


def test_the_operations_end_before_the_text_of_a_panic() -> None:
    assert OPS + MAX_OPS * OP_SIZE <= PANIC_TEXT
    assert GateBlock.fields["op_count"].offset < OPS


def test_a_field_must_lie_within_a_word_and_have_a_name_of_its_own() -> None:
    with pytest.raises(TypeError, match="a field of 4 bytes cannot be at 0x2"):
        Field(2, "", width=4)
    # Python 3.11 wraps what __set_name__ raises.
    with pytest.raises((TypeError, RuntimeError)):

        class Wrong(View):
            address = Field(0, "")
