"""The one native module, and wheels that say what is in them. All else stands in ``pyproject.toml``.

``XBOPT_BUILD_KERNEL=required`` makes a build fail that could not compile the module, and warnings errors; ``off``
leaves it out. Otherwise it is compiled where there is a C compiler, and numpy plays the days where there is none.
"""

import os
import shutil
import sys
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_ext import build_ext

WISH = os.environ.get("XBOPT_BUILD_KERNEL", "auto")
if WISH not in ("auto", "required", "off"):
    raise SystemExit(f"XBOPT_BUILD_KERNEL is {WISH!r}; auto, required or off is wanted.")
FOLDER = Path("simulator", "kernel")
# Each operation is rounded by itself, so that all instruction levels give the same bits; what is switched off here is
# errno and traps. gcc does not know that the loops over worlds run at least once, clang tells of each loop that is no
# vector, and neither knows the other's flags.
FLAGS = (
    "-std=c11 -O3 -ffp-contract=off -fno-math-errno -fno-trapping-math -g0 -pthread "
    "-Wno-maybe-uninitialized -Wno-pass-failed -Wno-unknown-warning-option"
).split()
# On Windows the threads of MinGW-w64 come along, so that the module needs no library beside it.
LINKED = {"linux": ["-pthread", "-Wl,--strip-all"], "win32": ["-static", "-pthread", "-Wl,--strip-all"]}
WINDOWS = sys.platform == "win32"
STRICT_FLAGS = ["-Wall", "-Wextra", "-Werror"]


class BuildKernel(build_ext):
    """Compiles with the flags that the laws of the kernel need, by gcc or clang: Microsoft's compiler knows neither."""

    def finalize_options(self) -> None:
        """On Windows take gcc (MinGW-w64) where nobody chose."""
        super().finalize_options()
        if WINDOWS and self.compiler is None and shutil.which("gcc"):
            self.compiler = "mingw32"

    def build_extensions(self) -> None:
        """Compile; what an earlier build left says nothing of a compiler that is required now."""
        self.force = self.force or WISH == "required"
        for extension in self.extensions:
            extension.extra_compile_args = FLAGS + (STRICT_FLAGS if WISH == "required" else [])
            extension.extra_link_args = LINKED.get(sys.platform, [])
        super().build_extensions()

    def get_libraries(self, ext: Extension) -> list[str]:
        """On Windows the library of the stable ABI; that of one Python version would bind the module to it."""
        return ["python3"] if WINDOWS else super().get_libraries(ext)


class HonestWheel(bdist_wheel):
    """A wheel for every machine where nothing was compiled."""

    def get_tag(self) -> tuple[str, str, str]:
        """The wheel's tag, once everything is built."""
        built = Path(self.get_finalized_command("build_ext").build_lib).rglob("_native.*")
        if any(path.suffix in {".so", ".pyd"} for path in built):
            return super().get_tag()
        self.root_is_pure = True
        return ("py3", "none", "any")


KERNEL = Extension(
    "xbopt.simulator.kernel._native",
    sources=sorted(str(path) for path in FOLDER.glob("*.c")),
    depends=sorted(str(path) for path in FOLDER.glob("*.h")),
    py_limited_api=True,
    optional=WISH != "required",
)
setup(
    ext_modules=[] if WISH == "off" else [KERNEL],
    cmdclass={"build_ext": BuildKernel, "bdist_wheel": HonestWheel},
    options={"bdist_wheel": {"py_limited_api": "cp311"}},
)
