"""`outlast webhook`: who was told of the ends of jobs, and who could not be."""
