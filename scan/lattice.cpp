#include "scan/lattice.hpp"

#include <Eigen/Cholesky>
#include <Eigen/LU>
#include <algorithm>
#include <cmath>

#include "core/error.hpp"
#include "core/median.hpp"
#include "scan/strain.hpp"

namespace pendel {

namespace {

using Eigen::Matrix2d;

/// Vectors of the patterns that lie together, each with its mirror image through the origin.
struct Cluster {
  Vec2 q;
  double weight;  // peaks in it
};

/// The half of the plane that stands for both.
Vec2 folded(const Vec2& q) { return q.x() < 0 || (q.x() == 0 && q.y() < 0) ? Vec2(-q) : q; }

/// A tenth of the patterns' typical distance from a peak to its nearest neighbour, beyond the beam.
double grain_of(const std::vector<std::vector<PeakVector>>& patterns) {
  std::vector<double> nearest;
  for (const auto& peaks : patterns)
    for (std::size_t i = 0; i < peaks.size(); ++i) {
      double least = std::numeric_limits<double>::infinity();
      for (std::size_t j = 0; j < peaks.size(); ++j)
        if (j != i) least = std::min(least, (peaks[i].q - peaks[j].q).squaredNorm());
      if (std::isfinite(least) && least > 0) nearest.push_back(std::sqrt(least));
    }
  if (nearest.empty()) return 0;
  return 0.1 * median(std::move(nearest));
}

std::vector<Cluster> clusters_of(const std::vector<std::vector<PeakVector>>& patterns,
                                 double grain) {
  std::vector<Vec2> vectors;
  for (const auto& peaks : patterns)
    for (const PeakVector& peak : peaks)
      if (peak.q.norm() > 3 * grain) vectors.push_back(folded(peak.q));
  // peaks by cells of a grid: neighbours are in cells that touch
  const auto cell = [&](const Vec2& q) {
    return std::pair<long, long>(std::lround(q.x() / grain), std::lround(q.y() / grain));
  };
  std::sort(vectors.begin(), vectors.end(), [&](const Vec2& a, const Vec2& b) {
    const auto p = cell(a), q = cell(b);
    return p != q ? p < q : std::pair(a.x(), a.y()) < std::pair(b.x(), b.y());
  });
  std::vector<Cluster> cells;
  for (const Vec2& q : vectors) {
    if (cells.empty() || cell(cells.back().q / cells.back().weight) != cell(q))
      cells.push_back({Vec2::Zero(), 0});
    cells.back().q += q;
    cells.back().weight += 1;
  }
  for (Cluster& c : cells) c.q /= c.weight;
  std::stable_sort(cells.begin(), cells.end(),
                   [](const Cluster& a, const Cluster& b) { return a.weight > b.weight; });
  // the heaviest cell takes those near it
  std::vector<Cluster> clusters;
  for (const Cluster& c : cells) {
    const auto near = std::find_if(clusters.begin(), clusters.end(), [&](const Cluster& other) {
      return std::min((other.q - c.q).norm(), (other.q + c.q).norm()) < 2 * grain;
    });
    if (near == clusters.end()) {
      if (clusters.size() < 200) clusters.push_back(c);
      continue;
    }
    const Vec2 q = (near->q - c.q).norm() < 2 * grain ? c.q : Vec2(-c.q);
    near->q = (near->q * near->weight + q * c.weight) / (near->weight + c.weight);
    near->weight += c.weight;
  }
  return clusters;
}

double area(const Matrix2d& basis) { return std::abs(basis.determinant()); }

/// Weight of clusters on the lattice.
double explained(const std::vector<Cluster>& clusters, const Matrix2d& basis, double grain) {
  const Matrix2d inverse = basis.inverse();
  double sum = 0;
  for (const Cluster& c : clusters) {
    const Vec2 hk = (inverse * c.q).array().round();
    if ((c.q - basis * hk).norm() < 2 * grain) sum += c.weight;
  }
  return sum;
}

/// Least squares over the clusters on it.
Matrix2d refined(const std::vector<Cluster>& clusters, Matrix2d basis, double grain) {
  for (int pass = 0; pass < 5; ++pass) {
    const Matrix2d inverse = basis.inverse();
    Matrix2d normal = Matrix2d::Zero(), right = Matrix2d::Zero();
    for (const Cluster& c : clusters) {
      const Vec2 hk = (inverse * c.q).array().round();
      if ((c.q - basis * hk).norm() >= 3 * grain) continue;
      normal += c.weight * hk * hk.transpose();
      right += c.weight * c.q * hk.transpose();
    }
    if (std::abs(normal.determinant()) < 1e-9 * normal.squaredNorm()) break;
    basis = right * normal.inverse();
  }
  return basis;
}

/// Gauss' reduction, then the setting that find_basis() promises.
Matrix2d reduced(Matrix2d basis) {
  Vec2 a = basis.col(0), b = basis.col(1);
  for (int step = 0; step < 100; ++step) {
    if (a.squaredNorm() > b.squaredNorm()) std::swap(a, b);
    // ties (a rectangle's, a rhomb's) are left as they are
    const double turns = std::round(a.dot(b) / a.squaredNorm() * (1 - 1e-9));
    if (turns == 0) break;
    b -= turns * a;
  }
  if (std::abs(a.x()) * b.norm() < std::abs(b.x()) * a.norm()) std::swap(a, b);
  if (a.x() < 0) a = -a;
  basis << a, b;
  if (basis.determinant() < 0) basis.col(1) = -basis.col(1);
  return basis;
}

using Vector6d = Eigen::Matrix<double, 6, 1>;
using Matrix6d = Eigen::Matrix<double, 6, 6>;

/// One robust fit from a start; none if too few peaks are near its lattice.
std::optional<LatticeFit> fit_from(const std::vector<PeakVector>& peaks, const Matrix2d& start,
                                   bool errors, const LatticeFitOptions& options) {
  LatticeFit fit;
  fit.basis = start;
  const auto shortest = [&] { return std::min(fit.basis.col(0).norm(), fit.basis.col(1).norm()); };
  std::vector<double> distances;    // in units of the error, or of their median
  Matrix6d normal, slope, scatter;  // slope: how the weighted residuals answer to the unknowns
  // from the beam outwards: far peaks are indexed once the near ones have set the lattice
  double radius = 1.5 * std::max(fit.basis.col(0).norm(), fit.basis.col(1).norm());
  double farthest = 0;
  for (const PeakVector& peak : peaks) farthest = std::max(farthest, peak.q.norm());
  double scale = 0;  // of Tukey's weights; 0: none yet
  for (int pass = 0; pass < 60; ++pass) {
    const Matrix2d inverse = fit.basis.inverse();
    normal.setZero();
    slope.setZero();
    scatter.setZero();
    Vector6d right = Vector6d::Zero();
    distances.clear();
    fit.peaks = 0;
    double squares = 0;
    const double reach = options.reach * shortest();
    for (const PeakVector& peak : peaks) {
      if (peak.q.norm() > radius) continue;
      const Vec2 hk = (inverse * (peak.q - fit.origin)).array().round();
      const Vec2 residual = peak.q - fit.origin - fit.basis * hk;
      if (residual.norm() > reach) continue;
      const Matrix2d weight = errors ? Matrix2d(peak.covariance.inverse()) : Matrix2d::Identity();
      const double distance = std::sqrt(residual.dot(weight * residual));
      distances.push_back(distance);
      // 4.685 of a normal component's deviations: 95 % of least squares' efficiency
      const double u = scale > 0 ? distance / (4.685 * scale) : 0;
      if (u >= 1) continue;
      const double tukey = (1 - u * u) * (1 - u * u);
      Eigen::Matrix<double, 2, 6> design;
      design << Matrix2d::Identity(), hk.x() * Matrix2d::Identity(), hk.y() * Matrix2d::Identity();
      const Matrix6d square = design.transpose() * weight * design;
      normal += tukey * square;
      slope += (1 - u * u) * (1 - 3 * u * u) * square;  // of Tukey's w(|r|) r over directions
      scatter += tukey * tukey * (design.transpose() * weight * residual) *
                 (design.transpose() * weight * residual).transpose();
      right += tukey * design.transpose() * weight * residual;
      squares += residual.squaredNorm();
      ++fit.peaks;
    }
    if (fit.peaks < 3) return std::nullopt;
    const Eigen::LDLT<Matrix6d> solver(normal);
    if (solver.info() != Eigen::Success || solver.rcond() < 1e-12) return std::nullopt;
    const Vector6d step = solver.solve(right);
    fit.origin += step.head<2>();
    fit.basis.col(0) += step.segment<2>(2);
    fit.basis.col(1) += step.tail<2>();
    fit.residual = std::sqrt(squares / fit.peaks);
    const bool settled = step.norm() < 1e-13 * fit.basis.norm();
    // the median of |r| of two normal components is 1.177 deviations
    const double found = median(distances) / 1.177;
    // rounding is no scatter; known errors are the least that is believed
    scale = std::max({found, errors ? 1.0 : 0.0, errors ? 0.0 : 1e-12 * shortest()});
    if (radius < farthest) {
      radius *= 1.6;
    } else if (settled) {
      break;
    }
  }
  if (fit.peaks < options.least_peaks) return std::nullopt;
  if (errors) {
    // scatter beyond the errors (a deformed disk, a template that does not fit) widens them
    fit.covariance = normal.inverse() * std::max(1.0, scale * scale);
  } else {
    // of the residuals themselves; the unknowns have lowered them, once in each of two factors
    const double freedom = std::max(1.0, 2.0 * fit.peaks - 6) / (2.0 * fit.peaks);
    const Matrix6d inverse = slope.inverse();
    fit.covariance = inverse * scatter * inverse.transpose() / (freedom * freedom);
  }
  return fit;
}

/// How well a fit explains the peaks: each counts by its nearness, as far as options.reach.
double score(const std::vector<PeakVector>& peaks, const LatticeFit& fit, double reach) {
  const Matrix2d inverse = fit.basis.inverse();
  double sum = 0;
  for (const PeakVector& peak : peaks) {
    const Vec2 hk = (inverse * (peak.q - fit.origin)).array().round();
    const double u = (peak.q - fit.origin - fit.basis * hk).norm() / reach;
    if (u < 1) sum += 1 - u * u;
  }
  return sum;
}

}  // namespace

std::vector<PeakVector> peak_vectors(const BraggPeaks& peaks, const Calibration& calibration,
                                     std::size_t position) {
  if (calibration.origin.empty())
    throw Error(ErrorKind::study, "the calibration of the Bragg peaks has no origin");
  const Matrix2d matrix = calibration.matrix();
  std::vector<PeakVector> result;
  for (const BraggPeak& peak : peaks.at[position]) {
    PeakVector vector;
    vector.q = calibration.vector(position, peak.position);
    vector.intensity = peak.intensity;
    vector.covariance = matrix * Vec2(peak.error.cwiseAbs2()).asDiagonal() * matrix.transpose();
    result.push_back(vector);
  }
  return result;
}

std::optional<Matrix2d> find_basis(const std::vector<std::vector<PeakVector>>& patterns) {
  const double grain = grain_of(patterns);
  if (grain == 0) return std::nullopt;
  const std::vector<Cluster> clusters = clusters_of(patterns, grain);
  // vectors of a basis are among the shorter ones that are not rare
  std::vector<Cluster> short_ones;
  if (clusters.size() < 2) return std::nullopt;
  for (const Cluster& c : clusters)
    if (c.weight >= 0.05 * clusters[0].weight) short_ones.push_back(c);
  std::stable_sort(short_ones.begin(), short_ones.end(), [](const Cluster& a, const Cluster& b) {
    return a.q.squaredNorm() < b.q.squaredNorm();
  });
  if (short_ones.size() > 24) short_ones.resize(24);
  struct Choice {
    Matrix2d basis;
    double weight;
  };
  std::vector<Choice> choices;
  double most = 0;
  for (std::size_t i = 0; i < short_ones.size(); ++i)
    for (std::size_t j = i + 1; j < short_ones.size(); ++j) {
      Matrix2d basis;
      basis << short_ones[i].q, short_ones[j].q;
      if (area(basis) < 0.1 * basis.col(0).norm() * basis.col(1).norm()) continue;
      basis = refined(clusters, basis, grain);
      if (area(basis) < 25 * grain * grain) continue;  // anything lies on so fine a lattice
      choices.push_back({basis, explained(clusters, basis, grain)});
      most = std::max(most, choices.back().weight);
    }
  const Choice* best = nullptr;
  for (const Choice& choice : choices)
    if (choice.weight >= 0.95 * most &&
        (!best || area(choice.basis) > 1.01 * area(best->basis) ||
         (area(choice.basis) > 0.99 * area(best->basis) && choice.weight > best->weight)))
      best = &choice;
  if (!best) return std::nullopt;
  return reduced(best->basis);
}

std::optional<LatticeFit> fit_lattice(const std::vector<PeakVector>& peaks, const Matrix2d& near,
                                      const LatticeFitOptions& options) {
  if (int(peaks.size()) < options.least_peaks) return std::nullopt;
  const bool errors = std::all_of(peaks.begin(), peaks.end(), [](const PeakVector& peak) {
    return peak.covariance.allFinite() && peak.covariance.determinant() > 0;
  });
  auto best = fit_from(peaks, near, errors, options);
  const double reach = options.reach * std::min(near.col(0).norm(), near.col(1).norm());
  if (best && score(peaks, *best, reach) > 0.9 * double(peaks.size())) return best;
  if (const auto own = find_basis({peaks})) {
    const Matrix2d start = nearest_setting(*own, near);
    const double ratio = area(start) / area(near);
    if (ratio > 0.4 && ratio < 2.5)
      if (const auto other = fit_from(peaks, start, errors, options))
        if (!best || score(peaks, *other, reach) > 1.05 * score(peaks, *best, reach)) best = other;
  }
  return best;
}

Matrix2d nearest_setting(const Matrix2d& basis, const Matrix2d& reference) {
  Matrix2d best = basis;
  double least = std::numeric_limits<double>::infinity();
  for (int a = -2; a <= 2; ++a)
    for (int b = -2; b <= 2; ++b)
      for (int c = -2; c <= 2; ++c)
        for (int d = -2; d <= 2; ++d) {
          if (a * d - b * c != 1 && a * d - b * c != -1) continue;
          Matrix2d change;
          change << a, b, c, d;
          const Matrix2d setting = basis * change;
          if ((setting.determinant() > 0) != (reference.determinant() > 0)) continue;
          const Strain strain = strain_of(setting, reference).strain;
          // among settings of equal strain (a square's four), the least rotation
          const double size = std::hypot(strain.xx, strain.yy, std::sqrt(2.0) * strain.xy) +
                              1e-3 * std::abs(strain.rotation);
          if (size < least) {
            least = size;
            best = setting;
          }
        }
  return best;
}

}  // namespace pendel
