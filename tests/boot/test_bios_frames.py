"""No frame, wherever it lies and whatever is in it, makes a service fail."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vectoros.boot import bios
from vectoros.boot.frame import FRAME_SIZE, GPR_AT, OPS, VECTOR_AT, Action, Frame, Op
from vectoros.boot.service import Service
from vectoros.boot.time_service import POST_SERVICE

SERVICES = (*bios.SERVICES, POST_SERVICE)
ADDRESSES = st.one_of(
    st.integers(0, (1 << 32) - 1),
    st.sampled_from([0, 0x400, 0x7000, 0x9FC00, 0xB8000, 0x1FFF80, 0x1FFFFF, 0xFFFF_FFFF]),
)
SMALL = st.one_of(st.integers(0, 0xFFFF), st.sampled_from([0, 1, 0x80, 0x600, 0x7FFF, 0xFFFF]))


def check(frame_bytes: bytes) -> None:
    """Check what the stub relies on."""
    assert len(frame_bytes) == FRAME_SIZE
    assert frame_bytes[0] in tuple(Action)
    assert frame_bytes[1] <= OPS
    for number in range(frame_bytes[1]):
        assert frame_bytes[16 + 8 * number] in tuple(Op)


def serve(desk: Any, address: int) -> None:  # noqa: ANN401
    """Serve the frame at ``address``, and look at what is written back."""
    bios.serve(desk.host, address)
    check(desk.memory.frame)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(address=ADDRESSES, data=st.binary(min_size=FRAME_SIZE, max_size=FRAME_SIZE))
def test_any_bytes_anywhere_are_a_frame(desk: Any, address: int, data: bytes) -> None:  # noqa: ANN401
    desk.memory.write(address, data)
    serve(desk, address)


@pytest.mark.parametrize("service", SERVICES, ids=lambda row: f"{row.vector:02x}-{row.selector}")
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    registers=st.lists(SMALL, min_size=18, max_size=18),
    step=st.integers(0, 3),
    read=st.integers(0, 0xFFFF_FFFF),
    low=st.binary(min_size=0x200, max_size=0x200),
)
def test_any_registers_are_answered(
    desk: Any,  # noqa: ANN401
    service: Service,
    registers: list[int],
    step: int,
    read: int,
    low: bytes,
) -> None:
    desk.memory.write(0x400, low)  # the data area, as a wild program leaves it
    frame = desk.frame(service.vector)
    for index, value in enumerate(registers):
        at = GPR_AT - 4 + 2 * index
        frame.data[at : at + 2] = value.to_bytes(2, "little")
    function = service.function
    if function is not None:
        frame.data[GPR_AT + 28 : GPR_AT + 30] = (
            function if function > 0xFF else function << 8 | registers[0] & 0xFF
        ).to_bytes(2, "little")
    frame.step = step
    frame.data[20:24] = read.to_bytes(4, "little")
    frame.store()
    serve(desk, 0x7000)


def test_without_a_disk_every_request_for_it_fails(desk: Any) -> None:  # noqa: ANN401
    desk.host.disk = None
    for function in (0x00, 0x02, 0x03, 0x04, 0x08, 0x41, 0x42, 0x48):
        frame = desk.frame(0x13, ax=function << 8 | 1, dx=0x80, cx=1)
        service = bios.find(frame)
        assert service is not None
        service.run(desk.host, frame)
        assert (frame.ah, frame.carry) == (1, True), f"AH={function:02X}h"


def test_a_vector_that_is_none_of_ours_is_left_alone(desk: Any) -> None:  # noqa: ANN401
    frame = desk.frame(0x21, ax=0x4C00)
    before = bytes(frame.data[VECTOR_AT:])
    bios.serve(desk.host, 0x7000)
    after = Frame(desk.memory, 0x7000)
    assert (after.ax, bytes(after.data[VECTOR_AT:])) == (0x4C00, before)


def test_no_two_services_have_one_selector() -> None:
    selectors = [(row.vector, row.function) for row in SERVICES]
    assert len(selectors) == len(set(selectors))
