"""The CPU: one interface, two engines. Only this package imports unicorn."""
