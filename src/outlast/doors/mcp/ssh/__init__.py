"""What the `ssh_*` tools do: sessions on hosts, and the commands that run there one after another."""
