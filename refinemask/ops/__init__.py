"""Pure-PyTorch references of the operators, and the hooks by which exports replace them."""
