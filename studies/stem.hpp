// Study `stem`: a 4D-STEM scan of a convergent probe over crystals, particles or any atoms, by
// multislice or PRISM; patterns are streamed to the result as they are computed.
#pragma once
#include "sim/stem.hpp"
#include "studies/optics.hpp"
#include "studies/run_context.hpp"
#include "studies/specimen.hpp"

namespace pendel {

inline Choices<StemMethod> choices(StemMethod) {
  return {{"multislice", StemMethod::multislice}, {"prism", StemMethod::prism}};
}
inline Choices<Projection> choices(Projection) {
  return {{"infinite", Projection::infinite}, {"finite", Projection::finite}};
}
inline Choices<Precision> choices(Precision) {
  return {{"single", Precision::single}, {"double", Precision::double_}};
}

/// A sphere of crystal in vacuum.
struct ParticleOptions : DirectionOptions {
  std::string crystal;
  double radius_A = 10;
  Vec3 box_A{40, 40, 30};

  template <class Visitor>
  void describe(Visitor& v) {
    v("crystal", crystal, help("name of a crystal").required());
    v("radius_A", radius_A, help("of the sphere").required().above(0));
    v("box_A", box_A, help("the box of vacuum around it: x, y, z").required().above(0));
    DirectionOptions::describe(v);
  }
};

/// Atoms one by one.
struct AtomsOptions {
  File xyz;
  std::optional<Vec3> box_A;
  double default_B_A2 = 0.5;

  template <class Visitor>
  void describe(Visitor& v) {
    v("xyz", xyz, help("box and atoms, .xyz of Prismatic or extended XYZ").required());
    v("box_A", box_A, help("box: x, y, z; without it that of the file").above(0));
    v("default_B_A2", default_B_A2,
      help("Debye-Waller B of atoms that the file gives none for").at_least(0));
  }
};

struct ScanOptions {
  int rows = 1, columns = 1;
  Vec2 step_A{1, 1}, origin_A{0, 0};

  template <class Visitor>
  void describe(Visitor& v) {
    v("rows", rows, help("positions along lab y").required().range(1, 65536));
    v("columns", columns, help("positions along lab x").required().range(1, 65536));
    v("step_A", step_A, help("from column to column, from row to row").above(0));
    v("origin_A", origin_A, help("x, y of the first position; the cell's origin is at 0, 0"));
  }
};

struct PhononOptions {
  std::optional<int> configurations;
  int seed = 1;
  bool along_beam = true;
  std::optional<std::vector<File>> snapshots;

  template <class Visitor>
  void describe(Visitor& v) {
    v("configurations", configurations,
      help("how many are averaged, each atom displaced by its Debye-Waller factor (Einstein)")
          .range(1, 100000));
    v("seed", seed, help("of these displacements").at_least(0));
    v("along_beam", along_beam, help("in these, atoms move along the beam too"));
    v("snapshots", snapshots,
      help(
          "or where the atoms are, from molecular dynamics for example: .xyz files of one frame or "
          "more; all frames are averaged"));
    v.exactly_one({"configurations", "snapshots"});
  }
};

struct SimulationOptions : ScatteringOptions {
  StemMethod method = StemMethod::multislice;
  std::array<int, 2> interpolation{{1, 1}};
  int partition_rings = 0;
  std::optional<File> scattering_matrix;
  double pixel_A = 0.05;
  double slice_A = 2;
  Projection projection = Projection::infinite;
  Vec2 box_A{20, 20};
  double strain_max = 0.01;
  std::vector<double> thicknesses_A;
  std::optional<PhononOptions> frozen_phonons;
  bool exact_propagator = false;
  Precision precision = Precision::single;
  double memory_GB = 4;
  int certificate_positions = 2;

  template <class Visitor>
  void describe(Visitor& v) {
    v("method", method, help("prism: one scattering matrix serves every position"));
    v("interpolation", interpolation,
      help("PRISM: take every n-th plane wave along x and y").range(1, 64));
    v("partition_rings", partition_rings,
      help("PRISM: only plane waves on so many rings and in the centre go through the specimen, 1 "
           "+ 3 "
           "n (n + 1) of the aperture's; the others are interpolated; 0: all go")
          .range(0, 200));
    v("scattering_matrix", scattering_matrix,
      help("PRISM: HDF5 file that keeps the matrix: read if it is there, else made and written"));
    ScatteringOptions::describe(v);
    v("pixel_A", pixel_A,
      help("largest pixel of a wave; scattering up to 1/(3 pixel) is kept").range(0.005, 1));
    v("slice_A", slice_A, help("thickest slice").range(0.05, 20));
    v("projection", projection,
      help("an atom acts in its own slice, or in every slice that its potential reaches"));
    v("box_A", box_A, help("layers are repeated to at least this size along x and y").above(0));
    v("strain_max", strain_max,
      help("largest strain that may make a cell right-angled or fit layers together").range(0, 1));
    v("thicknesses_A", thicknesses_A,
      help("where patterns are wanted; empty: at the exit face").above(0));
    v("frozen_phonons", frozen_phonons,
      help("thermal displacements; without, the potential is smeared by the Debye-Waller factor"));
    v("exact_propagator", exact_propagator, help("beyond the paraxial approximation"));
    v("precision", precision, help("of the waves"));
    v("memory_GB", memory_GB, help("what the simulation may take").range(0.05, 10000));
    v("certificate_positions", certificate_positions,
      help("positions where every approximation is refined once; 0: none").range(0, 1000));
  }
};

struct ScanFileOptions {
  bool patterns = true;
  int compression = 0;

  template <class Visitor>
  void describe(Visitor& v) {
    v("patterns", patterns, help("false: only the virtual images are kept"));
    v("compression", compression, help("deflate level; 0: none, and fastest").range(0, 9));
  }
};

struct StemStudy {
  std::string study = "stem";
  std::optional<File> output;
  CrystalsOptions crystals;
  std::optional<SpecimenOptions> specimen;
  std::optional<ParticleOptions> particle;
  std::optional<AtomsOptions> atoms;
  BeamOptions beam;
  ProbeOptions probe;
  ScanOptions scan;
  SimulationOptions simulation;
  DetectorOptions detector;
  std::map<std::string, VirtualDetectorOptions> virtual_detectors;
  ScanFileOptions file;

  template <class Visitor>
  void describe(Visitor& v) {
    v("study", study, help("kind of study").required());
    v("output", output, help("result; without it the name of this file with .h5"));
    v("crystals", crystals, help("structures by name"));
    v("specimen", specimen, help("layers of crystal, repeated over the box"));
    v("particle", particle, help("or a sphere of crystal in vacuum"));
    v("atoms", atoms, help("or any atoms"));
    v("beam", beam, help("illumination").required());
    v("probe", probe, help("aberrations and partial coherence of the illumination"));
    v("scan", scan, help("positions of the probe").required());
    v("simulation", simulation, help("how diffraction is calculated"));
    v("detector", detector, help("what records the patterns").required());
    v("virtual_detectors", virtual_detectors,
      help("rings whose intensity becomes an image, by name"));
    v("file", file, help("what is kept"));
    v.exactly_one({"specimen", "particle", "atoms"});
  }

  static constexpr const char* summary =
      "A 4D-STEM scan by multislice or PRISM, streamed to the result.";
  static StemStudy example(const std::string& data);
  void check(Problems& problems) const;
  void run(RunContext& context) const;
};

}  // namespace pendel
