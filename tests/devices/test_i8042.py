"""The keyboard controller, driven as a guest drives it: by its two ports."""

from __future__ import annotations

import pytest

from vectoros.clock import Clock
from vectoros.devices.i8042 import BYTE_TICKS, I8042
from vectoros.devices.i8042_control import I8042Control
from vectoros.devices.i8042_registers import POWER_ON, Command, Configuration, Status
from vectoros.devices.ps2_keyboard import RELEASED
from vectoros.devices.scancodes import KEY_NAMES
from vectoros.irq import Line
from vectoros.units import ticks_for

OBF, AUXOBF, SYS, CD, INH = (
    field.mask for field in (Status.OBF, Status.AUXOBF, Status.SYS, Status.CD, Status.INH)
)


class Rig:
    """A controller with its devices, a clock to turn, and everything its lines did."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.keyboard_irq, self.mouse_irq = Line(), Line()
        self.edges: list[tuple[int, bool]] = []
        self.keyboard_irq.connect(lambda level: self.edges.append((1, level)))
        self.mouse_irq.connect(lambda level: self.edges.append((12, level)))
        self.resets = 0
        self.chip = I8042(
            self.clock,
            keyboard_irq=self.keyboard_irq,
            mouse_irq=self.mouse_irq,
            reset_machine=self._reset,
        )
        self.control = I8042Control(self.clock, controller=self.chip)

    def _reset(self) -> None:
        self.resets += 1

    def status(self) -> int:
        return self.control.read(0, 1)

    def command(self, code: int, *parameters: int) -> None:
        self.control.write(0, 1, code)
        for byte in parameters:
            self.write(byte)

    def write(self, byte: int) -> None:
        self.chip.write(0, 1, byte)

    def read(self) -> int:
        return self.chip.read(0, 1)

    def ask(self, code: int) -> int:
        """Give a command and return the controller's own answer, which is there at once."""
        self.command(code)
        assert self.status() & OBF
        return self.read()

    def wait(self) -> None:
        """Let a byte arrive."""
        self.clock.set(self.clock.now + BYTE_TICKS)
        self.chip.catch_up()

    def drain(self) -> bytes:
        """Read whatever comes, as a driver does."""
        found = bytearray()
        while self.status() & OBF or self.chip.next_event() is not None:
            if self.status() & OBF:
                found.append(self.read())
            else:
                self.wait()
        return bytes(found)

    def configure(self, **fields: int) -> None:
        self.command(Command.WRITE_CONFIGURATION, Configuration(POWER_ON).replace(**fields))

    def key(self, name: str, *, down: bool = True) -> None:
        self.chip.keyboard.strike(KEY_NAMES[name].number | (0 if down else RELEASED))

    def listen_to_mouse(self) -> None:
        self.command(Command.WRITE_MOUSE, 0xF4)
        assert self.drain() == b"\xfa"


def test_at_power_on_nothing_is_there_and_the_keyboard_is_not_locked() -> None:
    rig = Rig()
    assert rig.status() == INH
    assert rig.ask(Command.READ_CONFIGURATION) == 0x41, "interrupt 1, translation"
    assert rig.edges == [(1, True), (1, False)]


def test_a_key_arrives_after_the_time_of_a_byte_and_interrupts_until_it_is_read() -> None:
    rig = Rig()
    rig.key("a")
    assert rig.chip.next_event() == BYTE_TICKS
    rig.clock.set(BYTE_TICKS - 1)
    assert not rig.status() & OBF
    rig.clock.set(BYTE_TICKS)
    assert rig.status() == INH | OBF, "an access never comes before what is due"
    assert rig.keyboard_irq.level
    assert rig.read() == 0x1E
    assert not rig.keyboard_irq.level
    assert rig.status() == INH
    assert rig.read() == 0x1E, "an empty buffer shows what it had last"


def test_a_driver_that_reads_the_buffer_empty_comes_to_an_end() -> None:
    rig = Rig()
    a = KEY_NAMES["a"].number
    rig.chip.keyboard.enqueue(bytes([a] * 100))
    rig.wait()
    # As Linux does: look, wait 50 us, read, look again within a microsecond.
    reads = 0
    while rig.status() & OBF:
        rig.clock.set(rig.clock.now + ticks_for(50_000))
        rig.read()
        reads += 1
        rig.clock.set(rig.clock.now + ticks_for(1_000))
    assert reads == 1


def test_each_byte_makes_an_edge_and_takes_its_time() -> None:
    rig = Rig()
    rig.key("left")
    times = []
    for _ in range(2):
        rig.wait()
        times.append(rig.clock.now)
        rig.read()
        assert not rig.status() & OBF
    assert times == [BYTE_TICKS, 2 * BYTE_TICKS]
    assert rig.edges == [(1, True), (1, False)] * 2


def test_a_byte_that_is_not_read_holds_up_the_next() -> None:
    rig = Rig()
    rig.key("a")
    rig.key("b")
    rig.wait()
    assert rig.chip.next_event() is None
    for _ in range(100):
        rig.wait()
    assert rig.drain() == bytes([0x1E, 0x30])


def test_translation_makes_one_byte_of_a_break_code_and_can_be_turned_off() -> None:
    rig = Rig()
    rig.key("delete")
    rig.key("delete", down=False)
    assert rig.drain().hex(" ") == "e0 53 e0 d3"
    rig.configure(XLAT=0)
    rig.key("delete")
    rig.key("delete", down=False)
    assert rig.drain().hex(" ") == "e0 71 e0 f0 71"


def test_the_configuration_byte_reads_as_written_without_its_reserved_bit() -> None:
    rig = Rig()
    for value, shown in ((0x00, 0x00), (0xFF, 0x7F), (0x74, 0x74), (0x80, 0x00)):
        rig.command(Command.WRITE_CONFIGURATION, value)
        assert rig.ask(Command.READ_CONFIGURATION) == shown
        assert bool(rig.status() & SYS) == bool(value & Configuration.SYS.mask)


def test_interrupts_follow_their_enables_while_the_buffer_is_full() -> None:
    rig = Rig()
    rig.key("a")
    rig.wait()
    rig.configure(INT=0)
    assert not rig.keyboard_irq.level
    rig.configure(INT=1, INT2=1)
    assert rig.keyboard_irq.level
    assert not rig.mouse_irq.level


def test_the_mouses_bytes_are_marked_and_interrupt_on_their_own_line() -> None:
    rig = Rig()
    rig.configure(INT2=1)
    rig.command(Command.WRITE_MOUSE, 0xF2)
    rig.wait()
    assert rig.status() == INH | OBF | AUXOBF
    assert (rig.keyboard_irq.level, rig.mouse_irq.level) == (False, True)
    assert rig.drain().hex(" ") == "fa 00", "never translated"
    assert not rig.status() & AUXOBF
    rig.configure(INT2=0)
    rig.command(Command.WRITE_MOUSE, 0xF2)
    rig.wait()
    assert not rig.mouse_irq.level


def test_the_keyboard_goes_before_the_mouse() -> None:
    rig = Rig()
    rig.listen_to_mouse()
    rig.chip.mouse.move(1, 2)
    rig.key("a")
    assert rig.drain().hex(" ") == "1e 08 01 02"


def test_the_self_test_passes_and_sets_the_system_flag() -> None:
    rig = Rig()
    assert rig.ask(Command.SELF_TEST) == 0x55
    assert rig.status() == INH | SYS | CD
    assert rig.ask(Command.READ_CONFIGURATION) == 0x45


@pytest.mark.parametrize("code", [Command.TEST_KEYBOARD, Command.TEST_MOUSE])
def test_the_cables_are_good(code: int) -> None:
    assert Rig().ask(code) == 0


@pytest.mark.parametrize(
    ("disable", "enable", "bit"),
    [
        (Command.DISABLE_KEYBOARD, Command.ENABLE_KEYBOARD, 0x10),
        (Command.DISABLE_MOUSE, Command.ENABLE_MOUSE, 0x20),
    ],
)
def test_a_cable_can_be_held_and_what_was_to_come_comes_later(
    disable: int, enable: int, bit: int
) -> None:
    rig = Rig()
    rig.listen_to_mouse()
    rig.command(disable)
    assert rig.ask(Command.READ_CONFIGURATION) == 0x41 | bit
    rig.key("a")
    rig.chip.mouse.move(1, 2)
    held = {0x10: "08 01 02", 0x20: "1e"}[bit]
    assert rig.drain().hex(" ") == held
    rig.command(enable)
    assert rig.ask(Command.READ_CONFIGURATION) == 0x41
    assert rig.drain().hex(" ") == {0x10: "1e", 0x20: "08 01 02"}[bit]


def test_holding_a_cable_stops_a_byte_under_way() -> None:
    rig = Rig()
    rig.key("a")
    rig.command(Command.DISABLE_KEYBOARD)
    assert rig.chip.next_event() is None
    rig.command(Command.ENABLE_KEYBOARD)
    assert rig.drain() == b"\x1e"


def test_a_command_that_changes_nothing_does_not_hold_up_a_byte_under_way() -> None:
    rig = Rig()
    rig.key("a")
    rig.clock.set(BYTE_TICKS // 2)
    rig.command(Command.ENABLE_KEYBOARD)
    rig.chip.mouse.move(1, 1)
    assert rig.chip.next_event() == BYTE_TICKS


def test_a_command_for_a_device_releases_its_cable() -> None:
    rig = Rig()
    rig.configure(DIS=1, DIS2=1)
    rig.write(0xEE)
    assert rig.drain() == b"\xee"
    rig.command(Command.WRITE_MOUSE, 0xF2)
    assert rig.drain().hex(" ") == "fa 00"
    assert rig.ask(Command.READ_CONFIGURATION) == POWER_ON


def test_what_is_written_as_a_devices_output_comes_back_as_if_from_it() -> None:
    rig = Rig()
    rig.configure(INT2=1)
    rig.command(Command.WRITE_KEYBOARD_OUTPUT, 0xA5)
    assert (rig.status(), rig.keyboard_irq.level) == (INH | OBF, True)
    assert rig.read() == 0xA5, "not translated"
    rig.command(Command.WRITE_MOUSE_OUTPUT, 0x5A)
    assert (rig.status(), rig.mouse_irq.level) == (INH | OBF | AUXOBF, True)
    assert rig.read() == 0x5A
    assert rig.edges == [(1, True), (1, False), (12, True), (12, False)]


def test_the_controllers_answer_waits_for_the_buffer_and_goes_before_the_devices() -> None:
    rig = Rig()
    rig.key("a")
    rig.key("b")
    rig.wait()
    rig.command(Command.WRITE_MOUSE_OUTPUT, 0x77)
    rig.command(Command.SELF_TEST)  # of two answers, the later one counts
    rig.edges.clear()
    assert rig.read() == 0x1E
    assert rig.edges == [(1, False), (1, True)]
    assert rig.status() & (OBF | AUXOBF) == OBF
    assert rig.drain() == bytes([0x55, 0x30])


def test_an_answer_as_the_mouses_waits_as_such() -> None:
    rig = Rig()
    rig.command(Command.SELF_TEST)
    rig.command(Command.WRITE_MOUSE_OUTPUT, 0x00)
    assert rig.read() == 0x55
    assert rig.status() & (OBF | AUXOBF) == OBF | AUXOBF
    assert rig.read() == 0


def test_an_answer_takes_the_place_of_a_byte_under_way_which_then_starts_anew() -> None:
    rig = Rig()
    rig.key("a")
    rig.clock.set(BYTE_TICKS // 2)
    rig.command(Command.SELF_TEST)
    assert rig.chip.next_event() is None
    assert rig.read() == 0x55
    assert rig.chip.next_event() == BYTE_TICKS // 2 + BYTE_TICKS
    assert rig.drain() == b"\x1e"


def test_the_output_port_reads_back_a20_and_shows_whose_byte_is_waiting() -> None:
    rig = Rig()
    assert rig.ask(Command.READ_OUTPUT_PORT) == 0xCF
    rig.command(Command.WRITE_OUTPUT_PORT, 0xFD)
    assert rig.ask(Command.READ_OUTPUT_PORT) == 0xCD
    rig.command(Command.WRITE_OUTPUT_PORT, 0x03)
    rig.command(Command.WRITE_KEYBOARD_OUTPUT, 1)
    rig.command(Command.READ_OUTPUT_PORT)
    assert (rig.read(), rig.read()) == (1, 0xDF)
    rig.command(Command.WRITE_MOUSE_OUTPUT, 1)
    rig.command(Command.READ_OUTPUT_PORT)
    assert (rig.read(), rig.read()) == (1, 0xEF)
    assert rig.resets == 0


def test_the_input_port_says_that_the_keyboard_is_not_locked() -> None:
    assert Rig().ask(Command.READ_INPUT_PORT) == 0x80


def test_the_reset_pin_can_be_pulsed_and_written() -> None:
    rig = Rig()
    for code in range(0xF0, 0x100):
        rig.resets = 0
        rig.command(code)
        assert rig.resets == (code % 2 == 0), f"{code:#x}"
    rig.resets = 0
    rig.command(Command.WRITE_OUTPUT_PORT, 0x02)
    assert rig.resets == 1


def test_the_status_tells_commands_from_data() -> None:
    rig = Rig()
    rig.command(Command.ENABLE_KEYBOARD)
    assert rig.status() & CD
    rig.write(0xEE)
    assert not rig.status() & CD


def test_an_unknown_command_is_counted_and_ends_the_wait_for_a_parameter() -> None:
    rig = Rig()
    rig.command(Command.WRITE_CONFIGURATION)
    rig.command(0x99)
    assert rig.chip.guest_errors == 1
    rig.write(0xEE)
    assert rig.drain() == b"\xee", "for the keyboard, not the configuration"
    assert rig.ask(Command.READ_CONFIGURATION) == POWER_ON


def test_a_reset_of_the_machine_leaves_the_host_the_keys_that_nobody_read() -> None:
    rig = Rig()
    a, b = KEY_NAMES["a"].number, KEY_NAMES["b"].number
    rig.chip.keyboard.enqueue(bytes([a, a | RELEASED, b]))
    rig.configure(INT2=1, XLAT=0)
    rig.wait()
    assert rig.read() == 0x1C
    rig.wait()
    assert rig.status() & OBF, "F0, the first half of the release"
    rig.chip.system_reset()
    assert not rig.keyboard_irq.level
    assert rig.ask(Command.READ_CONFIGURATION) == POWER_ON
    assert rig.drain() == bytes([0x9E, 0x30])


def test_a_probe_as_linuxs_driver_makes_it_finds_both_ports() -> None:
    rig = Rig()
    assert rig.ask(Command.READ_CONFIGURATION) == rig.ask(Command.READ_CONFIGURATION)
    rig.configure(INT=0, DIS=1)
    assert rig.drain() == b""
    assert rig.ask(Command.SELF_TEST) == 0x55
    for byte in (0x5A, 0xF0, 0x56, 0xA4):  # the loop test; and echoes mean: no multiplexer
        rig.command(Command.WRITE_MOUSE_OUTPUT, byte)
        assert rig.status() & AUXOBF
        assert rig.read() == byte
    rig.command(Command.DISABLE_MOUSE)
    assert Configuration(rig.ask(Command.READ_CONFIGURATION)).DIS2
    rig.command(Command.ENABLE_MOUSE)
    assert not Configuration(rig.ask(Command.READ_CONFIGURATION)).DIS2
    rig.configure(INT=0, DIS=1, INT2=1)
    rig.edges.clear()
    rig.command(Command.WRITE_MOUSE_OUTPUT, 0xA5)
    assert (rig.read(), rig.edges) == (0xA5, [(12, True), (12, False)])
    rig.configure(INT=1, INT2=1)
    rig.write(0xF2)
    assert rig.drain().hex(" ") == "fa ab 41", "an identifier, translated"
