#include "scan/disk_refinement.hpp"

#include <Eigen/Cholesky>
#include <Eigen/LU>
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "core/electron.hpp"

namespace pendel {

namespace {

using Information = DiskLikelihood::Information;
using Gradient = DiskLikelihood::Gradient;

constexpr double farthest = 0.9;        // pixels from the middle of its patch that a disk may move
constexpr double converged = 1e-4;      // what log likelihood is still to be gained
constexpr double counts_per_term = 10;  // fewer tell nothing of an interior
constexpr double unlikely = 3;          // log evidence: less than a twentieth as probable

constexpr int directions = 12;            // of fringes that are tried
constexpr double direction_width = 0.15;  // [rad], half their distance

/// The interior's coefficients, and a direction, have widths before they are measured.
void add_prior(const DiskRefiner::Disk& disk, double width, Gradient& gradient,
               Information& information) {
  const double weight = 1 / (width * width);
  const Eigen::Index end = gradient.size() - (disk.fringes ? 1 : 0);
  for (Eigen::Index k = 3; k < end; ++k) {
    information(k, k) += weight;
    if (k - 2 < disk.c.size()) gradient[k] -= weight * disk.c[k - 2];
  }
  if (!disk.fringes) return;
  information(end, end) += 1 / (direction_width * direction_width);
  gradient[end] -= (disk.direction - disk.about) / (direction_width * direction_width);
}

/// Log evidence by Laplace's method of the models with ever more terms, [n] with n: of the one that
/// is fitted exactly, of those that contain it by a Newton step; a direction is left out. One
/// Cholesky factor has them all, as their parameters come in turn.
std::array<double, DiskLikelihood::max_terms + 1> evidences(double value, int fitted, int most,
                                                            double width, const Gradient& gradient,
                                                            const Information& information) {
  std::array<double, DiskLikelihood::max_terms + 1> result{};
  const int size = most + 2;
  const Eigen::LLT<Information> factor(information.topLeftCorner(size, size));
  const Gradient y = factor.matrixL().solve(gradient.head(size));
  double gain = 0, evidence = value;
  for (int k = 0; k < size; ++k) {
    gain += 0.5 * y[k] * y[k];
    evidence -= std::log(factor.matrixLLT()(k, k));
    if (k > 2) evidence -= std::log(width);
    if (k >= 2) result[std::size_t(k - 1)] = evidence + (k - 1 > fitted ? gain : 0);
  }
  return result;
}

/// Numbers of terms that make a model.
bool complete(int terms, bool fringes) {
  if (fringes) return terms > 1;
  for (int order = 0; order <= DiskLikelihood::max_order; ++order)
    if (DiskLikelihood::terms(order) == terms) return true;
  return false;
}

}  // namespace

DiskRefiner::DiskRefiner(const DiskTemplate& shape, std::size_t q_rows, std::size_t q_columns,
                         const RefinementOptions& options, const std::vector<std::uint8_t>& valid)
    : rows_(int(q_rows)),
      columns_(int(q_columns)),
      radius_(shape.radius),
      spacing_(options.min_spacing > 0 ? options.min_spacing : 1.3 * shape.radius),
      overlap_(2 * (shape.radius + shape.edge_width)),
      options_(options),
      valid_(valid),
      shape_(shape) {}

DiskRefiner::Workspace DiskRefiner::workspace() const {
  return {DiskLikelihood(shape_, 0.5 * overlap_),
          std::vector<float>(std::size_t(rows_) * std::size_t(columns_)),
          {}};
}

void DiskRefiner::add(Workspace& work, const Disk& disk, float sign) const {
  const float* from = disk.value.data();
  for (const ShiftedTemplate::Run& run : disk.runs) {
    float* to = &work.disks[std::size_t((disk.row - shape_.half() + run.row) * columns_ +
                                        disk.column - shape_.half())];
    for (int i = run.first; i < run.last; ++i) to[i] += sign * *from++;
  }
}

void DiskRefiner::put(Workspace& work, Disk& disk) const {
  const DiskLikelihood& likelihood = work.likelihood;
  disk.runs = likelihood.runs();
  disk.value.assign(likelihood.disk().begin(),
                    likelihood.disk().begin() + long(likelihood.pixels()));
  add(work, disk, 1);
}

void DiskRefiner::open_window(const float* pattern, Workspace& work, const Disk& disk) const {
  DiskLikelihood& likelihood = work.likelihood;
  likelihood.window(pattern, rows_, columns_, valid_.empty() ? nullptr : valid_.data(), disk.column,
                    disk.row);
  // background: an exponential along each axis
  const int left = disk.column - shape_.half(), top = disk.row - shape_.half();
  const auto exponential = [&](double slope, double from) {
    return std::exp(std::clamp(slope * from, -3.0, 3.0));
  };
  static thread_local std::vector<float> along;
  along.clear();
  for (int i = 0; i < shape_.side(); ++i)
    along.push_back(
        float(exponential(disk.background.slope.x(), left + i - disk.background_at.x())));
  float* rest = likelihood.rest().data();
  for (const ShiftedTemplate::Run& run : likelihood.runs()) {
    const int row = top + run.row;
    const auto level = float(disk.background.rate *
                             exponential(disk.background.slope.y(), row - disk.background_at.y()));
    const float* others = &work.disks[std::size_t(row * columns_)];
    // a thousandth of a count: no pixel is impossible
    for (int i = run.first; i < run.last; ++i)
      *rest++ = std::max(1e-3f, level * along[std::size_t(i)]) + std::max(0.0f, others[left + i]);
  }
}

double DiskRefiner::value(Workspace& work, const Disk& disk) const {
  if (disk.fringes)
    work.likelihood.set_fringes(disk.direction);
  else if (disk.c.size() > 1)
    work.likelihood.set_plane();
  double prior = disk.c.tail(disk.c.size() - 1).squaredNorm() /
                 (options_.interior_width * options_.interior_width);
  if (disk.fringes) prior += std::pow((disk.direction - disk.about) / direction_width, 2);
  return work.likelihood.value(disk.position - Vec2(disk.column, disk.row), disk.c) - 0.5 * prior;
}

double DiskRefiner::maximise(const float* pattern, Workspace& work, Disk& disk, int terms) const {
  const Eigen::Index old = disk.c.size();
  disk.c.conservativeResize(terms);
  for (Eigen::Index k = old; k < terms; ++k) disk.c[k] = 0;
  open_window(pattern, work, disk);
  double now = value(work, disk);
  Gradient gradient;
  Information information;
  for (int iteration = 0; iteration < 30; ++iteration) {
    work.likelihood.derivatives(terms, gradient, information);
    add_prior(disk, options_.interior_width, gradient, information);
    Gradient step = information.ldlt().solve(gradient);
    if (!(gradient.dot(step) > converged)) break;
    step /= std::max({1.0, step.segment(1, 2).norm() / 0.7, step.cwiseAbs().maxCoeff()});
    const Vec2 position = disk.position;
    const DiskLikelihood::Coefficients c = disk.c;
    const double direction = disk.direction;
    double factor = 1, next = now;
    for (int attempt = 0; attempt < 6; ++attempt, factor /= 3) {
      disk.position = position + factor * step.segment<2>(1);
      disk.c = c;
      disk.c[0] += factor * step[0];
      disk.c.tail(terms - 1) += factor * step.segment(3, terms - 1);
      if (disk.fringes) disk.direction = direction + factor * step[step.size() - 1];
      if ((disk.position - disk.start).norm() > radius_) {
        disk.lost = true;
        disk.position = position;
        disk.c = c;
        disk.direction = direction;
        return value(work, disk);
      }
      const Vec2 from_middle = disk.position - Vec2(disk.column, disk.row);
      const bool moves = from_middle.cwiseAbs().maxCoeff() > farthest;
      if (moves) {  // its patch moves with it, and other pixels count
        disk.column = int(std::lround(disk.position.x()));
        disk.row = int(std::lround(disk.position.y()));
        open_window(pattern, work, disk);
      }
      next = value(work, disk);
      if (moves || next >= now - 1e-3) break;
    }
    now = next;
  }
  return now;
}

double DiskRefiner::stands_out(Workspace& work, const Disk& disk) const {
  return std::sqrt(std::max(0.0, 2 * (value(work, disk) - work.likelihood.without())));
}

void DiskRefiner::settle(const float* pattern, Workspace& work) const {
  // One disk after the other, the rest held: for disks that overlap, until none moves.
  std::vector<bool> due(work.found.size(), true);
  for (int sweep = 0; sweep < 20; ++sweep) {
    bool again = false;
    for (std::size_t k = 0; k < work.found.size(); ++k) {
      if (!due[k]) continue;
      due[k] = false;
      Disk& disk = work.found[k];
      const Vec2 before = disk.position;
      const double counts = disk.c[0];
      add(work, disk, -1);
      maximise(pattern, work, disk, int(disk.c.size()));
      disk.significance = stands_out(work, disk);
      put(work, disk);
      const bool moves =
          (disk.position - before).norm() > 5e-3 || std::abs(disk.c[0] - counts) > 5e-3;
      if (!moves) continue;
      for (const std::size_t n : disk.neighbours) again = due[n] = true;
    }
    if (!again) return;
  }
}

void DiskRefiner::find_neighbours(Workspace& work) const {
  auto& found = work.found;
  for (Disk& disk : found) disk.neighbours.clear();
  for (std::size_t k = 0; k < found.size(); ++k)
    for (std::size_t l = 0; l < k; ++l)
      if ((found[k].position - found[l].position).norm() < overlap_) {
        found[k].neighbours.push_back(l);
        found[l].neighbours.push_back(k);
      }
}

void DiskRefiner::remove_lost(Workspace& work) const {
  auto& found = work.found;
  const auto outside = [&](const Vec2& at) {
    return at.minCoeff() < options_.border || at.x() > columns_ - 1 - options_.border ||
           at.y() > rows_ - 1 - options_.border;
  };
  for (Disk& disk : found)
    disk.lost = disk.lost || disk.significance < options_.min_significance ||
                outside(disk.position) || outside(disk.mean_position);
  for (std::size_t k = 0; k < found.size(); ++k)
    for (std::size_t l = 0; l < found.size(); ++l)
      if (k != l && !found[k].lost && !found[l].lost && found[k].c[0] > found[l].c[0] &&
          (found[k].position - found[l].position).norm() < spacing_)
        found[l].lost = true;
  for (Disk& disk : found)
    if (disk.lost) add(work, disk, -1);
  found.erase(std::remove_if(found.begin(), found.end(), [](const Disk& d) { return d.lost; }),
              found.end());
  find_neighbours(work);
}

struct DiskRefiner::Fitted {
  double evidence;
  Disk disk;
  Eigen::Matrix2d covariance;
};

/// Fits the disk with so many terms, and with more while their evidence grows, to `most`.
void DiskRefiner::climb(const float* pattern, Workspace& work, Disk disk, int terms, int most,
                        std::vector<Fitted>& fitted) const {
  Gradient gradient;
  Information information;
  for (int best = terms;;) {
    terms = best;
    const double now = maximise(pattern, work, disk, terms);
    if (disk.lost) return;
    work.likelihood.derivatives(most, gradient, information);
    add_prior(disk, options_.interior_width, gradient, information);
    auto e = evidences(now, terms, most, options_.interior_width, gradient, information);
    // with a direction: one of `directions`, and known to its own error
    Information own = information.topLeftCorner(terms + 2, terms + 2);
    if (disk.fringes) {
      const Eigen::Index last = information.rows() - 1;
      own.conservativeResize(terms + 3, terms + 3);
      own.col(terms + 2).head(terms + 2) = information.col(last).head(terms + 2);
      own.row(terms + 2) = own.col(terms + 2).transpose();
      own(terms + 2, terms + 2) = information(last, last);
      for (double& x : e)
        x -= std::log(directions) + std::log(direction_width) +
             0.5 * std::log(information(last, last));
    }
    const auto n = std::size_t(terms);
    const Eigen::LDLT<Information> factor(own);
    const Information inverse = factor.solve(Information::Identity(own.rows(), own.rows()));
    if (!(std::isfinite(e[n]) && inverse(1, 1) > 0 && inverse(2, 2) > 0)) return;
    fitted.push_back({e[n], disk, inverse.block<2, 2>(1, 1)});
    for (int m = terms + 1; m <= most; ++m)
      if (complete(m, disk.fringes) && e[std::size_t(m)] > e[std::size_t(best)]) best = m;
    if (best == terms) return;
  }
}

void DiskRefiner::interior(const float* pattern, Workspace& work, Disk& disk) const {
  const int affordable = int(std::exp(disk.c[0]) / counts_per_term);
  int most = 1;
  for (int order = 1; order <= options_.max_order; ++order)
    if (DiskLikelihood::terms(order) <= affordable) most = DiskLikelihood::terms(order);
  std::vector<Fitted> fitted;
  add(work, disk, -1);
  climb(pattern, work, disk, 1, 1, fitted);
  if (fitted.empty()) disk.lost = true;
  if (most > 1 && !fitted.empty()) {
    const Fitted uniform = fitted.front();
    const double now = maximise(pattern, work, disk, 1);
    Gradient gradient;
    Information information;
    // log evidence that each kind of interior promises, from a Newton step; and its gain
    double gain = 0;
    const auto promise = [&](Disk& model, int terms, double offset, int& best) {
      open_window(pattern, work, model);
      value(work, model);
      if (!model.fringes) work.likelihood.set_plane();
      work.likelihood.derivatives(terms, gradient, information);
      add_prior(model, options_.interior_width, gradient, information);
      const auto e = evidences(now, 1, terms, options_.interior_width, gradient, information);
      gain = 0.5 * gradient.dot(information.ldlt().solve(gradient));
      best = 2;
      for (int m = 2; m <= terms; ++m)
        if (complete(m, model.fringes) && (best == 2 || e[std::size_t(m)] > e[std::size_t(best)]))
          best = m;
      return e[std::size_t(best)] - offset;
    };
    Disk plane = uniform.disk;
    int terms = 1;
    const bool promising = promise(plane, most, 0, terms) > uniform.evidence - unlikely;
    // counts of a uniform disk gain half of the number of terms, give or take its root
    const double expected = 0.5 * (most - 1);
    const bool varies = gain > expected + 2 * std::sqrt(expected);
    if (varies && promising) climb(pattern, work, plane, terms, most, fitted);
    const int most_fringes = std::min(affordable, DiskLikelihood::max_fringe_terms);
    Disk fringes = uniform.disk, best = uniform.disk;
    fringes.fringes = true;
    double most_evidence = uniform.evidence - unlikely;
    int best_terms = 0;
    for (int k = 0; varies && k < directions; ++k) {
      fringes.direction = fringes.about = electron::pi * k / directions;
      const double e = promise(fringes, most_fringes, std::log(directions), terms);
      if (!(e > most_evidence)) continue;
      most_evidence = e;
      best_terms = terms;
      best = fringes;
    }
    if (best_terms > 0) climb(pattern, work, best, best_terms, most_fringes, fitted);
  }
  if (!fitted.empty()) {
    const auto most_probable =
        std::max_element(fitted.begin(), fitted.end(),
                         [](const auto& a, const auto& b) { return a.evidence < b.evidence; });
    double sum = 0;
    Vec2 mean(0, 0);
    for (const Fitted& f : fitted) {
      const double w = std::exp(f.evidence - most_probable->evidence);
      sum += w;
      mean += w * f.disk.position;
    }
    mean /= sum;
    Eigen::Matrix2d covariance = Eigen::Matrix2d::Zero();
    for (const Fitted& f : fitted) {
      const Vec2 d = f.disk.position - mean;
      covariance +=
          std::exp(f.evidence - most_probable->evidence) / sum * (f.covariance + d * d.transpose());
    }
    disk = most_probable->disk;
    disk.mean_position = mean;
    disk.covariance = covariance;
  }
  open_window(pattern, work, disk);
  disk.significance = stands_out(work, disk);
  put(work, disk);
}

void DiskRefiner::widen_errors(const float* pattern, Workspace& work) const {
  // d mean / d (log counts, column, row) of every disk that overlaps another, with 1/mean
  struct Influence {
    std::vector<float> slope[3], weight;
    Mat3 information;
  };
  auto& found = work.found;
  std::vector<Influence> influences(found.size());
  Gradient gradient;
  Information information;
  for (std::size_t k = 0; k < found.size(); ++k) {
    if (found[k].neighbours.empty()) continue;
    add(work, found[k], -1);
    open_window(pattern, work, found[k]);
    value(work, found[k]);
    work.likelihood.derivatives(1, gradient, information);
    add(work, found[k], 1);
    const auto size = long(work.likelihood.pixels());
    for (int p = 0; p < 3; ++p)
      influences[k].slope[p].assign(work.likelihood.jacobian(p),
                                    work.likelihood.jacobian(p) + size);
    influences[k].weight.assign(work.likelihood.weight().begin(),
                                work.likelihood.weight().begin() + size);
    influences[k].information = information.topLeftCorner<3, 3>();
  }
  // Σ weight · slope_a · slope_b over the pixels that both have
  const auto coupling = [&](std::size_t k, std::size_t l) {
    Mat3 sum = Mat3::Zero();
    const int down = found[k].row - found[l].row, right = found[k].column - found[l].column;
    std::size_t from = 0, other_from = 0, j = 0;
    for (const ShiftedTemplate::Run& run : found[k].runs) {
      const auto& others = found[l].runs;
      while (j < others.size() && others[j].row < run.row + down) {
        other_from += std::size_t(others[j].last - others[j].first);
        ++j;
      }
      if (j < others.size() && others[j].row == run.row + down)
        for (int x = std::max(run.first, others[j].first - right);
             x < std::min(run.last, others[j].last - right); ++x) {
          const std::size_t a = from + std::size_t(x - run.first);
          const std::size_t b = other_from + std::size_t(x + right - others[j].first);
          for (int p = 0; p < 3; ++p)
            for (int q = 0; q < 3; ++q)
              sum(p, q) += double(influences[k].weight[a] * influences[k].slope[p][a] *
                                  influences[l].slope[q][b]);
        }
      from += std::size_t(run.last - run.first);
    }
    return sum;
  };
  for (std::size_t k = 0; k < found.size(); ++k) {
    if (found[k].neighbours.empty()) continue;
    std::vector<std::size_t> group{k};
    group.insert(group.end(), found[k].neighbours.begin(), found[k].neighbours.end());
    const auto n = Eigen::Index(3 * group.size());
    Eigen::MatrixXd joint = Eigen::MatrixXd::Zero(n, n);
    for (std::size_t a = 0; a < group.size(); ++a) {
      const auto A = Eigen::Index(3 * a);
      joint.block<3, 3>(A, A) = influences[group[a]].information;
      for (std::size_t b = 0; b < a; ++b) {
        const auto B = Eigen::Index(3 * b);
        joint.block<3, 3>(A, B) = coupling(group[a], group[b]);
        joint.block<3, 3>(B, A) = joint.block<3, 3>(A, B).transpose();
      }
    }
    const Eigen::LLT<Eigen::MatrixXd> factor(joint);
    if (factor.info() != Eigen::Success) continue;
    const Mat3 alone = influences[k].information.inverse();
    const Eigen::MatrixXd together = factor.solve(Eigen::MatrixXd::Identity(n, 3));
    found[k].covariance += together.block<2, 2>(1, 1) - alone.block<2, 2>(1, 1);
  }
}

void DiskRefiner::refine(const float* pattern, const DiskBackground& background, Workspace& work,
                         std::vector<BraggPeak>& peaks) const {
  std::fill(work.disks.begin(), work.disks.end(), 0.0f);
  auto& found = work.found;
  found.clear();
  for (const BraggPeak& peak : peaks) {
    Disk disk;
    disk.start = disk.position = disk.mean_position = peak.position;
    disk.column = int(std::lround(peak.position.x()));
    disk.row = int(std::lround(peak.position.y()));
    disk.c.resize(1);
    disk.c[0] = std::log(std::max(1.0, peak.intensity));
    disk.background = background.local(peak.position);
    disk.background_at = peak.position;
    found.push_back(std::move(disk));
  }
  for (Disk& disk : found) {
    open_window(pattern, work, disk);
    value(work, disk);
    put(work, disk);
  }
  find_neighbours(work);
  settle(pattern, work);
  remove_lost(work);
  for (Disk& disk : found) interior(pattern, work, disk);
  remove_lost(work);
  widen_errors(pattern, work);
  peaks.clear();
  for (const Disk& disk : found) {
    BraggPeak peak;
    peak.position = disk.mean_position;
    peak.error = disk.covariance.diagonal().cwiseSqrt();
    for (const float v : disk.value) peak.intensity += double(v);
    peaks.push_back(peak);
  }
  std::stable_sort(peaks.begin(), peaks.end(),
                   [](const auto& a, const auto& b) { return a.intensity > b.intensity; });
}

}  // namespace pendel
