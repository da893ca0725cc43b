"""The recorded series: their shape, their time axis, and that nothing is claimed that their source does not say."""

import numpy as np
import pywt.data

from morphogen.data.series import electrocardiogram, pacific_temperature


def test_electrocardiogram():
    series = electrocardiogram()
    assert series.dims == ("time",) and series.shape == (1024,)
    np.testing.assert_array_equal(series, pywt.data.ecg())
    np.testing.assert_array_equal(np.diff(series.time), series.attrs["interval"])
    assert series.time.attrs["units"] == series.attrs["interval_units"] == "sample"
    assert series.attrs["units"] == "uncalibrated" and "not documented" in series.attrs["source"]


def test_pacific_temperature_is_standardised_quarters():
    series = pacific_temperature()
    assert series.shape == (264,) and float(series.time[0]) == 1950 and float(series.time[-1]) == 2015.75
    np.testing.assert_array_equal(np.diff(series.time), series.attrs["interval"])
    assert abs(float(series.mean())) < 1e-12 and abs(float(series.std(ddof=1)) - 1) < 1e-12
    assert series.attrs["units"] == "standard deviation" and series.time.attrs["units"] == "year"


def test_changing_a_series_does_not_change_the_next_one():
    first = pacific_temperature()
    first[:] = 0
    assert float(pacific_temperature().std()) > 0.9
