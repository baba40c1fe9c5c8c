"""`python -m vmt.cli` is `vmt`."""

from vmt.cli import main

if __name__ == "__main__":
    main()
