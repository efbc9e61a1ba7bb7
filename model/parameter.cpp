#include "model/parameter.hpp"

#include <algorithm>

#include "core/error.hpp"
#include "crystal/structure_factor.hpp"
#include "crystal/symmetry.hpp"

namespace pendel {

Parameter tilt_parameter(const State& base, int axis, double lower, double upper) {
  StateTangent direction = tilt_direction(axis);
  direction.beam_tilt *= 1e-3;
  return {axis == 0 ? "tilt_x" : "tilt_y", "mrad",   lower, upper,
          base.beam_tilt[axis] * 1e3,      direction};
}

Parameter thickness_parameter(const State& base, int layer, double lower, double upper,
                              int sublayers) {
  StateTangent direction;
  direction.thickness.assign(base.layers.size(), 0);
  double whole = 0;
  for (int l = layer; l < layer + sublayers; ++l) whole += base.layers.at(l).thickness;
  for (int l = layer; l < layer + sublayers; ++l)
    direction.thickness[l] = base.layers[l].thickness / whole;
  return {"thickness_" + std::to_string(layer + 1), "A", lower, upper, whole, direction};
}

Parameter mode_parameter(const State& base, int crystal, const CrystalTangent& mode,
                         const std::string& name, double lower, double upper) {
  return {name, "1", lower, upper, 0, crystal_direction(base, crystal, mode)};
}

Parameter debye_waller_parameter(const State& base, int crystal, int Z, double lower,
                                 double upper) {
  const Crystal& cell = base.crystals.at(crystal).crystal;
  const auto site =
      std::find_if(cell.sites.begin(), cell.sites.end(), [&](const Site& s) { return s.Z == Z; });
  if (site == cell.sites.end())
    throw Error(ErrorKind::study, "crystal " + cell.name + " holds no " + element_symbol(Z));
  return {cell.name + "_B_" + element_symbol(Z),
          "A^2",
          lower,
          upper,
          site->B(),
          crystal_direction(base, crystal, debye_waller_direction(cell, Z))};
}

Parameter anisotropic_U_parameter(const State& base, int crystal, int site, int row, int column,
                                  double lower, double upper) {
  const Crystal& cell = base.crystals.at(crystal).crystal;
  return {cell.name + "_U_" + cell.sites.at(site).label + "_" + "xyz"[row] + "xyz"[column],
          "A^2",
          lower,
          upper,
          cell.sites[site].U(row, column),
          crystal_direction(base, crystal, symmetric_U(cell, site, row, column))};
}

Parameter occupancy_parameter(const State& base, int crystal, const std::vector<int>& sites,
                              const std::vector<int>& instead_of, double lower, double upper) {
  const Crystal& cell = base.crystals.at(crystal).crystal;
  CrystalTangent direction;
  direction.occupancy.assign(cell.sites.size(), 0);
  for (int site : sites) direction.occupancy.at(site) += 1;
  for (int site : instead_of) direction.occupancy.at(site) -= 1;
  const Site& first = cell.sites.at(sites.at(0));
  return {cell.name + "_occupancy_" + first.label,    "1", lower, upper, first.occupancy,
          crystal_direction(base, crystal, direction)};
}

Parameter structure_factor_parameter(const State& base, int crystal, const Hkl& hkl, UgPart part,
                                     ScatteringTable table, double lower, double upper) {
  const Crystal& cell = base.crystals.at(crystal).crystal;
  PotentialOptions potential;
  potential.table = table;
  const complex U = structure_factors(cell, {hkl}, base.energy_keV, potential)[0].elastic;
  const std::string name = "U_(" + std::to_string(hkl.h) + " " + std::to_string(hkl.k) + " " +
                           std::to_string(hkl.l) + ")";
  if (!(std::abs(U) > 1e-8))
    throw Error(ErrorKind::study, name + " of " + cell.name +
                                      " is 0: an extinct reflection has neither amplitude nor "
                                      "phase to change");
  const bool amplitude = part == UgPart::amplitude;
  const complex unit = U / std::abs(U) * (amplitude ? complex(1) : complex(0, 1));
  return {cell.name + "_" + name + (amplitude ? "_amplitude" : "_quadrature"),
          "1/A^2",
          lower,
          upper,
          amplitude ? std::abs(U) : 0.0,
          crystal_direction(base, crystal, symmetric_U_g(cell, hkl, unit))};
}

Parameter in_plane_strain_parameter(const State& base, int row, int column, double lower,
                                    double upper) {
  Mat3 component = Mat3::Zero();
  component(row, column) = component(column, row) = 1;
  StateTangent direction;
  for (const OrientedCrystal& oriented : base.crystals) {
    const Mat3& R = oriented.R_lab_crystal;
    direction.crystals.emplace_back();
    direction.crystals.back().strain = R.transpose() * component * R;
  }
  const OrientedCrystal& first = base.crystals.at(base.layers.at(0).crystal);
  const Mat3 strain = first.R_lab_crystal * first.crystal.strain * first.R_lab_crystal.transpose();
  return {std::string("strain_") + "xyz"[row] + "xyz"[column],
          "1",
          lower,
          upper,
          strain(row, column),
          direction};
}

Parameter out_of_plane_strain_parameter(const State& base, const std::vector<int>& crystals,
                                        double lower, double upper) {
  StateTangent direction;
  direction.crystals.resize(base.crystals.size());
  direction.thickness.assign(base.layers.size(), 0);
  double nominal = 0;
  for (int crystal : crystals) {
    const OrientedCrystal& oriented = base.crystals.at(crystal);
    const Vec3 z = oriented.R_lab_crystal.transpose() * Vec3::UnitZ();
    direction.crystals[crystal].strain = z * z.transpose();
    nominal = z.dot(oriented.crystal.strain * z);
    for (std::size_t l = 0; l < base.layers.size(); ++l)
      if (base.layers[l].crystal == crystal)
        direction.thickness[l] = base.layers[l].thickness / (1 + nominal);
  }
  return {base.crystals.at(crystals.at(0)).crystal.name + "_strain_zz",
          "1",
          lower,
          upper,
          nominal,
          direction};
}

Parameter registry_parameter(const State& base, const std::vector<int>& layers, int axis,
                             double lower, double upper) {
  StateTangent direction;
  direction.crystals.resize(base.crystals.size());
  for (int layer : layers) {
    const int crystal = base.layers.at(layer).crystal;
    for (int l = 0; l < int(base.layers.size()); ++l)
      if (base.layers[l].crystal == crystal &&
          std::find(layers.begin(), layers.end(), l) == layers.end())
        throw Error(ErrorKind::study, "layers " + std::to_string(layer + 1) + " and " +
                                          std::to_string(l + 1) +
                                          " are made of one crystal; a layer that shifts against "
                                          "the other needs its own");
    const OrientedCrystal& oriented = base.crystals[crystal];
    direction.crystals[crystal].displacement.assign(
        oriented.crystal.sites.size(), oriented.R_lab_crystal.transpose() * Vec3::Unit(axis));
  }
  return {"registry_" + std::to_string(layers.at(0) + 1) + (axis == 0 ? "_x" : "_y"),
          "A",
          lower,
          upper,
          0,
          direction};
}

Parameter absorption_parameter(const State& base, double lower, double upper) {
  return {"absorption_strength", "1", lower, upper, base.absorption_strength,
          absorption_direction()};
}

Parameter semiangle_parameter(const State& base, double lower, double upper) {
  StateTangent direction;
  direction.semiangle = 1e-3;
  return {"semiangle", "mrad", lower, upper, base.semiangle * 1e3, direction};
}

Parameter tilt_spread_parameter(const State& base, double lower, double upper) {
  StateTangent direction;
  direction.tilt_spread = 1e-3;
  return {"tilt_spread", "mrad", lower, upper, base.tilt_spread * 1e3, direction};
}

State state_at(const State& base, const std::vector<Parameter>& parameters, const double* values) {
  State state = base;
  for (std::size_t i = 0; i < parameters.size(); ++i)
    if (const double amount = values[i] - parameters[i].nominal; amount != 0)
      state = moved(state, parameters[i].direction, amount);
  return state;
}

}  // namespace pendel
