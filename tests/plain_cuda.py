"""The kernels of the torch engine without a device: their text compiled as plain C++, a loop in place of the threads."""

import ctypes
import functools
import shutil
import subprocess
import tempfile
from pathlib import Path

from dcsim.engines.cuda_step import CudaStep
from dcsim.engines.torch_engine import TorchEngine

COMPILER = shutil.which("g++") or shutil.which("clang++")


@functools.cache
def library(text):
    """Machine code of a kernel's text."""
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "step.cpp"), Path(folder, "step.so")
        source.write_text(text)
        options = ["-O1", "-ffp-contract=off", "-shared", "-fPIC", "-Wno-unknown-pragmas"]
        subprocess.run([COMPILER, *options, str(source), "-o", str(target)], check=True, timeout=120)
        return ctypes.CDLL(str(target))


class PlainKernel:
    """Runs on the CPU what `dcsim.engines.cuda_driver.CudaKernel` launches on a device."""

    def __init__(self, text, name, device):
        self._run = getattr(library(text), name)
        self.launched = []

    def launch(self, blocks, threads, arguments):
        self.launched.append((blocks, threads))
        self._run(*arguments)


def plain_cuda_engine(model, params, **options):
    """Return a torch engine of the CPU that goes the way of a device."""
    engine = TorchEngine(model, params, **options)
    engine._has_kernel = True
    engine._kernel_step = CudaStep(model, engine.params, engine.dtype.name, PlainKernel)
    return engine
