# ports.S -- what a device's driver does with the capabilities for it.
#
# All of these change what a trap does: rax rcx rdx rsi rdi and r8 to r11.

# port_in: read the port edx, of slot edi, into eax; all ones if we may not.
port_in:
        call_method METHOD_IO_PORT_IN8, 1
        test    eax, eax
        mov     eax, edx
        jz      port_in_end
        mov     eax, 0xff
port_in_end:
        ret

# port_out: write r10b to the port edx of slot edi.
port_out:
        call_method METHOD_IO_PORT_OUT8, 2
        ret

# acknowledge: let the interrupt whose handler is in slot edi come again.
acknowledge:
        call_method METHOD_IRQ_HANDLER_ACK, 0
        ret
