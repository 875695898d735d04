"""What helps whoever writes tools with asynchronous commands."""
