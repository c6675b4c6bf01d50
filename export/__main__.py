"""`python -m refinemask.export` is `refinemask-export`."""

from refinemask.cli import export_main

if __name__ == "__main__":
    export_main()
