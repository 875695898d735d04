"""
The door for agents: tools over the Model Context Protocol, by stdio and over HTTP.

Importing the protocol's package takes most of a second: only `command` and `mounted` do, once they
are called.
"""
