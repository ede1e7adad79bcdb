"""What can be said of memory in which our kernel has run: views of it, and what must be true."""
