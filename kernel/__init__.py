"""The kernel: a function over guest memory, and the stubs in ring 0 that call it."""
