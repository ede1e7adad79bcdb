"""A short program for every feature that CPUID advertises, and what it must leave in RAX.

Each runs in long mode in ring 0, behind PRELUDE, with RDI at 512 bytes and more of
zeros, aligned. A program of another mode, or one that ends in a fault, is a test of
its own in test_features.py.
"""

from __future__ import annotations

import struct

PRELUDE = "mov rax, cr4\n or eax, 0x40600\n mov cr4, rax\n xor eax, eax\n"
"""OSFXSR, OSXMMEXCPT, OSXSAVE."""

ONE_SINGLE, TWO_SINGLE = 0x3F80_0000, 0x4000_0000
ONE_DOUBLE, TWO_DOUBLE = (struct.unpack("<Q", struct.pack("<d", n))[0] for n in (1.0, 2.0))


def crc32c(value: int, bits: int, crc: int) -> int:
    """Return the CRC of ``value`` as CRC32 computes it (Intel SDM Vol. 2A), bit by bit."""
    for bit in range(bits):
        low = (crc ^ value >> bit) & 1
        crc = crc >> 1 ^ (0x82F6_3B78 if low else 0)
    return crc


SAVE = """
        fld1
        mov     eax, 1
        movd    xmm0, eax
        mov     byte ptr [rdi + 576], 0x5a
        mov     eax, 3
        xor     edx, edx
        {instruction} [rdi]
        mov     eax, [rdi + 512]
        shl     eax, 8
        mov     al, [rdi + 576]
"""
"""XSTATE_BV, and the byte behind the area, which CPUID says has 576 bytes."""

PROGRAMS: dict[str, tuple[str, int]] = {
    "FPU": ("fld1\n fld1\n faddp\n fistp dword ptr [rdi]\n mov eax, [rdi]", 2),
    "TSC": ("rdtsc\n mov ebx, eax\n rdtsc\n sub eax, ebx", 4),
    "MSR": (
        "mov ecx, 0xc0000102\n mov eax, 0x1234\n mov edx, 0x5678\n wrmsr\n xor eax, eax\n"
        "rdmsr\n shl rdx, 32\n or rax, rdx",
        0x5678_0000_1234,
    ),
    "MCE": ("mov rax, cr4\n or eax, 0x40\n mov cr4, rax\n mov rax, cr4\n and eax, 0x40", 0x40),
    "PGE": ("mov rax, cr4\n or eax, 0x80\n mov cr4, rax\n mov rax, cr4\n and eax, 0x80", 0x80),
    "CX8": (
        "mov qword ptr [rdi], 5\n mov eax, 5\n xor edx, edx\n mov ebx, 9\n xor ecx, ecx\n"
        "cmpxchg8b [rdi]\n setz al\n movzx eax, al\n shl eax, 8\n or eax, [rdi]",
        0x109,
    ),
    "SEP": (
        "mov ecx, 0x174\n mov eax, 8\n xor edx, edx\n wrmsr\n mov ecx, 0x175\n mov eax, 0x20000\n"
        "wrmsr\n mov ecx, 0x176\n lea rax, [rip + there]\n wrmsr\n sysenter\n hlt\n"
        "there: mov eax, esp",
        0x20000,
    ),
    "MTRR": ("mov ecx, 0xfe\n rdmsr\n and eax, 0xff", 8),  # variable ranges
    "MCA": ("mov ecx, 0x179\n rdmsr\n and eax, 0xff", 10),  # banks
    "CMOV": ("mov ebx, 7\n cmp eax, eax\n cmovz eax, ebx\n cmovnz eax, ecx", 7),
    "PAT": ("mov ecx, 0x277\n rdmsr", 0x0007_0406),
    "CLFSH": (
        "mov eax, 1\n cpuid\n mov eax, ebx\n shr eax, 8\n movzx eax, al\n shl eax, 3\n"
        "clflush [rdi]",
        64,
    ),
    "MMX": ("mov eax, 0x7f7f\n movd mm0, eax\n paddsb mm0, mm0\n movd eax, mm0\n emms", 0x7F7F),
    "FXSR": ("fxsave [rdi]\n mov eax, [rdi + 24]", 0x1F80),
    "SSE": (
        f"mov dword ptr [rdi], {ONE_SINGLE}\n movss xmm1, [rdi]\n addss xmm1, xmm1\n"
        "movss [rdi], xmm1\n mov eax, [rdi]",
        TWO_SINGLE,
    ),
    "SSE2": (
        f"mov rax, {ONE_DOUBLE}\n movq xmm1, rax\n addsd xmm1, xmm1\n movq rax, xmm1",
        TWO_DOUBLE,
    ),
    "SSE3": (
        f"mov eax, {ONE_SINGLE}\n movd xmm1, eax\n movsldup xmm2, xmm1\n haddps xmm2, xmm2\n"
        "movd eax, xmm2",
        TWO_SINGLE,
    ),
    "PCLMULQDQ": (
        "mov eax, 3\n movq xmm1, rax\n pclmulqdq xmm1, xmm1, 0\n movq rax, xmm1",
        0b101,
    ),
    "SSSE3": ("mov eax, -5\n movd xmm1, eax\n pabsd xmm2, xmm1\n movd eax, xmm2", 5),
    "CMPXCHG16B": (
        "mov qword ptr [rdi + 8], 6\n xor eax, eax\n mov edx, 6\n xor ebx, ebx\n mov ecx, 9\n"
        ".byte 0x48, 0x0f, 0xc7, 0x0f\n setz al\n movzx eax, al\n shl eax, 8\n or eax, [rdi + 8]",
        0x109,
    ),
    "SSE4_1": (
        "mov eax, 3\n movd xmm1, eax\n mov eax, 5\n movd xmm2, eax\n pmulld xmm1, xmm2\n"
        "pextrd eax, xmm1, 0",
        15,
    ),
    "SSE4_2": (
        "mov eax, 0x1111\n mov ebx, 0x4444\n .byte 0xf2, 0x0f, 0x38, 0xf1, 0xc3",  # crc32 eax, ebx
        crc32c(0x4444, 32, 0x1111),
    ),
    "POPCNT": ("mov ebx, 0xf0f1\n popcnt eax, ebx", 9),
    # Zeros give S-box(0) = 63h everywhere; MixColumns leaves equal bytes alone.
    "AESNI": (
        "pxor xmm1, xmm1\n pxor xmm2, xmm2\n aesenc xmm1, xmm2\n movd eax, xmm1",
        0x6363_6363,
    ),
    "XSAVE": (SAVE.format(instruction="xsave"), 0x35A),
    "XSAVEOPT": (SAVE.format(instruction="xsaveopt"), 0x35A),
    "HYPERVISOR": ("mov eax, 0x40000000\n cpuid\n or eax, ebx\n or eax, ecx\n or eax, edx", 0),
    "LAHF64": ("mov ah, 0xd7\n sahf\n not eax\n lahf\n movzx eax, ah", 0xD7),
    "SYSCALL": (
        "mov ecx, 0xc0000080\n rdmsr\n or eax, 1\n wrmsr\n mov ecx, 0xc0000081\n xor eax, eax\n"
        "mov edx, 8\n wrmsr\n mov ecx, 0xc0000082\n lea rax, [rip + there]\n xor edx, edx\n wrmsr\n"
        "lea rbx, [rip + next]\n syscall\n next: hlt\n there: mov rax, rcx\n sub rax, rbx",
        0,
    ),
    "RDTSCP": (
        "mov ecx, 0xc0000103\n mov eax, 7\n xor edx, edx\n wrmsr\n rdtscp\n mov eax, ecx",
        7,
    ),
    "LM": ("mov ecx, 0xc0000080\n rdmsr\n and eax, 0x500", 0x500),
}
"""By feature: code, and RAX behind it."""
