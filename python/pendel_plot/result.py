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
    quality: dict  # name -> Array of the scan's shape: scale, background, chi2, ...
    measured: Array  # (scan..., disk)
    fitted: Array
    sigma: typing.Optional[Array]  # of measured; None: counts
    status: np.ndarray  # 0 converged, 1 not converged, 2 no data
    hkl: np.ndarray  # (disk, 3)

    @property
    def shape(self):
        """(rows, columns) or (positions,)."""
        return self.status.shape

    @property
    def step(self):
        """Scan step and its unit, or None where positions are only counted."""
        _, coordinates, unit = self.measured.axes[len(self.shape) - 1]
        if unit in ("Å", "A", "nm", "µm", "um") and len(coordinates) > 1:
            unit = {"A": "Å", "um": "µm"}.get(unit, unit)
            return float(coordinates[1] - coordinates[0]), unit
        return None


@dataclasses.dataclass
class PatternResult:
    hkl: np.ndarray  # (beam, 3)
    g: np.ndarray  # (beam, 3), 1/Å, lab
    intensity: np.ndarray  # (tilt, thickness, beam)
    thickness: np.ndarray  # Å
    tilt: np.ndarray  # (tilt, 2), mrad


def required(root, names):
    arrays = {name: read_array(root, name) for name in names}
    missing = [name for name, array in arrays.items() if array is None]
    if missing:
        raise NotAResult(f"/pendel lacks {', '.join(missing)}")
    return arrays


def read_fit(root):
    arrays = required(root, ["status", "measured", "fitted", "hkl"])
    errors, truth = root.get("errors", {}), root.get("truth", {})
    parameters = [Parameter(name, read_array(root["parameters"], name), read_array(errors, name),
                            read_array(truth, name)) for name in root["parameters"]]
    quality = {name: read_array(root, name)
               for name in ("scale", "background", "chi2", "second_basin_ratio")}
    return FitResult(
        parameters, {name: array for name, array in quality.items() if array is not None},
        arrays["measured"], arrays["fitted"], read_array(root, "sigma"), arrays["status"].values,
        arrays["hkl"].values)


def read_pattern(root):
    arrays = required(root, ["intensity", "hkl", "g", "beam_tilt"])
    intensity = arrays["intensity"]
    thickness = np.asarray(intensity.axes[-2][1])
    order = np.argsort(thickness)
    values = intensity.values.reshape(-1, *intensity.values.shape[-2:])
    return PatternResult(arrays["hkl"].values, arrays["g"].values, values[:, order],
                         thickness[order], arrays["beam_tilt"].values)


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
