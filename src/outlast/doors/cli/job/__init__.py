"""The verbs about jobs that exist."""
