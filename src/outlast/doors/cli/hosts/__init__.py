"""`outlast hosts`: the machines that jobs run on over SSH."""
