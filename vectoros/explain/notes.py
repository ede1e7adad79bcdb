"""The sentences of a narrated boot, by key: data, and nothing else.

A sentence says what has just happened and what it is for, in words that a reader
of a first textbook knows; ``{}`` is the event's detail. Its source is the manual
and the section to read on in. docs/bibliography.md has the editions.
"""

from __future__ import annotations

from dataclasses import dataclass

SDM = "Intel SDM Vol. 3A"
AT = "IBM PC/AT Technical Reference"


@dataclass(frozen=True, slots=True)
class Note:
    """One plain sentence, and where to read on."""

    sentence: str
    source: str


NOTES: dict[str, Note] = {
    # -- operating modes
    "mode real": Note(
        "The processor comes out of reset in real mode, as a 1978 processor would: 16-bit "
        "registers, no protection, and its first instruction 16 bytes below 4 GiB, where the "
        "firmware's ROM is.",
        f'{SDM}, "Processor State After Reset" and "First Instruction Executed"',
    ),
    "mode 16-bit protected": Note(
        "CR0.PE is set, so the processor is in protected mode; until a far jump loads CS it still "
        "decodes 16-bit code.",
        f'{SDM}, "Switching to Protected Mode"',
    ),
    "mode 32-bit protected": Note(
        "A far jump loads CS with a 32-bit descriptor: from here on addresses have 32 bits, and "
        "the descriptors decide what code may do.",
        f'{SDM}, "Switching to Protected Mode"',
    ),
    "mode compatibility": Note(
        "Paging is on with EFER.LME set, so the processor is in long mode; it decodes 32-bit code "
        "until CS says otherwise.",
        f'{SDM}, "Initializing IA-32e Mode"',
    ),
    "mode 64-bit": Note(
        "A far jump to a descriptor with the L bit makes it 64-bit code: long mode is complete.",
        f'{SDM}, "Initializing IA-32e Mode"',
    ),
    # -- tables and control bits
    "gdtr": Note(
        "LGDT tells the processor where its table of segments is; the next load of a segment "
        "register reads from it.",
        f'{SDM}, "Global Descriptor Table (GDT)"',
    ),
    "idtr": Note(
        "LIDT tells the processor where the gates of exceptions and interrupts are; without "
        "them the first exception would be the last.",
        f'{SDM}, "Interrupt Descriptor Table (IDT)"',
    ),
    "tr": Note(
        "LTR loads the task register: the task-state segment names the stack that the processor "
        "changes to when ring 3 is interrupted.",
        f'{SDM}, "Task Management in 64-bit Mode"',
    ),
    "cr4 pae": Note(
        "CR4.PAE makes page-table entries 64 bits wide, which long mode requires.",
        f'{SDM}, "4-Level Paging and 5-Level Paging"',
    ),
    "efer nxe": Note(
        "EFER.NXE lets a page-table entry forbid execution, so that data can never run as code.",
        f'{SDM}, "Execute-Disable Bit"',
    ),
    "efer sce": Note(
        "EFER.SCE switches on SYSCALL and SYSRET, the fast way into the kernel and back.",
        "Intel SDM Vol. 2B, SYSCALL",
    ),
    "cr0 pg": Note(
        "CR0.PG turns paging on: every address now goes through four levels of tables, beginning "
        "with the one that CR3 names.",
        f'{SDM}, "Paging"',
    ),
    "cr0 wp": Note(
        "CR0.WP makes the kernel, too, respect read-only pages.",
        f'{SDM}, "Control Registers"',
    ),
    "cr4 smep": Note(
        "CR4.SMEP forbids the kernel to execute pages of programs.",
        f'{SDM}, "Control Registers"',
    ),
    "cr4 smap": Note(
        "CR4.SMAP forbids the kernel to touch the data of programs unless it says so.",
        f'{SDM}, "Control Registers"',
    ),
    "cr0 ts": Note(
        "CR0.TS is set: the first instruction of floating-point arithmetic will trap, and only "
        "then are those registers exchanged.",
        f'{SDM}, "Control Registers"',
    ),
    # -- rings, address spaces, traps
    "ring 3": Note(
        "The kernel leaves to ring 3: a program runs that can reach its own memory and nothing "
        "else.",
        f'{SDM}, "Privilege Levels"',
    ),
    "address space": Note(
        "Another program runs, and CR3 holds {}: its own page tables, so the same addresses are "
        "other memory.",
        f'{SDM}, "4-Level Paging and 5-Level Paging"',
    ),
    "syscall": Note(
        "A program executes SYSCALL, the first request to the kernel; the processor goes to the "
        "address in LSTAR, in ring 0.",
        "Intel SDM Vol. 2B, SYSCALL",
    ),
    "interrupt": Note(
        "The first interrupt is taken: the controller answers the processor with vector {}, which "
        "selects the handler.",
        "Intel 8259A data sheet, interrupt sequence",
    ),
    "halt": Note(
        "There is nothing to do, so HLT stops the processor until an interrupt comes; virtual time "
        "skips to it.",
        "Intel SDM Vol. 2A, HLT",
    ),
    "exception 6": Note(
        "An undefined instruction raises #UD, and the processor enters its handler.",
        f'{SDM}, "Exception and Interrupt Reference"',
    ),
    "exception 7": Note(
        "Floating-point arithmetic with CR0.TS set raises #NM: the moment to exchange the "
        "registers of the FPU, and not before.",
        f'{SDM}, "Exception and Interrupt Reference"',
    ),
    "exception 13": Note(
        "Something that is forbidden here raises #GP, and the processor enters its handler.",
        f'{SDM}, "Exception and Interrupt Reference"',
    ),
    "exception 14": Note(
        "The first page fault: no entry allows the access to {}, so #PF tells the kernel, with the "
        "address in CR2.",
        f'{SDM}, "Page-Fault Exceptions"',
    ),
    # -- firmware services
    "int 16": Note(
        "INT 10h asks the firmware to set or print to the screen: a BIOS is a library that is "
        "called by software interrupts.",
        "Ralf Brown's Interrupt List, INT 10h",
    ),
    "int 19": Note(
        "INT 13h asks for sectors of the disk: the firmware knows how the disk is attached, and "
        "the caller need not.",
        "Enhanced Disk Drive Specification (T13/1226DT)",
    ),
    "int 21": Note(
        "INT 15h asks about the machine: its function E820h lists which memory may be used.",
        'ACPI 6.5, "INT 15H, E820H"',
    ),
    "int 22": Note(
        "INT 16h asks whether a key was pressed: that is how a boot menu is opened.",
        "Ralf Brown's Interrupt List, INT 16h",
    ),
    "int 25": Note(
        "INT 19h ends the firmware's own work: it reads the first sector of the disk to 7C00h "
        "and jumps there.",
        f"{AT}, bootstrap loader",
    ),
    # -- devices
    "port pic1": Note(
        "The interrupt controllers are programmed: which vectors they answer with, and which "
        "inputs are masked.",
        "Intel 8259A data sheet, ICW1 to ICW4",
    ),
    "port pit": Note(
        "The timer is programmed, which divides 1.193182 MHz down to the rate of its interrupt.",
        "Intel 8254 data sheet, modes 2 and 3",
    ),
    "port com1": Note(
        "The serial port is used, the console of this machine; firmware sets it to 115200 "
        "baud, 8 bits and no parity.",
        "National Semiconductor PC16550D data sheet",
    ),
    "port keyboard_control": Note(
        "The keyboard controller is spoken to, a small computer of its own behind two ports.",
        f"{AT}, keyboard controller",
    ),
    "port bios_gate": Note(
        "The firmware calls a service that is written in Python: one OUT to the gate port hands "
        "over the address of the caller's registers.",
        "docs/reference/bios.md",
    ),
    "port ata": Note(
        "The disk's command block is reached: sector number and count, then a command.",
        'ATA/ATAPI-6, "PIO data-in command protocol"',
    ),
    "port vbe": Note(
        "The registers of the linear framebuffer are reached, by which the video adapter "
        "leaves text mode.",
        'Bochs VBE "dispi" interface',
    ),
    "port debug_console": Note(
        "A milestone goes to the debug console, a port that the host reads: each line that "
        "comes through it gets the time of its end.",
        "Bochs, port E9h",
    ),
    "port rtc": Note(
        "The real-time clock is read: the day's time comes from there, and in its CMOS memory "
        "the machine's setup.",
        "Motorola MC146818 data sheet",
    ),
    "port system_control": Note(
        "Port 92h opens address line 20, which an 8086 did not have and a PC keeps closed at "
        "first.",
        "IBM PS/2, system control port A",
    ),
    "memory kernel_gate": Note(
        "The kernel's stub looks for the kernel gate, the page through which the microkernel is "
        "called; on a machine without one it would stop here.",
        "docs/devices/kernel_gate.md",
    ),
    "doorbell": Note(
        "The kernel's stub rings the kernel gate: one store to its doorbell runs the microkernel, "
        "which is Python over this machine's RAM, before the store retires.",
        "docs/explanation/kernel.md",
    ),
}


def note_for(key: str) -> Note | None:
    """Return the note on an event, or None if it needs no words, as a guest's own line."""
    return NOTES.get(key)
