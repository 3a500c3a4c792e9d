"""`python -m earmark` is the command line."""

from earmark.pipeline import main

if __name__ == "__main__":
    main()
