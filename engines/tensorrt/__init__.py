"""TensorRT engines: profiles, and the process that builds them."""
