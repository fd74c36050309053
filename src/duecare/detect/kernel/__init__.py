"""Compiled kernels: the loops that NumPy is too slow for, in C, each with an equal fallback in Python.

A kernel is one `.c` file here; its prototype stands in `load.py`, and its Python wrapper, which falls
back where there is no library, lies next to its user. See design/0005.
"""

from duecare.detect.kernel.buffers import Texts, buffers_of
from duecare.detect.kernel.load import library, standing

__all__ = ["Texts", "buffers_of", "library", "standing"]
