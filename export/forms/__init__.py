"""The forms of an exported graph: what each of our operators becomes in ONNX."""
