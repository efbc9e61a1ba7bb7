// The groups of keys that several kinds of study share: crystals, specimen, beam, engine.
#pragma once
#include "core/options.hpp"
#include "crystal/structure_factor.hpp"
#include "sim/bloch.hpp"

namespace pendel {

inline Choices<ScatteringTable> choices(ScatteringTable) {
  return {{"lobato", ScatteringTable::lobato},
          {"kirkland", ScatteringTable::kirkland},
          {"peng", ScatteringTable::peng},
          {"weickenmeier-kohl", ScatteringTable::weickenmeier_kohl}};
}
inline Choices<Absorption> choices(Absorption) {
  return {{"none", Absorption::none},
          {"proportional", Absorption::proportional},
          {"weickenmeier-kohl", Absorption::weickenmeier_kohl}};
}

struct SiteDisplacementOptions {
  std::string site;
  Vec3 displacement_A = Vec3::Zero();

  template <class Visitor>
  void describe(Visitor& v) {
    v("site", site, help("label of a site of the CIF").required());
    v("displacement_A", displacement_A, help("Cartesian: a along x, b in the xy plane").required());
  }
};

/// A displacement mode: what its atoms do at amplitude 1.
struct ModeOptions {
  std::optional<File> polar_cif;
  std::optional<std::vector<SiteDisplacementOptions>> sites;
  std::optional<SiteDisplacementOptions> unique_site;

  template <class Visitor>
  void describe(Visitor& v) {
    v("polar_cif", polar_cif, help("the mode takes the atoms of the crystal to those of this CIF"));
    v("sites", sites, help("or the displaced sites, one by one"));
    v("unique_site", unique_site,
      help("or one site; its equivalents move as the symmetry of the crystal says"));
    v.exactly_one({"polar_cif", "sites", "unique_site"});
  }
};

struct CrystalOptions {
  File cif;
  double default_B_A2 = 0.5;
  std::map<std::string, ModeOptions> modes;
  std::map<std::string, Vec3> born_charges;

  template <class Visitor>
  void describe(Visitor& v) {
    v("cif", cif, help("structure file").required());
    v("default_B_A2", default_B_A2,
      help("Debye-Waller B of sites that the CIF gives none for").at_least(0));
    v("modes", modes, help("displacement modes by name, for example x and y"));
    v("born_charges", born_charges,
      help("Born effective charges [Z*xx, Z*yy, Z*zz] in e by label of site: fitted modes are then "
           "given as polarization in µC/cm², too"));
  }
};

struct LayerOptions {
  std::string crystal;
  std::optional<double> thickness_A;
  std::optional<int> cells;
  std::map<std::string, double> modes;

  template <class Visitor>
  void describe(Visitor& v) {
    v("crystal", crystal, help("name of a crystal").required());
    v("cells", cells,
      help("thickness in repeats of the lattice vector along the beam").at_least(1));
    v("thickness_A", thickness_A, help("or the thickness itself").above(0));
    v("modes", modes, help("amplitudes of displacement modes, 0 if not named"));
    v.exactly_one({"cells", "thickness_A"});
  }
};

/// How crystals lie in the lab frame.
struct DirectionOptions {
  std::optional<Vec3> beam_direction, zone_axis;
  Vec3 x_axis{1, 0, 0};

  template <class Visitor>
  void describe(Visitor& v) {
    v("beam_direction", beam_direction, help("lattice direction [uvw] that the beam runs along"));
    v("zone_axis", zone_axis, help("or the opposite: [uvw] that points back to the source"));
    v("x_axis", x_axis, help("lattice direction [uvw] along lab x (detector columns)"));
    v.exactly_one({"beam_direction", "zone_axis"});
  }
};

struct SpecimenOptions : DirectionOptions {
  std::optional<Vec3> surface_normal;
  std::vector<LayerOptions> layers;

  template <class Visitor>
  void describe(Visitor& v) {
    DirectionOptions::describe(v);
    v("surface_normal", surface_normal,
      help("lattice direction [uvw] of the first crystal along the normal, with the beam; "
           "without it the slab is normal to the beam"));
    v("layers", layers, help("slabs in beam order, entrance face first").required());
  }
};

struct BeamOptions {
  double energy_keV = 300;
  double semiangle_mrad = 0;
  Vec2 tilt_mrad = Vec2::Zero();

  template <class Visitor>
  void describe(Visitor& v) {
    v("energy_keV", energy_keV, help("kinetic energy of an electron").required().range(1, 3000));
    v("semiangle_mrad", semiangle_mrad,
      help("semi-angle of the illumination; 0: a plane wave").range(0, 100));
    v("tilt_mrad", tilt_mrad,
      help("direction of the incident beam, the crystal fixed").range(-500, 500));
  }
};

enum class EngineKind { automatic, splitstep, bloch, kinematical };
inline Choices<EngineKind> choices(EngineKind) {
  return {{"auto", EngineKind::automatic},
          {"splitstep", EngineKind::splitstep},
          {"bloch", EngineKind::bloch},
          {"kinematical", EngineKind::kinematical}};
}

/// The atoms' potential.
struct ScatteringOptions {
  ScatteringTable scattering = ScatteringTable::lobato;
  Absorption absorption = Absorption::none;
  double proportional_absorption = 0.1;
  double absorption_strength = 1;

  PotentialOptions potential() const {
    PotentialOptions options;
    options.table = scattering;
    options.absorption = absorption;
    options.proportional_absorption = proportional_absorption;
    return options;
  }

  template <class Visitor>
  void describe(Visitor& v) {
    v("scattering", scattering, help("table of atomic scattering factors"));
    v("absorption", absorption, help("imaginary part of the potential"));
    v("proportional_absorption", proportional_absorption,
      help("U'/U of proportional absorption").range(0, 1));
    v("absorption_strength", absorption_strength, help("factor on the absorption").at_least(0));
  }
};

inline Choices<HigherZones> choices(HigherZones) {
  return {{"listed", HigherZones::listed},
          {"mean", HigherZones::mean},
          {"sliced", HigherZones::sliced}};
}

struct EngineOptions : ScatteringOptions {
  EngineKind kind = EngineKind::automatic;
  bool refraction = true;
  double g_max_invA = 4;
  double slice_A = 2;
  double sg_max_invA = 0.1;
  std::optional<double> weak_g_max_invA, tolerance;
  bool zero_order_only = false;
  HigherZones zones = HigherZones::listed;

  template <class Visitor>
  void describe(Visitor& v) {
    v("kind", kind, help("auto: splitstep where the beam runs along a zone axis, else bloch"));
    ScatteringOptions::describe(v);
    v("refraction", refraction, help("the mean inner potential lengthens the wavevector"));
    v("g_max_invA", g_max_invA, help("largest |g| of a beam in the calculation").range(0.2, 20));
    v("slice_A", slice_A,
      help("splitstep, and bloch with zones: sliced: thickest slice").range(0.05, 20));
    v("sg_max_invA", sg_max_invA,
      help("bloch, kinematical: beams further from the Ewald sphere are left out").above(0));
    v("weak_g_max_invA", weak_g_max_invA,
      help("bloch: other beams up to this |g| act by second-order perturbation (Bethe)")
          .range(0.2, 20));
    v("tolerance", tolerance,
      help("bloch: instead of g_max_invA and sg_max_invA, beams are added until no intensity "
           "changes by more (fraction of the incident beam)")
          .range(1e-8, 0.1));
    v("zero_order_only", zero_order_only, help("no higher-order Laue zones"));
    v("zones", zones,
      help("bloch: beams of higher-order zones are listed; or, along a zone axis, these act on the "
           "beams of the zero-order zone: in the mean over depth (so, too, with a tolerance, up to "
           "20 mrad of tilt), or exactly by slices of slice_A"));
  }
};

}  // namespace pendel
