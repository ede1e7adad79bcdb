# memory.S -- the kernel's memory that the image does not hold: its stacks, and the page
# that every trap touches.
#
# A section called guard* is never mapped, so running off the end of a stack is a
# page fault and not a corrupted neighbour.

.set BIAS,           PROGRAM_VIRTUAL - PROGRAM_LOAD     # of kernel addresses over physical ones

.set GATE_USED,      0x800      # of the page; the rest holds what a trap touches besides

.section cpu                            # first in its page: the kernel is given its address
gate_block:                             # kernel/gate.py has its layout
        .zero   GATE_USED

.section guard1
        .zero   PAGE
.section stack
        .zero   2 * PAGE
kernel_stack_top:

.section guard2
        .zero   PAGE
.section df_stack
        .zero   PAGE
fault_stack_top:

.section guard3
        .zero   PAGE
.section nmi_stack
        .zero   PAGE
nmi_stack_top:
