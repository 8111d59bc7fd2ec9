"""`python -m daemon.cli`: the same as `wasender`."""

from daemon.cli.app import main

if __name__ == "__main__":
    main()
