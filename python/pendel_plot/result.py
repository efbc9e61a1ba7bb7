"""Reading a result file: HDF5 with an EMD 1.0 tree under /pendel."""
import dataclasses
import re
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
    return Array(values, unit_of(node), read_axes(node, values.shape))


def unit_of(node):
    return plain_unit(node["data"].attrs.get("units", node.attrs.get("units", "")))


def read_axes(node, shape):
    """(name, coordinates, unit) of every axis of an array node."""
    axes = []
    for i, length in enumerate(shape):
        dim = node.get(f"dim{i}")
        coordinates, label, unit = np.arange(length), f"axis {i}", "pixels"
        if dim is not None:
            label, unit = text(dim.attrs.get("name", label)), text(dim.attrs.get("units", unit))
            coordinates = dim[()]
            if len(coordinates) == 2 and length != 2:  # EMD: first value and the next one
                coordinates = coordinates[0] + np.arange(length) * np.diff(coordinates)
        axes.append((label, coordinates, unit))
    return axes


def step_of(axis):
    """Step of an axis of lengths and its unit, or None where it only counts."""
    _, coordinates, unit = axis
    if unit in ("Å", "A", "nm", "µm", "um") and len(coordinates) > 1:
        unit = {"A": "Å", "um": "µm"}.get(unit, unit)
        return float(coordinates[1] - coordinates[0]), unit
    return None


def step_and_aspect(rows, columns):
    """Step of the columns with its unit (None where they are only counted), and height over width of a position."""
    step, down = step_of(columns), step_of(rows)
    return step, down[0] / step[0] if step and down else 1.0


@dataclasses.dataclass
class Parameter:
    """One fitted parameter; the other arrays have the shape of value or are None."""

    name: str
    value: Array
    error: typing.Optional[Array]
    truth: typing.Optional[Array]
    prior_free: typing.Optional[Array] = None  # beside a value that priors had a part in


@dataclasses.dataclass
class Profile:
    """χ² against the value of a parameter, all other unknowns fitted, at a few positions."""

    name: str
    positions: np.ndarray  # (position), counted row by row
    value: Array  # (position, point)
    chi2: np.ndarray  # (position, point); NaN beyond the points of a position


@dataclasses.dataclass
class FitResult:
    parameters: list
    quality: dict  # name -> Array of the scan's shape: scale, background, chi2, ...
    measured: Array  # (scan..., disk)
    fitted: Array
    sigma: typing.Optional[Array]  # of measured; None: counts
    status: np.ndarray  # 0 converged, 1 not converged, 2 no data
    hkl: np.ndarray  # (disk, 3)
    changed: typing.Optional[np.ndarray]  # 1: priors chose another basin than the data
    profiles: list
    pixel: typing.Optional[np.ndarray] = None  # (disk, 2): row, column where pixels stand for disks

    @property
    def shape(self):
        """(rows, columns) or (positions,)."""
        return self.status.shape

    @property
    def step(self):
        """Scan step and its unit, or None where positions are only counted."""
        return step_of(self.measured.axes[len(self.shape) - 1])


@dataclasses.dataclass
class PatternResult:
    hkl: np.ndarray  # (beam, 3)
    g: np.ndarray  # (beam, 3), 1/Å, lab
    intensity: np.ndarray  # (tilt, thickness, beam)
    thickness: np.ndarray  # Å
    tilt: np.ndarray  # (tilt, 2), mrad
    cbed: typing.Optional[Array]  # (thickness, q_row, q_column)
    rings: dict  # crystal -> Arrays by name: g, hkl, intensity, forbidden, profile


class Cube:
    """The patterns (row, column, q_row, q_column) of a scan. They stay in the file: a scan may be
    larger than the memory."""

    most_bytes = 2.0e8  # read for a mean

    def __init__(self, path, node):
        self.path, self.name = path, node.name
        self.shape = node["data"].shape
        self.item_bytes = node["data"].dtype.itemsize
        self.unit, self.axes = unit_of(node), read_axes(node, self.shape)

    @property
    def label(self):
        """The thickness, which is part of the name where there are several cubes."""
        found = re.fullmatch(r".*/datacube_(.+)A", self.name)
        return f"{found[1]} Å" if found else ""

    def pattern(self, row, column):
        with h5py.File(self.path, "r") as file:
            return file[self.name]["data"][row, column].astype(float)

    def mean(self):
        """(mean pattern, number of patterns that it is of): of all, or of an even sample."""
        rows, columns = self.shape[:2]
        pattern_bytes = self.item_bytes * self.shape[2] * self.shape[3]
        most = max(1, int(self.most_bytes / pattern_bytes))
        stride = 1
        while -(-rows // stride) * -(-columns // stride) > most:
            stride += 1
        total, count = np.zeros(self.shape[2:]), 0
        with h5py.File(self.path, "r") as file:
            data = file[self.name]["data"]
            for row in range(min(stride // 2, rows - 1), rows, stride):
                for column in range(min(stride // 2, columns - 1), columns, stride):
                    total += data[row, column]
                    count += 1
        return total / count, count


@dataclasses.dataclass
class StemResult:
    cubes: list  # of Cube, by thickness; empty: only virtual images were kept
    images: dict  # virtual detector -> Array (thickness, row, column)
    centre_of_mass: list  # Arrays of its x and y

    @property
    def shape(self):
        """(rows, columns)"""
        return self.centre_of_mass[0].values.shape[1:]


@dataclasses.dataclass
class ImagesResult:
    images: dict  # virtual detector -> Array (row, column)
    centre_of_mass: list  # Arrays of its x and y
    integrated: typing.Optional[Array]
    patterns: dict  # "mean", "median", "maximum", "variance" -> Array (q_row, q_column)
    radial: dict = dataclasses.field(default_factory=dict)  # "mean", "fluctuation", ... -> Array (q)

    @property
    def shape(self):
        """(rows, columns)"""
        return self.centre_of_mass[0].values.shape


@dataclasses.dataclass
class ClassifyResult:
    weights: Array  # (component, row, column)
    patterns: Array  # (component, feature)
    q: Array  # (feature, 2), or (feature) of rings
    classes: Array  # (row, column), from 1
    agreement: Array
    residual: Array
    map: Array  # (q_row, q_column)
    histogram: Array  # (q)
    radial_maxima: np.ndarray
    numbers: dict  # name -> Array against the number of components

    @property
    def shape(self):
        """(rows, columns)"""
        return self.classes.values.shape


@dataclasses.dataclass
class StrainResult:
    strain: dict  # "e_xx", "e_yy", "e_xy", "rotation" -> Array (row, column)
    errors: dict  # likewise
    profiles: dict  # "e_xx_of_rows", ... -> Array (line, (mean, deviation, positions))

    @property
    def shape(self):
        """(rows, columns)"""
        return self.strain["e_xx"].values.shape


@dataclasses.dataclass
class FlowRing:
    title: str
    histogram: Array  # (row, column, angle)
    lines: typing.Optional[np.ndarray]  # (point, 5): number of the line, column, row, angle, strength


@dataclasses.dataclass
class FlowResult:
    rings: dict  # name -> FlowRing


@dataclasses.dataclass
class DisksResult:
    number: Array  # (row, column)
    counts: Array
    map: Array  # (q_row, q_column)
    template: Array
    crystallinity: Array  # (row, column)


@dataclasses.dataclass
class PlanResult:
    errors: dict  # parameter -> Array (thickness, tilt, state, dose, set of disks)
    separation: typing.Optional[Array]  # likewise
    bias: dict  # effect -> parameter -> Array (thickness, tilt, state)
    thickness: np.ndarray  # Å
    tilt: np.ndarray  # (tilt, 2), mrad
    dose: np.ndarray  # electrons
    g_max: np.ndarray  # 1/Å

    @property
    def states(self):
        return next(iter(self.errors.values())).values.shape[2]


def required(root, names):
    arrays = {name: read_array(root, name) for name in names}
    missing = [name for name, array in arrays.items() if array is None]
    if missing:
        raise NotAResult(f"{root.name} lacks {', '.join(missing)}")
    return arrays


def read_fit(root):
    arrays = required(root, ["status", "measured", "fitted", "hkl"])
    errors, truth, free = (root.get(name, {}) for name in ("errors", "truth", "prior_free"))
    parameters = [Parameter(name, read_array(root["parameters"], name), read_array(errors, name),
                            read_array(truth, name), read_array(free, name))
                  for name in root["parameters"]]
    quality = {name: read_array(root, name)
               for name in ("scale", "background", "chi2", "second_basin_ratio", "rank")}
    changed = read_array(root, "changed_by_neighbours")
    profiles = []
    for name in root.get("profile", {}):
        chi2, value = read_array(root["profile"], name), read_array(root["profile_values"], name)
        profiles.append(Profile(name, chi2.axes[0][1].astype(int), value, chi2.values))
    return FitResult(
        parameters, {name: array for name, array in quality.items() if array is not None},
        arrays["measured"], arrays["fitted"], read_array(root, "sigma"), arrays["status"].values,
        arrays["hkl"].values, None if changed is None else changed.values, profiles,
        None if "pixel" not in root else read_array(root, "pixel").values)


def read_pattern(root):
    arrays = required(root, ["intensity", "hkl", "g", "beam_tilt"])
    intensity = arrays["intensity"]
    thickness = np.asarray(intensity.axes[-2][1])
    order = np.argsort(thickness)
    values = intensity.values.reshape(-1, *intensity.values.shape[-2:])
    rings = {name: required(group, ["g", "hkl", "intensity", "forbidden", "profile"])
             for name, group in root.get("rings", {}).items()}
    return PatternResult(arrays["hkl"].values, arrays["g"].values, values[:, order],
                         thickness[order], arrays["beam_tilt"].values, read_array(root, "cbed"),
                         rings)


def read_plan(root):
    errors = {name: read_array(root["errors"], name) for name in root["errors"]}
    first = next(iter(errors.values()))
    bias = {group[len("bias_"):]: {name: read_array(root[group], name) for name in errors}
            for group in root if group.startswith("bias_")}
    tilt = required(root, ["beam_tilt"])["beam_tilt"].values
    thickness, _, _, dose, g_max = (np.asarray(axis[1]) for axis in first.axes)
    return PlanResult(errors, read_array(root, "separation"), bias, thickness, tilt, dose, g_max)


def read_stem(path, root):
    cubes = [Cube(path, node) for node in root.values()
             if text(node.attrs.get("python_class", "")) == "DataCube"]
    group = root["virtual_images"]
    centre = required(group, ["centre_of_mass_x", "centre_of_mass_y"])
    names = sorted((name for name in group if name not in centre), key="detected".__eq__)
    images = {name: read_array(group, name) for name in names}  # the whole detector last
    return StemResult(sorted(cubes, key=lambda cube: float(cube.label[:-2] or 0)), images,
                      list(centre.values()))


def read_images(root):
    images = {name: read_array(root["virtual_images"], name)
              for name in root.get("virtual_images", {})}
    centre = required(root["centre_of_mass"], ["x", "y"])
    patterns = {name: read_array(root["patterns"], name)
                for name in ("mean", "median", "maximum", "variance") if name in root["patterns"]}
    return ImagesResult(images, list(centre.values()),
                        read_array(root, "integrated_centre_of_mass"), patterns,
                        {name: read_array(root["radial"], name) for name in root.get("radial", {})})


@dataclasses.dataclass
class CalibrationResult:
    origin: dict  # "column", "row", "measured_column", ... -> Array (row, column)
    rings: dict  # "mean", "model", "pattern", ... -> Array; empty without rings
    ellipse: dict  # column, row, ratio, angle_deg of the rings


def read_calibration(root):
    arrays = {name: {key: read_array(root[name], key) for key in root.get(name, {})}
              for name in ("origin", "rings")}
    ellipse = {key: float(value[()]) for key, value in root.get("metadatabundle/ellipse", {}).items()}
    return CalibrationResult(arrays["origin"], arrays["rings"], ellipse)


def read_classify(root):
    arrays = required(root, ["weights", "patterns", "q", "class", "class_agreement", "residual",
                             "bragg_vector_map", "radial_histogram"])
    maxima = read_array(root, "radial_maxima")
    numbers = {name: read_array(root["numbers"], name) for name in root["numbers"]}
    return ClassifyResult(*arrays.values(), np.empty(0) if maxima is None else maxima.values,
                          numbers)


def read_strain(root):
    names = ["e_xx", "e_yy", "e_xy", "rotation"]
    errors = required(root["strain"], [name + "_error" for name in names])
    return StrainResult(required(root["strain"], names),
                        dict(zip(names, errors.values())),
                        {name: read_array(root["profiles"], name) for name in root["profiles"]})


def read_flow(root):
    titles = root.get("metadatabundle/rings", {})
    rings = {}
    for name in root:
        if re.fullmatch(r"ring\d+", name):
            histogram = required(root[name], ["orientation_histogram"])["orientation_histogram"]
            lines = read_array(root[name], "lines")
            rings[name] = FlowRing(text(titles[name][()]) if name in titles else name, histogram,
                                   None if lines is None else lines.values)
    return FlowResult(rings)


@dataclasses.dataclass
class IpfKey:
    """Colours of crystal directions in stereographic projection."""

    group: str  # Laue group
    image: np.ndarray  # (row, column, RGB), white outside the zone
    outline: np.ndarray  # (point, column and row), closed
    corners: np.ndarray  # (corner, column and row)
    labels: list  # of the corners


@dataclasses.dataclass
class MatchResult:
    phases: list  # names
    phase_id: Array
    flags: Array
    phase_probability: Array
    quality: dict  # "score", "reliability", "residual", ... -> Array (row, column)
    ipf: dict  # "x", "y", "z" -> Array (row, column, RGB)
    keys: list  # IpfKey of every phase
    grain_id: Array
    from_grain_mean: Array
    kernel_average: Array
    misorientation: dict  # "right", "down", "twin_right", ... -> Array (row, column)
    threshold: float  # degrees: of grains
    twins: list  # names of the relations looked for

    @property
    def shape(self):
        return self.phase_id.values.shape


def texts(dataset):
    """A metadata list of texts: a group of datasets 0, 1, ..."""
    return [text(dataset[str(i)][()]) for i in range(len(dataset))]


def read_match(root):
    bundle = root["metadatabundle"]
    names = texts(bundle["phases/names"])
    arrays = required(root, ["phase_id", "flags", "phase_probability", "grain_id",
                             "from_grain_mean", "kernel_average_misorientation"])
    quality = {name: array for name in ("score", "reliability", "phase_reliability", "residual",
                                        "orientation_error", "n_peaks_used", "thickness",
                                        "thickness_error")
               if (array := read_array(root, name)) is not None}
    keys = []
    for p in range(len(names)):
        told = bundle[f"ipf_key_{p}"]
        points = {name: told[name][()] if name in told else np.empty((0, 2))
                  for name in ("outline", "corners")}
        keys.append(IpfKey(text(told["laue_group"][()]),
                           read_array(root["ipf_key"], str(p)).values, points["outline"],
                           points["corners"], texts(told["labels"])))
    return MatchResult(names, arrays["phase_id"], arrays["flags"], arrays["phase_probability"],
                       quality, required(root["ipf"], ["x", "y", "z"]), keys,
                       arrays["grain_id"], arrays["from_grain_mean"],
                       arrays["kernel_average_misorientation"],
                       {name: read_array(root["misorientation"], name)
                        for name in root["misorientation"]},
                       float(bundle["misorientation/grain_threshold_deg"][()]),
                       texts(bundle["misorientation/twins"]))


def read_disks(root):
    arrays = required(root, ["number_of_disks", "disk_counts", "disk_map", "template", "crystallinity"])
    return DisksResult(*arrays.values())


def read(path):
    """What a study has made: a FitResult, a StrainResult and so on.

    NotAResult says what is wrong with the file.
    """
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
            if "number_of_disks" in root:
                return read_disks(root)
            if "phase_id" in root:
                return read_match(root)
            if "parameters" in root:
                return read_fit(root)
            if "intensity" in root:
                return read_pattern(root)
            if "strain" in root and "profiles" in root:
                return read_strain(root)
            if "centre_of_mass" in root and "patterns" in root:
                return read_images(root)
            if "origin" in root:
                return read_calibration(root)
            if "class" in root:
                return read_classify(root)
            if "ring1" in root:
                return read_flow(root)
            if "virtual_images" in root:
                return read_stem(path, root)
            if "errors" in root:
                return read_plan(root)
        except NotAResult as error:
            raise NotAResult(f"{path}: {error}") from error
        raise NotAResult(f"{path}: /pendel holds {', '.join(root)}; figures are made of results of "
                         "the studies `fit` (parameters), `pattern` (intensity), `stem` "
                         "(virtual_images), `images` (patterns), `calibrate` (origin), `disks` "
                         "(number_of_disks), `classify` (class), `match` (phase_id), `flow` (ring1) "
                         "and `plan` (errors)")
