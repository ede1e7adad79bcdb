# fpu.S -- the FPU's registers follow their user only when another thread needs them.
#
# A thread that runs without owning the FPU has CR0.TS set. Its first instruction
# that needs the FPU raises #NM, and the kernel answers with whose registers to save
# and whose to load. Saving and loading take as long as thirty system calls.
#
# Source: Intel SDM Vol. 3A, "Using the TS Flag to Control the Saving of the x87
# FPU and SSE State".

# switch_fpu: save and load as the response at rbp says. Changes rax, rcx.
switch_fpu:
        mov     rcx, PHYSMAP
        mov     rax, [rbp + GATE_FPU_SAVE]
        test    rax, rax
        jz      switch_fpu_load
        clts                            # ring 0 would get #NM, too
        fxsave64 [rcx + rax]
switch_fpu_load:
        mov     rax, [rbp + GATE_FPU_LOAD]
        test    rax, rax
        jz      switch_fpu_end
        clts
        fxrstor64 [rcx + rax]
switch_fpu_end:
        ret

# set_ts: set or clear CR0.TS as the response at rbp says. Changes rax.
set_ts:
        test    dword ptr [rbp + GATE_FLAGS], GATE_CLEAR_TS
        jz      set_ts_not_clear
        clts
set_ts_not_clear:
        test    dword ptr [rbp + GATE_FLAGS], GATE_SET_TS
        jz      set_ts_end
        mov     rax, cr0
        or      rax, CR0_TS
        mov     cr0, rax
set_ts_end:
        ret
