"""`python -m oncue` is `oncue`."""

from oncue.cli.main import main

if __name__ == "__main__":
    main()
