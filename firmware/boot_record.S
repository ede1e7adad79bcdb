# boot_record.S -- what the kernel is told of the machine: memory map and command line.
#
# Assembles as 16-bit code. ds = es = 0.
#
# Source: kernel/boot_record.py for the record; ACPI 6.5, "INT 15H, E820H".

.set E820,           0xe820
.set SMAP,           0x534d4150
.set E820_ATTRIBUTES, 20
.set BOOT_MAGIC_LOW, BOOT_MAGIC_VALUE & 0xffffffff
.set BOOT_MAGIC_HIGH, BOOT_MAGIC_VALUE >> 32

# start_record: zero it, and fill in what is known.
start_record:
        mov     di, BOOT_RECORD
        mov     cx, PAGE / 4
        xor     eax, eax
        rep     stosd
        mov     dword ptr [BOOT_RECORD + BOOT_MAGIC], BOOT_MAGIC_LOW
        mov     dword ptr [BOOT_RECORD + BOOT_MAGIC + 4], BOOT_MAGIC_HIGH
        mov     dword ptr [BOOT_RECORD + BOOT_DIRECTORY], DIRECTORY
        ret

# read_memory_map: every answer of INT 15h, E820h, as it comes.
read_memory_map:
        mov     di, BOOT_RECORD + BOOT_MEMORY
        xor     ebx, ebx                # where to go on; 0 is the start, and the end
map_next:
        mov     eax, E820
        mov     edx, SMAP
        mov     ecx, BOOT_MEMORY_SIZE
        mov     dword ptr [di + E820_ATTRIBUTES], 1     # an old BIOS leaves them out
        int     0x15
        jc      map_end                 # some say so behind the last one
        cmp     eax, SMAP
        jne     map_end
        inc     dword ptr [BOOT_RECORD + BOOT_MEMORY_COUNT]
        add     di, BOOT_MEMORY_SIZE
        cmp     di, BOOT_RECORD + BOOT_MEMORY + BOOT_MAX_MEMORY * BOOT_MEMORY_SIZE
        je      map_end
        test    ebx, ebx
        jnz     map_next
map_end:
        mov     si, message_no_map
        cmp     dword ptr [BOOT_RECORD + BOOT_MEMORY_COUNT], 0
        je      give_up
        mov     si, message_map
        jmp     print

# read_command_line: copy it from the machine-info page, if this machine has one.
read_command_line:
        mov     eax, MACHINE_INFO
        mov     ebx, BOUNCE
        mov     ecx, MACHINE_INFO_COMMAND_LINE + BOOT_COMMAND_LINE_SIZE
        call    move
        push    ds
        mov     ax, BOUNCE >> 4
        mov     ds, ax
        cmp     dword ptr [0], MACHINE_INFO_MAGIC_LOW
        jne     command_line_end
        cmp     dword ptr [4], MACHINE_INFO_MAGIC_HIGH
        jne     command_line_end
        mov     si, MACHINE_INFO_COMMAND_LINE
        mov     di, BOOT_RECORD + BOOT_COMMAND_LINE
        mov     cx, BOOT_COMMAND_LINE_SIZE - 1
        rep     movsb
command_line_end:
        pop     ds
        ret

# has_word: is the word at si, which ends in a zero byte, one of the command line?
# Sets ZF if so. Changes ax, bx, di.
has_word:
        mov     di, BOOT_RECORD + BOOT_COMMAND_LINE
word_next:
        mov     bx, si
word_letter:
        mov     al, [bx]
        mov     ah, [di]
        test    al, al
        jz      word_whole
        cmp     al, ah
        jne     word_skip
        inc     bx
        inc     di
        jmp     word_letter
word_whole:
        cmp     ah, ' '                 # the line's word must end here, too
        je      word_found
        test    ah, ah
        jz      word_found
word_skip:                              # on to what follows the next space
        mov     al, [di]
        test    al, al
        jz      word_missing
        inc     di
        cmp     al, ' '
        jne     word_skip
        jmp     word_next
word_missing:
        inc     al                      # clears ZF
word_found:
        ret

message_map:
        .asciz  "[boot] memory map: by INT 15h, E820h"
message_no_map:
        .asciz  "boot: the BIOS has no memory map"
