#include "acom/dynamical_ranking.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "core/electron.hpp"
#include "core/require.hpp"
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

/// −2 ln likelihood of one candidate at every thickness, at the tilt that is best for it.
class Profile {
 public:
  Profile(const std::vector<PeakVector>& peaks, const Match& match,
          const DynamicalPatterns& patterns, double g_max, const DynamicalRankingOptions& options)
      : peaks_(&peaks), match_(match), patterns_(&patterns), g_max_(g_max), options_(&options) {
    const std::size_t count = patterns.thickness_A().size();
    seen_.resize(Index(peaks.size()));
    for (std::size_t i = 0; i < peaks.size(); ++i) seen_[Index(i)] = std::sqrt(peaks[i].intensity);
    intensities_.setZero(Index(count));
    total_.setConstant(Index(count), std::numeric_limits<double>::infinity());
    R_.resize(count);
    compare(match.R_lab_crystal);
  }

  /// A grid of tilts about where it is, then ever smaller hexagons about the best of every
  /// thickness that contends: intensities beat with it, and each beat has a tilt of its own.
  void tilt() {
    constexpr double spacing = 0.004;  // rad: intensities change within tenths of a degree
    const int rings = int(std::ceil(options_->farthest / spacing - 1e-9));
    double radius = options_->farthest / rings;
    for (int ring = 1; ring <= rings; ++ring)
      compare_about(match_.R_lab_crystal, ring * radius, 6 * ring, 0);
    constexpr int halvings = 4;
    for (int i = 0; i < halvings; ++i) {
      radius /= 2;
      for (const Index k : contenders())
        compare_about(Mat3(R_[std::size_t(k)]), radius, 6, 0.5 * (i % 2));
    }
  }

  double least() const { return total_.minCoeff(); }

  Match best() const {
    const std::vector<double>& t = patterns_->thickness_A();
    Index best = 0;
    const double least = total_.minCoeff(&best);
    Match result = match_;
    result.dynamical_misfit = least;
    result.R_lab_crystal = R_[std::size_t(best)];
    result.thickness_A = t[std::size_t(best)];
    // The likelihood as a density over the thicknesses, each standing for the interval around it.
    const Scatter scatter = learnt();
    double sum = 0, second = 0;
    for (std::size_t k = 0; k < t.size(); ++k) {
      const double width = 0.5 * (t[std::min(k + 1, t.size() - 1)] - t[k ? k - 1 : 0]);
      const double behind = (total_[Index(k)] - least) / scatter.factor;
      const double density =
          width * std::pow(1 + behind / scatter.freedom, -0.5 * (scatter.freedom + 1));
      sum += density;
      second += density * (std::pow(t[k] - result.thickness_A, 2) + width * width / 12);
    }
    result.thickness_error_A = std::sqrt(second / sum);
    return result;
  }

 private:
  /// How far model and intensities are apart is itself learnt from the residuals, the error given
  /// being worth as much as `given` intensities: likelihoods are Student's, not Gauss's.
  struct Scatter {
    double freedom, factor;  // of variances
  };
  Scatter learnt() const {
    constexpr double given = 10, unknowns = 4;  // scale, thickness and two tilts
    Index best = 0;
    total_.minCoeff(&best);
    const double freedom = given + std::max(0.0, double(peaks_->size()) - unknowns);
    return {freedom, (given + intensities_[best]) / freedom};
  }

  void compare(const Mat3& R_lab_crystal) {
    const Sorted spots = sorted(*peaks_, patterns_->spots(R_lab_crystal), g_max_, *options_);
    for (Index k = 0; k < total_.size(); ++k) {
      const double misfit =
          peaks_->empty() ? 0
                          : intensity_misfit(seen_, spots.root.col(k), options_->intensity_error);
      if (misfit + spots.misfit >= total_[k]) continue;
      total_[k] = misfit + spots.misfit;
      intensities_[k] = misfit;
      R_[std::size_t(k)] = R_lab_crystal;
    }
  }

  void compare_about(const Mat3& centre, double radius, int directions, double phase) {
    for (int i = 0; i < directions; ++i) {
      const double angle = 2 * electron::pi * (i + phase) / directions;
      compare(rotation_about({std::cos(angle), std::sin(angle), 0}, radius) * centre);
    }
  }

  /// Minima over the thickness that the best has not left far behind, the lowest first.
  std::vector<Index> contenders() const {
    constexpr std::size_t most = 4;
    constexpr double far = 25;  // five standard deviations
    const double worst = total_.minCoeff() + far * learnt().factor;
    std::vector<Index> result;
    const Index count = total_.size();
    for (Index k = 0; k < count; ++k)
      if (total_[k] <= worst && (k == 0 || total_[k] < total_[k - 1]) &&
          (k + 1 == count || total_[k] <= total_[k + 1]))
        result.push_back(k);
    std::stable_sort(result.begin(), result.end(),
                     [&](Index a, Index b) { return total_[a] < total_[b]; });
    if (result.size() > most) result.resize(most);
    return result;
  }

  const std::vector<PeakVector>* peaks_;
  Match match_;
  const DynamicalPatterns* patterns_;
  double g_max_;
  const DynamicalRankingOptions* options_;
  ArrayXd seen_;
  ArrayXd total_, intensities_;  // (thicknesses): misfit, and the intensities' part of it
  std::vector<Mat3> R_;
};

}  // namespace

std::vector<Match> ranked_dynamically(const std::vector<PeakVector>& peaks,
                                      const std::vector<Match>& candidates,
                                      const std::vector<const DynamicalPatterns*>& patterns,
                                      const DynamicalRankingOptions& options) {
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
  std::vector<Profile> profiles;
  for (const Match& match : candidates) {
    require(match.phase >= 0 && match.phase < int(patterns.size()), "the phase of a candidate",
            match.phase, "the number of one with patterns");
    profiles.emplace_back(used, match, *patterns[std::size_t(match.phase)], g_max, options);
  }
  const auto by_misfit = [](const Profile& a, const Profile& b) { return a.least() < b.least(); };
  std::stable_sort(profiles.begin(), profiles.end(), by_misfit);
  for (std::size_t i = 0; i < profiles.size() && int(i) < options.tilted; ++i) profiles[i].tilt();
  std::stable_sort(profiles.begin(), profiles.end(), by_misfit);
  std::vector<Match> result;
  for (const Profile& one : profiles) result.push_back(one.best());
  return result;
}

}  // namespace pendel
