// Study `classify`: the positions of a scan as sums of few patterns of Bragg peaks, by
// non-negative matrix factorisation from several starts.
#pragma once
#include "scan/nnmf.hpp"
#include "studies/measured_peaks.hpp"

namespace pendel {

enum class FeatureKind { vectors, rings };
inline Choices<FeatureKind> choices(FeatureKind) {
  return {{"vectors", FeatureKind::vectors}, {"rings", FeatureKind::rings}};
}
enum class PeakWeight { intensity, presence };
inline Choices<PeakWeight> choices(PeakWeight) {
  return {{"intensity", PeakWeight::intensity}, {"presence", PeakWeight::presence}};
}
inline Choices<NnmfOptions::Objective> choices(NnmfOptions::Objective) {
  return {{"squares", NnmfOptions::Objective::squares},
          {"poisson", NnmfOptions::Objective::poisson}};
}

struct FeatureOptions {
  FeatureKind kind = FeatureKind::vectors;
  std::array<double, 2> range_invA{{0.1, 1.5}};
  double step_invA = 0.01;
  double radius_invA = 0.03;
  double least = 0.002;
  int most = 500;
  int radial_maxima = 10;
  PeakWeight weight = PeakWeight::intensity;
  double power = 0.5;

  template <class Visitor>
  void describe(Visitor& v) {
    v("kind", kind,
      help("vectors: the maxima of the Bragg-vector map, which tell crystals of other orientation "
           "apart; rings: lengths of vectors alone"));
    v("range_invA", range_invA,
      help("lengths of vectors that count, without the undiffracted beam")
          .increasing()
          .at_least(0));
    v("step_invA", step_invA, help("of the Bragg-vector map and of rings").range(1e-4, 1));
    v("radius_invA", radius_invA,
      help("vectors: a peak belongs to the nearest maximum within it; no two maxima are nearer")
          .above(0));
    v("least", least, help("vectors: of a maximum, as part of the highest").range(0, 1));
    v("most", most, help("vectors: so many of the highest maxima").range(1, 2000));
    v("radial_maxima", radial_maxima,
      help("so many maxima of the radial histogram are listed").at_least(0));
    v("weight", weight, help("of a peak: its intensity, or 1"));
    v("power", power,
      help("of the sum of a feature's peaks; below 1 the strong ones do not decide alone")
          .above(0));
  }
};

struct FactorisationOptions {
  std::optional<int> components;
  std::optional<std::array<int, 2>> try_components;
  double min_similarity = 0.9;
  NnmfOptions::Objective objective = NnmfOptions::Objective::squares;
  int restarts = 20;
  int seed = 1;
  double tolerance = 1e-6;
  int max_sweeps = 3000;

  template <class Visitor>
  void describe(Visitor& v) {
    v("components", components, help("how many patterns of features").range(1, 50));
    v("try_components", try_components,
      help("or the least and the largest number: taken is the largest of which every component is "
           "stable; if none is, that of the most stable ones")
          .increasing()
          .range(1, 50));
    v.exactly_one({"components", "try_components"});
    v("min_similarity", min_similarity,
      help("of a stable component: its mean similarity over the restarts").range(0, 1));
    v("objective", objective,
      help("squares: least squares; poisson: the divergence that is right for counts (with "
           "features.power: 1)"));
    v("restarts", restarts,
      help("starts: the first from singular vectors, the others at random").range(1, 1000));
    v("seed", seed, help("of the random starts").at_least(0));
    v("tolerance", tolerance,
      help("ten sweeps that lower the objective by no more than this part of it are the last")
          .range(1e-12, 0.1));
    v("max_sweeps", max_sweeps, help("of a start at most").range(10, 1000000));
  }
};

struct ClassifyStudy {
  std::string study = "classify";
  std::optional<File> output;
  MeasuredPeaksOptions peaks;
  FeatureOptions features;
  FactorisationOptions classify;

  template <class Visitor>
  void describe(Visitor& v) {
    v("study", study, help("kind of study").required());
    v("output", output, help("result; without it the name of this file with .h5"));
    v("peaks", peaks, help("the measurement").required());
    v("features", features, help("what describes a position"));
    v("classify", classify, help("the factorisation").required());
  }

  static constexpr const char* summary =
      "Classes of the positions of a scan by their Bragg peaks: non-negative matrix factorisation "
      "from several starts, with the stability of what it finds; Bragg-vector map.";
  static ClassifyStudy example(const std::string& data);
  void check(Problems& problems) const;
  void run(RunContext& context) const;
};

}  // namespace pendel
