"""onnxruntime sessions, opened one way everywhere, so that what was measured is what runs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from vivavoce.errors import ConfigError, ModelError

if TYPE_CHECKING:
    import onnxruntime


# Our names of what onnxruntime can run a graph on: its own name, and the package that brings it.
PROVIDERS = {
    "cpu": ("CPUExecutionProvider", "onnxruntime"),
    "cuda": ("CUDAExecutionProvider", "onnxruntime-gpu"),
    "tensorrt": ("TensorrtExecutionProvider", "onnxruntime-gpu, and NVIDIA's TensorRT"),
    "coreml": ("CoreMLExecutionProvider", "onnxruntime, on macOS"),
    "openvino": ("OpenVINOExecutionProvider", "onnxruntime-openvino"),
}
OPTIMIZATIONS = {
    "none": "ORT_DISABLE_ALL",
    "basic": "ORT_ENABLE_BASIC",
    "extended": "ORT_ENABLE_EXTENDED",
    "all": "ORT_ENABLE_ALL",
}


def open_session(
    path: str | Path, threads: int = 1, provider: str = "cpu", optimization: str = "all"
) -> onnxruntime.InferenceSession:
    """Open a graph.

    Args:
        path: the `.onnx` file.
        threads: processor threads for one call.
        provider: one of PROVIDERS; operators that it lacks run on the CPU.
        optimization: one of OPTIMIZATIONS, how much onnxruntime may rewrite the graph.

    Raises:
        ConfigError: fewer than one thread, or a provider or optimization that is unknown or not installed.
        ModelError: the file is no graph that onnxruntime can run.
    """
    if threads < 1:
        raise ConfigError(f"threads is {threads}; expected 1 or more.")
    if optimization not in OPTIMIZATIONS:
        raise ConfigError(f"optimization is {optimization!r}; expected one of {', '.join(OPTIMIZATIONS)}.")
    import onnxruntime  # here, because importing it takes longer than all the rest of the runtime

    providers = _providers(provider, onnxruntime.get_available_providers())
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = getattr(onnxruntime.GraphOptimizationLevel, OPTIMIZATIONS[optimization])
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
        session = onnxruntime.InferenceSession(str(path), options, providers=providers)
    except Exception as error:  # onnxruntime's errors share no base class of their own
        reason = str(error).strip().splitlines()[0]
        raise ModelError(f"{path} cannot be run by onnxruntime {onnxruntime.__version__}: {reason}") from None
    if session.get_providers()[0] != providers[0]:  # it goes on with the CPU where a driver or library is missing
        raise ConfigError(f"provider {provider} could not start here; are its driver and libraries installed?")
    return session


def _providers(wanted: str, available: Sequence[str]) -> list[str]:
    """onnxruntime's names: the wanted provider, and the CPU for what it cannot do."""
    if wanted not in PROVIDERS:
        raise ConfigError(f"provider is {wanted!r}; expected one of {', '.join(PROVIDERS)}.")
    name, package = PROVIDERS[wanted]
    if name not in available:
        here = ", ".join(known for known, (full, _) in PROVIDERS.items() if full in available)
        raise ConfigError(
            f"provider {wanted} is not in this installation of onnxruntime, which has {here}. It comes with {package}."
        )
    return [name] if wanted == "cpu" else [name, PROVIDERS["cpu"][0]]
