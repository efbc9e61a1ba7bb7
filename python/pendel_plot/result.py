"""Reading a result file: HDF5 with an EMD 1.0 tree under /pendel."""
import dataclasses
import typing

import h5py
import numpy as np


class NotAResult(Exception):
    """The file cannot be read as a result of Pendel; the message says why."""


def text(value):
    return value.decode() if isinstance(value, bytes) else str(value)


def plain_unit(value):
    """The unit as drawn: nothing for a pure number."""
    unit = text(value)
    return "" if unit in ("", "1", "none", "unitless") else unit.replace("Angstrom", "Å")


@dataclasses.dataclass
class Array:
    """An EMD array node: values, unit, and for each axis its name, coordinates and unit."""

    values: np.ndarray
    unit: str
    axes: list

    @property
    def is_map(self):
        return self.values.ndim == 2 and self.values.size > 1


def read_array(group, name):
    """The array node `name`, or None if the group has none."""
    if name not in group:
        return None
    node = group[name]
    if not isinstance(node, h5py.Group) or "data" not in node:
        raise NotAResult(f"{node.name} has no dataset `data`: it is no EMD 1.0 array")
    data = node["data"]
    values = data.asstr()[()] if h5py.check_string_dtype(data.dtype) else data[()]
    values = np.asarray(values)
    axes = []
    for i, length in enumerate(values.shape):
        dim = node.get(f"dim{i}")
        coordinates, label, unit = np.arange(length), f"axis {i}", "pixels"
        if dim is not None:
            label, unit = text(dim.attrs.get("name", label)), text(dim.attrs.get("units", unit))
            coordinates = dim[()]
            if len(coordinates) == 2 and length != 2:  # EMD: first value and the next one
                coordinates = coordinates[0] + np.arange(length) * np.diff(coordinates)
        axes.append((label, coordinates, unit))
    return Array(values, plain_unit(data.attrs.get("units", node.attrs.get("units", ""))), axes)


@dataclasses.dataclass
class Parameter:
    """One fitted parameter; error and truth have the shape of value or are None."""

    name: str
    value: Array
    error: typing.Optional[Array]
    truth: typing.Optional[Array]


@dataclasses.dataclass
class FitResult:
    parameters: list
    quality: dict  # name -> Array: scale, background, chi2, ... as far as they are maps
    measured: typing.Optional[Array]  # (row, column, disk)
    fitted: typing.Optional[Array]
    sigma: typing.Optional[Array]
    status: typing.Optional[Array]
    hkl: typing.Optional[np.ndarray]

    @property
    def step(self):
        """Scan step and its unit, or None where positions are only counted."""
        for parameter in self.parameters:
            if parameter.value.is_map:
                _, coordinates, unit = parameter.value.axes[1]
                if unit in ("Å", "A", "nm", "µm", "um") and len(coordinates) > 1:
                    unit = {"A": "Å", "um": "µm"}.get(unit, unit)
                    return float(coordinates[1] - coordinates[0]), unit
        return None


@dataclasses.dataclass
class PatternResult:
    hkl: np.ndarray  # (beams, 3)
    g: np.ndarray  # (beams, 2), 1/Å, lab x and y
    intensity: np.ndarray  # (thicknesses, beams)
    thickness: np.ndarray  # Å


def read_fit(root):
    names = list(root["parameters"])
    parameters = [
        Parameter(name, read_array(root["parameters"], name),
                  read_array(root.get("errors", {}), name), read_array(root.get("truth", {}), name))
        for name in names
    ]
    quality = {name: read_array(root, name) for name in ("scale", "background", "chi2")}
    hkl = read_array(root, "hkl")
    return FitResult(
        parameters=parameters,
        quality={name: array for name, array in quality.items() if array and array.is_map},
        measured=read_array(root, "measured"), fitted=read_array(root, "fitted"),
        sigma=read_array(root, "sigma"), status=read_array(root, "status"),
        hkl=None if hkl is None else hkl.values)


def read_pattern(root):
    arrays = {name: read_array(root, name) for name in ("hkl", "g", "intensity")}
    missing = [name for name, array in arrays.items() if array is None]
    if missing:
        raise NotAResult(f"/pendel lacks {', '.join(missing)}, which a pattern has")
    intensity = arrays["intensity"]
    return PatternResult(hkl=arrays["hkl"].values, g=arrays["g"].values,
                         intensity=np.atleast_2d(intensity.values),
                         thickness=np.atleast_1d(intensity.axes[0][1])
                         if intensity.values.ndim == 2 else np.array([np.nan]))


def read(path):
    """A FitResult or PatternResult. NotAResult says what is wrong with the file."""
    try:
        file = h5py.File(path, "r")
    except OSError as error:
        raise NotAResult(f"{path}: cannot be read as HDF5 ({error})") from error
    with file:
        root = file.get("pendel")
        if not isinstance(root, h5py.Group) or text(root.attrs.get("emd_group_type", "")) != "root":
            found = ", ".join(file) or "nothing"
            raise NotAResult(f"{path}: no EMD 1.0 root group /pendel (the file holds: {found}); "
                             "a result of `pendel run` has one")
        try:
            if "parameters" in root:
                return read_fit(root)
            if "intensity" in root:
                return read_pattern(root)
        except NotAResult as error:
            raise NotAResult(f"{path}: {error}") from error
        raise NotAResult(f"{path}: /pendel holds {', '.join(root)}; figures are made of results of "
                         "the studies `fit` (parameters) and `pattern` (intensity)")
