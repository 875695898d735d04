"""`outlast token`: who is let into a server, and what they may do."""
