"""To and from objects of other programs: py4DSTEM, ASE, orix.

Nothing is imported before it is needed; ImportError says what is. Objects are taken by the attributes that they are
documented to have, so that no version of a program is asked for.

py4DSTEM counts x along rows, y along columns, and its z points to the source: (x, y, z) there is (y, x, -z) here.
"""
from __future__ import annotations

import importlib
from typing import Any, Optional

import numpy as np
from numpy.typing import ArrayLike

from ._pendel import Crystal, StudyError, from_quaternion, misorientation_deg, to_quaternion

__all__ = ["crystal_from_ase", "crystal_to_ase", "orientations_from_orix", "orientations_from_py4dstem",
           "orientations_to_orix", "orientations_to_py4dstem", "peaks_from_py4dstem", "peaks_to_py4dstem"]

_LAB_FROM_PY4DSTEM = np.array([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, -1.0]])  # its own inverse


def peaks_from_py4dstem(peaks: Any, pixel_invA: float = 1.0, origin: ArrayLike = (0.0, 0.0)) -> np.ndarray:
    """Peaks (n, 3) as Matcher takes them: q_x, q_y [1/Å], intensity.

    peaks: a PointList, its structured array, or a dict of arrays (n), with qx, qy and intensity. Vectors that are not
    calibrated yet need pixel_invA, the size of a pixel [1/Å], and the origin (qx, qy) [pixels]. Error (StudyError) if a
    field is missing.
    """
    data = peaks if isinstance(peaks, (np.ndarray, dict)) else peaks.data
    names = data.keys() if isinstance(data, dict) else (data.dtype.names or ())
    missing = [name for name in ("qx", "qy", "intensity") if name not in names]
    if missing:
        raise StudyError(f"peaks_from_py4dstem: there is no {', no '.join(missing)}; there are: {', '.join(names)}")
    qx, qy, intensity = (np.asarray(data[name], float) for name in ("qx", "qy", "intensity"))
    return np.column_stack([(qy - origin[1]) * pixel_invA, (qx - origin[0]) * pixel_invA, intensity])


def peaks_to_py4dstem(peaks: ArrayLike) -> np.ndarray:
    """The structured array (n) with qx, qy, intensity, of which py4DSTEM makes a PointList, of peaks (n, 3) or more."""
    peaks = np.asarray(peaks, float)
    if peaks.ndim != 2 or peaks.shape[1] < 3:
        raise StudyError("peaks_to_py4dstem: an array of shape (n, 3) is needed")
    result = np.empty(len(peaks), [("qx", float), ("qy", float), ("intensity", float)])
    result["qx"], result["qy"], result["intensity"] = peaks[:, 1], peaks[:, 0], peaks[:, 2]
    return result


def orientations_from_py4dstem(matrices: ArrayLike) -> np.ndarray:
    """R_lab_crystal (..., 3, 3) of `Orientation.matrix` (..., 3, 3): its columns are its x, y, z in the crystal."""
    return _LAB_FROM_PY4DSTEM @ np.swapaxes(_matrices(matrices), -1, -2)


def orientations_to_py4dstem(R_lab_crystal: ArrayLike) -> np.ndarray:
    """`Orientation.matrix` (..., 3, 3) of R_lab_crystal (..., 3, 3)."""
    return np.swapaxes(_LAB_FROM_PY4DSTEM @ _matrices(R_lab_crystal), -1, -2)


def crystal_from_ase(atoms: Any, B_A2: ArrayLike = 0.0, name: str = "") -> Crystal:
    """The Crystal of ASE's Atoms: every atom of the cell, occupancies of mixed sites included.

    B_A2: Debye-Waller B [Å²], one number or (atoms), which Atoms do not hold. Orientations refer to a || x, c* || z,
    however the cell of the Atoms is turned. Error (StudyError) for a cell that is left-handed or has no volume.
    """
    if not np.linalg.det(np.asarray(atoms.cell, float)) > 0:
        raise StudyError("crystal_from_ase: the cell is left-handed or has no volume; three right-handed vectors are "
                         "needed")
    elements, positions = list(atoms.get_chemical_symbols()), np.asarray(atoms.get_scaled_positions(), float)
    B = np.broadcast_to(np.asarray(B_A2, float), len(elements))
    sites = [{element: 1.0} for element in elements]
    mixed = getattr(atoms, "info", {}).get("occupancy")
    if mixed is not None:
        sites = [mixed[str(kind)] if str(kind) in mixed else mixed[kind] for kind in atoms.arrays["spacegroup_kinds"]]
    every = [(i, element, share) for i, site in enumerate(sites) for element, share in site.items()]
    return Crystal(tuple(atoms.cell.cellpar()), [element for _, element, _ in every],
                   [positions[i] for i, _, _ in every], occupancies=[share for _, _, share in every],
                   B_A2=[B[i] for i, _, _ in every], name=name)


def crystal_to_ase(crystal: Crystal) -> Any:
    """ASE's Atoms (periodic) of a Crystal, a || x and b in the xy plane.

    Error (StudyError) if an atom is not fully there: Atoms hold one element at a place. ImportError without ase.
    """
    if np.any(np.abs(crystal.occupancies - 1) > 1e-9):
        raise StudyError("crystal_to_ase: the crystal has occupancies below 1, for which Atoms have no place")
    ase = _needed("ase", "crystal_to_ase")
    return ase.Atoms(symbols=crystal.elements, scaled_positions=crystal.positions, cell=crystal.lattice_A, pbc=True)


def orientations_from_orix(rotations: Any) -> np.ndarray:
    """R_lab_crystal (..., 3, 3) of orix's Orientation, Rotation or Quaternion: from the map frame (x right, y up, z to
    the source) to the crystal.

    Error (StudyError) if one is improper.
    """
    if np.any(getattr(rotations, "improper", False)):
        raise StudyError("orientations_from_orix: an improper rotation is no orientation of a crystal")
    return from_quaternion(rotations.data)


def orientations_to_orix(R_lab_crystal: ArrayLike, crystal: Optional[Crystal] = None) -> Any:
    """orix's Orientation of R_lab_crystal (..., 3, 3), with the symmetry of the crystal's point group; without a
    crystal its Rotation.

    Error (StudyError) if orix has that point group about other axes than this crystal's (2/m about z, mm2 about x).
    ImportError without orix.
    """
    quaternion = _needed("orix.quaternion", "orientations_to_orix")
    data = to_quaternion(R_lab_crystal)
    if crystal is None:
        return quaternion.Rotation(data)
    Phase = _needed("orix.crystal_map", "orientations_to_orix").Phase
    for name in {"2": ["121"], "m": ["1m1"]}.get(crystal.point_group, []) + [crystal.point_group]:
        symmetry = Phase(point_group=name).point_group
        # of improper operations the rotation that is left without the inversion
        turned, proper = from_quaternion(symmetry.data), np.asarray(symmetry.improper) == 0
        still = np.broadcast_to(from_quaternion([1.0, 0.0, 0.0, 0.0]), turned.shape)
        if max(misorientation_deg(crystal, still, turned).max(),
               misorientation_deg(crystal, still[proper], turned[proper], laue=False).max()) < 1:
            return quaternion.Orientation(data, symmetry=symmetry)
    raise StudyError(f"orientations_to_orix: orix has point group {crystal.point_group} about other axes than this "
                     "crystal; without the crystal a Rotation is made, to which any symmetry can be given")


def _matrices(array):
    array = np.asarray(array, float)
    if array.shape[-2:] != (3, 3):
        raise StudyError(f"orientations: an array of shape (..., 3, 3) is needed, not {array.shape}")
    return array


def _needed(module, function):
    try:
        return importlib.import_module(module)
    except ImportError as error:
        package = module.split(".")[0]
        raise ImportError(f"pendel.interop.{function} needs {package}, which is not here ({error})") from error
