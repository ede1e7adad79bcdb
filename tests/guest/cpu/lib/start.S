# start.S -- the multiboot header and the driver: runs every case, compares, prints a line each.
#
# Entered as Multiboot Specification 0.6.96, 3.2 says: 32-bit code, flat, interrupts off.
# "Home" is that state, with our own GDT. A case starts at home, is entered in its mode
# by enter.S, and comes back through a handler of catch.S.

.set MB_MAGIC, 0x1badb002
.set MB_FLAGS, 1 << 16                  # addresses are in the header: a flat image

.code32
.section text
header:
        .long   MB_MAGIC, MB_FLAGS, (1 << 32) - MB_MAGIC - MB_FLAGS
        .long   header, ORIGIN, 0, 0, start
        .zero   0x100 - 32              # no code below offset 100h: see catch.S

start:
        cli
        cld
        mov     esp, HOME_STACK_TOP
        lgdt    [home_gdtr]
        .byte   0xea                    # jmp CODE32:start_flat
        .long   start_flat
        .word   CODE32
start_flat:
        mov     eax, DATA
        mov     ds, eax
        mov     es, eax
        mov     ss, eax
        mov     fs, eax
        mov     gs, eax
        mov     al, 0xff                # no interrupts but those that a case lets in
        out     0x21, al
        out     0xa1, al
        mov     edx, COM1 + 3           # 8 bits, no parity; then interrupts off, FIFOs on
        mov     al, 3
        out     dx, al
        mov     edx, COM1 + 1
        xor     eax, eax
        out     dx, al
        mov     edx, COM1 + 2
        mov     al, 7
        out     dx, al
        call    build_stubs
        call    build_fresh
        mov     ebp, CURSOR
        cmp     dword ptr [ebp + CU_MAGIC], CURSOR_MAGIC
        je      after_shutdown
        mov     dword ptr [ebp + CU_MAGIC], CURSOR_MAGIC
        mov     dword ptr [ebp + CU_ROW], case_table
        mov     dword ptr [ebp + CU_CASES], 0
        mov     dword ptr [ebp + CU_FAILED], 0

# run_case: of the row at CU_ROW.
run_case:
        mov     esp, HOME_STACK_TOP
        call    clear_state
        cmp     dword ptr [esi], TAG_END
        je      finish
        jmp     enter

finish:
        mov     esi, subject_name
        call    print
        mov     esi, text.colon
        call    print
        mov     eax, [CURSOR + CU_CASES]
        call    print_decimal
        mov     esi, text.cases
        call    print
        mov     eax, [CURSOR + CU_FAILED]
        call    print_decimal
        mov     esi, text.failed
        call    print
        mov     dword ptr [CURSOR + CU_MAGIC], 0
        mov     eax, [CURSOR + CU_FAILED]
        neg     eax
        sbb     eax, eax
        and     eax, 1                  # 0 if every case is well, else 1
        out     EXIT_PORT, al
halt:
        hlt
        jmp     halt

# clear_state: for the row at CU_ROW, which is left in esi.
clear_state:
        xor     eax, eax
        mov     edi, STATE
        mov     ecx, ST_BYTES / 4
        rep     stosd
        mov     edi, EVENTS
        mov     ecx, EVENT_COUNT * EVENT_BYTES / LINE
        call    clear_lines
        mov     ebp, STATE
        mov     esi, [CURSOR + CU_ROW]
        mov     eax, [esi + 4]
        mov     [ebp + ST_NAME], eax
        mov     eax, [esi + 8]
        mov     [ebp + ST_MODE], eax
        mov     eax, [esi + 12]
        mov     [ebp + ST_ENTRY], eax
        mov     [ebp + ST_MARK], eax
        mov     dword ptr [ebp + ST_EVENT_AT], EVENTS
        mov     eax, [home_gdtr]
        mov     [ebp + ST_GDTR], eax
        mov     ax, [home_gdtr + 4]
        mov     [ebp + ST_GDTR + 4], ax
        ret

# A triple fault has reset the machine, while the case at CU_ROW ran. Memory below 1 MiB
# may have been used by the firmware since: of its events we know this one only.
after_shutdown:
        call    clear_state
        mov     dword ptr [EVENTS + VECTOR * 8], SHUTDOWN
        mov     dword ptr [STATE + ST_COUNT], 1

# report: compare what the case has left with its rows, and print its line. At home.
report:
        mov     esp, HOME_STACK_TOP
        cld
        mov     esi, subject_name
        call    print
        mov     al, '.'
        call    print_char
        mov     esi, [STATE + ST_NAME]
        call    print
        mov     ebp, [CURSOR + CU_ROW]
        add     ebp, 16
report.row:
        mov     eax, [ebp]
        cmp     eax, TAG_MARK
        je      report.mark
        cmp     eax, TAG_WANT
        je      report.want
        cmp     eax, TAG_MEM
        je      report.mem
        mov     [CURSOR + CU_ROW], ebp
        call    implied
        inc     dword ptr [CURSOR + CU_CASES]
        mov     esi, text.ok
        cmp     dword ptr [STATE + ST_FAILED], 0
        je      report.end
        inc     dword ptr [CURSOR + CU_FAILED]
        mov     esi, text.newline
report.end:
        call    print
        jmp     run_case
report.mark:
        mov     eax, [ebp + 4]
        mov     [STATE + ST_MARK], eax
        add     ebp, 8
        jmp     report.row
# Of an event that is not the one wanted, only the vector is compared.
report.want:
        mov     eax, [ebp + 4]
        cmp     eax, COUNT
        je      report.compare
        mov     ecx, eax
        shr     ecx, 5
        bt      [STATE + ST_OTHER], ecx
        jc      report.skip
report.compare:
        call    get_field
        call    compare_row
        jmp     report.row
report.skip:
        add     ebp, 24
        jmp     report.row
report.mem:
        mov     dword ptr [STATE + ST_FIELD], TAG_MEM << 16
        mov     ebx, [ebp + 4]
        mov     eax, [ebx]
        mov     edx, [ebx + 4]
        call    compare_row
        jmp     report.row

# implied: a case that does not say otherwise ends with DONE, as its only event.
implied:
        test    dword ptr [STATE + ST_SEEN], 1
        jnz     implied.count
        mov     eax, VECTOR
        mov     ebx, DONE
        call    implied.one
implied.count:
        test    dword ptr [STATE + ST_SEEN], 2
        jnz     implied.end
        mov     eax, COUNT
        mov     ebx, 1
        call    implied.one
implied.end:
        ret
implied.one:
        mov     [STATE + ST_WANT], ebx
        mov     dword ptr [STATE + ST_WANT + 4], 0
        mov     dword ptr [STATE + ST_MASK], -1
        mov     dword ptr [STATE + ST_MASK + 4], -1
        call    get_field
        jmp     compare

# get_field: the value of field eax in edx:eax, and ST_FIELD.
get_field:
        mov     [STATE + ST_FIELD], eax
        cmp     eax, COUNT
        je      get_field.count
        cmp     eax, VECTOR
        jne     get_field.other
        or      dword ptr [STATE + ST_SEEN], 1
get_field.other:
        mov     ebx, eax
        mov     edx, [EVENTS + ebx * 8 + 4]
        mov     eax, [EVENTS + ebx * 8]
        mov     ecx, ebx
        and     ecx, 31
        cmp     ecx, RIP
        je      get_field.rip
        cmp     ecx, IP
        je      get_field.ip
        ret
get_field.ip:
        mov     eax, [EVENTS + ebx * 8 + (RIP - IP) * 8]
        mov     edx, [EVENTS + ebx * 8 + (RIP - IP) * 8 + 4]
        ret
get_field.count:
        or      dword ptr [STATE + ST_SEEN], 2
        mov     eax, [STATE + ST_COUNT]
        xor     edx, edx
        ret
# RIP from the mark: as the segment it is in counts. In real and virtual-8086 mode CS has the
# base, CODE16 begins at ORIGIN, and all others at 0.
get_field.rip:
        mov     ecx, [EVENTS + ebx * 8 + (CS - RIP) * 8]
        cmp     dword ptr [STATE + ST_MODE], REAL
        je      get_field.paragraph
        test    dword ptr [EVENTS + ebx * 8 + (RFLAGS - RIP) * 8], FL_VM
        jnz     get_field.paragraph
        and     ecx, -4
        cmp     ecx, CODE16
        je      get_field.code16
        cmp     ecx, CODE16_3 - 3
        je      get_field.code16
        xor     ecx, ecx
        jmp     get_field.subtract
get_field.code16:
        mov     ecx, ORIGIN
        jmp     get_field.subtract
get_field.paragraph:
        shl     ecx, 4
get_field.subtract:
        add     ecx, eax
        sub     ecx, [STATE + ST_MARK]
        lea     ebx, [ecx + 0x8000]
        cmp     ebx, 0x10000
        jae     get_field.far           # of no use as a distance: RIP itself
        test    edx, edx
        jnz     get_field.far
        mov     eax, ecx
        cdq
get_field.far:
        ret

# compare_row: edx:eax with the mask and value of the row at ebp; ebp to the next row.
compare_row:
        push    eax
        mov     eax, [ebp + 8]
        mov     [STATE + ST_MASK], eax
        mov     eax, [ebp + 12]
        mov     [STATE + ST_MASK + 4], eax
        mov     eax, [ebp + 16]
        mov     [STATE + ST_WANT], eax
        mov     eax, [ebp + 20]
        mov     [STATE + ST_WANT + 4], eax
        pop     eax
        add     ebp, 24
# compare: edx:eax with ST_MASK and ST_WANT.
compare:
        and     eax, [STATE + ST_MASK]
        and     edx, [STATE + ST_MASK + 4]
        cmp     eax, [STATE + ST_WANT]
        jne     compare.differ
        cmp     edx, [STATE + ST_WANT + 4]
        jne     compare.differ
        ret
compare.differ:
        mov     esi, text.fail
        cmp     dword ptr [STATE + ST_FAILED], 0
        mov     dword ptr [STATE + ST_FAILED], 1
        je      compare.first
        mov     esi, text.comma
compare.first:
        call    print
        mov     ecx, [STATE + ST_FIELD]
        test    ecx, COUNT | 31         # VECTOR is 0
        jnz     compare.show
        shr     ecx, 5
        bts     [STATE + ST_OTHER], ecx
compare.show:
        call    print_field
        mov     esi, text.got
        call    print
        call    print_hex
        mov     esi, text.want
        call    print
        mov     eax, [STATE + ST_WANT]
        mov     edx, [STATE + ST_WANT + 4]
        jmp     print_hex

# print_field: the name of ST_FIELD; e1. in front for the second event, and so on.
print_field:
        pushad
        mov     eax, [STATE + ST_FIELD]
        mov     esi, text.count
        cmp     eax, COUNT
        je      print_field.end
        mov     esi, text.memory
        cmp     eax, TAG_MEM << 16
        je      print_field.end
        mov     ebx, eax
        and     ebx, 31
        shr     eax, 5
        jz      print_field.name
        push    eax
        mov     al, 'e'
        call    print_char
        pop     eax
        call    print_decimal
        mov     al, '.'
        call    print_char
print_field.name:
        lea     esi, [field_names + ebx * 8]
print_field.end:
        call    print
        popad
        ret

.section names
text.ok:      .asciz " ok\n"
text.fail:    .asciz " FAIL "
text.comma:   .asciz ", "
text.got:     .asciz " got="
text.want:    .asciz " want="
text.count:   .asciz "events"
text.memory:  .asciz "memory"
text.colon:   .asciz ": "
text.cases:   .asciz " cases, "
text.failed:  .asciz " failed\n"
text.newline: .asciz "\n"
field_names:                            # eight bytes each
        .ascii  "vector\0\0error\0\0\0rip\0\0\0\0\0cs\0\0\0\0\0\0rflags\0\0rsp\0\0\0\0\0"
        .ascii  "ss\0\0\0\0\0\0cr2\0\0\0\0\0frame\0\0\0hcs\0\0\0\0\0hss\0\0\0\0\0hflags\0\0"
        .ascii  "rax\0\0\0\0\0rcx\0\0\0\0\0rdx\0\0\0\0\0rbx\0\0\0\0\0rbp\0\0\0\0\0rsi\0\0\0\0\0"
        .ascii  "rdi\0\0\0\0\0r8\0\0\0\0\0\0r9\0\0\0\0\0\0r10\0\0\0\0\0r11\0\0\0\0\0r12\0\0\0\0\0"
        .ascii  "r13\0\0\0\0\0r14\0\0\0\0\0r15\0\0\0\0\0ds\0\0\0\0\0\0es\0\0\0\0\0\0fs\0\0\0\0\0\0"
        .ascii  "gs\0\0\0\0\0\0ip\0\0\0\0\0\0"
.section cases
case_table:
.section text
