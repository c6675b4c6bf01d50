"""Speed and memory of evaluation."""
