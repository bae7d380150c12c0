"""CUDA kernels: their launch through a driver made of C++, what the compiler says of them, and, on a device, their numbers."""

import subprocess
import threading
from ctypes import CDLL, c_longlong
from types import SimpleNamespace

import engine_toy as toy
import numpy as np
import pytest
import torch
from every_engine import COMPILER, OPTIONS, PlainCudaEngine, never_waiting
from numpy.testing import assert_allclose, assert_array_equal

from dcsim.engines import cuda_driver, make_engine
from dcsim.engines import cuda_text as cuda_module
from dcsim.engines.cuda_driver import CudaKernel, compiled, nvrtc_library
from dcsim.engines.cuda_step import CudaStep
from dcsim.engines.cuda_text import cuda_text
from dcsim.engines.program import trace
from dcsim.engines.simplify import simplified
from dcsim.engines.torch_engine import TorchEngine

OWN = ("capacity", "flow", "lag", "curve")
NVRTC = None
for MAJOR in (13, 12):
    try:
        NVRTC = NVRTC or (nvrtc_library(MAJOR) and MAJOR)
    except OSError:
        continue


def on_device(test):
    return pytest.mark.gpu(pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")(test))


def case(count, own=(), seed=0):
    rng = np.random.default_rng(seed)
    return toy.make_params(rng, count, own), toy.make_state(rng, count), toy.make_inputs(rng, count)


# A "module" is the path of a library; its functions may be used only where the context is current, as with a device.
# Of an argument the driver is handed the address: of the first, which is an array, that is what plain C++ takes.
DRIVER = r"""
#include <dlfcn.h>
static int depth = 0;
typedef void Step(void *, void *, void *, void *, void *, int, int);
extern "C" {
long long last[3];  // blocks, threads, stream
int current() { return depth; }
int cuDeviceGet(int *device, int ordinal) { *device = ordinal + 40; return 0; }
int cuDevicePrimaryCtxRetain(void **context, int device) { *context = &depth; return device == 41 ? 0 : 101; }
int cuCtxPushCurrent_v2(void *context) { ++depth; return context == &depth ? 0 : 201; }
int cuCtxPopCurrent_v2(void **context) { *context = &depth; return depth-- > 0 ? 0 : 201; }
int cuModuleLoadData(void **module, const char *image) {
  *module = dlopen(image, RTLD_NOW);
  return !depth ? 201 : *module ? 0 : 200;
}
int cuModuleGetFunction(void **function, void *module, const char *name) {
  *function = dlsym(module, name);
  return !depth ? 201 : *function ? 0 : 500;
}
int cuFuncGetAttribute(int *value, int attribute, void *function) {
  *value = 100 + attribute;
  return depth && function ? 0 : 1;
}
int cuGetErrorString(int error, const char **text) { *text = error == 500 ? "named symbol not found" : "other"; return 0; }
int cuLaunchKernel(void *function, unsigned x, unsigned y, unsigned z, unsigned threads, unsigned ty, unsigned tz,
                   unsigned shared, void *stream, void **a, void **extra) {
  if (!depth || y != 1 || z != 1 || ty != 1 || tz != 1 || shared || extra) return 1;
  last[0] = x, last[1] = threads, last[2] = (long long)stream;
  ((Step *)function)(a[0], *(void **)a[1], *(void **)a[2], *(void **)a[3], *(void **)a[4], *(int *)a[5],
                     *(int *)a[6]);
  return 0;
}
}
"""


@pytest.fixture
def driver(tmp_path, monkeypatch):
    """A driver that runs kernels compiled as plain C++, in the place of CUDA's."""
    if not COMPILER:
        pytest.skip("no C++ compiler")

    def built(text, name):
        (tmp_path / f"{name}.cpp").write_text(text)
        path = tmp_path / f"{name}.so"
        subprocess.run([COMPILER, *OPTIONS, str(tmp_path / f"{name}.cpp"), "-o", str(path)], check=True, timeout=120)
        return path

    library = CDLL(str(built(DRIVER, "driver")))
    architectures = []

    def compiled(text, architecture):
        architectures.append(architecture)
        return str(built(text, "module")).encode() + b"\0"

    monkeypatch.setattr(cuda_driver, "driver_library", lambda: library)
    monkeypatch.setattr(cuda_driver, "compiled", compiled)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (9, 0))
    monkeypatch.setattr(torch.cuda, "current_stream", lambda device: SimpleNamespace(cuda_stream=77))
    yield SimpleNamespace(library=library, architectures=architectures)
    assert library.current() == 0


def test_a_kernel_is_loaded_and_launched_in_the_devices_context_on_torchs_stream(driver):
    params, state, inputs = case(70, OWN)

    class Engine(TorchEngine):
        def _new_kernel_step(self):
            return CudaStep(self.model, self.params, self.dtype.name, kernel_of_second_device)

    def kernel_of_second_device(text, name, device):
        return CudaKernel(text, name, torch.device("cuda", 1))

    engine = Engine(toy.MODEL, params)
    engine._has_kernel = True
    expected = make_engine("numpy", toy.MODEL, params).step(state, inputs, 300.0, substeps=4)
    assert_allclose(engine.step(state, inputs, 300.0, substeps=4), expected, rtol=1e-12, atol=1e-15)
    assert driver.architectures == ["sm_90"]
    assert (engine.kernel.registers, engine.kernel.local_bytes) == (104, 103)
    assert list((c_longlong * 3).in_dll(driver.library, "last")) == [3, 32, 77]


def test_what_the_driver_refuses_is_said_by_its_name(driver):
    with pytest.raises(RuntimeError, match="cuModuleGetFunction: named symbol not found"):
        CudaKernel('extern "C" void step() {}', "stop", torch.device("cuda", 1))
    with pytest.raises(RuntimeError, match="cuDevicePrimaryCtxRetain: other"):
        CudaKernel('extern "C" void step() {}', "step", torch.device("cuda", 0))


@pytest.mark.skipif(NVRTC is None, reason="no NVRTC")
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_the_text_compiles_for_a_device(dtype):
    text = cuda_text(simplified(trace(toy.MODEL, case(3, OWN)[0])), dtype).text
    assert compiled(text, "sm_90", NVRTC).startswith(b"\x7fELF")
    with pytest.raises(RuntimeError, match=r'(?s)does not compile.*"nothing" is undefined'):
        compiled(text + "int x = nothing;", "sm_90", NVRTC)


@pytest.mark.skipif(not COMPILER, reason="no C++ compiler")
def test_host_values_that_are_too_many_for_arguments_come_from_memory(monkeypatch):
    params, state, inputs = case(5, OWN)
    as_arguments = PlainCudaEngine(toy.MODEL, params)
    expected = as_arguments.step(state, inputs, 300.0)
    monkeypatch.setattr(cuda_module, "_ARGUMENT_BYTES", 0)
    from_memory = PlainCudaEngine(toy.MODEL, params)
    assert_array_equal(from_memory.step(state, inputs, 300.0), expected)
    assert as_arguments._kernel_step._text.is_by_value
    assert not from_memory._kernel_step._text.is_by_value


def test_a_missing_compiler_is_named():
    with pytest.raises(OSError, match=r"nvrtc.*1234.* not found"):
        nvrtc_library(1234)


@on_device
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("own", [(), OWN])
@pytest.mark.parametrize("count", [1, 31, 33, 1000])
def test_a_device_gives_numpys_numbers(count, own, dtype):
    params, state, inputs = case(count, own)
    engine = make_engine("torch:cuda", toy.MODEL, params, dtype=dtype)
    reference = make_engine("numpy", toy.MODEL, params)

    def assert_near(found, expected):
        if dtype == "float64":
            assert_allclose(found, expected, rtol=1e-11, atol=1e-14)
        else:  # beside a kink rounding may choose the other side
            error = np.abs(np.asarray(found) - expected) / (1.0 + np.abs(expected))
            assert np.quantile(error, 0.999) < 1e-3
            assert error.max() < 1e-2

    for substeps in (1, 10):
        expected = reference.step(state, inputs, 300.0, substeps=substeps)
        assert_near(engine.step(state, inputs, 300.0, substeps=substeps), expected)
    s, u = (torch.tensor(x, dtype=getattr(torch, dtype), device="cuda") for x in (state, inputs))
    new = engine.step(s, u, 300.0)
    assert new.device == s.device
    assert new.dtype == s.dtype
    assert_near(new.cpu().numpy(), expected)
    assert engine.step(s, u, 300.0, out=s) is s
    assert_array_equal(s.cpu(), new.cpu())
    assert engine.kernel.registers > 0


@on_device
def test_a_step_does_not_wait_for_the_device_and_can_be_captured_in_a_graph():
    params, state, inputs = case(100)
    engine = make_engine("torch:cuda", toy.MODEL, params)
    s, u = (torch.tensor(x, device="cuda") for x in (state, inputs))
    other = torch.tensor(toy.make_state(np.random.default_rng(4), 100), device="cuda")
    expected = engine.step(other, u, 300.0)
    with never_waiting():
        new = engine.step(s, u, 300.0)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        engine.step(s, u, 300.0, out=new)
    s.copy_(other)
    graph.replay()
    assert_array_equal(new.cpu(), expected.cpu())


@on_device
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_host_values_from_memory_give_the_same_numbers_on_a_device(dtype, monkeypatch):
    params, state, inputs = case(70, OWN)
    expected = make_engine("torch:cuda", toy.MODEL, params, dtype=dtype).step(state, inputs, 300.0)
    monkeypatch.setattr(cuda_module, "_ARGUMENT_BYTES", 0)
    found = make_engine("torch:cuda", toy.MODEL, params, dtype=dtype).step(state, inputs, 300.0)
    assert_array_equal(found, expected)


@on_device
@pytest.mark.parametrize("lent", [0, 10**6])
def test_values_between_loops_are_the_same_from_registers_and_from_memory(lent, monkeypatch):
    params, state, inputs = case(70, OWN)
    expected = make_engine("torch:cuda", toy.MODEL, params).step(state, inputs, 300.0)
    monkeypatch.setattr(cuda_module, "_REGISTERS_LENT", lent)
    assert_array_equal(make_engine("torch:cuda", toy.MODEL, params).step(state, inputs, 300.0), expected)


@on_device
def test_a_step_runs_on_the_current_stream_and_from_any_thread():
    params, state, inputs = case(20000)
    engine = make_engine("torch:cuda", toy.MODEL, params)
    s, u = (torch.tensor(x, device="cuda") for x in (state, inputs))
    expected = engine.step(s, u, 300.0)
    found = []

    def work():
        with torch.cuda.stream(torch.cuda.Stream()):
            new = engine.step(s, u, 300.0)
            found.append(new.cpu())

    torch.cuda.synchronize()
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert_array_equal(found[0], expected.cpu())


@on_device
def test_gradients_on_a_device_equal_those_on_the_processor():
    params, state, inputs = case(3, OWN)
    gradients = {}
    for name, device in (("torch", "cpu"), ("torch:cuda", "cuda")):
        given = [torch.tensor(x, device=device, requires_grad=True) for x in (state, inputs, *params)]
        engine = make_engine(name, toy.MODEL, params, substeps=2).with_params(toy.Params(*given[2:]))
        total = engine.step(*given[:2], 300.0).sum()
        gradients[name] = torch.autograd.grad(total, given, allow_unused=True, materialize_grads=True)
    for found, expected in zip(gradients["torch:cuda"], gradients["torch"], strict=True):
        assert_allclose(found.cpu(), expected, rtol=1e-9, atol=1e-9)
