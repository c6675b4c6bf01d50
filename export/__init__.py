"""From model to artifact: the ONNX graph, its metadata and its verification."""
