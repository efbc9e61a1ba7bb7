#include "studies/classify.hpp"

#include <algorithm>
#include <cmath>

#include "core/progress.hpp"
#include "core/text.hpp"
#include "scan/bragg_map.hpp"
#include "scan/features.hpp"

namespace pendel {

namespace {

EmdAxis axis(const std::string& name, std::size_t count, double from, double step,
             const std::string& units) {
  EmdAxis result = index_axis(name, count);
  result.units = units;
  for (double& value : result.values) value = from + step * value;
  return result;
}

NnmfOptions numbers_of(const FactorisationOptions& options, int components) {
  NnmfOptions result;
  result.components = components;
  result.objective = options.objective;
  result.restarts = options.restarts;
  result.seed = std::uint64_t(options.seed);
  result.max_sweeps = options.max_sweeps;
  result.tolerance = options.tolerance;
  return result;
}

double least_of(const std::vector<double>& values) {
  return *std::min_element(values.begin(), values.end());
}

double mean_of(const std::vector<double>& values) {
  double sum = 0, count = 0;
  for (const double value : values)
    if (std::isfinite(value)) sum += value, ++count;
  return sum / count;
}

}  // namespace

ClassifyStudy ClassifyStudy::example(const std::string& data) {
  ClassifyStudy study;
  study.peaks.file = {data + "/scans/cathode_peaks.h5", data + "/scans/cathode_peaks.h5"};
  study.classify.components = 3;
  return study;
}

void ClassifyStudy::check(Problems& problems) const {
  if (features.step_invA > features.range_invA[1])
    problems.add("features.step_invA", "is more than the greatest length in features.range_invA");
  if (features.range_invA[1] / features.step_invA > 2000)
    problems.add("features.step_invA",
                 "makes a Bragg-vector map of more than 4000 x 4000 elements; " +
                     number_text(features.range_invA[1] / 2000) + " is the least");
}

void ClassifyStudy::run(RunContext& context) const {
  const BraggPeaks measured = open_peaks(peaks, context);
  context.say(peaks_summary(measured));
  if (!context.begin()) return;

  const auto [from, to] = features.range_invA;
  const double step = features.step_invA;
  const BraggVectorMap map = bragg_vector_map(measured, to, step);
  const std::vector<double> radial = radial_histogram(measured, to, step);
  const std::vector<double> rings =
      radial_maxima(radial, step, from, to, std::size_t(features.radial_maxima));
  const FeatureWeight weight{features.weight == PeakWeight::intensity, features.power};
  FeatureMatrix X;
  Array q;
  if (features.kind == FeatureKind::vectors) {
    MaximumOptions options;
    options.from = from;
    options.to = to;
    options.smoothing = features.radius_invA / 3;
    options.spacing = features.radius_invA;
    options.least = features.least;
    options.most = std::size_t(features.most);
    std::vector<Vec2> places;
    for (const MapMaximum& maximum : map_maxima(map, options)) places.push_back(maximum.q);
    X = place_features(measured, places, features.radius_invA, weight);
    q = Array({places.size(), 2});
    for (std::size_t i = 0; i < places.size(); ++i)
      q(i, 0) = places[i].x(), q(i, 1) = places[i].y();
  } else {
    const auto count = std::size_t(std::floor((to - from) / step)) + 1;
    X = ring_features(measured, from, step, count, weight);
    q = Array({count});
    for (std::size_t i = 0; i < count; ++i) q.values[i] = from + double(i) * step;
  }
  if (X.nonZeros() == 0)
    throw Error(ErrorKind::input, peaks.file.path +
                                      ": no Bragg peak lies within features.range_invA, " +
                                      number_text(from) + " to " + number_text(to) + " 1/Å");
  context.say(formatted("features: %ld", long(X.cols())));

  const std::array<int, 2> tried =
      classify.components ? std::array<int, 2>{*classify.components, *classify.components}
                          : *classify.try_components;
  std::vector<NnmfRuns> runs(std::size_t(tried[1] - tried[0] + 1));
  {
    Progress progress("restarts", long(runs.size()) * classify.restarts, context.quiet);
    // the largest first: more than there can be is an error before anything is done in vain
    for (std::size_t i = runs.size(); i-- > 0;)
      runs[i] =
          nnmf_restarts(X, numbers_of(classify, tried[0] + int(i)), [&] { progress.advance(); });
  }
  std::size_t chosen = 0;
  for (std::size_t i = 1; i < runs.size(); ++i) {
    const double similarity = least_of(runs[i].similarity);
    const bool stable = similarity >= classify.min_similarity,
               before = least_of(runs[chosen].similarity) >= classify.min_similarity;
    if (stable || (!before && similarity > least_of(runs[chosen].similarity))) chosen = i;
  }
  for (std::size_t i = 0; i < runs.size(); ++i)
    context.say(
        formatted("%d components: %.2f %% unexplained, similarity over %d restarts %.3f to "
                  "%.3f, same class %.1f %%, cophenetic correlation %.3f, %d converged%s",
                  tried[0] + int(i), 100 * runs[i].unexplained, classify.restarts,
                  least_of(runs[i].similarity),
                  *std::max_element(runs[i].similarity.begin(), runs[i].similarity.end()),
                  100 * mean_of(runs[i].agreement), runs[i].cophenetic, runs[i].converged,
                  runs.size() > 1 && i == chosen ? " (taken)" : ""));
  const NnmfRuns& found = runs[chosen];
  if (runs.size() > 1 && least_of(found.similarity) < classify.min_similarity)
    context.say("no number of components is stable: the most stable one is taken");
  const auto components = std::size_t(found.best.weights.cols());
  const std::size_t positions = measured.positions();

  EmdWriter result("pendel");
  const EmdAxis row = index_axis("row", measured.rows),
                column = index_axis("column", measured.columns);
  const EmdAxis component = axis("component", components, 1, 1, "");
  const auto there = [&](std::size_t i) {
    return measured.recorded.empty() || measured.recorded[i];
  };
  const auto save_map = [&](const std::string& name, const std::vector<double>& values,
                            const std::string& note) {
    Array array({measured.rows, measured.columns});
    for (std::size_t i = 0; i < positions; ++i)
      array.values[i] = there(i) ? values[i] : Calibration::not_known;
    result.array(name, array, "", {row, column}, note);
  };
  Array weights({components, measured.rows, measured.columns});
  for (std::size_t k = 0; k < components; ++k)
    for (std::size_t i = 0; i < positions; ++i)
      weights.values[k * positions + i] =
          there(i) ? found.best.weights(long(i), long(k)) : Calibration::not_known;
  result.array("weights", weights, "", {component, row, column},
               "part of the position's sum of features that belongs to the component");
  Array patterns({components, std::size_t(X.cols())});
  for (std::size_t k = 0; k < components; ++k)
    for (long j = 0; j < X.cols(); ++j)
      patterns(k, std::size_t(j)) = found.best.patterns(long(k), j);
  const EmdAxis feature = index_axis("feature", std::size_t(X.cols()));
  result.array("patterns", patterns, "", {component, feature}, "of features, their sum 1");
  if (q.rank() == 2)
    result.array("q", q, "1/Å", {feature, index_axis("axis", 2)},
                 "x (along the scan's columns) and y (along its rows) of the features");
  else
    result.array("q", q, "1/Å", {feature}, "length of the features' diffraction vectors");
  std::vector<double> classes;
  for (const int number : classes_of(found.best))
    classes.push_back(number < 0 ? Calibration::not_known : number + 1);
  save_map("class", classes, "component with the largest weight, from 1; NaN: no feature");
  save_map("class_agreement", found.agreement, "part of the other restarts with the same class");
  save_map("residual", residuals_of(X, found.best), "|x - wH| / |x|");

  Array similarity({components, 2});
  for (std::size_t k = 0; k < components; ++k) {
    similarity(k, 0) = found.similarity[k];
    similarity(k, 1) = found.least_similarity[k];
  }
  result.array("similarity", similarity, "", {component, index_axis("mean, least", 2)},
               "cosine of the component's part of the features with that of its partner in the "
               "other restarts");
  const EmdAxis number = axis("components", runs.size(), tried[0], 1, "");
  const auto against_number = [&](const std::string& name, const std::string& note,
                                  const auto& value) {
    Array array({runs.size()});
    for (std::size_t i = 0; i < runs.size(); ++i) array.values[i] = value(runs[i]);
    result.array("numbers/" + name, array, "", {number}, note);
  };
  against_number("unexplained", "part of the objective that is left",
                 [](const NnmfRuns& r) { return r.unexplained; });
  against_number("least_similarity", "mean similarity of the least stable component",
                 [](const NnmfRuns& r) { return least_of(r.similarity); });
  against_number("mean_similarity", "over the components",
                 [](const NnmfRuns& r) { return mean_of(r.similarity); });
  against_number("agreement", "mean of class_agreement",
                 [](const NnmfRuns& r) { return mean_of(r.agreement); });
  against_number("cophenetic", "cophenetic correlation of the restarts' classes",
                 [](const NnmfRuns& r) { return r.cophenetic; });

  const auto edge = std::size_t(map.edge());
  Array image({edge, edge});
  image.values = map.values;
  const double first = -double(map.half) * step;
  result.array(
      "bragg_vector_map", image, "",
      {axis("q_row", edge, first, step, "1/Å"), axis("q_column", edge, first, step, "1/Å")},
      "sum of the peaks' intensities in the scan's frame");
  Array histogram({radial.size()});
  histogram.values = radial;
  result.array("radial_histogram", histogram, "",
               {axis("q", radial.size(), 0.5 * step, step, "1/Å")},
               "sum of the peaks' intensities by |q|");
  if (!rings.empty()) {
    Array maxima({rings.size()});
    maxima.values = rings;
    result.array("radial_maxima", maxima, "1/Å", {index_axis("maximum", rings.size())},
                 "centres of the highest maxima of the radial histogram");
  }
  context.save(result);
  std::string listed;
  for (const double ring : rings) listed += formatted(" %.4g", ring);
  if (!rings.empty()) context.say("radial maxima (1/Å):" + listed);
  context.say(formatted("%.2f s CPU", context.provenance.cpu_seconds()));
}

}  // namespace pendel
