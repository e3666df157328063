"""The errors a user can cause. Each message names the thing, the fault and the remedy.

One root, `VivaError`: the command line prints its text and exits with code 2, so a user never meets a traceback.
Our own mistakes are `assert`s and ordinary exceptions, never these.
"""


class VivaError(Exception):
    """Root of every error that a user can cause and mend."""


class AudioError(VivaError):
    """A waveform, file or device is not what was asked for."""


class TextError(VivaError):
    """A text, token or lexicon entry cannot be used."""


class DataError(VivaError):
    """A manifest, corpus or stored array is missing or malformed."""


class ModelError(VivaError):
    """A bundle, checkpoint or ONNX file is missing, damaged, too new, or failed its own checks."""


class ConfigError(VivaError):
    """A setting has an unknown name or an impossible value."""


class TrainingError(VivaError):
    """Training cannot go on: a non-finite loss, a checkpoint of another model, a batch that cannot fit."""
