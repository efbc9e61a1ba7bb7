"""Dynamical electron diffraction, simulated and inverted.

Lengths are in Å, scattering vectors in 1/Å (no 2π), energies in keV, tilts in mrad; the lab frame has x along the
detector's columns, y along its rows and z along the beam.
"""
import json
import os
from typing import Any, Dict, Optional, Tuple, Union

_share = os.path.join(os.path.dirname(__file__), "share")
if os.path.isdir(_share):  # installed by pip, with the files that ship
    os.environ.setdefault("PENDEL_SHARE", _share)

from ._pendel import (Crystal, InputError, Library, Match, Matcher, Model, NumericalError, Parameter, Scan, Simulator,
                     Solution, StudyError, annulus, find_disks, fit_lattice, from_bunge, from_quaternion, integrated,
                     ipf_colours, ipf_key, misorientation_deg, new_study, orientation, orientation_flags, set_threads,
                     strain, study_keys, study_kinds, threads, to_bunge, to_quaternion)
from . import _pendel, interop

_Path = Union[str, "os.PathLike[str]"]

__all__ = ["Crystal", "InputError", "Library", "Match", "Matcher", "Model", "NumericalError", "Parameter", "Scan",
           "Simulator", "Solution", "StudyError", "annulus", "find_disks", "fit_lattice", "from_bunge",
           "from_quaternion", "integrated", "interop", "ipf_colours", "ipf_key", "load", "misorientation_deg",
           "new_study", "orientation", "orientation_flags", "plot", "run", "set_threads", "strain", "study_keys",
           "study_kinds", "threads", "to_bunge", "to_quaternion"]


def run(study: _Path, output: Optional[_Path] = None, resume: bool = False, quiet: bool = True, **settings: Any) -> str:
    """Runs a YAML study, as `pendel run` does, and returns the path of its result.

    settings replace values of the study, with two underscores for the dot: beam__energy_keV=200. Ctrl-C stops a long
    run where `resume=True` can continue it (KeyboardInterrupt).
    """
    study = os.fspath(study)
    output = os.fspath(output) if output is not None else None
    pairs = [f"{key.replace('__', '.')}={_yaml(value)}" for key, value in settings.items()]
    return _pendel._run(study, pairs, output, resume, quiet)


def load(path: _Path) -> Any:
    """What a study has made: arrays with units and axes, by their names in the file (needs h5py)."""
    from pendel_plot.result import read  # h5py is slow to import, and not needed for the rest
    return read(os.fspath(path))


def plot(result: Any, *figures: str, position: Optional[Tuple[int, int]] = None) -> Dict[str, Any]:
    """Figures of a result (what `load` gives, or its file) as `pendel plot` draws them: {name: matplotlib Figure}.

    figures: names of those that are wanted, also without what follows an underscore ("disks" for disks_3_5); none:
    all. position: (row, column) of the disks or pattern that are drawn.
    """
    from pendel_plot.figures import plot as drawn  # matplotlib is slow to import
    return dict(drawn(result, *figures, position=position))


def _yaml(value: Any) -> str:
    """A value in one line of YAML, of which JSON is a part."""
    return json.dumps(value, ensure_ascii=False, default=lambda v: v.tolist() if hasattr(v, "tolist") else os.fspath(v))
