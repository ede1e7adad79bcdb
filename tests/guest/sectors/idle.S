# Halt with interrupts off.

        cli
        hlt
