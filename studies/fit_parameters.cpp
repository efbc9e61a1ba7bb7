#include "studies/fit_parameters.hpp"

#include <algorithm>
#include <set>

#include "core/error.hpp"
#include "crystal/displacement.hpp"

namespace pendel {

namespace {

std::vector<int> copies_of(const Specimen& specimen, const std::string& crystal) {
  std::vector<int> copies;
  for (std::size_t i = 0; i < specimen.names.size(); ++i)
    if (specimen.names[i] == crystal) copies.push_back(int(i));
  return copies;
}

// A parameter of a crystal moves every copy of it that the state holds.
template <class Make>
Parameter over_copies(const std::vector<int>& copies, Make make) {
  Parameter parameter = make(copies.front());
  for (const int copy : copies)
    parameter.direction.crystals[copy] = make(copy).direction.crystals[copy];
  return parameter;
}

// The layer (of the study, from 0) that is made of a crystal.
int layer_of(const SpecimenOptions& specimen, const std::string& crystal) {
  for (std::size_t l = 0; l < specimen.layers.size(); ++l)
    if (specimen.layers[l].crystal == crystal) return int(l);
  throw Error(ErrorKind::study, "no layer is made of crystal " + crystal);
}

Crystal crystal_named(const Specimen& specimen, const std::string& name) {
  return specimen.state.crystals[copies_of(specimen, name).front()].crystal;
}

std::string text(const Eigen::Vector3i& hkl) {
  return std::to_string(hkl[0]) + "," + std::to_string(hkl[1]) + "," + std::to_string(hkl[2]);
}

// The parameters, one function per group of keys; each adds to `all`.
class Builder {
 public:
  Builder(const FitStudy& study, const Specimen& specimen)
      : study_(study), specimen_(specimen), base_(specimen.state) {}

  Unknowns all;

  void illumination() {
    const ParameterOptions& fit = study_.fit;
    if (fit.beam_tilt_mrad)
      for (int axis = 0; axis < 2; ++axis)
        add(*fit.beam_tilt_mrad, axis ? "beam_tilt_mrad.y" : "beam_tilt_mrad.x",
            [&](double lower, double upper) { return tilt_parameter(base_, axis, lower, upper); });
  }

  void beam() {
    const ParameterOptions& fit = study_.fit;
    if (fit.absorption_strength)
      add(*fit.absorption_strength, "absorption_strength",
          [&](double lower, double upper) { return absorption_parameter(base_, lower, upper); });
    if (fit.semiangle_mrad)
      add(*fit.semiangle_mrad, "semiangle_mrad",
          [&](double lower, double upper) { return semiangle_parameter(base_, lower, upper); });
    if (fit.tilt_spread_mrad)
      add(*fit.tilt_spread_mrad, "tilt_spread_mrad",
          [&](double lower, double upper) { return tilt_spread_parameter(base_, lower, upper); });
  }

  void modes() {
    for (const ModeFitOptions& mode : study_.fit.modes) {
      const CrystalTangent& tangent = specimen_.modes.at(mode.crystal).at(mode.mode);
      const auto part = [&](const std::vector<int>& copies, const std::string& suffix) {
        add(mode, "polarization." + mode.crystal + "." + mode.mode + suffix,
            [&](double lower, double upper) {
              Parameter parameter = over_copies(copies, [&](int copy) {
                return mode_parameter(base_, copy, tangent, mode.mode, lower, upper);
              });
              parameter.nominal = base_amplitude(study_.specimen, mode);
              return parameter;
            });
      };
      if (mode.sublayers == 1) {
        part(copies_of(specimen_, mode.crystal), "");
        continue;
      }
      const std::vector<int>& sublayers = specimen_.layers[layer_of(study_.specimen, mode.crystal)];
      for (std::size_t k = 0; k < sublayers.size(); ++k)
        part({base_.layers[sublayers[k]].crystal},
             "." + std::to_string(k + 1) + "of" + std::to_string(sublayers.size()));
    }
  }

  void layers() {
    for (const ThicknessFitOptions& thickness : study_.fit.thickness_A)
      add(thickness, "thickness_A." + std::to_string(thickness.layer),
          [&](double lower, double upper) {
            const std::vector<int>& sublayers = specimen_.layers[thickness.layer - 1];
            return thickness_parameter(base_, sublayers.front(), lower, upper,
                                       int(sublayers.size()));
          });
    for (const RegistryFitOptions& registry : study_.fit.registry_A)
      add(registry,
          "registry_A." + std::to_string(registry.layer) + "." + choice_name(registry.axis),
          [&](double lower, double upper) {
            return registry_parameter(base_, specimen_.layers[registry.layer - 1],
                                      registry.axis == LabAxis::x ? 0 : 1, lower, upper);
          });
  }

  void strains() {
    for (const InPlaneStrainFitOptions& strain : study_.fit.strain_in_plane)
      add(strain, "strain_in_plane." + choice_name(strain.component),
          [&](double lower, double upper) {
            const int row = strain.component == InPlane::yy ? 1 : 0;
            const int column = strain.component == InPlane::xx ? 0 : 1;
            return in_plane_strain_parameter(base_, row, column, lower, upper);
          });
    for (const OutOfPlaneStrainFitOptions& strain : study_.fit.strain_out_of_plane)
      add(strain, "strain_out_of_plane." + strain.crystal, [&](double lower, double upper) {
        return out_of_plane_strain_parameter(base_, copies_of(specimen_, strain.crystal), lower,
                                             upper);
      });
  }

  void atoms() {
    for (const DebyeWallerFitOptions& B : study_.fit.debye_waller_B_A2)
      add_crystal(B, B.crystal, "debye_waller_B_A2." + B.crystal + "." + B.element,
                  [&](int copy, double lower, double upper) {
                    return debye_waller_parameter(base_, copy, atomic_number(B.element), lower,
                                                  upper);
                  });
    for (const AnisotropicFitOptions& U : study_.fit.anisotropic_U_A2) {
      const int site = sites_named(crystal_named(specimen_, U.crystal), U.site).front();
      add_crystal(U, U.crystal,
                  "anisotropic_U_A2." + U.crystal + "." + U.site + "." + choice_name(U.component),
                  [&](int copy, double lower, double upper) {
                    const auto [row, column] = indices(U.component);
                    return anisotropic_U_parameter(base_, copy, site, row, column, lower, upper);
                  });
    }
    for (const OccupancyFitOptions& occupancy : study_.fit.occupancy) {
      const Crystal crystal = crystal_named(specimen_, occupancy.crystal);
      const std::vector<int> sites = sites_named(crystal, occupancy.site),
                             others = occupancy.instead_of
                                          ? sites_named(crystal, *occupancy.instead_of)
                                          : std::vector<int>{};
      add_crystal(occupancy, occupancy.crystal,
                  "occupancy." + occupancy.crystal + "." + occupancy.site,
                  [&](int copy, double lower, double upper) {
                    return occupancy_parameter(base_, copy, sites, others, lower, upper);
                  });
    }
    for (const StructureFactorFitOptions& U_g : study_.fit.structure_factor_invA2)
      add_crystal(
          U_g, U_g.crystal,
          "structure_factor_invA2." + U_g.crystal + "." + text(U_g.hkl) + "." +
              choice_name(U_g.part),
          [&](int copy, double lower, double upper) {
            const UgPart part =
                U_g.part == StructureFactorPart::amplitude ? UgPart::amplitude : UgPart::quadrature;
            return structure_factor_parameter(base_, copy, {U_g.hkl[0], U_g.hkl[1], U_g.hkl[2]},
                                              part, study_.engine.scattering, lower, upper);
          });
  }

 private:
  template <class Make>
  void add(const FittedOptions& options, const std::string& name, Make make) {
    Parameter parameter = make(options.range[0], options.range[1]);
    parameter.name = name;
    parameter.unit = unit_of_key(name.substr(0, name.find('.')));
    if (options.prior) {
      const double mean = options.prior->mean;
      if (mean < parameter.lower || mean > parameter.upper)
        throw Error(ErrorKind::study, "fit: the prior of " + name + " has the mean " +
                                          number_text(mean) + ", outside its range of " +
                                          number_text(parameter.lower) + " to " +
                                          number_text(parameter.upper));
      parameter.prior_mean = mean;
      parameter.prior_sigma = options.prior->sigma;
    }
    all.parameters.push_back(std::move(parameter));
    all.per.push_back(options.per);
  }
  template <class Make>
  void add_crystal(const FittedOptions& options, const std::string& crystal,
                   const std::string& name, Make make) {
    add(options, name, [&](double lower, double upper) {
      return over_copies(copies_of(specimen_, crystal),
                         [&](int copy) { return make(copy, lower, upper); });
    });
  }

  const FitStudy& study_;
  const Specimen& specimen_;
  const State& base_;
};

}  // namespace

FitOptions fit_options(const ParameterOptions& options) {
  FitOptions fit = options.search.fit;
  Nuisance& nuisance = fit.nuisance;
  nuisance.scale_lower = options.scale ? options.scale->range[0] : 1;
  nuisance.scale_upper = options.scale ? options.scale->range[1] : 1;
  nuisance.background_lower = options.background ? options.background->range[0] : 0;
  nuisance.background_upper = options.background ? options.background->range[1] : 0;
  return fit;
}

int fit_aperture_degree(const ParameterOptions& options, const State& state, double g) {
  const auto degree = [&](double semiangle) {
    return disk_aperture_degree(semiangle, g, total_thickness(state));
  };
  if (!options.semiangle_mrad) return degree(state.semiangle);
  return std::max(3, degree(std::max(state.semiangle, options.semiangle_mrad->range[1] * 1e-3)));
}

double base_amplitude(const SpecimenOptions& specimen, const ModeFitOptions& mode) {
  for (const LayerOptions& layer : specimen.layers)
    if (layer.crystal == mode.crystal && layer.modes.count(mode.mode))
      return layer.modes.at(mode.mode);
  return 0;
}

void prepare(const FitStudy& study, Specimen& specimen) {
  std::set<int> cut;
  for (const ModeFitOptions& mode : study.fit.modes) {
    if (mode.sublayers == 1) continue;
    const int layer = layer_of(study.specimen, mode.crystal);
    if (cut.insert(layer).second) split_layer(specimen, layer, mode.sublayers);
  }
  for (const RegistryFitOptions& registry : study.fit.registry_A)
    own_crystal(specimen, registry.layer - 1);
}

Unknowns unknowns_of(const FitStudy& study, const Specimen& specimen) {
  Builder builder(study, specimen);
  builder.illumination();
  builder.modes();
  builder.layers();
  builder.strains();
  builder.atoms();
  builder.beam();
  return builder.all;
}

std::vector<DerivedMap> polarization_maps(const FitStudy& study, const Specimen& specimen) {
  std::vector<DerivedMap> maps;
  for (const auto& [name, options] : study.crystals) {
    if (options.born_charges.empty()) continue;
    // Per layer or sublayer of the crystal that has amplitudes of its own.
    std::vector<std::string> suffixes;
    for (const ModeFitOptions& mode : study.fit.modes)
      if (mode.crystal == name && suffixes.empty()) {
        suffixes = {""};
        if (mode.sublayers > 1) suffixes.clear();
        for (int k = 1; mode.sublayers > 1 && k <= mode.sublayers; ++k)
          suffixes.push_back("." + std::to_string(k) + "of" + std::to_string(mode.sublayers));
      }
    for (const std::string& suffix : suffixes) {
      const OrientedCrystal& oriented = specimen.state.crystals[copies_of(specimen, name).front()];
      Vec3 constant = Vec3::Zero();
      std::vector<std::pair<std::string, Vec3>> weights;
      for (const auto& [mode_name, tangent] : specimen.modes.at(name)) {
        const Vec3 P =
            oriented.R_lab_crystal * polarization(oriented.crystal, tangent, options.born_charges);
        const ModeFitOptions* fitted = nullptr;
        for (const ModeFitOptions& mode : study.fit.modes)
          if (mode.crystal == name && mode.mode == mode_name) fitted = &mode;
        if (fitted)
          weights.emplace_back("polarization." + name + "." + mode_name + suffix, P);
        else
          constant += base_amplitude(study.specimen, ModeFitOptions(name, mode_name)) * P;
      }
      for (int axis = 0; axis < 3; ++axis) {
        DerivedMap map{"polarization_uCcm2." + name + "." + "xyz"[axis] + suffix,
                       "µC/cm²",
                       constant[axis],
                       {}};
        for (const auto& [parameter, P] : weights) map.weights.emplace_back(parameter, P[axis]);
        maps.push_back(std::move(map));
      }
    }
  }
  return maps;
}

}  // namespace pendel
