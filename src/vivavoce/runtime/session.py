"""onnxruntime sessions, opened one way everywhere, so that what was measured is what runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from vivavoce.errors import ConfigError, ModelError

if TYPE_CHECKING:
    import onnxruntime


def open_session(path: str | Path, threads: int = 1) -> onnxruntime.InferenceSession:
    """Open a graph on the CPU.

    Args:
        path: the `.onnx` file.
        threads: processor threads for one call.

    Raises:
        ConfigError: fewer than one thread.
        ModelError: the file is no graph that onnxruntime can run.
    """
    if threads < 1:
        raise ConfigError(f"threads is {threads}; expected 1 or more.")
    import onnxruntime  # here, because importing it takes longer than all the rest of the runtime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # Keep int8 weights as what they are, packed floats. The fusion that this switches off would quantise activations
    # too, by a scale over the whole tensor, and then a result depends on its neighbours in batch and chunk.
    options.add_session_config_entry("session.disable_quant_qdq", "1")
    # Threads that wait without spinning leave the core to the next file or stream.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # The arena keeps the largest of everything it ever held; calls here are few and large, so plain malloc is as fast.
    options.enable_cpu_mem_arena = False
    options.enable_mem_pattern = False
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's errors share no base class of their own
        reason = str(error).strip().splitlines()[0]
        raise ModelError(f"{path} cannot be run by onnxruntime {onnxruntime.__version__}: {reason}") from None
