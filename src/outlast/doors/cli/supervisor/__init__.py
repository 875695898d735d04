"""The verbs about the process that carries the jobs."""
