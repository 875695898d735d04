"""`outlast containers`: what Outlast has made in this machine's container engine."""
