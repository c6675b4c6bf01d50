"""Latency, throughput and memory of artifacts and models."""
