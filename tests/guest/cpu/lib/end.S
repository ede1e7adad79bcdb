# end.S -- the last source: what must follow the last case.

.section text
        int     DONE
.section cases
        .long   TAG_END
