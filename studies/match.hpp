// Study `match`: phase and orientation at every position of a scan, from measured Bragg peaks and
// template libraries.
#pragma once
#include "acom/match.hpp"
#include "acom/orientation_text.hpp"
#include "studies/measured_peaks.hpp"
#include "studies/template_library.hpp"

namespace pendel {

struct MatchLibraryOptions {
  std::optional<File> file;
  std::optional<TemplateLibraryOptions> templates;

  template <class Visitor>
  void describe(Visitor& v) {
    v("file", file, help("result of study `library`"));
    v("templates", templates, help("or what a library is made of, here and now"));
    v.exactly_one({"file", "templates"});
  }
};

struct MatchingOptions {
  double position_tolerance_invA = 0.03, intensity_power = 0.25;
  int candidates = 5;
  double distinct_deg = 5;
  int least_peaks = 4;
  double least_score = 0.5;
  bool refine = true;
  int overlapping = 1;

  template <class Visitor>
  void describe(Visitor& v) {
    v("position_tolerance_invA", position_tolerance_invA,
      help("a peak this far from a spot is like it by exp(−1/2): errors of peaks and calibration, "
           "and half a step of the library at g_max, together")
          .above(0));
    v("intensity_power", intensity_power,
      help("peaks weigh as their intensity to this power").range(0, 1));
    v("candidates", candidates, help("distinct orientations kept of a phase").range(1, 100));
    v("distinct_deg", distinct_deg, help("orientations nearer than this are one").range(0.1, 60));
    v("least_peaks", least_peaks,
      help("with fewer explained, a position is not indexed").at_least(2));
    v("least_score", least_score, help("nor with a lower score").range(0, 1));
    v("refine", refine, help("between the templates, by least squares on the peaks"));
    v("overlapping", overlapping,
      help("above 1: up to so many crystals above each other are looked for, too, that explain the "
           "peaks together")
          .range(1, 5));
  }
};
/// What the keys mean.
MatchOptions match_options(const MatchingOptions& options);

/// The best candidates against Bloch waves, with the library's energy, scattering factors and
/// precession.
struct MatchDynamicalOptions : DynamicalTemplateOptions {
  double intensity_error = 0.2, position_error_invA = 0.005;
  int tilted = 2;
  double farthest_mrad = 12;

  template <class Visitor>
  void describe(Visitor& v) {
    DynamicalTemplateOptions::describe(v);
    v("intensity_error", intensity_error,
      help("relative, of a peak's intensity and of its model").range(0.01, 2));
    v("position_error_invA", position_error_invA,
      help("of a peak, each component, if the file does not say it").above(0));
    v("tilted", tilted,
      help("so many of the candidates are also tilted to the least misfit; 0: the thickness then "
           "means little")
          .range(0, 100));
    v("farthest_mrad", farthest_mrad, help("of such tilts").range(0.1, 100));
  }
};

struct RankedMatchingOptions : MatchingOptions {
  std::optional<MatchDynamicalOptions> dynamical;

  template <class Visitor>
  void describe(Visitor& v) {
    MatchingOptions::describe(v);
    v("dynamical", dynamical,
      help("the candidates are ranked by Bloch waves over thickness and tilt, which tells the "
           "thickness, too"));
  }
};

struct JointOptions {
  bool scale = true, ellipse = true, origin = true;
  int rounds = 2;

  template <class Visitor>
  void describe(Visitor& v) {
    v("scale", scale, help("one factor on all lengths"));
    v("ellipse", ellipse, help("of the patterns"));
    v("origin", origin, help("one shift of all patterns"));
    v("rounds", rounds, help("of matching and correcting").range(1, 10));
  }
};

struct NeighboursOptions {
  double most_loss = 0.1;

  template <class Visitor>
  void describe(Visitor& v) {
    v("most_loss", most_loss,
      help("a solution may stand in if its score is lower by at most this part").range(0, 1));
  }
};

struct TwinOptions {
  std::string name, phase;
  Vec3 axis = Vec3::Zero();
  double angle_deg = 60, tolerance_deg = 5;

  template <class Visitor>
  void describe(Visitor& v) {
    v("name", name, help("of the relation, for example sigma 3").required());
    v("phase", phase, help("that it is of").required());
    v("axis", axis, help("[uvw] that one crystal is turned about against the other").required());
    v("angle_deg", angle_deg, help("of that turn").required().range(0, 180));
    v("tolerance_deg", tolerance_deg, help("turns farther from it are none").range(0.01, 15));
  }
};

inline Choices<CrystalFrame> choices(CrystalFrame) {
  return {{"a_along_x", CrystalFrame::a_along_x}, {"a_star_along_x", CrystalFrame::a_star_along_x}};
}

struct OrientationFilesOptions {
  CrystalFrame crystal_frame = CrystalFrame::a_along_x;

  template <class Visitor>
  void describe(Visitor& v) {
    v("crystal_frame", crystal_frame,
      help(
          "crystal axes that their angles refer to: c* along z (Pendel, orix, EDAX), or c along z; "
          "30° apart with hexagonal axes"));
  }
};

struct MapOptions {
  std::optional<double> step_A;
  double grain_threshold_deg = 5;
  int least_positions = 2;
  std::optional<NeighboursOptions> neighbours;
  std::vector<TwinOptions> twins;
  std::optional<OrientationFilesOptions> orientation_files = OrientationFilesOptions{};

  template <class Visitor>
  void describe(Visitor& v) {
    v("step_A", step_A, help("between positions, for scale bars and files").above(0));
    v("grain_threshold_deg", grain_threshold_deg,
      help("neighbours of one grain are turned by less against each other").range(0.1, 60));
    v("least_positions", least_positions, help("of a grain").at_least(1));
    v("neighbours", neighbours,
      help("of solutions with about the same score the one is taken that continues the "
           "neighbours'; such positions are flagged"));
    v("twins", twins, help("relations between neighbours that are looked for"));
    v("orientation_files", orientation_files,
      help("the map as .ang and .ctf, too, named as the result; none: not").off("none"));
  }
};

struct MatchStudy {
  std::string study = "match";
  std::optional<File> output;
  MeasuredPeaksOptions peaks;
  MatchLibraryOptions library;
  RankedMatchingOptions match;
  std::optional<JointOptions> calibration;
  MapOptions map;

  template <class Visitor>
  void describe(Visitor& v) {
    v("study", study, help("kind of study").required());
    v("output", output, help("result; without it the name of this file with .h5"));
    v("peaks", peaks, help("the measurement").required());
    v("library", library, help("the templates").required());
    v("match", match, help("how patterns are compared with templates"));
    v("calibration", calibration,
      help("corrected by the crystals themselves: what their peaks have in common against the "
           "matched reflections"));
    v("map", map, help("what is made of the orientations"));
  }

  static constexpr const char* summary =
      "Phase and orientation at every position of a scan, from measured Bragg peaks and template "
      "libraries.";
  static MatchStudy example(const std::string& data);
  void check(Problems& problems) const;
  void run(RunContext& context) const;
};

}  // namespace pendel
