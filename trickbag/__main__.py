"""`python -m trickbag` is the command line."""

from trickbag.cli.main import main

if __name__ == "__main__":
    main()
