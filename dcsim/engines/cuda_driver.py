"""Compiles CUDA C++ while the program runs and launches it on torch's streams: NVRTC and the driver, by way of ctypes.

NVRTC comes with torch's CUDA builds; neither a CUDA toolkit nor a C++ compiler need be installed.
"""

import contextlib
import ctypes
import functools
import importlib.util
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch

_OPTIONS = (
    "--fmad=false",  # which products are merged into sums is decided in `dcsim.engines.simplify`
    # of floats alone: quotients and roots off by a unit in the last place, and what is below 1e-38 is zero
    "--prec-div=false",
    "--prec-sqrt=false",
    "--ftz=true",
)
_REGISTERS, _LOCAL_BYTES = 4, 3  # attributes of a function, by the driver's numbers


class CudaKernel:
    """A kernel on one device.

    Parameters
    ----------
    text : str
        CUDA C++.
    name : str
        Of the kernel, which is ``extern "C"``.
    device : torch.device

    Attributes
    ----------
    registers, local_bytes : int
        What a thread takes.
    """

    def __init__(self, text: str, name: str, device: torch.device):
        major, minor = torch.cuda.get_device_capability(device)
        machine_code = compiled(text, f"sm_{major}{minor}")
        self._device, self._driver = device, driver_library()
        number, self._context = ctypes.c_int(), ctypes.c_void_p()
        module, self._function = ctypes.c_void_p(), ctypes.c_void_p()
        self._checked("cuDeviceGet", ctypes.byref(number), ctypes.c_int(device.index))
        self._checked("cuDevicePrimaryCtxRetain", ctypes.byref(self._context), number)  # the one torch works in
        with self._in_context():
            self._checked("cuModuleLoadData", ctypes.byref(module), ctypes.c_char_p(machine_code))
            self._checked("cuModuleGetFunction", ctypes.byref(self._function), module, ctypes.c_char_p(name.encode()))
            self.registers, self.local_bytes = self._attribute(_REGISTERS), self._attribute(_LOCAL_BYTES)

    def launch(self, blocks: int, threads: int, arguments: Sequence[Any]) -> None:
        """Start the kernel on torch's current stream and return at once.

        Parameters
        ----------
        blocks, threads : int
            Blocks of the grid and threads of a block.
        arguments : sequence of ctypes values
        """
        pointers = (ctypes.c_void_p * len(arguments))(*(ctypes.addressof(value) for value in arguments))
        stream = ctypes.c_void_p(torch.cuda.current_stream(self._device).cuda_stream)
        sizes = [ctypes.c_uint(k) for k in (blocks, 1, 1, threads, 1, 1, 0)]
        with self._in_context():
            self._checked("cuLaunchKernel", self._function, *sizes, stream, pointers, None)

    def _attribute(self, number: int) -> int:
        value = ctypes.c_int()
        self._checked("cuFuncGetAttribute", ctypes.byref(value), ctypes.c_int(number), self._function)
        return value.value

    @contextlib.contextmanager
    def _in_context(self) -> Iterator[None]:
        """Make the device's context current; a thread that has not used torch yet has none."""
        self._checked("cuCtxPushCurrent_v2", self._context)
        try:
            yield
        finally:
            self._checked("cuCtxPopCurrent_v2", ctypes.byref(ctypes.c_void_p()))

    def _checked(self, function: str, *arguments: Any) -> None:
        error = getattr(self._driver, function)(*arguments)
        if error:
            text = ctypes.c_char_p()
            self._driver.cuGetErrorString(error, ctypes.byref(text))
            raise RuntimeError(f"{function}: {(text.value or b'unknown error').decode()}")


@functools.lru_cache(maxsize=32)
def cuda_kernel(text: str, name: str, device: torch.device) -> CudaKernel:
    """Return the kernel of a text, compiled at the first call for that text and device."""
    return CudaKernel(text, name, device)


def compiled(text: str, architecture: str, major: int | None = None) -> bytes:
    """Compile CUDA C++ to machine code.

    Parameters
    ----------
    text : str
    architecture : str
        Of the device, as in ``sm_90``.
    major : int, optional
        First number of the CUDA version whose compiler is used; torch's by default.

    Returns
    -------
    bytes

    Raises
    ------
    RuntimeError
        If the compiler refuses the text; with what it says.
    OSError
        If there is no such compiler.
    """
    nvrtc = nvrtc_library(int(str(torch.version.cuda).split(".")[0]) if major is None else major)
    nvrtc.nvrtcGetErrorString.restype = ctypes.c_char_p
    program = ctypes.c_void_p()

    def check(error: int) -> None:
        if error:
            raise RuntimeError(f"NVRTC: {nvrtc.nvrtcGetErrorString(error).decode()}")

    def read(what: str) -> bytes:
        size = ctypes.c_size_t()
        check(getattr(nvrtc, f"nvrtcGet{what}Size")(program, ctypes.byref(size)))
        buffer = ctypes.create_string_buffer(size.value)
        check(getattr(nvrtc, f"nvrtcGet{what}")(program, buffer))
        return buffer.raw

    check(nvrtc.nvrtcCreateProgram(ctypes.byref(program), text.encode(), b"step.cu", 0, None, None))
    try:
        options = [f"--gpu-architecture={architecture}".encode(), *(option.encode() for option in _OPTIONS)]
        if nvrtc.nvrtcCompileProgram(program, len(options), (ctypes.c_char_p * len(options))(*options)):
            log = ctypes.c_char_p(read("ProgramLog")).value or b""
            raise RuntimeError(f"the kernel does not compile:\n{log.decode()}")
        return read("CUBIN")
    finally:
        nvrtc.nvrtcDestroyProgram(ctypes.byref(program))


@functools.cache
def nvrtc_library(major: int) -> Any:
    """Return the run-time compiler of a CUDA version.

    Raises
    ------
    OSError
        If it is neither loaded, nor on the system's path, nor among the installed packages.
    """
    name = f"nvrtc64_{major}0_0.dll" if sys.platform == "win32" else f"libnvrtc.so.{major}"
    places = [Path(name), Path(torch.__file__).parent / "lib" / name]
    for package in ("nvidia.cuda_nvrtc", f"nvidia.cu{major}"):
        with contextlib.suppress(ModuleNotFoundError):
            found = importlib.util.find_spec(package)
            for folder in (found.submodule_search_locations or []) if found else []:
                places.append(Path(folder) / ("bin" if sys.platform == "win32" else "lib") / name)
    for place in places:
        with contextlib.suppress(OSError):
            return ctypes.CDLL(str(place))
    raise OSError(f"{name} not found: it is part of torch's CUDA builds and of the package nvidia-cuda-nvrtc")


@functools.cache
def driver_library() -> Any:
    """Return the library of the CUDA driver."""
    return ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
