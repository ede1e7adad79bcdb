# power.S -- the commands that end the run: exit and poweroff.

.set POWER_OFF_WORD, 1 << 13    # SLP_EN; SLP_TYP 0 is soft-off on QEMU's pc (ACPI, PM1_CNT)

exit:
        call    parse_byte
        jc      exit_usage
        mov     r10d, eax
        mov     edx, PORT_EXIT
        mov     edi, INIT_EXIT
        call    port_out
        jmp     the_end
exit_usage:
        lea     rsi, [rip + text_exit_usage]
        jmp     put_string

poweroff:
        mov     edx, PORT_POWER
        mov     r10d, POWER_OFF_WORD
        mov     edi, INIT_POWER
        call_method METHOD_IO_PORT_OUT16, 2
the_end:                                # the machine stops within a microsecond
        jmp     the_end

.section rodata
text_exit_usage: .asciz "usage: exit CODE, a number from 0 to 255\r\n"
