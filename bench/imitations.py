#!/usr/bin/env python3
"""What can imitate polarization: imitations.py PENDEL FIGURE.svg prints how far neglected effects move a
fit of the stack of the example sto_pto_plan, and draws the asymmetry of pairs of disks against thickness."""
import json
import pathlib
import re
import subprocess
import sys
import tempfile

import h5py
import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

plt.rcParams.update({"font.size": 8, "svg.hashsalt": "pendel", "svg.fonttype": "none"})
SOURCE = pathlib.Path(__file__).resolve().parents[1]
CIF = SOURCE / "data" / "cif"
CRYSTALS = "SrTiO3_stack", "PbTiO3_stack", "PbTiO3_stack_polar_x", "PbTiO3_stack_polar_y"


def pendel(program, folder, study, name, *settings):
    (folder / f"{name}.yaml").write_text(study)
    arguments = [part for setting in settings for part in ("--set", setting)]
    done = subprocess.run([program, "run", f"{name}.yaml", "--output", f"{name}.h5", *arguments], cwd=folder,
                          capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stderr)
    return done.stdout, folder / f"{name}.h5"


def changed_crystals(folder, what, change):
    """Settings that take copies of the CIFs with every line changed."""
    for name in CRYSTALS:
        lines = (CIF / f"{name}.cif").read_text().splitlines()
        (folder / f"{what}_{name}.cif").write_text("\n".join(map(change, lines)) + "\n")
    path = {name: folder / f"{what}_{name}.cif" for name in CRYSTALS}
    return [f"crystals.STO.cif={path['SrTiO3_stack']}", f"crystals.PTO.cif={path['PbTiO3_stack']}"] + [
        f"crystals.PTO.modes.{axis}.polar_cif={path[f'PbTiO3_stack_polar_{axis}']}" for axis in "xy"]


def wider(line):
    return re.sub(r"(_cell_length_[ab]) (\S+)", lambda m: f"{m[1]} {1.005 * float(m[2]):.5f}", line)


def warmer(line):
    return re.sub(r"^(\w+ [A-Z][a-z]? .* 1 )(\S+)$", lambda m: f"{m[1]}{1.2 * float(m[2]):.4f}", line)


def plans(program, folder):
    example = (SOURCE / "studies/examples/sto_pto_plan/study.yaml").read_text()
    example = example.replace("../../../data", str(SOURCE / "data"))
    example = example[:example.index("  bias:")]
    on_axis = re.sub("  tilt_line: .*\n", "", example)

    def plan(name, example, bias, *settings):
        listed = "".join(f"    {effect}: {json.dumps(changes)}\n" for effect, changes in bias.items())
        text, _ = pendel(program, folder, example + "  bias:\n" + listed, name, "plan.doses=[1.0e+5]",
                         "plan.g_max_invA=[1.2]", "plan.thicknesses_A=[]", "plan.ambiguity=false", *settings)
        print(name + ":\n  " + "\n  ".join(line for line in text.splitlines() if "moves" in line or "median" in line))

    plan("tilt and thickness of the first layer fitted", example, {
        "5 % absorption": ["engine.absorption=proportional", "engine.proportional_absorption=0.05"],
        "one cell of the third layer": ["specimen.layers.2.cells=17"],
        "Debye-Waller factors 20 % larger": changed_crystals(folder, "warm", warmer),
        "strain of 0.5 % across the beam": changed_crystals(folder, "wide", wider),
        "Kirkland's scattering factors": ["engine.scattering=kirkland"],
        "semi-angle 1.9 mrad": ["beam.semiangle_mrad=1.9"]})
    plan("neither fitted, beam along the axis", on_axis, {
        "a tilt of 0.3 mrad along x": ["beam.tilt_mrad=[0.3, 0]"],
        "one cell of the first layer": ["specimen.layers.0.cells=17"]},
        "fit.beam_tilt_mrad=fixed", "fit.thickness_A=[]", "plan.states=12")


def uneven_detector(hkl, data):
    return hkl, data * (1 + 0.05 * hkl[:, 0] / np.abs(hkl[:, 0]).max())


def leaking_disks(hkl, data):
    place = {tuple(beam): i for i, beam in enumerate(hkl)}
    result = data.copy()
    for (h, k, l), i in place.items():
        for step in (1, 0), (-1, 0), (0, 1), (0, -1):
            other = place.get((h + step[0], k + step[1], l))
            if other is not None:
                result[..., i] += 0.003 * (data[..., other] - data[..., i])
    return hkl, result


def changed_data(program, folder):
    study = (SOURCE / "studies/examples/sto_pto_vortex/study.yaml").read_text()
    study = study.replace("../../../data/cif", str(CIF)).replace("../../../data/scans/sto_pto_vortex.h5", "changed.h5")
    study = study.replace("intensity: counts", "intensity: expected")

    def fit(change):
        with h5py.File(SOURCE / "data/scans/sto_pto_vortex.h5") as scan, h5py.File(folder / "changed.h5", "w") as file:
            file["hkl"], file["expected"] = change(scan["hkl"][()], scan["expected"][()])
            scan.copy("truth", file)
        _, result = pendel(program, folder, study, "data", "fit.checks.bootstrap_positions=0")
        with h5py.File(result) as file:
            return ({name: item["data"][()] for name, item in file["pendel/parameters"].items()},
                    np.median(file["pendel/chi2/data"][()]))

    rms = lambda values: f"{np.sqrt(np.mean(values**2)):.2g}"
    right, chi2 = fit(lambda hkl, data: (hkl, data))
    print(f"unchanged data: chi2 {chi2:.3g}")
    for what, change in (("5 % more at one edge of the detector, 5 % less at the other", uneven_detector),
                         ("0.3 % of every disk in each of its neighbours", leaking_disks)):
        found, chi2 = fit(change)
        moves = [f"{name} by {rms(found[name] - right[name])} (mean {np.mean(found[name] - right[name]):.2g})"
                 for name in found]
        print(f"{what}: moves {', '.join(moves)}; chi2 {chi2:.3g}")
    for what, turn in ("turned by 180", [[-1, 0], [0, -1]]), ("turned by 90", [[0, 1], [-1, 0]]), (
            "mirrored", [[1, 0], [0, -1]]):
        turned = np.eye(3)
        turned[:2, :2] = turn
        found, chi2 = fit(lambda hkl, data: (np.rint(hkl @ turned.T).astype(int), data))
        lines = []
        for vector in "beam_tilt_mrad", "polarization.PTO":
            expected = np.tensordot(turn, [right[f"{vector}.{axis}"] for axis in "xy"], 1)
            lines += [f"{vector}.{axis} by {rms(found[f'{vector}.{axis}'] - expected[i])}"
                      for i, axis in enumerate("xy")]
        print(f"pattern {what}: differs from the vectors likewise {', '.join(lines)}; chi2 {chi2:.3g}")


def reversal(program, folder, figure):
    study = f"""\
study: pattern
crystals: {{PTO: {{cif: {CIF}/PbTiO3_stackKIND.cif}}}}
specimen: {{beam_direction: [0, 0, 1], x_axis: [1, 0, 0], layers: [{{crystal: PTO, thickness_A: 300}}]}}
beam: {{energy_keV: 300, semiangle_mrad: 1.75}}
engine: {{kind: splitstep, scattering: lobato, g_max_invA: 4, slice_A: 0.7}}
pattern: {{g_max_invA: 0.8, thickness_series: {{from_A: 4, to_A: 300, points: 75}}, tilts_mrad: [[0, 0], [1, 0]]}}
"""
    thickness = np.linspace(4, 300, 75)
    panels = plt.subplots(1, 2, figsize=(7, 2.7), layout="constrained", sharex=True, sharey=True)
    for axes, h in zip(panels[1], (1, 2)):
        for kind, tilt, style, label in (("_polar_x", 0, "C0-", "ρ = 1, beam on the axis"),
                                         ("", 1, "C1--", "ρ = 0, beam tilted by 1 mrad")):
            _, result = pendel(program, folder, study.replace("KIND", kind), "series")
            with h5py.File(result) as file:
                hkl = file["pendel/hkl/data"][()].tolist()
                intensity = file["pendel/intensity/data"][tilt]
            plus, minus = (intensity[:, hkl.index([sign * h, 0, 0])] for sign in (1, -1))
            asymmetry = (plus - minus) / (plus + minus)
            axes.plot(thickness, asymmetry, style, label=label, linewidth=1)
            turns = thickness[1:][np.diff(np.sign(asymmetry)) != 0]
            print(f"{h}00, {label}: changes sign near {np.round(turns).astype(int).tolist()} Å, largest "
                  f"{np.abs(asymmetry).max():.2f}")
        axes.axhline(0, color="0.6", linewidth=0.6)
        axes.set_title(f"{h}00 and $\\bar{{{h}}}$00", fontsize=8)
        axes.set_xlabel("thickness of PbTiO$_3$ (Å)")
    panels[1][0].set_ylabel("(I$_g$ − I$_{-g}$) / (I$_g$ + I$_{-g}$)")
    panels[1][0].legend(frameon=False, fontsize=7)
    panels[0].savefig(figure, metadata={"Date": None})


def main():
    program, figure = pathlib.Path(sys.argv[1]).resolve(), sys.argv[2]
    with tempfile.TemporaryDirectory() as place:
        folder = pathlib.Path(place)
        reversal(program, folder, figure)
        plans(program, folder)
        changed_data(program, folder)


if __name__ == "__main__":
    main()
