"""Training-time distortions. One transform, one file; what is drawn stands apart from what it does.

Every transform is a frozen dataclass with `draw(rng, num_samples, sample_rate) -> params` and
`apply(waveform, params) -> waveform`. The params are frozen dataclasses of plain numbers and names, so that any batch
can be made again from JSON.
"""
