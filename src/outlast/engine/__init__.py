"""The verbs and the loop. Knows the ports, never an adapter."""
