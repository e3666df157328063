"""vivavoce: from a raw waveform to a shipped, measured voice product."""

__version__ = "0.1.0"
