import subprocess
import sys


def test_drivers_load_without_the_heavy_libraries():
    heavy = ("pandas", "scipy", "matplotlib", "torch", "pvlib")
    code = f"import sys, dcsim.drivers; print([name for name in {heavy} if name in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
