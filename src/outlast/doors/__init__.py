"""The ways in. A folder here is a door; none knows another."""
