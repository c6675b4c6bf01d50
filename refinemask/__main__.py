"""`python -m refinemask` is `refinemask`."""

from refinemask.cli.main import main

if __name__ == "__main__":
    main()
