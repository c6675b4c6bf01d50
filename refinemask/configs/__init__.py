"""Configurations of models: what can be set, the published presets and class lists."""
