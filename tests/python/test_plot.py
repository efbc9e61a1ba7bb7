"""Runs pendel_plot on small synthetic results and looks at what it draws."""
import contextlib
import io
import pathlib
import subprocess
import sys
import tempfile
import unittest
from unittest import mock

import h5py
import numpy as np

from pendel_plot import (__main__, classify, detector, disks, figures, flow, images, maps, orientations, pattern,
                         plan, profiles, result, rings, stem, style)

ROWS, COLUMNS = 6, 8


def array(group, name, values, unit="", axes=()):
    """An EMD 1.0 array node; an evenly spaced axis is stored by its first two values."""
    node = group.create_group(name)
    node.attrs["emd_group_type"] = "array"
    values = np.asarray(values)
    data = node.create_dataset("data", data=values)
    data.attrs["units"] = unit
    for i, length in enumerate(values.shape):
        label, step, axis_unit = axes[i] if i < len(axes) else (f"axis {i}", 1.0, "pixels")
        dim = node.create_dataset(f"dim{i}", data=step * np.arange(min(length, 2)))
        dim.attrs["name"], dim.attrs["units"] = label, axis_unit


def vortex():
    """ρ of a vortex whose arrows turn clockwise on the screen (y down): ρ = (−y, x) about the centre."""
    y, x = np.mgrid[:ROWS, :COLUMNS] - np.array([(ROWS - 1) / 2, (COLUMNS - 1) / 2])[:, None, None]
    r = np.hypot(x, y)
    return np.stack([-y, x]) * np.exp(-((r / 3) ** 2)) / 1.5


def write_fit(path, step_A=None):
    rng = np.random.default_rng(1)
    y, x = np.mgrid[:ROWS, :COLUMNS]
    rho = vortex()
    truth = {"beam_tilt_mrad.x": 4 * np.sin(x / 5), "beam_tilt_mrad.y": 3 * np.cos(y / 4),
             "polarization.PTO.x": rho[0], "polarization.PTO.y": rho[1]}
    sigma = {"beam_tilt_mrad.x": 0.05, "beam_tilt_mrad.y": 0.05,
             "polarization.PTO.x": 0.04, "polarization.PTO.y": 0.04}
    unit = {name: "mrad" if "tilt" in name else "" for name in truth}
    axes = [("row", step_A or 1, "Å" if step_A else "pixels"),
            ("column", step_A or 1, "Å" if step_A else "pixels")]
    with h5py.File(path, "w") as file:
        root = file.create_group("pendel")
        root.attrs["emd_group_type"] = "root"
        groups = {name: root.create_group(name) for name in ("parameters", "errors", "truth")}
        for name, values in truth.items():
            fitted = values + sigma[name] * rng.standard_normal(values.shape)
            fitted[2, 3] = np.nan
            array(groups["parameters"], name, fitted, unit[name], axes)
            array(groups["errors"], name, sigma[name] * (1 + rng.random(values.shape)), unit[name],
                  axes)
            array(groups["truth"], name, values, unit[name], axes)
        array(groups["parameters"], "thickness_A.2", [187.4], "Å")
        array(groups["errors"], "thickness_A.2", [0.31], "Å")
        status = np.zeros((ROWS, COLUMNS), np.int32)
        status[2, 3], status[4, 6] = 2, 1
        array(root, "status", status, "", axes)
        array(root, "scale", 1 + 0.02 * rng.standard_normal((ROWS, COLUMNS)), "", axes)
        array(root, "background", 12 + rng.random((ROWS, COLUMNS)), "", axes)
        array(root, "chi2", rng.chisquare(30, (ROWS, COLUMNS)) / 30, "", axes)
        h, k = np.mgrid[-3:4, -3:4].reshape(2, -1)
        mean = 12 + 1e5 * np.exp(-1.2 * np.hypot(h, k)) * (1 + 0.3 * np.sin(3 * h + k))
        mean = np.broadcast_to(mean, (ROWS, COLUMNS, h.size))
        array(root, "measured", rng.poisson(mean).astype(float), "counts", axes)
        array(root, "fitted", mean, "counts", axes)
        array(root, "hkl", np.stack([h, k, 0 * h], axis=1))


def write_coupled_fit(path):
    """The same with priors, flagged positions and a profile of two positions."""
    write_fit(path)
    with h5py.File(path, "r+") as file:
        root = file["pendel"]
        free = root.create_group("prior_free")
        for name in "beam_tilt_mrad.x", "polarization.PTO.x":
            array(free, name, 3 * root[f"parameters/{name}/data"][()])
        changed = np.zeros((ROWS, COLUMNS), np.int32)
        changed[1, 2] = changed[5, 7] = 1
        array(root, "changed_by_neighbours", changed)
        array(root, "rank", np.full((ROWS, COLUMNS), 4, np.int32))
        values = np.array([np.linspace(-5, 5, 11), np.linspace(-5, 5, 11)])
        chi2 = 40 + (values - 1) ** 2 / 0.5
        chi2[1, -1] = np.nan
        array(root.create_group("profile"), "beam_tilt_mrad.x", chi2, "", [("position", 20, "")])
        array(root.create_group("profile_values"), "beam_tilt_mrad.x", values, "mrad")


def write_list(path):
    """A fit of eight positions that are no map."""
    rng = np.random.default_rng(2)
    with h5py.File(path, "w") as file:
        root = file.create_group("pendel")
        root.attrs["emd_group_type"] = "root"
        for group, values in (("parameters", rng.standard_normal(8)), ("errors", np.full(8, 0.3)),
                              ("truth", np.zeros(8))):
            array(root.create_group(group), "beam_tilt_mrad.x", values, "mrad")
        array(root, "chi2", 1 + 0.1 * rng.standard_normal(8))
        array(root, "status", np.zeros(8, np.int32))
        for name in ("measured", "fitted"):
            array(root, name, rng.poisson(100, (8, 3)).astype(float), "counts")
        array(root, "hkl", [[0, 0, 0], [1, 0, 0], [-1, 0, 0]])


def write_pattern(path, tilts=((0, 0),)):
    h, k = np.mgrid[-5:6, -5:6].reshape(2, -1)
    g = np.stack([h, k, 0 * h], axis=1) / 3.905
    thickness = np.linspace(0, 500, 26)
    tilts = np.asarray(tilts, float)
    # two-beam rocking curves: extinction distance 400 Å, tilt in mrad
    s = 0.003 * (g[:, :2] ** 2).sum(axis=1) - tilts @ g[:, :2].T * 1e-3
    beating = np.hypot(1 / 400, s)[:, None]
    strength = np.exp(-2 * np.linalg.norm(g, axis=1)) / 9
    intensity = strength * (np.sin(np.pi * thickness[:, None] * beating) / (400 * beating)) ** 2
    direct = (h == 0) & (k == 0)
    intensity[..., direct] = 0
    intensity[..., direct] = 1 - intensity.sum(axis=-1, keepdims=True)
    axes = [("thickness", thickness[1], "Å")]
    with h5py.File(path, "w") as file:
        root = file.create_group("pendel")
        root.attrs["emd_group_type"] = "root"
        array(root, "hkl", np.stack([h, k, 0 * h], axis=1))
        array(root, "g", g, "1/Å")
        array(root, "beam_tilt", tilts, "mrad")
        if len(tilts) == 1:  # and what goes with it
            array(root, "intensity", intensity[0], "", axes)
            y, x = np.mgrid[-8:8, -8:8]
            cbed = np.stack([0.01 * (np.hypot(x - 4, y) < 3), 0.02 * (np.hypot(x - 4, y) < 3)])
            array(root, "cbed", cbed, "", [("thickness", 200, "Å"), ("q_row", 0.5, "mrad"),
                                           ("q_column", 0.5, "mrad")])
            group = root.create_group("rings/Si")
            array(group, "g", [0.25, 0.5, 0.75], "1/Å")
            array(group, "hkl", [[1, 0, 0], [2, 0, 0], [3, 0, 0]])
            array(group, "intensity", [0.02, 0, 0.01], "1/Å")
            array(group, "forbidden", np.array([0, 1, 0], np.int32))
            g_axis = np.linspace(0, 1, 201)
            array(group, "profile", sum(h * np.exp(-((g_axis - c) / 0.02) ** 2)
                                        for h, c in ((2, 0.25), (1, 0.75))), "",
                  [("g", g_axis[1], "1/Å")])
        else:
            array(root, "intensity", intensity, "", [("tilt", 1, "")] + axes)


def write_stem(path, thicknesses=(50.0, 100.0)):
    """A scan whose disk lies right of and below the middle, and is deflected to the right."""
    rows, columns = 4, 5
    axes = [("row", 1.0, "Å"), ("column", 0.5, "Å"), ("q_row", 2.0, "mrad"), ("q_column", 2.0, "mrad")]
    y, x = np.mgrid[:12, :16]
    disk = 1.0 * (np.hypot(x - 10, y - 7) < 3)
    cube = np.arange(1, 1 + rows * columns).reshape(rows, columns, 1, 1) * disk
    with h5py.File(path, "w") as file:
        root = file.create_group("pendel")
        root.attrs["emd_group_type"] = "root"
        for number, thickness in enumerate(thicknesses):
            name = f"datacube_{thickness:g}A" if len(thicknesses) > 1 else "datacube"
            array(root, name, (1 + number) * cube, "", axes)
            root[name].attrs["python_class"] = "DataCube"
        group = root.create_group("virtual_images")
        shape = (len(thicknesses), rows, columns)
        for name, value in (("bright_field", 0.8), ("detected", 1), ("centre_of_mass_x", 0.3),
                            ("centre_of_mass_y", 0.1)):
            array(group, name, np.full(shape, value), "mrad" if "mass" in name else "",
                  [("thickness", 50, "Å")] + axes[:2])


def write_images(path, rows=4, integrated=True):
    """Two virtual images; the beam is deflected outwards from the middle."""
    y, x = np.mgrid[:rows, :5] - np.array([(rows - 1) / 2, 2]).reshape(2, 1, 1)
    axes = [("row", 1.0, "Å"), ("column", 0.5, "Å")]
    with h5py.File(path, "w") as file:
        root = file.create_group("pendel")
        root.attrs["emd_group_type"] = "root"
        for name in ("bright_field", "dark_field"):
            array(root.require_group("virtual_images"), name, 1 + np.hypot(x, y), "", axes)
        for name, values in (("x", x), ("y", y)):
            array(root.require_group("centre_of_mass"), name, values, "mrad", axes)
        if integrated:
            array(root, "integrated_centre_of_mass", x**2 + y**2, "rad", axes)
        for name in ("mean", "maximum", "variance"):
            array(root.require_group("patterns"), name, np.hypot(*np.mgrid[:6, :7]), "",
                  [("q_row", 2.0, "mrad"), ("q_column", 2.0, "mrad")])


def write_classes(path, tried=(3, 4, 5), rings=False):
    """Four components on 6 x 5 positions, the last position empty; features on a circle."""
    rows, columns, count, features = 6, 5, 4, 9
    axes = [("row", 1.0, ""), ("column", 1.0, "")]
    classes = np.resize(np.arange(1.0, count + 1), (rows, columns))
    classes[-1, -1] = np.nan
    weights = np.array([np.where(classes == k + 1, 2.0, 0.5) for k in range(count)])
    angle = np.linspace(0, 5, features)
    with h5py.File(path, "w") as file:
        root = file.create_group("pendel")
        root.attrs["emd_group_type"] = "root"
        array(root, "class", classes, "", axes)
        array(root, "class_agreement", np.where(np.isnan(classes), np.nan, 0.9), "", axes)
        array(root, "residual", 0.1 * classes, "", axes)
        array(root, "weights", weights, "", [("component", 1, "")] + axes)
        array(root, "patterns", np.resize(np.arange(5.0), (count, features)))
        array(root, "q", angle if rings else 0.4 * np.stack([np.cos(angle), np.sin(angle)], 1), "1/Å")
        array(root, "bragg_vector_map", np.ones((7, 7)), "", [("q_row", 0.1, "1/Å"),
                                                              ("q_column", 0.1, "1/Å")])
        array(root, "radial_histogram", np.arange(10.0), "", [("q", 0.1, "1/Å")])
        array(root, "radial_maxima", [0.3, 0.9], "1/Å")
        for name in ("unexplained", "least_similarity", "mean_similarity", "agreement", "cophenetic"):
            array(root.require_group("numbers"), name, np.linspace(1, 0.5, len(tried)), "",
                  [("components", 1.0, "")])


def write_match(path, twins=True, step=None):
    """Two phases side by side, an empty position, one boundary and one twin within the first."""
    phase = np.zeros((ROWS, COLUMNS), int)
    phase[:, 5:], phase[0, 0] = 1, -1
    maps = {"score": 0.8, "reliability": 0.1, "phase_reliability": 0.3, "residual": 0.01,
            "orientation_error": 0.4, "from_grain_mean": 0.2,
            "kernel_average_misorientation": 0.3}
    axes = [("row", step or 1, "Å" if step else "pixels"),
            ("column", step or 1, "Å" if step else "pixels")]
    with h5py.File(path, "w") as file:
        root = file.create_group("pendel")
        root.attrs["emd_group_type"] = "root"
        array(root, "phase_id", phase, "", axes)
        for name, value in maps.items():
            values = np.where(phase < 0, np.nan, value + 0.01 * np.arange(phase.size).reshape(phase.shape))
            array(root, name, values, "", axes)
        array(root, "flags", np.where(phase < 0, 8, phase * 4), "", axes)
        array(root, "n_peaks_used", np.full(phase.shape, 20), "", axes)
        array(root, "grain_id", phase, "", axes)
        probability = np.stack([phase == 0, phase == 1], -1) * 0.9 + 0.05
        array(root, "phase_probability", probability, "", axes)
        for name in ("right", "down"):
            angle = np.full(phase.shape, 0.5)
            if name == "right":
                angle[:, 1], angle[3, 3], angle[:, 4], angle[:, -1] = 60, 20, np.nan, np.nan
            array(root.require_group("misorientation"), name, angle, "deg", axes)
            if twins:
                array(root["misorientation"], "twin_" + name,
                      np.where(angle == 60, 0, -1) if name == "right" else np.full(phase.shape, -1))
        for name, colour in zip("xyz", np.eye(3)):
            values = np.where(phase[..., None] < 0, np.nan, colour)
            array(root.require_group("ipf"), name, values, "", axes)
        bundle = root.create_group("metadatabundle")
        for name, items in {"phases/names": ["one", "two"], "ipf_key_0/labels": ["[001]", "[101]", "[111]"],
                            "ipf_key_1/labels": [], "misorientation/twins": ["sigma 3"] * twins}.items():
            group = bundle.create_group(name)
            for i, item in enumerate(items):
                group[str(i)] = item
        bundle["misorientation/grain_threshold_deg"] = 5.0
        bundle["ipf_key_0/corners"] = bundle["ipf_key_0/outline"] = np.array([[0, 9], [9, 9], [9, 0.0]])
        for p in "01":
            array(root.require_group("ipf_key"), p, np.ones((10, 10, 3)))
            bundle[f"ipf_key_{p}/laue_group"] = "m-3m"


def write_flow(path, lines=True):
    """Two lines on 6 x 8 positions: one of 0 degrees, one of 90; the last position not recorded."""
    axes = [("row", 2.0, "Å"), ("column", 2.0, "Å"), ("angle", 10.0, "deg")]
    histogram = np.zeros((6, 8, 18))
    histogram[..., 0], histogram[..., 9] = 1.0, 0.4
    histogram[-1, -1] = np.nan
    with h5py.File(path, "w") as file:
        root = file.create_group("pendel")
        root.attrs["emd_group_type"] = "root"
        array(root.create_group("ring1"), "orientation_histogram", histogram, "", axes)
        if lines:
            array(root["ring1"], "lines", [[0, 1, 2, 0, 1], [0, 2, 2, 0, 1], [0, 3, 2, 0, 1],
                                           [1, 5, 1, 90, 0.5], [1, 5, 2, 90, 0.5]])


def write_plan(path, thicknesses, tilts, bias=True):
    """errors of two parameters: 0.01 (thickness number + 1) and 0.02, falling with the dose."""
    shape = (thicknesses, len(tilts), 2, 2, 1)
    axes = [("thickness", 50, "Å"), ("tilt", 1, ""), ("state", 1, ""), ("dose", 1e4, "electrons"),
            ("g_max", 1.2, "1/Å")]
    factor = np.array([1, 0.1]).reshape(1, 1, 1, 2, 1)
    with h5py.File(path, "w") as file:
        root = file.create_group("pendel")
        root.attrs["emd_group_type"] = "root"
        errors = root.create_group("errors")
        number = 1 + np.arange(thicknesses).reshape(-1, 1, 1, 1, 1)
        array(errors, "beam_tilt_mrad.x", 0.01 * number * factor * np.ones(shape), "mrad", axes)
        array(errors, "polarization.PTO.x", 0.02 * factor * np.ones(shape), "", axes)
        array(root, "separation", np.where(number > 1, 7.0, np.nan) * np.ones(shape), "", axes)
        array(root, "beam_tilt", tilts, "mrad")
        if bias:
            group = root.create_group("bias_absorption")
            array(group, "beam_tilt_mrad.x", np.full(shape[:3], -0.3), "mrad")
            array(group, "polarization.PTO.x", np.full(shape[:3], 0.004), "")


def named(figure):
    """Maps of a fit by "parameter: what is shown"; only the first of a row says the parameter."""
    panels, parameter = {}, ""
    for axes in figure.axes:
        title = axes.get_title()
        if axes.images:
            parameter = title[:-len(": fit")] if title.endswith(": fit") else parameter
            row = title in ("truth", "fit − truth", "without priors", "standard error")
            panels[f"{parameter}: {title}" if row else title] = axes
    return panels


def run(*arguments):
    """(exit status, standard output, standard error) of the command, run in this process."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            status = __main__.main([str(a) for a in arguments])
        except SystemExit as usage:
            status = usage.code
    return status, out.getvalue(), err.getvalue()


class Plot(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.addCleanup(style.plt.close, "all")
        resolution = mock.patch.dict(style.STYLE, {"savefig.dpi": 40})  # files of this process are not looked at
        resolution.start()
        self.addCleanup(resolution.stop)
        self.folder = pathlib.Path(folder.name)
        self.file = self.folder / "fit.h5"

    def test_command_draws_every_figure_of_a_fit(self):
        write_fit(self.file, step_A=20)
        command = [sys.executable, "-m", "pendel_plot", self.file, "-o", self.folder / "figures",
                   "--position", "3,5"]
        done = subprocess.run(command, capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        names = [pathlib.Path(line).name for line in done.stdout.split()]
        self.assertEqual(
            names, ["fit_maps.png", "fit_polarization_PTO.png", "fit_disks_3_5.png"])
        for name in names:
            self.assertGreater((self.folder / "figures" / name).stat().st_size, 5000)

    def test_priors_stand_beside_the_map_without_them(self):
        write_coupled_fit(self.file)
        found = result.read(self.file)
        figure = maps.maps_figure(found)
        panels = named(figure)
        with_priors = panels["polarization.PTO.x: fit"].images[0]
        without = panels["polarization.PTO.x: without priors"].images[0]
        self.assertEqual(with_priors.get_clim(), without.get_clim())
        self.assertNotIn("polarization.PTO.y: without priors", panels)
        self.assertIn("combinations determined", panels)
        self.assertIn("priors changed the basin of 2 (○)", figure._suptitle.get_text().replace("\n", " "))
        circles = [line for line in panels["polarization.PTO.x: fit"].lines
                   if line.get_marker() == "o"]
        self.assertEqual(list(zip(*circles[0].get_data())), [(2, 1), (7, 5)])

    def test_profiles(self):
        write_coupled_fit(self.file)
        status, out, err = run(self.file, "-o", self.folder)
        self.assertEqual(status, 0, err)
        self.assertIn("fit_profile_beam_tilt_mrad_x.png", out)
        found = result.read(self.file)
        figure = profiles.profile_figure(found.profiles[0], found.shape)
        titles = [axes.get_title(loc="left") for axes in figure.axes]
        self.assertEqual([title for title in titles if title],
                         ["position 0, 0", "position 2, 4"])  # 0 and 20 of rows of 8
        x, y = figure.axes[1].lines[0].get_data()
        np.testing.assert_allclose(y, (x - 1) ** 2 / 0.5)  # from the least upwards
        self.assertEqual(figure.axes[2].get_xlabel(), "beam_tilt_mrad.x (mrad)")

    def test_arrows_point_along_lab_x_and_lab_y_down(self):
        x, y = np.full((4, 4), 1.0), np.full((4, 4), 0.5)
        figure, axes = style.plt.subplots()
        maps.arrow_panel(axes, x, y, style.Normalize(0, 2), 1.2, None)
        figure.canvas.draw()
        tail = axes.transData.transform((1, 1))
        tip = axes.transData.transform((1 + x[0, 0], 1 + y[0, 0])) - tail
        self.assertGreater(tip[0], 0)  # right on the screen
        self.assertLess(tip[1], 0)  # down on the screen
        quiver = next(c for c in axes.collections if hasattr(c, "U"))
        self.assertEqual(quiver.angles, "xy")

    def test_truth_shares_the_colours_of_the_fit_and_missing_positions_are_masked(self):
        write_fit(self.file)
        figure = maps.maps_figure(result.read(self.file))
        images = {name: axes.images[0] for name, axes in named(figure).items()}
        fit, truth = images["polarization.PTO.x: fit"], images["polarization.PTO.x: truth"]
        self.assertEqual(fit.get_clim(), truth.get_clim())
        self.assertAlmostEqual(sum(fit.get_clim()), 0)  # centred: both signs occur
        self.assertTrue(np.ma.getmaskarray(fit.get_array())[2, 3])
        self.assertIn("thickness_A.2 = 187.4 ± 0.31 Å", figure._suptitle.get_text().replace("\n", " "))

    def test_scan_step_becomes_a_scale_bar(self):
        write_fit(self.file)
        self.assertIsNone(result.read(self.file).step)
        write_fit(self.file, step_A=20)
        self.assertEqual(result.read(self.file).step, (20.0, "Å"))

    def test_disk_residuals_are_in_sigma(self):
        write_fit(self.file)
        fit = result.read(self.file)
        figure = disks.disks_figure(fit, (3, 5))
        heights = [bar.get_height() for bar in figure.axes[1].containers[0]]
        measured, fitted = fit.measured.values[3, 5], fit.fitted.values[3, 5]
        np.testing.assert_allclose(heights, (measured - fitted) / np.sqrt(fitted))

    def test_in_a_notebook(self):
        """Figures come from a result or its file, by name, fit a page, and leave the user's settings alone."""
        write_fit(self.file)
        before = dict(style.plt.rcParams)
        drawn = dict(figures.plot(self.file, "disks", "maps", position=(3, 5)))
        self.assertEqual(list(drawn), ["maps", "disks_3_5"])
        again = dict(figures.plot(result.read(self.file)))
        self.assertEqual(len(again), 3)
        for figure in again.values():
            self.assertLessEqual(figure.get_size_inches()[0], style.PAGE + 1e-9)
            sizes = [text.get_size() for text in figure.findobj(style.matplotlib.text.Text) if text.get_text()]
            self.assertGreaterEqual(min(sizes), 6)
        self.assertEqual(dict(style.plt.rcParams), before)
        with self.assertRaisesRegex(ValueError, "no figure 'map' .* maps, polarization_PTO, disks_"):
            list(figures.plot(self.file, "map"))

    def test_one_position(self):
        """Every parameter's distance from truth in standard errors, beside its value."""
        write_fit(self.file)
        with h5py.File(self.file, "r+") as file:
            root = file["pendel"]
            for path in [p for g in ("parameters", "errors", "truth") for p in map((g + "/").__add__, root[g])] + [
                    "status", "scale", "background", "chi2", "measured", "fitted"]:
                values = root[path + "/data"][()]
                parent, name = root[path].parent, path.split("/")[-1]
                if values.ndim > 1:
                    del parent[name]
                    array(parent, name, values[3, 5][None], "")
        found = result.read(self.file)
        self.assertEqual(found.shape, (1,))
        self.assertEqual(list(dict(figures.plot(found)))[0], "parameters")
        axes = maps.parameters_figure(found).axes[0]
        places = {line.get_ydata()[0]: line.get_xdata()[0] for line in axes.lines if line.get_marker() == "o"}
        for i, p in enumerate(p for p in found.parameters if p.truth is not None):
            expected = (p.value.values - p.truth.values)[0] / p.error.values[0]
            self.assertAlmostEqual(places[maps.of_positions(found).index(p)], expected)

    def test_pattern(self):
        write_pattern(self.folder / "pattern.h5")
        status, out, err = run(self.folder / "pattern.h5", "-o", self.folder, "--format", "svg")
        self.assertEqual(status, 0, err)
        self.assertEqual([pathlib.Path(line).name for line in out.split()],
                         ["pattern_spots.svg", "pattern_thickness_fringes.svg", "pattern_cbed.svg",
                          "pattern_rings_Si.svg"])
        axes = pattern.spots_figure(result.read(self.folder / "pattern.h5")).axes[0]
        low, high = axes.get_ylim()
        self.assertGreater(low, high)  # lab y points down

    def test_tilt_series(self):
        square = [(x, y) for y in np.linspace(-8, 8, 9) for x in np.linspace(-8, 8, 9)]
        write_pattern(self.file, square)
        found = result.read(self.file)
        self.assertIsNone(pattern.rocking_figure(found))
        figure = pattern.lacbed_figure(found)
        self.assertEqual(sum(len(axes.images) for axes in figure.axes), 8)
        write_pattern(self.file, [(x, 0) for x in range(5)])
        found = result.read(self.file)
        self.assertIsNone(pattern.lacbed_figure(found))
        axes = pattern.rocking_figure(found).axes[0]
        curves = {line.get_label(): line for line in axes.lines}
        beam = np.flatnonzero((found.hkl == 0).all(1))[0]
        np.testing.assert_array_equal(curves["$000$"].get_ydata(), found.intensity[:, -1, beam])
        np.testing.assert_array_equal(curves["$000$"].get_xdata(), range(5))
        self.assertEqual(axes.get_xlabel(), "beam tilt x (mrad)")

    def test_fringes_are_those_of_the_bragg_angle(self):
        """The tilt of the strongest diffracted beam; beams of the same curve share one, weak ones have none."""
        write_pattern(self.file, [(x, 0) for x in np.linspace(-1, 1, 9)])
        found = result.read(self.file)
        diffracted = np.any(found.hkl != 0, axis=1)
        at = np.argmax(found.intensity[..., diffracted].max((1, 2)))
        axes = pattern.fringes_figure(found).axes[0]
        self.assertIn(f"({found.tilt[at, 0]:.3g}, 0) mrad", axes.get_title(loc="left"))
        least = pattern.WEAKEST * found.intensity[at][:, diffracted].max()
        for line in axes.lines:
            self.assertGreaterEqual(max(line.get_ydata()), least)
            self.assertEqual(len(line.get_xdata()), len(found.thickness))
        strongest = np.argmax(np.where(diffracted, found.intensity[at].max(0), 0))
        self.assertTrue(any(np.array_equal(line.get_ydata(), found.intensity[at][:, strongest]) for line in axes.lines))

    def test_map_of_thickness_and_tilt(self):
        along = np.linspace(-8, 8, 33)
        write_pattern(self.file, [(0.6 * t, 0.8 * t) for t in along])
        found = result.read(self.file)
        np.testing.assert_allclose(pattern.tilt_line(found)[0], along)
        figure = pattern.map_figure(found)
        images = [axes.images[0] for axes in figure.axes if axes.images]
        beam = pattern.strongest_first(found, found.intensity)[1]
        np.testing.assert_array_equal(images[1].get_array(), found.intensity[:, :, beam].T)
        left, right, bottom, top = images[1].get_extent()
        self.assertEqual((left, right), (-8.25, 8.25))
        self.assertGreater(bottom, top)  # thickness grows downwards
        write_pattern(self.file, [(0, 0), (1, 0), (3, 0)])
        self.assertIsNone(pattern.map_figure(result.read(self.file)))  # uneven tilts

    def test_cbed_in_angles(self):
        write_pattern(self.file)
        figure = detector.cbed_figure(result.read(self.file).cbed)
        images = [axes.images[0] for axes in figure.axes if axes.images]
        self.assertEqual(len(images), 4)  # two thicknesses, linear and logarithmic
        # the array writer counts from 0: 16 pixels of 0.5 mrad, row 0 on top
        self.assertEqual(list(images[0].get_extent()), [-0.25, 7.75, 7.75, -0.25])

    def test_forbidden_rings_are_told_apart(self):
        write_pattern(self.file)
        figure = rings.rings_figure("Si", result.read(self.file).rings["Si"])
        above, below = figure.axes
        self.assertEqual({t.get_text() for t in above.texts}, {"$100$", "$300$"})
        self.assertEqual([t.get_text() for t in below.texts], ["$200$"])

    def test_stem(self):
        write_stem(self.file, thicknesses=(50.0,))
        status, out, err = run(self.file, "-o", self.folder, "--position", "1,2", "--format", "svg")
        self.assertEqual(status, 0, err)
        self.assertEqual([pathlib.Path(line).name for line in out.split()],
                         ["fit_images.svg", "fit_centre_of_mass.svg", "fit_mean.svg",
                          "fit_pattern_1_2.svg"])
        self.assertEqual(run(self.file, "-o", self.folder, "--position", "4,0")[0], 3)
        write_stem(self.file)
        scan = result.read(self.file)
        self.assertEqual([cube.label for cube in scan.cubes], ["50 Å", "100 Å"])
        figure = stem.pattern_figure(scan, (1, 2))
        image = figure.axes[0].images[0]
        self.assertEqual(image.get_array().max(), 8)  # position 7 of 0 to 19, counted from 1
        self.assertEqual(list(image.get_extent()), [-1, 31, 23, -1])
        figure = stem.images_figure(scan)
        self.assertEqual(len([axes for axes in figure.axes if axes.images]), 4)
        self.assertEqual(figure.axes[0].get_aspect(), 2)  # rows are 1 Å apart, columns 0.5 Å

    def test_images(self):
        write_images(self.file)
        status, out, err = run(self.file, "-o", self.folder)
        self.assertEqual(status, 0, err)
        self.assertEqual([pathlib.Path(line).name for line in out.split()],
                         ["fit_images.png", "fit_patterns.png"])
        found = result.read(self.file)
        figure = images.maps_figure(found)
        shown = [axes for axes in figure.axes if axes.images]
        self.assertEqual([axes.get_title() for axes in shown],
                         ["bright field", "dark field", "centre of mass less its mean",
                          "integrated centre of mass"])
        self.assertEqual(shown[0].get_aspect(), 2)
        panels = [axes.get_title() for axes in images.patterns(found).axes if axes.get_title()]
        self.assertEqual(panels, ["mean", "maximum", "standard deviation"])
        write_images(self.file, rows=1, integrated=False)
        self.assertEqual(run(self.file, "-o", self.folder)[0], 0)

    def test_a_large_scan_is_sampled(self):
        write_stem(self.file, thicknesses=(50.0,))
        cube = result.read(self.file).cubes[0]
        mean, count = cube.mean()
        self.assertEqual((mean.max(), count), (10.5, 20))
        cube.most_bytes = 6 * 12 * 16 * 8
        mean, count = cube.mean()
        self.assertEqual(count, 4)  # rows 1 and 3, columns 1 and 3
        self.assertEqual(mean.max(), np.mean([7, 9, 17, 19]))

    def test_classes(self):
        write_classes(self.file)
        status, out, err = run(self.file, "-o", self.folder)
        self.assertEqual(status, 0, err)
        self.assertEqual([pathlib.Path(line).name for line in out.split()],
                         ["fit_classes.png", "fit_components.png", "fit_bragg_vector_map.png",
                          "fit_numbers.png"])
        found = result.read(self.file)
        figure = classify.maps_figure(found)
        shown = {axes.get_title(): axes.images[0] for axes in figure.axes if axes.images}
        classes = shown["component of most weight"]
        drawn = classes.to_rgba(classes.get_array())
        colours = classify.class_colours(4)
        np.testing.assert_allclose(drawn[0, 0], colours[0])
        np.testing.assert_allclose(drawn[0, 3], colours[3])
        self.assertEqual(drawn[-1, -1][0], 0.75)  # empty: grey
        np.testing.assert_array_equal(shown["component 2"].get_array(), found.weights.values[1])
        disks = classify.patterns_figure(found).axes[0].collections[1]
        np.testing.assert_allclose(disks.get_offsets(), found.q.values)
        self.assertEqual(disks.get_sizes()[4], 60)  # the largest part of the pattern
        write_classes(self.file, tried=(4,), rings=True)
        found = result.read(self.file)
        self.assertIsNone(classify.numbers_figure(found))
        self.assertEqual(len(classify.patterns_figure(found).axes), 4)

    def test_orientations(self):
        write_match(self.file)
        status, out, err = run(self.file, "-o", self.folder)
        self.assertEqual(status, 0, err)
        self.assertEqual([pathlib.Path(line).name for line in out.split()],
                         [f"fit_{name}.png" for name in ("ipf", "phases", "quality", "misorientation")])
        found = result.read(self.file)
        panels = {axes.get_title(): axes for axes in orientations.ipf_figure(found).axes}
        image = panels["along map y (up)"].images[0].get_array()
        np.testing.assert_allclose(image[0, 0], 0.75)  # not indexed: grey
        np.testing.assert_allclose(image[2, 3], [0, 1, 0])
        self.assertEqual([t.get_text() for t in panels[r"one (m$\bar{3}$m)"].texts], ["[001]", "[101]", "[111]"])
        self.assertEqual(style.bars("[-110]"), r"[$\bar{1}$10]")
        self.assertEqual(style.formula("LiMn2O4"), "LiMn$_{2}$O$_{4}$")
        self.assertEqual([style.formula("film 2"), style.formula("Si")], ["film 2", "Si"])
        # the twin white between columns 1 and 2; boundary and phases black
        drawn = {"white": set(), "black": set()}
        for line in panels["along map y (up)"].lines:
            ends = np.stack(line.get_data(), -1).reshape(-1, 3, 2)[:, :2]
            drawn[line.get_color()] |= {tuple(end.T.ravel()) for end in ends}
        black = drawn["black"]
        self.assertEqual(drawn["white"], {(1.5, 1.5, row - 0.5, row + 0.5) for row in range(ROWS)})
        self.assertIn((3.5, 3.5, 2.5, 3.5), black)
        self.assertIn((4.5, 4.5, 0.5, 1.5), black)
        self.assertIn((0.5, 0.5, -0.5, 0.5), black)
        legend = orientations.phases_figure(found).subfigs[1].legends[0]
        self.assertIn("not indexed: 2.1 %", [t.get_text() for t in legend.get_texts()])
        write_match(self.file, twins=False, step=20)
        figure = orientations.misorientation_figure(result.read(self.file))
        counts = figure.axes[3].patches
        self.assertEqual(sum(p.get_height() for p in counts), 2 * ROWS * COLUMNS - 2 * ROWS)
        self.assertIn("2 nm", [t.get_text() for axes in figure.axes for t in axes.texts])

    def test_flow(self):
        write_flow(self.file)
        status, out, err = run(self.file, "-o", self.folder)
        self.assertEqual(status, 0, err)
        self.assertEqual([pathlib.Path(line).name for line in out.split()],
                         ["fit_ring1_lines.png", "fit_ring1_histogram.png"])
        ring = result.read(self.file).rings["ring1"]
        axes = flow.lines_figure(ring).axes
        drawn = axes[0].collections[0]
        # three steps; no step from the end of one line to the start of the next
        np.testing.assert_array_equal(drawn.get_segments(), [[[1, 2], [2, 2]], [[2, 2], [3, 2]],
                                                             [[5, 1], [5, 2]]])
        red, cyan = drawn.get_colors()[0], drawn.get_colors()[2]
        self.assertGreater(red[0], 1.3 * max(red[1:3]))
        self.assertGreater(min(cyan[1:3]), 2 * cyan[0])
        grey = flow.angle_colours(np.arange(180)) ** 2.2 @ [0.2126, 0.7152, 0.0722]
        self.assertLess(np.ptp(grey), 0.03 * grey.mean())  # all of the same lightness
        self.assertEqual(axes[1].get_theta_direction(), -1)  # as the map: y down
        np.testing.assert_allclose(flow.angle_colours([0, 45]), flow.angle_colours([180, 225]),
                                   atol=1e-12)
        strongest = flow.histogram_figure(ring).axes[1].images[0].get_array()
        np.testing.assert_allclose(strongest[0, 0], flow.angle_colours([0])[0])
        self.assertEqual(strongest[-1, -1, 0], 0.75)
        write_flow(self.file, lines=False)
        self.assertEqual(len(flow.lines_figure(result.read(self.file).rings["ring1"])
                             .axes[0].collections), 0)

    def test_plan(self):
        write_plan(self.folder / "plan.h5", 3, [[0, 0], [1, 0], [2, 0]])
        status, printed, _ = run(self.folder / "plan.h5", "-o", self.folder)
        self.assertEqual(status, 0)
        names = [pathlib.Path(line).name for line in printed.split()]
        self.assertEqual(names, ["plan_errors.png", "plan_separation.png", "plan_bias.png"])
        found = result.read(self.folder / "plan.h5")
        shown = plan.errors_figure(found).axes[0].collections[0].get_array()
        np.testing.assert_allclose(np.ravel(shown), np.repeat([0.001, 0.002, 0.003], 3))
        texts = [text.get_text() for text in plan.bias_figure(found).axes[0].texts]
        self.assertEqual(texts, ["0.3 mrad", "0.004"])

    def test_plan_over_one_axis(self):
        write_plan(self.folder / "lines.h5", 3, [[0, 0]], bias=False)
        found = result.read(self.folder / "lines.h5")
        lines = plan.errors_figure(found).axes[0].lines
        self.assertEqual([line.get_label() for line in lines], ["0 electrons", "1e+04 electrons"])
        np.testing.assert_allclose(lines[1].get_ydata(), [0.001, 0.002, 0.003])
        self.assertIsNone(plan.bias_figure(found))
        grid = [[x, y] for y in (-1, 0, 1) for x in (-1, 0, 1)]
        write_plan(self.folder / "square.h5", 1, grid)
        axes = plan.errors_figure(result.read(self.folder / "square.h5")).axes[0]
        self.assertEqual(axes.images[0].get_array().shape, (3, 3))
        self.assertEqual(axes.images[0].get_extent(), [-1.5, 1.5, 1.5, -1.5])

    def test_list_of_positions(self):
        write_list(self.file)
        status, out, err = run(self.file, "-o", self.folder, "--position", "7")
        self.assertEqual(status, 0, err)
        self.assertEqual([pathlib.Path(line).name for line in out.split()],
                         ["fit_positions.png", "fit_disks_7.png"])

    def test_indices_with_bars(self):
        self.assertEqual(style.hkl_label((1, -1, 0)), r"$1\bar{1}0$")
        self.assertEqual(style.hkl_label((10, 0, -2)), r"$10\,0\,\bar{2}$")

    def test_what_is_no_result_ends_with_status_3_and_says_why(self):
        (self.folder / "text.h5").write_text("no HDF5")
        with h5py.File(self.folder / "other.h5", "w") as file:
            file["scan"] = np.zeros(3)
        with h5py.File(self.folder / "empty.h5", "w") as file:
            file.create_group("pendel").attrs["emd_group_type"] = "root"
        write_fit(self.file)
        for arguments, message in [
                ([self.folder / "absent.h5"], "cannot be read"),
                ([self.folder / "text.h5"], "cannot be read as HDF5"),
                ([self.folder / "other.h5"], "the file holds: scan"),
                ([self.folder / "empty.h5"], "figures are made of results"),
                ([self.file, "--position", "3,99"], "not in the scan, whose shape is 6,8")]:
            status, _, err = run(*arguments, "-o", self.folder)
            self.assertEqual(status, 3, err)
            self.assertIn(message, err)
        self.assertEqual(run(self.file, "--position", "here")[0], 2)


if __name__ == "__main__":
    unittest.main()
