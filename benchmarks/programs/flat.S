# flat.S -- runs the compiled work of mix.c in flat 32-bit protected mode, without paging.
#
# Read behind firmware/x86.S. A multiboot image of its own, in place of long_mode.S:
# bare metal as small systems, boot loaders and decompressors have it. There is no NX;
# any page that is stored to may be executed. flat.bin lies at FLAT (flat.ld) and
# begins with the C function `unsigned mix(unsigned repetitions)`.

.set MULTIBOOT_MAGIC,   0x1badb002
.set MULTIBOOT_ADDRESS, 1 << 16         # flags: the address fields below are valid
.set CR4_OSFXSR,        1 << 9          # SSE instructions are allowed
.set PORT_EXIT,         0xf4            # QEMU's isa-debug-exit, and ours
.set STACK_TOP,         0x120000

.code32
header:
        .long   MULTIBOOT_MAGIC, MULTIBOOT_ADDRESS, -(MULTIBOOT_MAGIC + MULTIBOOT_ADDRESS)
        .long   header, header, 0, 0, entry     # header, load, end of file, no bss, entry

entry:
        mov     eax, cr4
        or      eax, CR4_OSFXSR
        mov     cr4, eax
        fninit
        mov     esp, STACK_TOP
        push    REPETITIONS
        mov     eax, FLAT
        call    eax
        test    eax, eax
        setne   al
        mov     dx, PORT_EXIT
        out     dx, al
finished:
        hlt                             # and here a bare CPU emulator stops by itself
        jmp     finished
