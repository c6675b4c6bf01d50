"""The commands of the command line, one module each; `refinemask.cli.main` puts them together.

Only the standard library and typer are imported at the top of these modules: everything heavy is
imported inside the commands, so that `refinemask --help` answers at once.
"""
