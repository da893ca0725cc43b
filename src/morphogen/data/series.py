"""Recorded series that ship with PyWavelets: an electrocardiogram and the temperature of the Pacific."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import xarray as xr


def electrocardiogram() -> xr.DataArray:
    """1024 samples of an electrocardiogram, about three heart beats: dimension `time`, counted in samples.

    PyWavelets names neither the record, nor the sampling rate, nor the unit, so none is given here: the attribute `interval` is 1
    sample and `units` says that the amplitude is not calibrated. Do not read rates in hertz off it.
    Source: PyWavelets, `pywt.data.ecg`.
    """
    import pywt.data

    values = pywt.data.ecg().astype(np.float64)
    return _series(
        "electrocardiogram", values, np.arange(len(values), dtype=float), "uncalibrated", 1.0, "sample",
        "PyWavelets, pywt.data.ecg; record and sampling rate are not documented there",
    )  # fmt: skip


def pacific_temperature() -> xr.DataArray:
    """264 quarterly means of the sea surface temperature in the NINO 3 region of the Pacific, 1950 to 2015: dimension `time`, in years.

    PyWavelets averages the monthly values of NOAA over three months and standardises them: the unit is one standard deviation
    of the whole record, not a degree, and the yearly cycle is still in it. Source: NOAA ERSSTv4, through `pywt.data.nino`.
    """
    import pywt.data

    years, values = pywt.data.nino()
    return _series(
        "pacific_temperature", values, years, "standard deviation", 0.25, "year",
        "NOAA ERSSTv4, NINO 3, three-month means standardised by PyWavelets, pywt.data.nino",
    )  # fmt: skip


def _series(name: str, values: np.ndarray, time: np.ndarray, units: str, interval: float, time_unit: str, source: str) -> xr.DataArray:
    import xarray as xr

    # Copies, because PyWavelets hands the same arrays to everybody who asks.
    coordinate = xr.DataArray(np.array(time), dims="time", attrs={"units": time_unit})
    attrs = {"units": units, "interval": interval, "interval_units": time_unit, "source": source}
    return xr.DataArray(np.array(values, dtype=np.float64), dims="time", coords={"time": coordinate}, name=name, attrs=attrs)
