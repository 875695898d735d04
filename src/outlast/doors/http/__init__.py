"""The HTTP service: the verbs as routes, for whoever has a token."""
