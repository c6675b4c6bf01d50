"""The report: models side by side, in pictures and figures."""
