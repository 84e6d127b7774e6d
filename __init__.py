"""Compile ONNX networks for sparse-CNN accelerators and run the binaries cycle by cycle.

`spcc.compile`, `spcc.load`, `spcc.Program` and `spcc.InferenceSession` are the Python interface
(tools/api.py). They are imported when first used, so that `import spcc` costs nothing.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .tools.api import InferenceSession, Program, compile, load

__version__ = "0.1.0"
__all__ = ["InferenceSession", "Program", "__version__", "compile", "load"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'spcc' has no attribute '{name}'")
    from .tools import api

    return getattr(api, name)
