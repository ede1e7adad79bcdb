# native_blocks.S -- the run log of the fast engine: host code that Unicorn calls.
#
# Assembled by run_log.py on a page of its own, and hooked in the place of `block` of
# native.S only while somebody wants a log. Names in capitals as there; LOG_ and RUN_
# are offsets in the log and in a row of it.

# BLOCK: before each block of translated code. rdi uc, rsi linear address of the block,
# edx its size in bytes, rcx log. Has `block` charge it, or refuse it. Then, if it
# runs, adds it to the run that it continues, or begins a new one.
log_block:
        push    rdx
        push    rsi
        push    rcx
        mov     r10, [rcx + LOG_BLOCK]
        mov     rcx, [rcx + LOG_STATE]
        call    r10
        pop     rcx
        pop     rsi
        pop     rdx
        mov     r8, [rcx + LOG_STATE]
        cmp     dword ptr [r8 + ST_REFUSED], 0
        jne     logged
        mov     edx, edx
        mov     rax, [r8 + ST_DEADLINE]
        sub     rax, [r8 + ST_BUDGET]
        sub     rax, rdx                # the tick at its beginning
        mov     r9, [rcx + LOG_NEWEST]
        mov     r10, [r9 + RUN_PC]
        add     r10, [r9 + RUN_SIZE]
        cmp     r10, rsi
        jne     transferred
        add     [r9 + RUN_SIZE], rdx
logged:
        ret

# Not where the newest run would end. Was it left before that, and is now gone on with?
transferred:
        mov     r10, rax
        sub     r10, [r9 + RUN_LAST]    # so much of it has retired
        cmp     r10, [r9 + RUN_SIZE]
        ja      elsewhere
        mov     r11, [r9 + RUN_PC]
        add     r11, r10
        cmp     r11, rsi
        jne     elsewhere
        add     r10, rdx
        mov     [r9 + RUN_SIZE], r10
        ret

# Control has come from elsewhere. If the newest run, as far as it came, repeats the one
# before it, it is only counted there, and its row is free.
elsewhere:
        cmp     r10, [r9 + RUN_SIZE]
        jae     ended
        mov     [r9 + RUN_SIZE], r10
ended:
        mov     r10, [rcx + LOG_COUNT]
        sub     r10, 2
        and     r10, RUNS - 1
        imul    r10, r10, RUN_ROW
        lea     r10, [rcx + r10 + LOG_RUNS]
        mov     r11, [r9 + RUN_PC]
        cmp     [r10 + RUN_PC], r11
        jne     another
        mov     r11, [r9 + RUN_SIZE]
        cmp     [r10 + RUN_SIZE], r11
        jne     another
        mov     r11, [r9 + RUN_LAST]
        mov     [r10 + RUN_LAST], r11
        mov     r11, [r9 + RUN_TIMES]
        add     [r10 + RUN_TIMES], r11
        jmp     begin
another:
        mov     r9, [rcx + LOG_COUNT]
        inc     qword ptr [rcx + LOG_COUNT]
        and     r9, RUNS - 1
        imul    r9, r9, RUN_ROW
        lea     r9, [rcx + r9 + LOG_RUNS]
        mov     [rcx + LOG_NEWEST], r9
begin:
        mov     [r9 + RUN_PC], rsi
        mov     [r9 + RUN_SIZE], rdx
        mov     [r9 + RUN_FIRST], rax
        mov     [r9 + RUN_LAST], rax
        mov     qword ptr [r9 + RUN_TIMES], 1
        ret
