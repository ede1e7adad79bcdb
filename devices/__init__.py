"""Device models: what sits behind each area of the address map.

Reading order: ``fields.py``, ``registers.py`` and ``device.py`` are how a device
is declared; ``debug_console.py`` is the smallest one; ``uart.py`` uses everything.
"""
