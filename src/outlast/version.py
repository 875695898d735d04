"""The release. Apart, since reading the installed package's metadata takes milliseconds."""

__version__ = "0.1.0"  # plain: hatchling reads it with a pattern, and knows no `Final`
