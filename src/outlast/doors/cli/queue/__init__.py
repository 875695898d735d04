"""`outlast queue`: how wide queues are, and whether they give turns."""
