"""The guest programs that benchmarks run, and what runs them.

Each program is one multiboot image (image.py) that ends with a status of 0 if
the processor did what it should. The same bytes run on our engines, on bare
Unicorn and on QEMU (runners.py).
"""
