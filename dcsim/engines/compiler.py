"""Turns the text of a kernel into machine code, once: later builds take it from memory or from the user's cache.

The cache lies in ``$XDG_CACHE_HOME/dcsim`` or ``~/.cache/dcsim``. A file there is machine code that this process will
run, so it is used only if it is an ordinary file of the current user that nobody else may write to, in a folder of
which the same is true, and if its checksum is right; otherwise the kernel is compiled anew. Its name holds the text,
the processor and its features, and the version of LLVM. A cache that cannot be written to is no error.
"""

import contextlib
import ctypes
import functools
import hashlib
import itertools
import os
import stat
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

_MAGIC = b"dcsim kernel 1\n"
_SIGNATURE = ctypes.CFUNCTYPE(None, ctypes.c_void_p)
_lock = threading.Lock()
_loaded: dict[str, "Kernel"] = {}
_count = itertools.count()


class Kernel:
    """Machine code in memory.

    Attributes
    ----------
    run : callable
        Takes the address of `dcsim.engines.kernel_frame.ARGUMENTS`; releases the interpreter lock while it runs.
    origin : str
        ``compiled`` or ``cache``.
    """

    def __init__(self, key: str, machine_code: bytes, origin: str):
        from llvmlite import binding

        self.origin = origin
        builder = binding.JITLibraryBuilder().add_object_img(machine_code).export_symbol("run")
        self._library = builder.link(_jit(), f"{key}-{next(_count)}")  # the code lives as long as this
        self.run: Callable[[int], None] = _SIGNATURE(self._library["run"])


def has_fma() -> bool:
    """Whether this processor multiplies and adds in one instruction."""
    name, features = _processor()
    return "+fma," in features + "," or "+neon" in features or "+fp-armv8" in features or name.startswith("apple")


def register_bytes() -> int:
    """Width of this processor's vector registers, as far as it pays to use them."""
    features = _processor()[1]
    return 64 if "+avx512f" in features else 32 if "+avx" in features else 16


def kernel(text: str) -> Kernel:
    """Return the kernel of an LLVM text, compiled at the first call for that text on this processor."""
    from llvmlite import binding

    name = hashlib.sha256("\n".join((text, *_processor(), str(binding.llvm_version_info))).encode()).hexdigest()[:40]
    with _lock:
        if name not in _loaded:
            path = cache_folder() / f"{name}.kernel"
            machine_code = _read(path)
            origin = "cache"
            if machine_code is None:
                origin, machine_code = "compiled", _compiled(text)
                _write(path, machine_code)
            _loaded[name] = Kernel(name, machine_code, origin)
        return _loaded[name]


def cache_folder() -> Path:
    """Folder of the compiled kernels."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(base) if os.path.isabs(base) else Path("~/.cache").expanduser()) / "dcsim"


def _is_ours(status: os.stat_result) -> bool:
    if not hasattr(os, "getuid"):  # Windows: the folder lies in the user's profile, which others cannot write to
        return True
    return status.st_uid == os.getuid() and not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def _read(path: Path) -> bytes | None:
    """Return the machine code in a cache file, or None if there is none that can be trusted."""
    try:
        if not _is_ours(path.parent.stat()):
            return None
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0))
        with open(handle, "rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode) or not _is_ours(status):
                return None
            content = file.read()
    except OSError:
        return None
    head, body = content[: len(_MAGIC) + 32], content[len(_MAGIC) + 32 :]
    return body if head == _MAGIC + hashlib.sha256(body).digest() else None


def _write(path: Path, machine_code: bytes) -> None:
    """Put machine code into the cache; another process sees the whole file or none."""
    with contextlib.suppress(OSError):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".new-")  # readable by the user alone
        try:
            with open(handle, "wb") as file:
                file.write(_MAGIC + hashlib.sha256(machine_code).digest() + machine_code)
            os.replace(temporary, path)
        except OSError:
            os.unlink(temporary)
            raise


@functools.cache
def _processor() -> tuple[str, str]:
    from llvmlite import binding

    return binding.get_host_cpu_name(), binding.get_host_cpu_features().flatten()


@functools.cache
def _target_machine() -> Any:
    from llvmlite import binding

    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    name, features = _processor()
    target = binding.Target.from_default_triple()
    return target.create_target_machine(cpu=name, features=features, opt=3, jit=True)


@functools.cache
def _jit() -> Any:
    from llvmlite import binding

    return binding.create_lljit_compiler(_target_machine(), use_jit_link=False)


def _compiled(text: str) -> bytes:
    from llvmlite import binding

    machine = _target_machine()
    module = binding.parse_assembly(text)
    module.triple = machine.triple
    module.data_layout = str(machine.target_data)
    module.verify()
    return bytes(machine.emit_object(module))
