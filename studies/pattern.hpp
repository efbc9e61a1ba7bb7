// Study `pattern`: intensities and amplitudes of the diffracted beams of a specimen, for a series
// of thicknesses and tilts (spots, rocking curves, LACBED).
#pragma once
#include "studies/pattern_image.hpp"
#include "studies/series.hpp"

namespace pendel {

struct PatternOptions {
  double g_max_invA = 2;
  std::optional<std::vector<std::array<int, 3>>> beams;
  int thickness_layer = 1;
  std::vector<double> thicknesses_A;
  std::optional<std::vector<Vec2>> tilts_mrad;
  std::optional<TiltGridOptions> tilt_grid;
  std::optional<TiltLineOptions> tilt_line;
  std::optional<ThicknessSeriesOptions> thickness_series;
  double precession_mrad = 0;
  int certificate_tilts = 1;
  std::optional<CbedOptions> cbed;
  std::optional<SpotsOptions> spots;
  bool scattering_matrix = false;
  std::optional<RingsOptions> rings;

  template <class Visitor>
  void describe(Visitor& v) {
    v("g_max_invA", g_max_invA, help("beams up to this |g| are written").above(0));
    v("beams", beams,
      help("or these alone: [h, k, l] of the first layer's crystal, for maps over "
           "many tilts"));
    v("thicknesses_A", thicknesses_A,
      help("series of thicknesses of one layer; empty: as in the specimen").above(0));
    v("thickness_series", thickness_series, help("or evenly spaced ones"));
    v("thickness_layer", thickness_layer,
      help("the layer that the series changes; the first is 1").at_least(1));
    v("tilts_mrad", tilts_mrad, help("series of tilts [x, y], added to that of the beam"));
    v("tilt_line", tilt_line, help("or evenly spaced tilts on a line"));
    v("tilt_grid", tilt_grid, help("or a square of tilts"));
    v("precession_mrad", precession_mrad,
      help("the beam is rocked around a cone of this semi-angle; 0: not").range(0, 200));
    v("certificate_tilts", certificate_tilts,
      help("tilts at which the engine is refined once and the change is reported; 0: none")
          .range(0, 1000));
    v("cbed", cbed, help("the image of convergent-beam diffraction on a detector"));
    v("spots", spots, help("spots of every crystal by single scattering, forbidden ones listed"));
    v("scattering_matrix", scattering_matrix,
      help("bloch: the whole matrix of the layer at each thickness"));
    v("rings", rings, help("powder rings of every crystal"));
  }
};

struct PatternStudy {
  std::string study = "pattern";
  std::optional<File> output;
  CrystalsOptions crystals;
  SpecimenOptions specimen;
  BeamOptions beam;
  EngineOptions engine;
  PatternOptions pattern;

  template <class Visitor>
  void describe(Visitor& v) {
    v("study", study, help("kind of study").required());
    v("output", output, help("result; without it the name of this file with .h5"));
    v("crystals", crystals, help("structures by name").required());
    v("specimen", specimen, help("what the beam goes through").required());
    v("beam", beam, help("illumination").required());
    v("engine", engine, help("how diffraction is calculated"));
    v("pattern", pattern, help("what is calculated"));
  }

  static constexpr const char* summary =
      "Intensities and amplitudes of diffracted beams for a series of thicknesses and tilts.";
  static PatternStudy example(const std::string& data);
  void check(Problems& problems) const;
  void run(RunContext& context) const;
};

}  // namespace pendel
