# channel.S -- publish on a channel, and read what was published. It makes no trap.
#
# The channel is mapped where the caller says, and configured (kernel/ring.py has the
# layout, and why it is safe). One thread publishes at a time; readers do not matter to
# it, however many they are. A reader keeps its place in memory of its own, SUBSCRIBER.

# channel_publish: publish the message at rsi on the channel at rdi.
# Changes rax, rcx, rdx, rsi, r8.
channel_publish:
        mov     rax, [rdi + CHANNEL_HEAD]
        call    channel_place
        mov     r8, rdi
        mov     rdi, rdx
        mov     rax, [r8 + CHANNEL_HEAD]
        inc     rax
        mov     [r8 + CHANNEL_BEGUN], rax       # before the oldest message is overwritten
        rep movsq
        mov     [r8 + CHANNEL_HEAD], rax
        mov     rdi, r8
        ret

# channel_subscribe: let the SUBSCRIBER at rdx read what comes on the channel at rsi from now on.
# Changes rax.
channel_subscribe:
        mov     rax, [rsi + CHANNEL_HEAD]
        mov     [rdx + SUBSCRIBER_CURSOR], rax
        mov     qword ptr [rdx + SUBSCRIBER_OVERRUN], 0
        ret

# channel_receive: copy the next message of the channel at rsi, for the SUBSCRIBER at rdx, to
# rdi; CF if there is none. What was overwritten before is counted. Changes rax, rcx, r8 to r11.
channel_receive:
        mov     r8, rdx
        mov     r9, rsi
        mov     r10, rdi
        mov     r11, [r8 + SUBSCRIBER_CURSOR]
        cmp     r11, [r9 + CHANNEL_HEAD]
        jae     channel_empty
channel_copy:
        mov     rax, [r9 + CHANNEL_BEGUN]       # the oldest that is whole: begun - capacity
        sub     rax, [r9 + CHANNEL_CAPACITY]
        jb      channel_whole
        sub     rax, r11
        jbe     channel_whole
        add     [r8 + SUBSCRIBER_OVERRUN], rax
        add     r11, rax
channel_whole:
        mov     rdi, r9
        mov     rax, r11
        call    channel_place
        mov     rsi, rdx
        mov     rdi, r10
        rep movsq
        mov     rax, [r9 + CHANNEL_BEGUN]       # was it overwritten meanwhile?
        sub     rax, r11
        cmp     rax, [r9 + CHANNEL_CAPACITY]
        ja      channel_copy
        inc     r11
        mov     [r8 + SUBSCRIBER_CURSOR], r11
        clc
        jmp     channel_end
channel_empty:
        stc
channel_end:
        mov     rdx, r8
        mov     rsi, r9
        mov     rdi, r10
        ret

# channel_place: where message rax of the channel at rdi is: rdx; its qwords: rcx. Changes rax.
channel_place:
        xor     edx, edx
        div     qword ptr [rdi + CHANNEL_CAPACITY]
        mov     rcx, [rdi + CHANNEL_MESSAGE_SIZE]
        imul    rdx, rcx
        lea     rdx, [rdi + rdx + CHANNEL_RING]
        shr     rcx, 3
        ret
