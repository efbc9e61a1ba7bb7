#include "acom/dynamical_ranking.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "core/electron.hpp"
#include "core/error.hpp"
#include "crystal/rotation.hpp"

namespace pendel {

namespace {

using Eigen::ArrayXd;
using Eigen::ArrayXXd;
using Eigen::Index;

constexpr double outlying = 3;  // standard deviations from where on a residual counts less and less
constexpr double faint = 0.1;   // error of √I of the faintest peak: in I, a fifth of it

/// r²/(1 + r²/c²) [Geman1987] and the weight it leaves in normal equations.
double bent_square(double square) { return square / (1 + square / (outlying * outlying)); }
double bent_weight(double square) { return std::pow(1 + square / (outlying * outlying), -2); }

void require(bool good, const std::string& what, double value, const std::string& right) {
  if (!good)
    throw Error(ErrorKind::study, what + " is " + std::to_string(value) + "; it must be " + right);
}

/// The spots of one orientation, sorted to peaks.
struct Sorted {
  ArrayXXd root;      // √I of what is predicted: (peaks, then spots without one; thicknesses)
  double misfit = 0;  // of the positions
};

Sorted sorted(const std::vector<PeakVector>& peaks, const DynamicalSpots& spots, double g_max,
              const DynamicalRankingOptions& options) {
  const Index count = Index(peaks.size()), thicknesses = spots.intensity.cols();
  ArrayXXd intensity = ArrayXXd::Zero(count + Index(spots.g.size()), thicknesses);
  std::vector<Vec2> place(peaks.size(), Vec2::Zero());  // times weight
  std::vector<double> weight(peaks.size(), 0);
  Index rows = count;
  for (std::size_t j = 0; j < spots.g.size(); ++j) {
    const Vec2 q = spots.g[j].head<2>();
    if (q.norm() < options.reach || q.norm() > g_max) continue;
    std::size_t nearest = peaks.size();
    double least = options.reach;
    for (std::size_t i = 0; i < peaks.size(); ++i)
      if ((peaks[i].q - q).norm() < least) {
        least = (peaks[i].q - q).norm();
        nearest = i;
      }
    const auto row = spots.intensity.row(Index(j)).array();
    if (nearest == peaks.size()) {
      intensity.row(rows++) = row;
      continue;
    }
    intensity.row(Index(nearest)) += row;
    place[nearest] += row.sum() * q;
    weight[nearest] += row.sum();
  }
  Sorted result{intensity.topRows(rows).sqrt(), 0};
  for (std::size_t i = 0; i < peaks.size(); ++i) {
    if (!(weight[i] > 0)) {
      result.misfit += 2 * outlying * outlying;  // what two outliers cost
      continue;
    }
    const double known = std::sqrt(0.5 * peaks[i].covariance.trace());
    const Vec2 r = (peaks[i].q - place[i] / weight[i]) /
                   (std::isfinite(known) && known > 0 ? known : options.position_error);
    result.misfit += bent_square(r.x() * r.x()) + bent_square(r.y() * r.y());
  }
  return result;
}

/// Squares of the residuals at one thickness and scale of √I. `seen`: √I of the peaks.
void squares(const ArrayXd& seen, const Eigen::Ref<const ArrayXd>& root, double scale,
             double intensity_error, ArrayXd& error, ArrayXd& result) {
  const double least = seen.minCoeff();
  for (Index i = 0; i < root.size(); ++i) {
    const bool peak = i < seen.size();
    const double model = scale * root[i], measured = peak ? seen[i] : std::min(model, least);
    // √I: half the relative error of I
    error[i] = std::hypot(0.5 * intensity_error * (peak ? measured : model), faint * least);
    result[i] = std::pow((model - measured) / error[i], 2);
  }
}

/// The least sum of bent squares over the scale.
double intensity_misfit(const ArrayXd& seen, const Eigen::Ref<const ArrayXd>& root,
                        double intensity_error) {
  const Index count = seen.size();
  const double power = root.head(count).square().sum();
  if (!(power > 0)) return outlying * outlying * double(count);
  double scale = (root.head(count) * seen).sum() / power;
  ArrayXd error(root.size()), square(root.size());
  for (int step = 0; step < 20; ++step) {
    squares(seen, root, scale, intensity_error, error, square);
    double above = 0, below = 0;
    for (Index i = 0; i < root.size(); ++i) {
      if (i >= count && scale * root[i] <= seen.minCoeff()) continue;  // would not be seen
      const double weight = bent_weight(square[i]) / (error[i] * error[i]);
      above += weight * root[i] * (i < count ? seen[i] : seen.minCoeff());
      below += weight * root[i] * root[i];
    }
    if (!(below > 0)) break;
    const double before = scale;
    scale = above / below;
    if (std::abs(scale - before) < 1e-6 * before) break;
  }
  squares(seen, root, scale, intensity_error, error, square);
  return square.unaryExpr(&bent_square).sum();
}

DynamicalCandidate compared(const std::vector<PeakVector>& peaks, const Match& match,
                            const DynamicalPatterns& patterns, double g_max,
                            const DynamicalRankingOptions& options) {
  const std::vector<double>& t = patterns.thickness_A();
  const Sorted spots = sorted(peaks, patterns.spots(match.R_lab_crystal), g_max, options);
  ArrayXd seen(Index(peaks.size()));
  for (std::size_t i = 0; i < peaks.size(); ++i) seen[Index(i)] = std::sqrt(peaks[i].intensity);
  ArrayXd misfit(Index(t.size()));
  for (Index k = 0; k < misfit.size(); ++k)
    misfit[k] =
        peaks.empty() ? 0 : intensity_misfit(seen, spots.root.col(k), options.intensity_error);
  Index best = 0;
  const double least = misfit.minCoeff(&best);

  DynamicalCandidate result{match, 0, least + spots.misfit, spots.misfit};
  result.match.thickness_A = t[std::size_t(best)];
  // The likelihood as a density over the thicknesses, each standing for the interval around it;
  // flatter if the peaks scatter more than they should (unknowns: scale and thickness).
  const double scatter = std::max(1.0, least / std::max(1.0, double(peaks.size()) - 2));
  double sum = 0, second = 0;
  for (std::size_t k = 0; k < t.size(); ++k) {
    const double width = 0.5 * (t[std::min(k + 1, t.size() - 1)] - t[k ? k - 1 : 0]);
    const double density = width * std::exp(-0.5 * (misfit[Index(k)] - least) / scatter);
    sum += density;
    second += density * (std::pow(t[k] - result.match.thickness_A, 2) + width * width / 12);
  }
  result.thickness_error_A = std::sqrt(second / sum);
  return result;
}

/// A grid of tilts about where it is, then ever smaller hexagons about the best so far.
DynamicalCandidate tilted(const std::vector<PeakVector>& peaks, DynamicalCandidate best,
                          const DynamicalPatterns& patterns, double g_max,
                          const DynamicalRankingOptions& options) {
  const auto try_about = [&](const Match& centre, double radius, int directions, double phase) {
    for (int i = 0; i < directions; ++i) {
      const double angle = 2 * electron::pi * (i + phase) / directions;
      Match match = centre;
      match.R_lab_crystal =
          rotation_about({std::cos(angle), std::sin(angle), 0}, radius) * centre.R_lab_crystal;
      const DynamicalCandidate other = compared(peaks, match, patterns, g_max, options);
      if (other.misfit < best.misfit) best = other;
    }
  };
  const Match start = best.match;
  for (int ring = 1; ring <= 3; ++ring) try_about(start, options.farthest * ring / 3, 6 * ring, 0);
  constexpr int halvings = 4;
  double radius = options.farthest / 3;
  for (int i = 0; i < halvings; ++i) try_about(Match(best.match), radius /= 2, 6, 0.5 * (i % 2));
  return best;
}

void sort(std::vector<DynamicalCandidate>& candidates) {
  std::stable_sort(
      candidates.begin(), candidates.end(),
      [](const DynamicalCandidate& a, const DynamicalCandidate& b) { return a.misfit < b.misfit; });
}

}  // namespace

std::vector<DynamicalCandidate> ranked_dynamically(
    const std::vector<PeakVector>& peaks, const std::vector<Match>& candidates,
    const std::vector<const DynamicalPatterns*>& patterns, const DynamicalRankingOptions& options) {
  require(options.reach > 0, "the reach [1/A] of a peak", options.reach, "positive");
  require(options.position_error > 0, "position_error [1/A]", options.position_error, "positive");
  require(options.intensity_error > 0, "intensity_error", options.intensity_error, "positive");
  require(options.farthest > 0 && options.farthest < 0.2, "the farthest tilt [rad]",
          options.farthest, "above 0 and below 0.2");
  double g_max = std::numeric_limits<double>::infinity();
  for (const DynamicalPatterns* one : patterns) {
    const std::vector<double>& t = one->thickness_A();
    require(t.size() > 1, "the number of thicknesses to choose from", double(t.size()),
            "at least 2");
    for (std::size_t k = 1; k < t.size(); ++k)
      require(t[k] > t[k - 1], "a thickness [A] to choose from", t[k], "above the one before it");
    g_max = std::min(g_max, one->options().g_max);
  }
  std::vector<PeakVector> used;
  for (const PeakVector& peak : peaks)
    if (peak.intensity > 0 && peak.q.norm() >= options.reach && peak.q.norm() <= g_max)
      used.push_back(peak);
  std::vector<DynamicalCandidate> result;
  for (const Match& match : candidates) {
    require(match.phase >= 0 && match.phase < int(patterns.size()), "the phase of a candidate",
            match.phase, "the number of one with patterns");
    result.push_back(compared(used, match, *patterns[std::size_t(match.phase)], g_max, options));
  }
  sort(result);
  for (std::size_t i = 0; i < result.size() && int(i) < options.tilted; ++i)
    result[i] =
        tilted(used, result[i], *patterns[std::size_t(result[i].match.phase)], g_max, options);
  sort(result);
  return result;
}

}  // namespace pendel
