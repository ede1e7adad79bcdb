# victim.S -- the process that breaks rules, for the shell's command `fault`.
#
# Ring 3, 64-bit. It is created stopped and has nothing but its own memory. Each time
# it is started here, with a stack and in edi which rule to break.

.set DEEDS,          7

victim:
        lea     rax, [rip + deeds]
        cmp     edi, DEEDS
        jae     victim_end
        jmp     qword ptr [rax + rdi * 8]

victim_pf:                              # write to the kernel, which is mapped and not for us
        mov     rax, KERNEL_VIRTUAL
        mov     qword ptr [rax], rax
victim_null:                            # read where nothing is mapped
        xor     eax, eax
        mov     rax, [rax]
victim_nx:                              # execute the stack
        push    0xc3
        jmp     rsp
victim_wx:                              # write to our own code
        lea     rax, [rip + victim]
        mov     byte ptr [rax], 0
victim_ud:
        ud2
victim_gp:                              # a privileged instruction
        cli
victim_de:
        xor     ecx, ecx
        div     ecx
victim_end:
        jmp     victim_end

.section rodata
.balign 8
deeds:                                  # in the order of fault.S
        .quad   victim_pf, victim_ud, victim_gp, victim_de, victim_null, victim_nx, victim_wx
