"""Errors that a user can act on; the command line prints them in one line and exits non-zero."""


class RefineMaskError(Exception):
    """An error a user can act on: it says what was wrong, what is allowed and what to try next."""


class WrongUsage(RefineMaskError):
    """Options that are wrong whatever the files hold; the command line exits with code 2."""


class GateFailed(RefineMaskError):
    """A parity or accuracy gate failed; the command line exits with code 3."""
