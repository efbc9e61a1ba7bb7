// Study `plan`: what a measurement can tell before it is made. For true states over thickness and
// tilt: the Cramér-Rao limit of every fitted parameter for each dose and set of disks, the nearest
// state that would look alike, and how far neglected effects move the answer.
#pragma once
#include "studies/fit.hpp"
#include "studies/series.hpp"

namespace pendel {

struct PlanOptions {
  std::vector<double> doses{1e4, 1e5};
  std::vector<double> g_max_invA{1.2};
  double background = 0;
  std::optional<double> variance;
  int thickness_layer = 1;
  std::vector<double> thicknesses_A;
  std::optional<ThicknessSeriesOptions> thickness_series;
  std::optional<std::vector<Vec2>> tilts_mrad;
  std::optional<TiltGridOptions> tilt_grid;
  std::optional<TiltLineOptions> tilt_line;
  int states = 1;
  int seed = 1;
  bool ambiguity = true;
  std::map<std::string, std::vector<std::string>> bias;

  template <class Visitor>
  void describe(Visitor& v) {
    v("doses", doses, help("electrons per position").required().above(0));
    v("g_max_invA", g_max_invA, help("sets of disks: all up to each |g|").required().above(0));
    v("background", background,
      help("in every disk besides: counts, or with fit.noise.gain units of the data").at_least(0));
    v("variance", variance, help("of every disk, for fit.noise: gaussian").above(0));
    v("thicknesses_A", thicknesses_A,
      help("thicknesses of one layer; empty: as in the specimen. Its fitted range moves along")
          .above(0));
    v("thickness_series", thickness_series, help("or evenly spaced ones"));
    v("thickness_layer", thickness_layer,
      help("the layer that these are of; the first is 1").at_least(1));
    v("tilts_mrad", tilts_mrad, help("true tilts [x, y], added to that of the beam"));
    v("tilt_line", tilt_line, help("or evenly spaced tilts on a line"));
    v("tilt_grid", tilt_grid, help("or a square of tilts"));
    v("states", states,
      help("true states at each thickness and tilt: the specimen's, then random ones in the ranges")
          .range(1, 100000));
    v("seed", seed, help("of the random states").at_least(0));
    v("ambiguity", ambiguity, help("look for the nearest other state that fits as well"));
    v("bias", bias,
      help("neglected effects by name: settings key=value that make the true study of this one"));
  }
};

struct PlanStudy {
  std::string study = "plan";
  std::optional<File> output;
  CrystalsOptions crystals;
  SpecimenOptions specimen;
  BeamOptions beam;
  EngineOptions engine;
  ParameterOptions fit;
  PlanOptions plan;

  template <class Visitor>
  void describe(Visitor& v) {
    v("study", study, help("kind of study").required());
    v("output", output, help("result; without it the name of this file with .h5"));
    v("crystals", crystals, help("structures by name").required());
    v("specimen", specimen, help("what the beam goes through").required());
    v("beam", beam, help("illumination").required());
    v("engine", engine, help("how diffraction is calculated"));
    v("fit", fit, help("what would be fitted; what is not named is known").required());
    v("plan", plan, help("what would be measured").required());
  }

  static constexpr const char* summary =
      "Predicted errors, ambiguity and bias of a fit, over thickness, tilt, dose and disks.";
  static PlanStudy example(const std::string& data);
  void check(Problems& problems) const;
  void run(RunContext& context) const;

  /// The fit that is planned (its data are left out).
  FitStudy planned_fit() const;
};

}  // namespace pendel
