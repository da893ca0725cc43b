"""One large system over several devices gives what one device gives. Devices are forced on the host, in a process of their own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent

SCRIPT = """
import os, sys
os.environ["XLA_FLAGS"] = "--xla_force_host_platform_device_count={devices}"
sys.path.insert(0, {here!r})
import jax, numpy as np
import morphogen as mg
from morphogen.rollout import Layout
from systems import Heat
assert len(jax.devices()) == {devices}
one = mg.run(Heat(64), 200, every=20, key=3)
many = mg.run(Heat(64), 200, every=20, key=3, devices={devices})
np.testing.assert_allclose(many.heat.values, one.heat.values, rtol=1e-5, atol=1e-6)
state = Heat(64).init(jax.random.key(0))
spread = jax.device_put(state, Layout(Heat(64), state, {devices}).shardings())
assert len({{s.device for s in spread.addressable_shards}}) == {devices}
assert all(s.data.shape == (64 // {devices},) for s in spread.addressable_shards)
ensemble = mg.run(Heat(64), 40, key=3, ensemble={devices}, devices={devices})
np.testing.assert_allclose(ensemble.heat.values, mg.run(Heat(64), 40, key=3, ensemble={devices}).heat.values, rtol=1e-5, atol=1e-6)
print("same")
"""


@pytest.mark.parametrize("devices", [2, 4])
def test_several_devices_give_the_result_of_one(devices: int) -> None:
    script = SCRIPT.format(devices=devices, here=str(HERE))
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0 and "same" in done.stdout, done.stderr[-2000:]
