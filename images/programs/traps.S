# traps.S -- traps, as a program makes them. It makes no code.
#
# A trap takes a capability, a message info and a message (kernel/abi.py) and gives
# a status in rax, the sender's badge in rdi, a message info and a message. All of
# rax rcx rdx rsi rdi and r8 to r11 are lost; the others are kept.

# call_method: invoke a method of the object in slot edi. The message is in rdx r10 r8 r9.
.macro call_method method, length
        mov     esi, \method << MESSAGE_LABEL_SHIFT | \length
        mov     eax, TRAP_CALL
        syscall
.endm

# receive: wait in slot for a message, or for signals.
.macro receive trap, slot
        mov     edi, \slot
        mov     eax, \trap
        syscall
.endm
