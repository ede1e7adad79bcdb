# exceptions.S -- the 32 exceptions: name, and what usually causes it.
#
# Read-only data. Source: Intel SDM Vol. 3A, "Exception and Interrupt Reference".

.macro exception_row name, reason
        .asciz  \name
        .asciz  \reason
.endm

.section rodata
exceptions:                             # in the order of their vectors
        exception_row "#DE divide error", "division by zero or a quotient too large"
        exception_row "#DB debug", "a breakpoint register or single step"
        exception_row "NMI", "a non-maskable interrupt"
        exception_row "#BP breakpoint", "an int3 instruction"
        exception_row "#OF overflow", "an into instruction"
        exception_row "#BR bound", "a bound instruction"
        exception_row "#UD invalid opcode", "no such instruction"
        exception_row "#NM no coprocessor", "the floating-point unit is switched off"
        exception_row "#DF double fault", "a fault while a fault was being delivered"
        exception_row "coprocessor overrun", "reserved since the 80386"
        exception_row "#TS invalid TSS", "the task state segment breaks a rule"
        exception_row "#NP not present", "a segment or gate that is not present"
        exception_row "#SS stack fault", "a bad stack segment or stack address"
        exception_row "#GP general protection", "a privileged instruction or a bad selector or address"
        exception_row "#PF page fault", "its error code says"
        exception_row "vector 15", "reserved"
        exception_row "#MF x87 error", "an unmasked floating-point exception"
        exception_row "#AC alignment check", "an address that is not aligned"
        exception_row "#MC machine check", "the processor found a hardware error"
        exception_row "#XM SIMD error", "an unmasked SSE exception"
        exception_row "#VE virtualisation", "an EPT violation"
        exception_row "#CP control protection", "a return or a branch that is not allowed"
        exception_row "vector 22", "reserved"
        exception_row "vector 23", "reserved"
        exception_row "vector 24", "reserved"
        exception_row "vector 25", "reserved"
        exception_row "vector 26", "reserved"
        exception_row "vector 27", "reserved"
        exception_row "#HV hypervisor injection", "a hypervisor's doing"
        exception_row "#VC VMM communication", "a hypervisor's doing"
        exception_row "#SX security", "a security-sensitive event"
        exception_row "vector 31", "reserved"
