"""Latency, parity and accuracy of models and artifacts, and the report about them."""
