"""The embedded dataset of textured shapes."""
