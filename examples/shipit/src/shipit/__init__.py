"""An example of a program that is installed."""
