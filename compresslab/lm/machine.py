"""What the floats of a model depend on beside the model: processor, kernels, libraries, and how they are told to work.

Two machines that agree in all of this may still differ, and two that do not may agree: what decides is the probe of
`compresslab.lm.chunk_coder.TokenCoder`. These facts say why.
"""

from __future__ import annotations

import os
import platform
import re
from functools import cache
from typing import Any, Final

import numpy as np

__all__ = ["FEATURES", "machine_of", "processor"]

FEATURES: Final = (
    "avx", "f16c", "fma", "avx2", "avx_vnni", "avx512f", "avx512bw", "avx512vl", "avx512dq", "avx512_vnni",
    "avx512_bf16", "avx512_fp16", "amx_tile", "amx_int8", "amx_bf16", "avx10",
    "asimd", "asimdhp", "asimddp", "bf16", "i8mm", "sve", "sve2", "sme",
)  # fmt: skip
"""Features by which libraries choose their kernels; the first is the lowest bit of the last part of ``cpu``."""

# Settings of the environment that change which kernels run, or in which order they add.
_VARIABLES: Final = re.compile(
    r"MKL_CBWR|MKL_ENABLE_INSTRUCTIONS|MKL_DYNAMIC|(ONEDNN|DNNL)_\w+|ATEN_CPU_CAPABILITY|NPY_DISABLE_CPU_FEATURES"
    r"|NVIDIA_TF32_OVERRIDE|CUBLAS_WORKSPACE_CONFIG|TORCH_BLAS_PREFER_CUBLASLT|OPENBLAS_CORETYPE"
)
_OF_A_GPU: Final = re.compile(r"NVIDIA_\w+|CUBLAS_\w+|TORCH_BLAS_\w+")
_BY_BACKEND: Final = "mkldnn, cuda: "
_QUIET: Final = re.compile(r"(ONEDNN|DNNL)_(VERBOSE|JIT_DUMP|JIT_PROFILE)\w*")  # say what runs, and change nothing


def machine_of(model: Any) -> dict[str, Any]:
    """Return the facts of this machine that the floats of a language model depend on.

    Example:
        >>> {"processor", "simd"} <= machine_of(None).keys()
        True
    """
    module = getattr(model, "module", None)
    facts: dict[str, Any] = {"processor": platform.machine() or "unknown", "simd": _simd(), **_environment(module)}
    if module is None:
        return facts
    import torch
    import transformers

    facts |= {
        "attention": str(getattr(module.config, "_attn_implementation", None)),
        "cpu": processor(),
        "device": "cpu",
        "kernels": torch.backends.cpu.get_cpu_capability(),
        **_math_libraries(),
        "torch": str(torch.__version__),
        "transformers": str(transformers.__version__),
    }
    if (precision := _precision()) != "highest":
        facts["precision"] = precision
    if not torch.backends.mkldnn.enabled:
        facts["onednn"] = "off"
    if model.device.type != "cpu":
        facts["device"] = model.device.type
    if model.device.type == "cuda":
        facts["device"] = torch.cuda.get_device_name(model.device)
        facts["cuda"] = str(torch.version.cuda or torch.version.hip)
        facts["cudnn"] = torch.backends.cudnn.version() or "unknown"
        if not precision.startswith(_BY_BACKEND) and torch.backends.cuda.matmul.allow_tf32:
            facts["tf32"] = "on"
    return facts


def _precision() -> str:
    """Return how products of float32 are rounded; of each backend, where a user has set that, the newer of two ways.

    torch refuses to say it in the older way then.
    """
    import torch

    try:
        return str(torch.get_float32_matmul_precision())
    except RuntimeError:
        backends = torch.backends.mkldnn, torch.backends.cuda
        return _BY_BACKEND + ", ".join(str(getattr(one.matmul, "fp32_precision", "unknown")) for one in backends)


@cache
def processor() -> str:
    """Return vendor, family and model of the processor and, in hexadecimal, which `FEATURES` it has; or "unknown"."""
    held: dict[str, str] = {}
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
            for line in file:
                key, _, value = line.partition(":")
                held.setdefault(key.strip(), value.strip())
    except OSError:
        return " ".join((platform.processor() or "unknown").split())[:60]
    vendor = {"AuthenticAMD": "AMD", "GenuineIntel": "Intel"}.get(held.get("vendor_id", ""), held.get("vendor_id"))
    vendor = vendor or held.get("CPU implementer") or "unknown"
    family = held.get("cpu family") or held.get("CPU architecture") or "unknown"
    kind = held.get("model") or held.get("CPU part") or "unknown"
    has = set((held.get("flags") or held.get("Features") or "").split())
    mask = sum(1 << i for i, feature in enumerate(FEATURES) if feature in has)
    return f"{vendor} {family}.{kind} {mask:04x}"[:60]


def _simd() -> str:
    """Return the widest instructions that numpy's own loops use."""
    try:
        shown: Any = np.show_config(mode="dicts")
        found = shown["SIMD Extensions"]
        return str((found.get("found") or found["baseline"])[-1])
    except (KeyError, IndexError, TypeError):
        return "unknown"


def _environment(module: Any = None) -> dict[str, str]:
    on_gpu = module is not None and module.device.type == "cuda"
    return {
        key: value[:60]
        for key, value in sorted(os.environ.items())
        if _VARIABLES.fullmatch(key) and not _QUIET.fullmatch(key) and (on_gpu or not _OF_A_GPU.fullmatch(key))
    }


@cache
def _math_libraries() -> dict[str, str]:
    """Return the versions of the libraries that multiply matrices, as torch was built with them."""
    import torch

    shown = torch.__config__.show()
    mkl = re.search(r"Math Kernel Library Version (\S+?)-", shown)
    onednn = re.search(r"MKL-DNN v(\S+)", shown)
    blas = re.search(r"BLAS_INFO=(\w+)", shown)
    return {
        "mkl": mkl[1] if mkl else (blas[1] if blas else "none"),
        "onednn": onednn[1] if onednn else "none",
    }
