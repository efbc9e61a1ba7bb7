# %% [markdown]
# # Quick start
#
# A crystal, its structure factors, the beating of its beams with thickness, and a fit of thickness and tilt. A minute
# of reading, seconds of computing.
#
# Units everywhere: Å, 1/Å without 2π, keV, mrad. In the laboratory frame x runs along the columns of the detector, y
# down its rows and z along the beam.

# %%
import pathlib
import tempfile

import matplotlib.pyplot as plt
import numpy as np
import pendel

ROOT = pathlib.Path("../..").resolve()  # the folder of Pendel: crystals and examples are there
work = pathlib.Path(tempfile.mkdtemp())  # results go here

# %% [markdown]
# ## A crystal
#
# From a CIF: symmetry is expanded, B factors are kept. `structure_factors` gives U_g in 1/Å² (and its absorptive part),
# the only thing that dynamical diffraction needs to know of a crystal.

# %%
silicon = pendel.Crystal.from_cif(ROOT / "data/cif/Si.cif")
g = [[2, -2, 0]]
U, _ = silicon.structure_factors(g, energy_keV=200)
wavelength = 0.025079  # Å, of electrons of 200 keV
print(silicon.point_group, len(silicon.elements), "atoms per cell, U(2-20) =", abs(U[0]).round(5), "1/Å²")

# %% [markdown]
# ## Two beams
#
# Tilted to the Bragg angle of 2-20, far from a zone axis, nearly all electrons are in two beams, and their intensities
# exchange with the thickness: the *Pendellösung*. Two-beam theory says with which period, the extinction distance
# ξ = 1/(λ |U_g|).

# %%
extinction = 1 / (wavelength * abs(U[0]))
length = np.linalg.norm(silicon.g(g)[0])  # of g, 1/Å
bragg = 1e3 * wavelength * length / 2  # mrad
simulator = pendel.Simulator([(silicon, 1000.0)], energy_keV=200, beam_direction=[1, 1, 8], x_axis=[1, -1, 0],
                             tilts_mrad=[[-bragg, 0]], kind="bloch", g_max_invA=4, sg_max_invA=0.05)
thickness = np.arange(10.0, 1500, 10)
psi = simulator.thickness_series(thickness, [[-bragg, 0]])[:, 0]  # (thicknesses, beams), complex
intensity = abs(psi) ** 2
direct = (simulator.hkl == 0).all(1).argmax()
strongest = np.argmax(np.where(np.arange(len(simulator.hkl)) == direct, 0, intensity.max(0)))

figure, axes = plt.subplots(figsize=(4.2, 2.6), layout="constrained")
axes.plot(thickness, intensity[:, direct], label="000")
axes.plot(thickness, intensity[:, strongest], label=" ".join(map(str, simulator.hkl[strongest])))
axes.plot(thickness, np.sin(np.pi * thickness / extinction) ** 2, ":", color="0.5", label="two-beam theory")
axes.set(xlabel="thickness (Å)", ylabel="intensity")
axes.legend(ncol=3, loc="lower center", bbox_to_anchor=(0.5, 1), frameon=False, fontsize="small")

# %% [markdown]
# What to look at: the beam that the specimen scatters into is at its first maximum after half an extinction distance.
# The period is 8 % shorter than that of two-beam theory: with `sg_max_invA=0.002`, which leaves 7 beams, the first maximum is
# at 490 Å; it is the hundreds of weak other beams that shift it. Intensities add up to 1: nothing is lost without
# absorption.

# %%
first = thickness[np.argmax(intensity[: int(0.1 * extinction), strongest])]
print(f"first maximum at {first:.0f} Å, half the extinction distance: {extinction / 2:.0f} Å")
assert tuple(simulator.hkl[strongest]) == (2, -2, 0)
assert abs(first / (extinction / 2) - 1) < 0.1
assert abs(intensity.sum(1) - 1).max() < 1e-9

# %% [markdown]
# ## The same as a study
#
# A study is a YAML file; `pendel.run` runs it as the command does, `pendel.load` reads what it made and `pendel.plot`
# draws it. Keyword arguments replace values of the file, with two underscores for the dot.

# %%
result = pendel.run(ROOT / "studies/examples/pendelloesung/study.yaml", output=work / "beating.h5",
                    pattern__thickness_series={"from_A": 25, "to_A": 1500, "points": 60},
                    pattern__tilt_line={"from_mrad": [-12, 0], "to_mrad": [12, 0], "points": 49})
beating = pendel.load(result)
print(type(beating).__name__, beating.intensity.shape, "(tilts, thicknesses, beams)")
figures = pendel.plot(beating, "thickness_fringes", "rocking_curves", "thickness_tilt")

# %% [markdown]
# Fringes in thickness are those of the tilt at which a diffracted beam is strongest. In the map over tilt and thickness
# they bend into rocking curves: away from the Bragg angle the beating is faster and weaker.
#
# ## A fit
#
# Thickness and tilt from the disk intensities of one pattern. Parameters have ranges; a `Model` is disk intensities as
# a function of them with the exact Jacobian; `fit` takes a row of counts per pattern. Here the counts are simulated, so
# that the answer is known.

# %%
strontium_titanate = pendel.Crystal.from_cif(ROOT / "data/cif/SrTiO3.cif")
column = pendel.Simulator([(strontium_titanate, 200.0)], energy_keV=300, zone_axis=[0, 0, 1], x_axis=[1, 0, 0],
                          kind="splitstep", g_max_invA=3)
parameters = [column.tilt("x", -5, 5), column.tilt("y", -5, 5), column.thickness(0, 180, 220)]
disks = [h for h in column.hkl if abs(h).max() <= 2]
model = pendel.Model(column, disks, parameters, semiangle_mrad=1.5, surrogate_tolerance=0.005)

random = np.random.default_rng(1)
truth = random.uniform([-4, -4, 185], [4, 4, 215], (50, 3))
counts = random.poisson(1e5 * model(truth))
found = model.fit(counts, dose=1e5, scale=(1, 1))
error_in_sigma = (found["values"] - truth) / found["errors"]
for name, sigma in zip(found["parameters"], np.median(found["errors"], axis=0)):
    print(f"{name}: standard error {sigma:.3g}")

# %% [markdown]
# Errors in units of the standard errors that the fit reports must scatter with a deviation of 1. Look at this before
# you believe an error bar.

# %%
figure, axes = plt.subplots(figsize=(4.2, 2.4), layout="constrained")
axes.hist(error_in_sigma.ravel(), bins=np.arange(-4, 4.1, 0.5), density=True, color="0.7")
x = np.linspace(-4, 4, 200)
axes.plot(x, np.exp(-x**2 / 2) / np.sqrt(2 * np.pi), color="C3")
axes.set(xlabel="(fit − truth) / standard error", ylabel="density")

rms = np.sqrt(np.mean(error_in_sigma**2))
print(f"rms of the errors: {rms:.2f} standard errors; reduced χ²: {found['reduced_chi2'].mean():.2f}")
assert (found["status"] == 0).all()
assert 0.8 < rms < 1.25  # 150 numbers: 1 ± 0.06
assert abs(found["reduced_chi2"].mean() - 1) < 0.15
