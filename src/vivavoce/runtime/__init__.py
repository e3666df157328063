"""What ships: bundles, the recogniser, its streams. onnxruntime and NumPy, never torch."""
