"""A boot in sentences: what happens for the first time, where it is written, where to read on."""
