"""The mathematics of the signal, in NumPy alone: spectra, features, pitch, level, resampling."""
