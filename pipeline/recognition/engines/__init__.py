"""How a model is executed: torch, or a graph exported for OpenVINO and ONNX Runtime."""
