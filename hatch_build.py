"""Build hook: compiles the kernels into the wheel (or in place, for `pip install -e .`).

Without a C compiler the package is built all the same, without the library; the fallback in Python serves.
"""

from __future__ import annotations

import importlib.util
import sysconfig
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

KERNEL = Path("src", "duecare", "detect", "kernel")


class Kernels(BuildHookInterface):
    """Called by hatchling before it packs a wheel."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile; where that works, the wheel is one of this platform."""
        folder = Path(self.root) / KERNEL
        spec = importlib.util.spec_from_file_location("duecare_kernel_build", folder / "build.py")
        building = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(building)
        (folder / building.NAME).unlink(missing_ok=True)  # never packed from an earlier state of the sources
        try:
            building.build(folder)
        except building.NotBuilt as why:
            self.app.display_warning(f"duecare: kernels not compiled ({why}); same results, but slower")
            return
        build_data["artifacts"].append((KERNEL / building.NAME).as_posix())
        build_data["pure_python"] = False
        # By ctypes: any Python 3 will do, but only this platform.
        platform = sysconfig.get_platform().replace("-", "_").replace(".", "_")
        build_data["tag"] = f"py3-none-{platform}"
