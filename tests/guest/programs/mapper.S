# mapper.S -- moves a page of its own to another address, and loses the right to write there.
#
# A processor that remembered how it translated would read the old page, and write. Slots
# 132 and 133 have the two pages of data: the kernel makes the page of the text, three
# tables and then those. r13 is what is read after the move; the last store faults.

.set FIRST, 132
.set SECOND, 133

mapper:
        lea     rbx, [rip + first]
        mov     byte ptr [rbx], 0x11
        mov     byte ptr [rbx + 0x1000], 0x22
        mov     rax, IPC_BUFFER
        mov     qword ptr [rax + IPC_CAPABILITIES], INIT_PML4
        mov     edi, FIRST
        call    unmap
        mov     edi, SECOND
        call    unmap
        mov     r10d, RIGHT_READ | RIGHT_WRITE
        call    map
        movzx   r13d, byte ptr [rbx]
        mov     byte ptr [rbx], 0x33
        mov     r10d, RIGHT_READ
        call    map
        movzx   r14d, byte ptr [rbx]
        mov     byte ptr [rbx], 0x44            # page fault
        ud2

unmap:                                          # edi: slot of a frame
        mov     rsi, METHOD_FRAME_UNMAP << MESSAGE_LABEL_SHIFT
        jmp     invoke

map:                                            # the second page at the first's address
        mov     edi, SECOND
        mov     rsi, METHOD_FRAME_MAP << MESSAGE_LABEL_SHIFT | MESSAGE_EXTRA | 3
        mov     rdx, rbx
        xor     r8d, r8d
invoke:
        mov     eax, TRAP_CALL
        syscall
        test    rax, rax
        jnz     failed
        ret
failed:
        ud2

.section data
.balign 4096
first:
        .quad   0
.balign 4096
        .quad   0
