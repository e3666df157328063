"""`python -m vivavoce` is `viva`; torchrun starts the command line this way."""

from vivavoce.cli.main import main

if __name__ == "__main__":
    main()
