"""All engines by name; among them ``cuda``, the torch engine's way on a device, without one.

Its kernel's text is compiled as plain C++, with a loop in place of the threads; it is left out where there is no compiler.
"""

import contextlib
import ctypes
import functools
import shutil
import subprocess
import tempfile
import warnings
from pathlib import Path

import torch

from dcsim.engines import ENGINES, make_engine
from dcsim.engines.cuda_step import CudaStep
from dcsim.engines.torch_engine import TorchEngine

COMPILER = shutil.which("g++") or shutil.which("clang++")
OPTIONS = ("-O1", "-ffp-contract=off", "-shared", "-fPIC", "-Wno-unknown-pragmas")
NAMES = (*ENGINES, "cuda") if COMPILER else ENGINES


def engine_of(name, model, params, **options):
    """Return an engine by its name."""
    return (PlainCudaEngine if name == "cuda" else functools.partial(make_engine, name))(model, params, **options)


def every_engine(model, params, **options):
    """Return all engines by name."""
    return {name: engine_of(name, model, params, **options) for name in NAMES}


@contextlib.contextmanager
def never_waiting():
    """Raise where the host waits for the device."""
    with warnings.catch_warnings():  # torch tells once that this way of looking is new
        warnings.filterwarnings("ignore", message="Synchronization debug mode is a prototype")
        torch.cuda.set_sync_debug_mode("error")
    try:
        yield
    finally:
        torch.cuda.set_sync_debug_mode("default")


@functools.cache
def library(text):
    """Machine code of a kernel's text."""
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "step.cpp"), Path(folder, "step.so")
        source.write_text(text)
        subprocess.run([COMPILER, *OPTIONS, str(source), "-o", str(target)], check=True, timeout=120)
        return ctypes.CDLL(str(target))


class PlainKernel:
    """Runs on the CPU what `dcsim.engines.cuda_driver.CudaKernel` launches on a device."""

    def __init__(self, text, name, device):
        self._run = getattr(library(text), name)
        self.launched = []

    def launch(self, blocks, threads, arguments):
        self.launched.append((blocks, threads))
        self._run(*arguments)


class PlainCudaEngine(TorchEngine):
    """A torch engine of the CPU that goes the way of a device."""

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self._has_kernel = True

    def _new_kernel_step(self):
        return CudaStep(self.model, self.params, self.dtype.name, PlainKernel)
