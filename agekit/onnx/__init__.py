"""Models as ONNX files, and their use without torch."""
