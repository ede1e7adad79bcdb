# fault.S -- the command that lets the victim break a rule, and what comes of it.
#
# A thread that faults stops, and the kernel makes a message of it, which comes to
# the endpoint of who supervises it: here. The victim stays stopped until the next
# `fault` gives it a new start. Nobody else notices.

fault:
        xor     r9d, r9d
        cmp     byte ptr [rsi], 0
        je      fault_start             # the first kind
        lea     rbx, [rip + fault_kinds]
try_fault:
        mov     rdi, rbx
        cmp     byte ptr [rdi], 0
        je      fault_usage
        call    match_word
        je      fault_start
        inc     r9d
fault_next_kind:                        # to the word after
        inc     rbx
        cmp     byte ptr [rbx - 1], 0
        jne     fault_next_kind
        jmp     try_fault
fault_usage:
        lea     rsi, [rip + text_fault_usage]
        jmp     put_string

# Start the victim with the number of the kind, r9, in rdi.
fault_start:
        call    find_victim
        jc      fault_no_victim
        mov     rax, IPC_BUFFER
        mov     [rax + IPC_MESSAGE + 10 * 8], r9
        lea     edi, [rbp + INIT_PROCESSES - 1]
        mov     edx, 1                  # resume it
        mov     r10d, 9                 # registers from rip to rdi
        mov     r8, VICTIM_VIRTUAL
        mov     r9, STACK_TOP
        call_method METHOD_TCB_WRITE_REGISTERS, 11
        test    eax, eax
        jnz     fault_no_victim
fault_wait:
        call    wait_for_message        # interrupts' news can wait: next_char looks first
        test    rbp, rbp
        jz      fault_wait
        jmp     report_fault
fault_no_victim:
        lea     rsi, [rip + text_no_victim]
        jmp     put_string

# find_victim: the number of the process called victim into ebp; CF if there is none.
# Changes rax, rbx, rdx, rsi, rdi.
find_victim:
        mov     rbx, [rip + boot_info]
        xor     ebp, ebp
find_next:
        inc     ebp
        cmp     rbp, [rbx + INFO_PROCESS_COUNT]
        ja      find_none
        mov     rax, rbp
        call    process_name
        lea     rdi, [rip + word_victim]
        call    match_word
        jne     find_next
        clc
        ret
find_none:
        stc
        ret

# take_fault: a message with label esi from process edi has come: note it in the frame
# that describe.S reads, and return the frame in rbp. Changes rax.
take_fault:
        lea     rbp, [rip + fault_frame]
        mov     [rip + fault_process], rdi
        mov     [rip + fault_label], rsi
        mov     [rbp + FRAME_RIP], rdx
        mov     [rip + fault_address], r10
        mov     [rbp + FRAME_ERROR], r9
        mov     qword ptr [rbp + FRAME_VECTOR], VECTOR_PF
        cmp     esi, FAULT_USER_EXCEPTION
        jne     take_fault_end
        mov     [rbp + FRAME_VECTOR], r9
        mov     edi, 4                  # the error code
        call    extra_word
        mov     [rbp + FRAME_ERROR], rax
take_fault_end:
        ret

# report_fault: print what take_fault has noted. Changes every register but rsp.
report_fault:
        lea     rsi, [rip + text_fault]
        call    put_string
        mov     rax, [rip + fault_process]
        call    process_name
        call    put_string
        lea     rsi, [rip + text_colon]
        call    put_string
        lea     rbp, [rip + fault_frame]
        mov     r13, [rip + fault_address]
        mov     rax, [rip + fault_label]
        cmp     eax, FAULT_USER_EXCEPTION
        je      report_exception
        cmp     eax, FAULT_VM_FAULT
        je      report_exception
        lea     rsi, [rip + text_call_fault]
        call    put_string
        mov     rax, [rbp + FRAME_RIP]
        call    put_hex
        jmp     new_line
report_exception:
        call    describe
        jmp     new_line

.section rodata
fault_kinds:                            # in the order of victim.S
        .asciz  "pf"
        .asciz  "ud"
        .asciz  "gp"
        .asciz  "de"
        .asciz  "null"
        .asciz  "nx"
        .asciz  "wx"
        .byte   0
word_victim:     .asciz "victim"
text_fault:      .asciz "fault: "
text_colon:      .asciz ": "
text_call_fault: .asciz "a system call that makes no sense, rip "
text_fault_usage:
        .asciz  "usage: fault [pf|ud|gp|de|null|nx|wx]\r\n"
text_no_victim:  .asciz "there is no process called victim, or it is busy\r\n"

.section data
.balign 8
fault_process:   .quad 0
fault_label:     .quad 0
fault_address:   .quad 0
fault_frame:
        .zero   FRAME_SIZE
