"""`outlast schedule`: jobs that are submitted again and again."""
