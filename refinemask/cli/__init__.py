"""The commands, one module each; `refinemask.cli.main` puts them together.

These modules import only the standard library, typer and modules as light at the top; commands
import everything else inside, so that `--help` is instant.
"""
