# undefined.S -- counts to a million, and then does what no processor knows.

undefined:
        mov     ecx, 1000000
undefined_again:
        dec     ecx
        jnz     undefined_again
        ud2
