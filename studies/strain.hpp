// Study `strain`: plane lattices of measured Bragg peaks, and the strain and rotation that they
// show.
#pragma once
#include "studies/measured_peaks.hpp"

namespace pendel {

struct BasisOptions {
  Vec2 g1 = Vec2::Zero(), g2 = Vec2::Zero();

  template <class Visitor>
  void describe(Visitor& v) {
    v("g1", g1, help("x, y in 1/Å (pixels if their size is not known)").required());
    v("g2", g2, help("likewise").required());
  }
};

struct LatticeOptions {
  std::optional<BasisOptions> basis;
  double reach = 0.2;
  int least_peaks = 5;
  double least_part = 0.5, most_strain = 0.1;

  template <class Visitor>
  void describe(Visitor& v) {
    v("basis", basis, help("shortest vectors of the lattice, roughly; else found in the peaks"));
    v("reach", reach,
      help("peaks farther from a lattice point than this part of the shortest vector are not used")
          .range(0.01, 0.5));
    v("least_peaks", least_peaks,
      help("with fewer on the lattice, a position has no strain").range(4, 1000));
    v("least_part", least_part,
      help("nor with a smaller part of its peaks: another crystal, or several").range(0, 1));
    v("most_strain", most_strain,
      help("nor is a lattice used that is strained more than this against the common one")
          .above(0));
  }
};

struct ScanRegionOptions {
  std::string name;
  std::optional<std::array<int, 2>> rows, columns;

  template <class Visitor>
  void describe(Visitor& v) {
    v("name", name, help("of the region").required());
    v("rows", rows, help("first and last row of what is used; else all").at_least(0));
    v("columns", columns, help("likewise").at_least(0));
  }
};

struct ReferenceCrystalOptions {
  File cif;
  Vec3 zone_axis = Vec3::Zero();

  template <class Visitor>
  void describe(Visitor& v) {
    v("cif", cif, help("structure file").required());
    v("zone_axis", zone_axis, help("[uvw] that points back to the source").required());
  }
};

struct StrainReferenceOptions {
  std::optional<ScanRegionOptions> region;
  std::optional<BasisOptions> basis;
  std::optional<ReferenceCrystalOptions> crystal;

  template <class Visitor>
  void describe(Visitor& v) {
    v("region", region, help("median of the lattices found there"));
    v("basis", basis, help("or given vectors, of the same indices as the lattice's"));
    v("crystal", crystal,
      help("or a crystal, turned as the scan's median is; needs the pixel in 1/Å"));
    v.exactly_one({"region", "basis", "crystal"});
  }
};

struct StrainOptions {
  std::optional<StrainReferenceOptions> reference;
  bool linearised = false;
  double axes_deg = 0;
  std::vector<ScanRegionOptions> regions;

  template <class Visitor>
  void describe(Visitor& v) {
    v("reference", reference,
      help("what is not strained; without it the median of the whole scan"));
    v("linearised", linearised,
      help("first-order strain, for comparison with other programs, instead of the exact one"));
    v("axes_deg", axes_deg,
      help("direction of the strain's x axis, from the scan's columns towards its rows")
          .range(-360, 360));
    v("regions", regions, help("means over these (layers of a multilayer) are given, too"));
  }
};

struct StrainStudy {
  std::string study = "strain";
  std::optional<File> output;
  MeasuredPeaksOptions peaks;
  LatticeOptions lattice;
  StrainOptions strain;

  template <class Visitor>
  void describe(Visitor& v) {
    v("study", study, help("kind of study").required());
    v("output", output, help("result; without it the name of this file with .h5"));
    v("peaks", peaks, help("the measurement").required());
    v("lattice", lattice, help("how the peaks are put on a lattice"));
    v("strain", strain, help("what is made of the lattices"));
  }

  static constexpr const char* summary =
      "Plane lattices of measured Bragg peaks; strain and rotation by exact polar decomposition, "
      "with errors.";
  static StrainStudy example(const std::string& data);
  void check(Problems& problems) const;
  void run(RunContext& context) const;
};

}  // namespace pendel
