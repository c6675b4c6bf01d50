"""TensorRT engines: their profiles, and the process that builds them."""
