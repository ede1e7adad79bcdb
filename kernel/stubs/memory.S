# memory.S -- the kernel's memory that the image does not hold: page tables and stacks.
#
# A section called guard* is never mapped, so running off the end of a stack is a
# page fault and not a corrupted neighbour.

.section tables
tables:
        .zero   TABLES * PAGE
tables_end:

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
