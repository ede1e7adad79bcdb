# ticker.S -- the second process: shows the time of day at the top right of the screen.
#
# Ring 3, 64-bit. Entered with rdi the address of the boot info. It sleeps until the
# real-time clock's update-ended interrupt, once a second; where there is no clock, for
# ever. Source: Motorola MC146818 data sheet; IBM PC/AT for its ports.

.set RTC_INDEX,      PORT_RTC
.set RTC_DATA,       PORT_RTC + 1
.set RTC_SECONDS,    0
.set RTC_MINUTES,    2
.set RTC_HOURS,      4
.set RTC_B,          0x0b
.set RTC_C,          0x0c       # reading it lets the interrupt line fall
.set RTC_B_24H,      1 << 1     # hours from 0 to 23; digits stay BCD
.set RTC_B_UIE,      1 << 4     # interrupt after each update
.set CLOCK_WIDTH,    9 * GLYPH_WIDTH         # HH:MM:SS and a space

ticker:
        mov     rbx, rdi
        mov     edx, RTC_B
        mov     r10d, RTC_B_24H | RTC_B_UIE
        call    rtc_write
        jmp     ticker_listen
ticker_next:
        receive TRAP_WAIT, INIT_NOTIFICATION
        inc     qword ptr [rip + ticker_count]
        call    show_time
ticker_listen:
        mov     edx, RTC_C
        call    rtc_read
        mov     edi, INIT_RTC_IRQ
        call    acknowledge
        jmp     ticker_next

# show_time: draw the time of day; rbx boot info. Changes every register but rbx and rsp.
show_time:
        cmp     dword ptr [rbx + INFO_SCREEN_BPP], 32
        jne     show_time_end
        mov     r12, [rbx + INFO_SCREEN_WIDTH]
        sub     r12, CLOCK_WIDTH
        jb      show_time_end
        shl     r12, 2                  # bytes; 4 a pixel
        add     r12, [rbx + INFO_SCREEN_BASE]
        mov     edx, RTC_HOURS
        call    show_field
        mov     al, ':'
        call    show_character
        mov     edx, RTC_MINUTES
        call    show_field
        mov     al, ':'
        call    show_character
        mov     edx, RTC_SECONDS
        call    show_field
show_time_end:
        ret

# show_field: draw the two digits of register edx at r12, and move r12 behind them.
show_field:
        call    rtc_read
        mov     ebp, eax
        shr     eax, 4
        and     eax, 15
        add     eax, '0'
        call    show_character
        mov     eax, ebp
        and     eax, 15
        add     eax, '0'
show_character:
        mov     rdi, r12
        add     r12, GLYPH_BYTES
        mov     r9, [rbx + INFO_SCREEN_PITCH]
        jmp     draw_glyph

# rtc_read: read the clock's register edx into eax. Changes what a trap does.
rtc_read:
        mov     r10d, edx
        mov     edx, RTC_INDEX
        mov     edi, INIT_RTC
        call    port_out
        mov     edx, RTC_DATA
        mov     edi, INIT_RTC
        jmp     port_in

# rtc_write: write r10b to the clock's register edx. Changes what a trap does.
rtc_write:
        push    r10
        mov     r10d, edx
        mov     edx, RTC_INDEX
        mov     edi, INIT_RTC
        call    port_out
        pop     r10
        mov     edx, RTC_DATA
        mov     edi, INIT_RTC
        jmp     port_out

.section data
.balign 8
ticker_count:                           # seconds seen
        .quad   0
