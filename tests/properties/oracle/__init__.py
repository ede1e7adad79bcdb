"""An independent model of the kernel: what each trap must do, in plain Python objects.

Written from the table of methods and the design, and sharing nothing with the kernel but
its numbers, so that the two are wrong in different places. The derivation tree is explicit,
nothing is preempted, and there is no memory but what messages and pages need.
"""
