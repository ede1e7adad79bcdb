"""The kernel: what runs in ring 0, and the numbers that it shares with ring 3."""
