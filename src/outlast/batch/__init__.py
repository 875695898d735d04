"""One job for each input file, and a manifest that tells what became of each."""
