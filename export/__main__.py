"""`python -m refinemask.export` is `refinemask-export`."""

from refinemask.cli.main import export_main

if __name__ == "__main__":
    export_main()
