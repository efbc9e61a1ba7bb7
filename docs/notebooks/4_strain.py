# %% [markdown]
# # Strain from Bragg disks
#
# Places of disks, a lattice through them, and its change against a reference. First on simulated patterns, whose
# strain is known, then on a measured particle.
#
# ## Patterns with known strain
#
# A scan of 4 × 12 positions. The columns in the middle are a layer that is stretched by 1.5 % along x and compressed by
# 0.5 % along y; on its right the crystal is turned by 0.4°. Every pattern has 21 disks of 200 to 3000 electrons.

# %%
import pathlib
import tempfile

import matplotlib.pyplot as plt
import numpy as np
import pendel

ROOT = pathlib.Path("../..").resolve()
work = pathlib.Path(tempfile.mkdtemp())
random = np.random.default_rng(4)

ROWS, COLUMNS, SIZE = 4, 12, 128
reference = np.array([[24.3, -1.1], [1.2, 25.4]])  # columns g1, g2, in pixels
column = np.arange(COLUMNS)
true = {"e_xx": np.where((column > 3) & (column < 8), 0.015, 0.0), "e_yy": np.where((column > 3) & (column < 8), -0.005, 0.0),
        "e_xy": np.zeros(COLUMNS), "rotation": np.where(column >= 8, np.radians(0.4), 0.0)}

y, x = np.mgrid[:SIZE, :SIZE]
indices = np.array([(h, k) for h in range(-2, 3) for k in range(-2, 3) if h * h + k * k <= 5])
brightness = 200 + 2800 * random.random(len(indices))


def disk(at):
    """A disk of radius 6 pixels with an edge as soft as a detector makes it, of sum 1."""
    soft = 1 / (1 + np.exp(4 * (np.hypot(x - at[0], y - at[1]) - 6) / 1.5))
    return soft / soft.sum()


def basis_of(c):
    """g1, g2 of a column: where the crystal is stretched its diffraction vectors are shorter."""
    t = true["rotation"][c]
    turn = np.array([[np.cos(t), -np.sin(t)], [np.sin(t), np.cos(t)]])
    stretch = np.eye(2) + [[true["e_xx"][c], true["e_xy"][c]], [true["e_xy"][c], true["e_yy"][c]]]
    return np.linalg.inv(turn @ stretch).T @ reference


patterns = np.empty((ROWS, COLUMNS, SIZE, SIZE), np.float32)
for r in range(ROWS):
    for c in range(COLUMNS):
        origin = 63.5 + random.uniform(-0.5, 0.5, 2)  # the beam wanders a little with the scan
        mean = 0.2 + sum(b * disk(origin + basis_of(c) @ i) for i, b in zip(indices, brightness))
        patterns[r, c] = random.poisson(mean)
probe = random.poisson(1e5 * disk([64.2, 63.7]))

figure, axes = plt.subplots(figsize=(3, 2.8), layout="constrained")
image = axes.imshow(patterns[0, 0], cmap="inferno")
figure.colorbar(image, label="electrons")
axes.set(xlabel="column (pixels)", ylabel="row (pixels)")

# %% [markdown]
# ## Disks, lattice, strain
#
# `find_disks` correlates with the probe and refines every place by a fit, with its standard deviation. `fit_lattice` is
# robust: a wrong disk does not pull it. The reference is the mean lattice of the four columns on the left.

# %%
found = pendel.find_disks(patterns, probe)
fits = [pendel.fit_lattice(f[:, :2] - 63.5, near=reference, errors=f[:, 3:]) for f in found]
assert all(fit is not None for fit in fits)
bases = np.array([fit["basis"] for fit in fits]).reshape(ROWS, COLUMNS, 2, 2)
chosen = bases[:, :4].mean((0, 1))

strains = {name: np.empty((ROWS, COLUMNS)) for name in true}
for at in np.ndindex(ROWS, COLUMNS):
    epsilon, rotation = pendel.strain(bases[at], chosen)
    for name, value in zip(true, (epsilon[0, 0], epsilon[1, 1], epsilon[0, 1], rotation)):
        strains[name][at] = value

figure, grid = plt.subplots(1, 2, figsize=(7.2, 2.4), layout="constrained")
for name in true:
    axes, factor = (grid[1], np.degrees(1)) if name == "rotation" else (grid[0], 100)
    line, = axes.plot(column, factor * true[name], linewidth=1)
    axes.plot(np.tile(column, ROWS), factor * strains[name].ravel(), ".", markersize=4, color=line.get_color(), label=name)
grid[0].set(xlabel="column", ylabel="strain (%)")
grid[0].legend(fontsize="small")
grid[1].set(xlabel="column", ylabel="rotation (°)")

# %% [markdown]
# What to look at: every position is a point, the line is the truth. The scatter says what strain can be seen; a step of
# one column at an interface is as sharp as the probe.
#
# The lattice has a covariance, too. Its errors in units of the standard errors scatter by 1 if those are right.

# %%
errors = {name: np.sqrt(np.mean((strains[name] - true[name]) ** 2)) for name in true}
for name, error in errors.items():
    print(f"{name:9} rms error {np.degrees(error):.4f}°" if name == "rotation" else f"{name:9} rms error {100 * error:.4f} %")
z = []
for n, fit in enumerate(fits):
    sigma = np.sqrt(np.diag(fit["covariance"]))[2:]  # after the origin's: x and y of g1, of g2
    z.append((fit["basis"] - basis_of(n % COLUMNS)).T.ravel() / sigma)
rms = np.sqrt(np.mean(np.square(z)))
print(f"lattice vectors: rms error {rms:.2f} standard errors")
assert max(errors[name] for name in ("e_xx", "e_yy", "e_xy")) < 5e-4
assert np.degrees(errors["rotation"]) < 0.03
assert 0.75 < rms < 1.3  # 192 numbers; disks' errors are estimates themselves

# %% [markdown]
# ## A measured particle
#
# The study `strain` does the same for a scan, from measured peaks of a cathode particle against its middle. Here the
# places' errors come from the peaks' own scatter.

# %%
particle = pendel.load(pendel.run(ROOT / "studies/examples/cathode_strain/study.yaml", output=work / "strain.h5"))
figures = pendel.plot(particle)

# %% [markdown]
# Compare each map with the one below it: where the standard error is 0.4 %, a strain of 0.4 % is noise. And beware of the
# edge of a particle, where few peaks are left.

# %%
e_xx, sigma = particle.strain["e_xx"].values, particle.errors["e_xx"].values
middle = e_xx[8:21, 6:13]
print(f"middle: {100 * np.nanmean(middle):.3f} ± {100 * np.nanstd(middle):.3f} %, standard error of a position "
      f"{100 * np.nanmedian(sigma):.2f} %")
assert abs(np.nanmean(middle)) < 1e-3  # it is the reference
assert 0.5 < np.nanstd(middle) / np.nanmedian(sigma[8:21, 6:13]) < 2.5  # scatter and its error bars agree
