"""Bits and encodings of the architecture: RFLAGS, control registers, descriptors.

Names and values are the Intel SDM's, except for :class:`Hidden` and
:class:`Hidden2`, which are Unicorn's digest of the operating mode.
"""

from __future__ import annotations

from enum import IntEnum

CC_OP_EFLAGS = 1
"""Unicorn's marker: the arithmetic flags stand computed in ``_cc_src``."""

ARITHMETIC_FLAGS = 0x8D5  # OF SF ZF AF PF CF


class Flag(IntEnum):
    """Bits of RFLAGS (Intel SDM Vol. 1, "EFLAGS Register")."""

    CF = 1 << 0
    PF = 1 << 2
    AF = 1 << 4
    ZF = 1 << 6
    SF = 1 << 7
    TF = 1 << 8
    IF = 1 << 9
    DF = 1 << 10
    OF = 1 << 11
    IOPL = 3 << 12
    NT = 1 << 14
    RF = 1 << 16
    VM = 1 << 17
    AC = 1 << 18
    VIF = 1 << 19
    VIP = 1 << 20
    ID = 1 << 21


class Gpr(IntEnum):
    """General-purpose registers by their encoding."""

    RAX = 0
    RCX = 1
    RDX = 2
    RBX = 3
    RSP = 4
    RBP = 5
    RSI = 6
    RDI = 7
    R8 = 8
    R9 = 9
    R10 = 10
    R11 = 11
    R12 = 12
    R13 = 13
    R14 = 14
    R15 = 15


class Seg(IntEnum):
    """Segment registers by their encoding."""

    ES = 0
    CS = 1
    SS = 2
    DS = 3
    FS = 4
    GS = 5


class Hidden(IntEnum):
    """Bits of ``_hflags``: what Unicorn's translator needs to know of the mode."""

    CPL = 3
    INHIBIT_IRQ = 1 << 3  # the shadow of STI, MOV SS and POP SS
    CS32 = 1 << 4
    SS32 = 1 << 5
    ADDSEG = 1 << 6
    PE = 1 << 7
    TF = 1 << 8
    MP = 1 << 9
    EM = 1 << 10
    TS = 1 << 11
    IOPL = 3 << 12
    LMA = 1 << 14
    CS64 = 1 << 15
    RF = 1 << 16
    VM = 1 << 17
    AC = 1 << 18
    OSFXSR = 1 << 22
    SMAP = 1 << 23


class Hidden2(IntEnum):
    """Bits of ``_hflags2``."""

    GIF = 1 << 0
    NMI = 1 << 2  # NMIs are blocked until IRET


CR0_PE, CR0_MP, CR0_EM, CR0_TS, CR0_ET, CR0_NE = (1 << bit for bit in range(6))
CR0_WP, CR0_AM, CR0_PG = 1 << 16, 1 << 18, 1 << 31
CR4_DE, CR4_PSE, CR4_PAE, CR4_PGE, CR4_OSFXSR = 1 << 3, 1 << 4, 1 << 5, 1 << 7, 1 << 9
CR4_SMEP, CR4_SMAP = 1 << 20, 1 << 21
EFER_SCE, EFER_LME, EFER_LMA, EFER_NXE = 1 << 0, 1 << 8, 1 << 10, 1 << 11

DESC_A, DESC_R_W, DESC_C_E, DESC_CODE = 1 << 8, 1 << 9, 1 << 10, 1 << 11
DESC_S, DESC_P, DESC_L, DESC_B, DESC_G = 1 << 12, 1 << 15, 1 << 21, 1 << 22, 1 << 23
DESC_DPL_SHIFT = 13

VISIBLE_ATTRIBUTES = 0x00F0_FF00
"""Attribute bits of a descriptor's high half; the rest of the cached word is undefined."""
