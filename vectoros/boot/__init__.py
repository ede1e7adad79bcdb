"""What a machine is given to start from: one boot protocol a file."""
