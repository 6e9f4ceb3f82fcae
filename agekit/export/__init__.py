"""Models written for use elsewhere: ONNX files."""
