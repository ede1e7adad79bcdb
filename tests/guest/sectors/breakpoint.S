# In real mode, with no interrupt table, break.

        lidt    [table]
        int3
table:  .long   0, 0
