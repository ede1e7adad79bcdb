"""The kernel, seen from outside: its interface, and what is in a RAM image, as text and picture."""
