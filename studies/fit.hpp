// Study `fit`: tilt, displacement amplitudes, thickness and other parameters at every position of a
// scan, from measured disk intensities.
#pragma once
#include "fit/scan_fit.hpp"
#include "model/surrogate.hpp"
#include "studies/disk_scan.hpp"
#include "studies/fit_noise.hpp"
#include "studies/parameter_options.hpp"
#include "studies/run_context.hpp"
#include "studies/specimen.hpp"

namespace pendel {

struct BackgroundOptions {
  std::array<double, 2> range{{0, 0}};
  bool per_ring = false;

  template <class Visitor>
  void describe(Visitor& v) {
    v("range", range,
      help("lowest and highest value, in units of the data (of a pixel with data.pixels)")
          .required()
          .increasing());
    v("per_ring", per_ring, help("disks of every |g| have a level of their own"));
  }
};

/// What predicts intensities while a position is fitted.
enum class SearchMethod { automatic, surrogate, multistart, neighbours };
inline Choices<SearchMethod> choices(SearchMethod) {
  return {{"auto", SearchMethod::automatic},
          {"surrogate", SearchMethod::surrogate},
          {"multistart", SearchMethod::multistart},
          {"neighbours", SearchMethod::neighbours}};
}

struct SearchOptions {
  SearchMethod method = SearchMethod::automatic;
  SurrogateOptions surrogate;
  int samples = 2000;
  FitOptions fit;
  int scan_positions = 40;

  template <class Visitor>
  void describe(Visitor& v) {
    v("method", method,
      help(
          "surrogate: a certified series in the parameters, built once; multistart: the engine "
          "itself; neighbours: the engine itself, and most positions of a map start from solutions "
          "around them; auto: the cheapest for this scan, which the run states"));
    v("surrogate_tolerance", surrogate.tolerance,
      help("largest error of the surrogate, Σ|ΔI|/ΣI over the disks").range(1e-6, 0.2));
    v("samples", samples,
      help("points of the ranges that every position is compared with").range(1, 1e7));
    v("starts", fit.starts, help("nearest points taken as starts").range(1, 1000));
    v("basins", fit.basins, help("best distinct solutions that are polished").range(1, 100));
    v("screening_iterations", fit.screening_iterations,
      help("of every start, before that").range(1, 1000));
    v("corrections", fit.corrections,
      help("times that the engine itself corrects what the surrogate found, position by position")
          .range(0, 5));
    v("max_iterations", fit.solve.max_iterations, help("of a solution").range(1, 10000));
    v("tolerance", fit.solve.tolerance,
      help("relative change of χ² at which to stop").range(1e-14, 0.1));
    v("scan_positions", scan_positions,
      help("positions, evenly chosen, that parameters of the whole scan are fitted to")
          .range(1, 100000));
  }
};

/// What a prior expects of a parameter.
enum class PriorForm { smooth, edges, sublayers };
inline Choices<PriorForm> choices(PriorForm) {
  return {{"smooth", PriorForm::smooth},
          {"edges", PriorForm::edges},
          {"sublayers", PriorForm::sublayers}};
}

struct PriorOptions {
  std::string parameter;
  PriorForm kind = PriorForm::smooth;
  std::optional<double> sigma;

  template <class Visitor>
  void describe(Visitor& v) {
    v("parameter", parameter,
      help("a fitted parameter, or what stands before a point in several: beam_tilt_mrad")
          .required());
    v("kind", kind,
      help("smooth: second differences of neighbouring positions are small; edges: neighbours are "
           "alike but for sharp steps; sublayers: so are neighbouring sublayers of a layer"));
    v("sigma", sigma,
      help(
          "standard deviation of those differences in the parameter's unit (per pixel², per pixel, "
          "per sublayer); without it, estimated from the scan")
          .above(0));
  }
};

struct CheckOptions {
  int bootstrap_positions = 4, bootstrap_samples = 25;
  int profile_positions = 3, profile_points = 25;

  template <class Visitor>
  void describe(Visitor& v) {
    v("bootstrap_positions", bootstrap_positions,
      help("positions at which error bars are compared with refits of simulated data; 0: none")
          .range(0, 10000));
    v("bootstrap_samples", bootstrap_samples, help("refits at each of them").range(2, 100000));
    v("profile_positions", profile_positions, help("positions of every profile").range(1, 10000));
    v("profile_points", profile_points,
      help("values over the range, and as many near the fitted one").range(3, 10000));
  }
};

struct ParameterOptions {
  std::optional<TiltFitOptions> beam_tilt_mrad;
  std::vector<ModeFitOptions> modes;
  std::vector<ThicknessFitOptions> thickness_A;
  std::vector<DebyeWallerFitOptions> debye_waller_B_A2;
  std::vector<AnisotropicFitOptions> anisotropic_U_A2;
  std::vector<OccupancyFitOptions> occupancy;
  std::vector<StructureFactorFitOptions> structure_factor_invA2;
  std::vector<InPlaneStrainFitOptions> strain_in_plane;
  std::vector<OutOfPlaneStrainFitOptions> strain_out_of_plane;
  std::vector<RegistryFitOptions> registry_A;
  std::optional<AbsorptionFitOptions> absorption_strength;
  std::optional<SemiangleFitOptions> semiangle_mrad;
  std::optional<TiltSpreadFitOptions> tilt_spread_mrad;
  std::optional<RangeOptions> scale = RangeOptions{{{0.5, 2}}};
  std::optional<BackgroundOptions> background;
  std::optional<RegionOptions> regions;
  NoiseOptions noise;
  SearchOptions search;
  std::vector<PriorOptions> priors;
  std::vector<std::string> profile;
  CheckOptions checks;

  template <class Visitor>
  void describe(Visitor& v) {
    v("beam_tilt_mrad", beam_tilt_mrad,
      help("direction of the incident beam along x and y").off("fixed"));
    v("modes", modes, help("amplitudes of displacement modes"));
    v("thickness_A", thickness_A, help("thicknesses of layers"));
    v("debye_waller_B_A2", debye_waller_B_A2, help("isotropic Debye-Waller B of elements"));
    v("anisotropic_U_A2", anisotropic_U_A2, help("components of sites' mean-square displacement"));
    v("occupancy", occupancy, help("occupancies of sites, compositions"));
    v("structure_factor_invA2", structure_factor_invA2,
      help("single U_g, with their symmetry equivalents"));
    v("strain_in_plane", strain_in_plane, help("strain of all layers across the beam"));
    v("strain_out_of_plane", strain_out_of_plane, help("strain of crystals along the beam"));
    v("registry_A", registry_A, help("shifts of layers across the beam"));
    v("absorption_strength", absorption_strength, help("factor on the absorption").off("fixed"));
    v("semiangle_mrad", semiangle_mrad,
      help("semi-angle of the illumination; starts from beam.semiangle_mrad").off("fixed"));
    v("tilt_spread_mrad", tilt_spread_mrad,
      help("standard deviation, along each axis, of the tilt within the probe (mosaic spread)")
          .off("none"));
    v("scale", scale,
      help("factor on the dose, per position; further sets of data have another one each beside it")
          .off("fixed"));
    v("background", background,
      help("levels per position, of every set of data its own; without it 0").off("fixed"));
    v("regions", regions, help("of the scan, for parameters with per: region"));
    v("noise", noise, help("of the data; a word alone is its kind").word("kind"));
    v("search", search, help("how the best solution is looked for"));
    v("priors", priors, help("what is expected of maps; the map without them is stored beside"));
    v("profile", profile,
      help("parameters whose profile likelihood (χ² against their value, all others fitted) is "
           "wanted"));
    v("checks", checks, help("of the error bars"));
  }
};

struct FitStudy {
  std::string study = "fit";
  std::optional<File> output;
  std::vector<DataOptions> data;
  CrystalsOptions crystals;
  SpecimenOptions specimen;
  BeamOptions beam;
  EngineOptions engine;
  ParameterOptions fit;

  template <class Visitor>
  void describe(Visitor& v) {
    v("study", study, help("kind of study").required());
    v("output", output, help("result; without it the name of this file with .h5"));
    v("data", data,
      help("measured intensities; or a list of several sets of the same region, fitted together")
          .required()
          .or_one());
    v("crystals", crystals, help("structures by name").required());
    v("specimen", specimen, help("what the beam goes through").required());
    v("beam", beam, help("illumination").required());
    v("engine", engine, help("how diffraction is calculated"));
    v("fit", fit, help("what is fitted; what is not named is fixed").required());
  }

  static constexpr const char* summary =
      "Fit of tilt, displacement amplitudes, thickness and more at every position of a scan.";
  static FitStudy example(const std::string& data);
  void check(Problems& problems) const;
  void run(RunContext& context) const;
};

}  // namespace pendel
