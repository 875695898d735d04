"""The command-line framework: jobs as commands of any Click or Typer program, and of `outlast`."""
