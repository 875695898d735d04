"""A launcher that coverage can see into: as `python -I -S shim`, but with site and its hooks."""

from outlast.shim.launcher import main

if __name__ == "__main__":
    main()
