"""`outlast session`: commands one after another on one host."""
