"""Dynamical electron diffraction, simulated and inverted.

Lengths are in Å, scattering vectors in 1/Å (no 2π), energies in keV, tilts in mrad; the lab frame has x along the
detector's columns, y along its rows and z along the beam.
"""
import os

_share = os.path.join(os.path.dirname(__file__), "share")
if os.path.isdir(_share):  # installed by pip, with the files that ship
    os.environ.setdefault("PENDEL_SHARE", _share)

from ._pendel import (Crystal, InputError, Model, NumericalError, Parameter, Scan, Simulator, StudyError, annulus, find_disks, fit_lattice, new_study,
                      orientation, set_threads, strain, study_keys, study_kinds, threads)
from . import _pendel

__all__ = ["Crystal", "InputError", "Model", "NumericalError", "Parameter", "Scan", "Simulator", "StudyError",
           "annulus", "find_disks", "fit_lattice", "load", "new_study", "orientation", "plot", "run", "set_threads", "strain",
           "study_keys", "study_kinds", "threads"]


def run(study, output=None, resume=False, quiet=True, **settings):
    """Runs a YAML study, as `pendel run` does, and returns the path of its result.

    settings replace values of the study, with two underscores for the dot: beam__energy_keV=200. Ctrl-C stops a long
    run where `resume=True` can continue it (KeyboardInterrupt).
    """
    study = os.fspath(study)
    output = os.fspath(output) if output is not None else None
    pairs = [f"{key.replace('__', '.')}={_yaml(value)}" for key, value in settings.items()]
    return _pendel._run(study, pairs, output, resume, quiet)


def load(path):
    """What a study has made: arrays with units and axes, by their names in the file (needs h5py)."""
    from pendel_plot.result import read  # h5py is slow to import, and not needed for the rest
    return read(os.fspath(path))


def _yaml(value):
    """A value as YAML writes it in one line."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_yaml(item)}" for key, item in value.items()) + "}"
    if hasattr(value, "__len__") and not isinstance(value, str):
        return "[" + ", ".join(_yaml(item) for item in value) + "]"
    return str(value)


def plot(result, *figures, position=None):
    """Figures of a result (what `load` gives, or its file) as `pendel plot` draws them: {name: matplotlib Figure}.

    figures: names of those that are wanted, also without what follows an underscore ("disks" for disks_3_5); none:
    all. position: (row, column) of the disks or pattern that are drawn.
    """
    from pendel_plot.figures import plot as drawn  # matplotlib is slow to import
    return dict(drawn(result, *figures, position=position))
