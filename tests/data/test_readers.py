"""Reading each format from real small files, and every way in which a file can be wrong."""

import gzip
import re
import zipfile

import numpy as np
import pandas as pd
import pytest
import xarray as xr
import zarr

from morphogen.data.readers import read
from morphogen.errors import MorphogenError

values = np.random.default_rng(0).normal(size=(50, 3))


@pytest.fixture
def write(tmp_path):
    def write(name, text):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


def test_csv_with_header_time_and_missing_values(write):
    found = read(write("a.csv", "time,x,label,y\n0,1,a,2\n0.5,3,b,\n2,5,c,NA\n"))
    assert found.signal.dims == ("time", "channel")
    assert list(found.channel.values) == ["x", "y"]
    np.testing.assert_array_equal(found.signal, [[1, 2], [3, np.nan], [5, np.nan]])
    np.testing.assert_array_equal(found.time, [0, 0.5, 2])
    assert found.attrs["header"] == "yes" and found.attrs["delimiter"] == "comma"
    assert found.attrs["missing"] == "y: 2" and found.attrs["time_column"] == "time"
    assert found.attrs["skipped"].startswith("label: 'a' in row 1")


@pytest.mark.parametrize(
    ("name", "text", "delimiter"),
    [
        ("a.csv", "1,2\n3,4\n", "comma"),
        ("a.csv", "1;2\n3;4\n", "semicolon"),
        ("a.tsv", "1\t2\n3\t4\n", "tab"),
        ("a.txt", "# made by hand\n  1   2\n\n 3 4\n", "blanks"),
        ("a.dat", "1|2\r\n3|4\r\n", "bar"),
        ("a.csv", "\ufeff1,2\n3,4", "comma"),
        ("a.csv.gz", gzip.compress(b"1,2\n3,4\n", mtime=0), "comma"),
    ],
)
def test_text_without_header_in_any_delimiter(write, name, text, delimiter):
    found = read(write(name, text))
    np.testing.assert_array_equal(found.signal, [[1, 2], [3, 4]])
    assert found.signal.dtype == np.int64  # whole numbers stay symbols
    assert (found.attrs["header"], found.attrs["delimiter"], found.attrs["missing"]) == ("no", delimiter, "none")
    assert "time" not in found.coords


def test_decimal_commas_single_columns_and_trailing_delimiters(write):
    found = read(write("a.csv", "a;b\n1,5;2\n3;4,25\n"))
    np.testing.assert_array_equal(found.signal, [[1.5, 2], [3, 4.25]])
    assert found.attrs["decimal"] == "comma"
    single = read(write("b.txt", "x\n1\n2e-3\n"))
    np.testing.assert_array_equal(single.signal, [[1], [0.002]])
    trailing = read(write("c.csv", "a,b,\n1,2,\n3,4,\n"))
    assert list(trailing.channel.values) == ["a", "b"] and "no values" in trailing.attrs["skipped"]


def test_a_time_that_does_not_increase_stays_a_channel(write):
    path = write("a.csv", "t,x\n0,1\n0,2\n1,3\n")
    assert list(read(path).channel.values) == ["t", "x"]
    assert list(read(write("b.csv", "t,x\n0,1\n1,2\n"), columns=["t"]).channel.values) == ["t"]


def test_a_long_table_is_read_whole_and_exactly(tmp_path):
    long = np.random.default_rng(1).normal(size=(20_000, 4))
    pd.DataFrame(long, columns=list("abcd")).to_csv(tmp_path / "a.csv", index=False)
    np.testing.assert_allclose(read(tmp_path / "a.csv").signal, long, rtol=1e-14)


def test_columns_are_picked_by_name_and_position(tmp_path):
    pd.DataFrame(values, columns=["x", "y", "z"]).to_parquet(tmp_path / "a.parquet")
    np.testing.assert_array_equal(read(tmp_path / "a.parquet").signal, values)
    picked = read(tmp_path / "a.parquet", columns=["z", 0])
    assert list(picked.channel.values) == ["z", "x"]
    np.testing.assert_array_equal(picked.signal, values[:, [2, 0]])
    np.save(tmp_path / "a.npy", values)
    np.testing.assert_array_equal(read(tmp_path / "a.npy", columns=["1"]).signal, values[:, [1]])


def test_parquet_with_text_dates_nulls_and_booleans(tmp_path):
    frame = pd.DataFrame({"when": pd.date_range("2020", periods=3), "who": list("abc"), "n": [1.0, None, 3], "on": [True, False, True]})
    frame.to_parquet(tmp_path / "a.parquet")
    found = read(tmp_path / "a.parquet")
    np.testing.assert_array_equal(found.signal, [[1, 1], [np.nan, 0], [3, 1]])
    assert found.attrs["missing"] == "n: 1"
    assert "when: dates" in found.attrs["skipped"] and "who" in found.attrs["skipped"]


@pytest.mark.parametrize("shape", [(50,), (50, 3), (5, 4, 6)])
def test_npy_of_any_dimension(tmp_path, shape):
    array = np.random.default_rng(2).normal(size=shape)
    np.save(tmp_path / "a.npy", array)
    found = read(tmp_path / "a.npy").signal
    np.testing.assert_array_equal(found, array.reshape(50, 1) if len(shape) == 1 else array)
    assert found.dims == (("time", "axis_1", "axis_2") if len(shape) == 3 else ("time", "channel"))


def test_npy_wider_than_long_is_pointed_out(tmp_path):
    np.save(tmp_path / "a.npy", values.T)
    assert "first axis was taken as time" in read(tmp_path / "a.npy").attrs["notes"]


def test_npz_of_one_and_of_several_arrays(tmp_path):
    np.savez(tmp_path / "one.npz", only=values)
    np.testing.assert_array_equal(read(tmp_path / "one.npz").signal, values)
    np.savez(tmp_path / "more.npz", x=values[:, 0], y=values[:, 1], field=np.zeros((50, 4, 4)))
    assert list(read(tmp_path / "more.npz", columns=["y", "x"]).channel.values) == ["y", "x"]
    assert read(tmp_path / "more.npz", columns=["field"]).signal.dims == ("time", "axis_1", "axis_2")
    with pytest.raises(MorphogenError, match=re.escape("several arrays (x (50,), y (50,), field (50, 4, 4))")):
        read(tmp_path / "more.npz")
    with pytest.raises(MorphogenError, match="no array 'z'"):
        read(tmp_path / "more.npz", columns=["z"])
    with pytest.raises(MorphogenError, match="of one length"):
        read(tmp_path / "more.npz", columns=["x", "field"])


def test_trajectories_keep_their_variables_and_dimensions(tmp_path):
    trajectory = xr.Dataset(
        {"phase": (("sample", "time", "oscillator"), np.ones((2, 5, 3))), "order": (("sample", "time"), np.zeros((2, 5)))},
        coords={"time": np.arange(5) * 0.1},
        attrs={"system": "Kuramoto"},
    )
    trajectory.to_zarr(tmp_path / "a.zarr", consolidated=False)
    trajectory.to_netcdf(tmp_path / "a.nc")
    for name in ("a.zarr", "a.nc"):
        found = read(tmp_path / name)
        xr.testing.assert_equal(found.load(), trajectory)
        assert found.attrs["system"] == "Kuramoto" and found.attrs["source"] == name
        assert list(read(tmp_path / name, columns=["order"]).data_vars) == ["order"]
        with pytest.raises(MorphogenError, match="no column 'spin'; there are order, phase"):
            read(tmp_path / name, columns=["spin"])


def test_a_bare_zarr_array_is_a_signal(tmp_path):
    zarr.create_array(tmp_path / "a.zarr", data=values)
    found = read(tmp_path / "a.zarr")
    np.testing.assert_array_equal(found.signal, values)
    assert found.attrs["format"] == "zarr"


def test_attributes_survive_saving(write, tmp_path):
    found = read(write("a.csv", "time,x,who\n0,1,a\n1,,b\n"))
    found.to_netcdf(tmp_path / "b.nc")
    assert xr.open_dataset(tmp_path / "b.nc").attrs == found.attrs


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("a.csv", "", "is empty"),
        ("a.csv", "\n \n# nothing\n", "no data"),
        ("a.csv", "a,b\n", "header but no rows"),
        ("a.csv", "who\nbob\nann\n", "no column of numbers: 'who' has 'bob' in row 1"),
        ("a.csv", "a,b\n1,2\n3,4,5\n", "Expected 2 fields in line 3, saw 3"),
        ("a.csv", "a,b\n1,2,3\n4,5,6\n", "more columns than the header, which has 2"),
        ("a.csv", b"\x89PNG\r\n\x00\x00\x01", "binary"),
        ("a.csv", b"caf\xe9,1\n2,3\n", "not text in UTF-8"),
        ("a.csv.gz", b"1,2\n3,4\n", "no gzip"),
        ("a.npy", b"rubbish", "no NumPy file"),
        ("a.npz", b"rubbish", "no NumPy file"),
        ("a.parquet", b"rubbish rubbish rubbish", "no Parquet file"),
        ("a.nc", b"rubbish rubbish rubbish", "no netCDF file"),
        ("a.zarr", b"rubbish", "a folder"),
        ("a.wav", b"RIFF", re.escape("'.wav'; the name must end in .csv")),
        ("recording", b"1,2", "a name without a suffix"),
    ],
)
def test_malformed_files_are_refused_in_one_line(write, name, content, says):
    with pytest.raises(MorphogenError, match=says) as caught:
        read(write(name, content))
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 400
    assert name in str(caught.value)


def test_missing_files_folders_and_columns_are_refused(tmp_path, write):
    with pytest.raises(MorphogenError, match="there is no file .*nowhere.csv"):
        read(tmp_path / "nowhere.csv")
    with pytest.raises(MorphogenError, match="not a Zarr recording"):
        read(tmp_path)
    path = write("a.csv", "x,who\n1,bob\n2,ann\n")
    with pytest.raises(MorphogenError, match="no column 'y'; there are x, who"):
        read(path, columns=["y"])
    with pytest.raises(MorphogenError, match="column 'who' is no numbers"):
        read(path, columns=["who"])
    with pytest.raises(MorphogenError, match="asks for nothing"):
        read(path, columns=[])


@pytest.mark.parametrize(
    ("array", "says"),
    [
        (np.array([1j, 2]), "complex128, not real numbers; take the modulus"),
        (np.array(["a", "b"]), "not real numbers"),
        (np.array([{}], dtype=object), "no NumPy file of numbers"),
        (np.zeros((0, 3)), "at least one sample"),
        (np.array(3.0), "at least one sample"),
    ],
)
def test_arrays_that_are_no_recording_are_refused(tmp_path, array, says):
    np.save(tmp_path / "a.npy", array)
    with pytest.raises(MorphogenError, match=says):
        read(tmp_path / "a.npy")


def test_a_damaged_zarr_and_an_empty_archive_are_refused(tmp_path):
    (tmp_path / "a.zarr").mkdir()
    (tmp_path / "a.zarr" / "zarr.json").write_text("{not json")
    with pytest.raises(MorphogenError, match="no Zarr recording"):
        read(tmp_path / "a.zarr")
    with zipfile.ZipFile(tmp_path / "b.npz", "w"):
        pass
    with pytest.raises(MorphogenError, match="holds no array|no NumPy"):
        read(tmp_path / "b.npz")
