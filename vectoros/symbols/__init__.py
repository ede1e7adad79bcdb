"""Names for addresses: one interface, and a reader for each kind of file that has names."""
