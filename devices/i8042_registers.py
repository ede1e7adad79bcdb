"""The registers and commands of the keyboard controller.

Names are those of the IBM Personal System/2 Hardware Interface Technical
Reference, "Keyboard/Auxiliary Device Controller"; of the status, those of Intel's
8042 data sheet where it has them (OBF, IBF).
"""

from __future__ import annotations

from enum import IntEnum

from vectoros.devices.fields import Bit, Fields


class Status(Fields):
    """Status: reading it has no side effect."""

    PERR = Bit(7, "parity error on a cable: never")
    TO = Bit(6, "a device did not answer: never")
    AUXOBF = Bit(5, "the byte in the output buffer is the mouse's")
    INH = Bit(4, "inhibit switch", {0: "the keyboard is locked", 1: "not locked: always"})
    CD = Bit(3, "last write", {0: "to the data port", 1: "to the command port"})
    SYS = Bit(2, "system flag: as in the configuration byte")
    IBF = Bit(1, "input buffer full: never, the controller takes a byte at once")
    OBF = Bit(0, "output buffer full: the data port has a byte")


class Configuration(Fields):
    """The controller's command byte, which commands 20h and 60h read and write."""

    XLAT = Bit(6, "translate the keyboard's set 2 to set 1")
    DIS2 = Bit(5, "the mouse's clock is held: it cannot send")
    DIS = Bit(4, "the keyboard's clock is held: it cannot send")
    OVR = Bit(3, "override the inhibit switch: without effect")
    SYS = Bit(2, "system flag: set by the self-test and by firmware")
    INT2 = Bit(1, "interrupt 12 while the output buffer has a byte of the mouse's")
    INT = Bit(0, "interrupt 1 while the output buffer has another byte")


class OutputPort(Fields):
    """The controller's output pins, which commands D0h and D1h read and write."""

    DATA = Bit(7, "the keyboard's data line: idle")
    CLOCK = Bit(6, "the keyboard's clock line: idle")
    AUXOBF = Bit(5, "interrupt 12: a byte of the mouse's is there; cannot be written")
    OBF = Bit(4, "interrupt 1: another byte is there; cannot be written")
    AUXCLOCK = Bit(3, "the mouse's clock line: idle")
    AUXDATA = Bit(2, "the mouse's data line: idle")
    A20 = Bit(1, "address line 20: reads back; the line itself is always open")
    RESET = Bit(0, "0 resets the machine; reads as 1")


class Command(IntEnum):
    """Commands of the controller. F0h to FFh pulse the output pins named by zero bits."""

    READ_CONFIGURATION = 0x20
    WRITE_CONFIGURATION = 0x60
    DISABLE_MOUSE = 0xA7
    ENABLE_MOUSE = 0xA8
    TEST_MOUSE = 0xA9
    SELF_TEST = 0xAA
    TEST_KEYBOARD = 0xAB
    DISABLE_KEYBOARD = 0xAD
    ENABLE_KEYBOARD = 0xAE
    READ_INPUT_PORT = 0xC0
    READ_OUTPUT_PORT = 0xD0
    WRITE_OUTPUT_PORT = 0xD1
    WRITE_KEYBOARD_OUTPUT = 0xD2
    WRITE_MOUSE_OUTPUT = 0xD3
    WRITE_MOUSE = 0xD4
    PULSE = 0xF0


SELF_TEST_PASSED = 0x55
CABLE_TEST_PASSED = 0x00

INPUT_PORT = 0x80
"""Bit 7: the inhibit switch is open. The other pins are a manufacturer's own."""

IDLE_PINS = OutputPort(0).replace(DATA=1, CLOCK=1, AUXCLOCK=1, AUXDATA=1, A20=1, RESET=1)
"""The output pins at power-on. Of a write, only A20 and RESET have an effect."""

POWER_ON = Configuration(0).replace(XLAT=1, INT=1)
"""Configuration before any firmware. The manual leaves it open; this lets a guest
that only takes interrupt 1 have scan codes of set 1."""
