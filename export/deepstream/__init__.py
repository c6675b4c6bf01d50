"""A folder for NVIDIA DeepStream: network, configuration of nvinfer, labels and parser."""
