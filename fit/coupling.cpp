#include "fit/coupling.hpp"

#include <Eigen/IterativeLinearSolvers>
#include <algorithm>
#include <cmath>
#include <map>

#include "core/error.hpp"
#include "core/parallel.hpp"
#include "fit/label_choice.hpp"
#include "fit/uncertainty.hpp"

namespace pendel {

namespace {

using Rows = Eigen::SparseMatrix<double, Eigen::RowMajor>;
using Matrix = Eigen::SparseMatrix<double>;

constexpr double excluded = 50;     // above the energy of a position's best basin
constexpr double elsewhere = 0.05;  // of the ranges: a neighbour's solution that is worth a start
constexpr int most_rounds = 3;      // of starts from neighbours
constexpr int most_iterations = 50;
constexpr double small_step = 0.01;  // standard deviations, of any unknown
constexpr double small_gain = 1e-6;  // of the energy, per position

struct RowOfPrior {
  int prior;
  long row;
};

/// What stays the same from the first step to the last.
struct Problem {
  const DiskModel& model;
  const std::vector<DiskData>& data;
  const FitOptions& options;
  std::vector<Prior> priors;  // with definite sigmas
  std::vector<char> usable;
  std::vector<double> factor;                 // by which a position's variances are enlarged
  Eigen::VectorXd variances;                  // of every parameter of every position, alone
  std::vector<std::vector<RowOfPrior>> rows;  // that touch a position
  std::vector<std::vector<int>> neighbours;   // positions that share a row

  long parameters() const { return long(model.parameters().size()); }
  std::size_t positions() const { return data.size(); }
};

std::vector<int> positions_of(const Rows& D, long row, long parameters) {
  std::vector<int> positions;
  for (Rows::InnerIterator entry(D, row); entry; ++entry) {
    const int position = int(entry.col() / parameters);
    if (positions.empty() || positions.back() != position) positions.push_back(position);
  }
  return positions;  // a row's entries are sorted
}

void find_neighbours(Problem& p) {
  p.rows.resize(p.positions());
  p.neighbours.resize(p.positions());
  for (std::size_t k = 0; k < p.priors.size(); ++k)
    for (long row = 0; row < p.priors[k].D.rows(); ++row) {
      const std::vector<int> positions = positions_of(p.priors[k].D, row, p.parameters());
      for (const int i : positions) {
        p.rows[std::size_t(i)].push_back({int(k), row});
        for (const int j : positions)
          if (j != i) p.neighbours[std::size_t(i)].push_back(j);
      }
    }
  for (std::vector<int>& list : p.neighbours) {
    std::sort(list.begin(), list.end());
    list.erase(std::unique(list.begin(), list.end()), list.end());
  }
}

// --- choice among basins

using Candidates = std::vector<std::vector<Solution>>;

double own_energy(const Problem& p, std::size_t i, const Solution& s) {
  return s.chi2 / (2 * p.factor[i]);
}

/// Removes what the data exclude; the best is the first.
void sort_candidates(const Problem& p, std::size_t i, std::vector<Solution>& list) {
  std::stable_sort(list.begin(), list.end(),
                   [](const Solution& a, const Solution& b) { return a.chi2 < b.chi2; });
  const double best = own_energy(p, i, list.front());
  while (own_energy(p, i, list.back()) > best + excluded) list.pop_back();
}

/// Energy of a row for a choice of candidates: the errors of the values widen the distribution.
template <class Chosen>
double row_energy(const Problem& p, const RowOfPrior& at, Chosen chosen) {
  const Prior& prior = p.priors[std::size_t(at.prior)];
  double difference = 0, variance = prior.sigma * prior.sigma;
  for (Rows::InnerIterator entry(prior.D, at.row); entry; ++entry) {
    const long position = entry.col() / p.parameters(), k = entry.col() % p.parameters();
    difference += entry.value() * chosen(int(position)).values[k];
    variance += entry.value() * entry.value() * p.variances[entry.col()];
  }
  return std::isfinite(variance) ? prior_energy(prior.kind, difference * difference / variance) : 0;
}

std::vector<int> choose(const Problem& p, const Candidates& candidates) {
  std::vector<std::vector<double>> own(p.positions());
  for (std::size_t i = 0; i < own.size(); ++i) {
    for (const Solution& s : candidates[i]) own[i].push_back(own_energy(p, i, s));
    if (own[i].empty()) own[i].push_back(0);  // no data
  }
  // All rows between the same positions make one table.
  std::map<std::vector<int>, std::vector<RowOfPrior>> groups;
  for (std::size_t k = 0; k < p.priors.size(); ++k)
    for (long row = 0; row < p.priors[k].D.rows(); ++row) {
      const std::vector<int> positions = positions_of(p.priors[k].D, row, p.parameters());
      const bool any_choice = std::any_of(positions.begin(), positions.end(), [&](int i) {
        return candidates[std::size_t(i)].size() > 1;
      });
      if (any_choice) groups[positions].push_back({int(k), row});
    }
  std::vector<LabelCost> costs;
  for (const auto& [positions, rows] : groups) {
    LabelCost cost;
    cost.positions = positions;
    std::vector<int> labels(positions.size(), 0);
    for (bool more = true; more;) {
      const auto chosen = [&](int position) -> const Solution& {
        const auto found = std::find(positions.begin(), positions.end(), position);
        return candidates[std::size_t(position)]
                         [std::size_t(labels[std::size_t(found - positions.begin())])];
      };
      double energy = 0;
      for (const RowOfPrior& row : rows) energy += row_energy(p, row, chosen);
      cost.table.push_back(energy);
      more = false;
      for (std::size_t j = labels.size(); j-- > 0 && !more;) {
        more = ++labels[j] < int(candidates[std::size_t(positions[j])].size());
        if (!more) labels[j] = 0;
      }
    }
    costs.push_back(std::move(cost));
  }
  return choose_labels(own, costs);
}

bool far_from_all(const std::vector<Solution>& list, const Solution& s,
                  const std::vector<Parameter>& parameters) {
  return std::all_of(list.begin(), list.end(), [&](const Solution& other) {
    for (std::size_t k = 0; k < parameters.size(); ++k)
      if (std::abs(s.values[long(k)] - other.values[long(k)]) >
          elsewhere * (parameters[k].upper - parameters[k].lower))
        return true;
    return false;
  });
}

/// Solutions that positions lack and neighbours have; whether any was found.
bool add_from_neighbours(const Problem& p, const std::vector<int>& choice, Candidates& candidates) {
  const std::vector<Parameter>& parameters = p.model.parameters();
  std::vector<std::vector<Solution>> found(p.positions());
  parallel_for(long(p.positions()), [&](long at, int) {
    const std::size_t i = std::size_t(at);
    if (!p.usable[i]) return;
    std::vector<Solution> known = candidates[i];
    for (const int j : p.neighbours[i]) {
      const Solution& other = candidates[std::size_t(j)][std::size_t(choice[std::size_t(j)])];
      if (!far_from_all(known, other, parameters)) continue;
      known.push_back(other);
      const Solution s =
          solve(p.model, p.data[i], p.options.nuisance, p.options.solve, other.values);
      const auto is_it = [&](const Solution& k) { return same_basin(k, s, parameters); };
      if (std::none_of(candidates[i].begin(), candidates[i].end(), is_it) &&
          std::none_of(found[i].begin(), found[i].end(), is_it))
        found[i].push_back(s);
    }
  });
  bool any = false;
  for (std::size_t i = 0; i < found.size(); ++i) {
    if (found[i].empty()) continue;
    const std::size_t before = candidates[i].size();
    candidates[i].insert(candidates[i].end(), found[i].begin(), found[i].end());
    sort_candidates(p, i, candidates[i]);
    any = any || candidates[i].size() > before;
  }
  return any;
}

// --- joint polish

/// Energy of one position's data, its gradient and Gauss-Newton Hessian, over the free unknowns.
struct Local {
  double energy = 0, chi2 = 0;
  Eigen::VectorXd gradient;
  Eigen::MatrixXd hessian;
};

Local local_energy(const Problem& p, std::size_t i, const Eigen::VectorXd& x,
                   const std::vector<int>& free) {
  constexpr double least_count = 1e-9;  // as in a single fit: no likelihood at or below 0
  const DiskData& data = p.data[i];
  const long n = p.parameters();
  Eigen::VectorXd intensity;
  Eigen::MatrixXd jacobian;
  p.model.evaluate(x.data(), intensity, &jacobian);
  const double amplitude = x[n] * data.dose;
  Eigen::MatrixXd J(intensity.size(), n + 2);
  J << amplitude * jacobian, data.dose * intensity, Eigen::VectorXd::Ones(intensity.size());
  Eigen::VectorXd r = Eigen::VectorXd::Zero(intensity.size());
  for (long d = 0; d < r.size(); ++d) {
    double slope = 0;
    if (std::isfinite(data.intensity[d]))
      r[d] = residual(data, d, std::max(amplitude * intensity[d] + x[n + 1], least_count), &slope);
    J.row(d) *= slope;
  }
  const Eigen::MatrixXd A = J(Eigen::all, free);
  Local local;
  local.chi2 = r.squaredNorm();
  local.energy = local.chi2 / (2 * p.factor[i]);
  local.gradient = A.transpose() * r / p.factor[i];
  local.hessian = A.transpose() * A / p.factor[i];
  for (std::size_t j = 0; j < free.size(); ++j) {
    if (free[j] >= n || !p.model.parameters()[std::size_t(free[j])].has_prior()) continue;
    const Parameter& parameter = p.model.parameters()[std::size_t(free[j])];
    const double s = (x[free[j]] - parameter.prior_mean) / parameter.prior_sigma;
    local.chi2 += s * s;
    local.energy += s * s / 2;
    local.gradient[long(j)] += s / parameter.prior_sigma;
    local.hessian(long(j), long(j)) += 1 / (parameter.prior_sigma * parameter.prior_sigma);
  }
  return local;
}

/// All positions' unknowns as one vector, and the energy there.
struct Point {
  std::vector<Eigen::VectorXd> x;  // per position: parameters, scale, background
  std::vector<Local> locals;
  double energy = 0;
};

Eigen::VectorXd parameters_of(const Problem& p, const Point& at) {
  const long n = p.parameters();
  Eigen::VectorXd values(n * long(p.positions()));
  for (std::size_t i = 0; i < p.positions(); ++i) values.segment(long(i) * n, n) = at.x[i].head(n);
  return values;
}

void evaluate(const Problem& p, const std::vector<int>& free, Point& at) {
  at.locals.resize(p.positions());
  parallel_for(long(p.positions()), [&](long i, int) {
    if (p.usable[std::size_t(i)])
      at.locals[std::size_t(i)] = local_energy(p, std::size_t(i), at.x[std::size_t(i)], free);
  });
  at.energy = 0;
  for (const Local& local : at.locals) at.energy += local.energy;
  const Eigen::VectorXd values = parameters_of(p, at);
  for (const Prior& prior : p.priors) {
    const Eigen::VectorXd s = prior.D * values / prior.sigma;
    for (const double difference : s)
      at.energy += prior_energy(prior.kind, difference * difference);
  }
}

/// The Gauss-Newton system over the free unknowns of all positions; held: those at a bound that the
/// gradient pushes outwards.
class JointStep {
 public:
  JointStep(const Problem& p, const std::vector<int>& free) : p_(p), free_(free) {
    const long n = p.parameters(), m = long(free.size());
    std::vector<Eigen::Triplet<double>> entries;
    for (std::size_t i = 0; i < p.positions(); ++i)
      for (long j = 0; j < m; ++j)
        if (free[std::size_t(j)] < n)
          entries.emplace_back(long(i) * n + free[std::size_t(j)], long(i) * m + j, 1.0);
    Rows select(n * long(p.positions()), m * long(p.positions()));
    select.setFromTriplets(entries.begin(), entries.end());
    for (const Prior& prior : p.priors) operators_.push_back(Rows(prior.D * select / prior.sigma));
  }

  /// At a new point.
  void linearise(const Point& at) {
    const long m = long(free_.size()), size = m * long(p_.positions());
    gradient_ = Eigen::VectorXd::Zero(size);
    for (std::size_t i = 0; i < p_.positions(); ++i)
      if (p_.usable[i]) gradient_.segment(long(i) * m, m) = at.locals[i].gradient;
    const Eigen::VectorXd values = parameters_of(p_, at);
    std::vector<Eigen::VectorXd> weights;
    for (std::size_t k = 0; k < operators_.size(); ++k) {
      const Prior& prior = p_.priors[k];
      const Eigen::VectorXd s = prior.D * values / prior.sigma;
      weights.push_back(
          s.unaryExpr([&](double d) { return prior_weight(prior.kind, d * d); }).eval());
      gradient_ += operators_[k].transpose() * weights[k].cwiseProduct(s);
    }
    hold(at);

    std::vector<Eigen::Triplet<double>> entries;
    for (std::size_t i = 0; i < p_.positions(); ++i)
      for (long a = 0; a < m; ++a)
        for (long b = 0; b < m; ++b) {
          const long row = long(i) * m + a, column = long(i) * m + b;
          if (p_.usable[i] && moves_[row] != 0 && moves_[column] != 0)
            entries.emplace_back(row, column, at.locals[i].hessian(a, b));
        }
    hessian_ = Matrix(size, size);
    hessian_.setFromTriplets(entries.begin(), entries.end());
    for (std::size_t k = 0; k < operators_.size(); ++k) {
      const Matrix D = operators_[k] * moves_.asDiagonal();
      hessian_ += Matrix(D.transpose() * weights[k].asDiagonal() * D);
    }
    diagonal_ = hessian_.diagonal();
  }

  /// −(H + damping · diag H)⁻¹ gradient; 0 for what is held or has no curvature.
  Eigen::VectorXd step(double damping) const {
    Matrix system = hessian_;
    Eigen::VectorXd extra = damping * diagonal_;
    Eigen::VectorXd right = -gradient_.cwiseProduct(moves_);
    for (long k = 0; k < extra.size(); ++k)
      if (diagonal_[k] <= 0) {
        extra[k] = 1;
        right[k] = 0;
      }
    Matrix added(system.rows(), system.cols());
    added = extra.asDiagonal();
    system += added;
    Eigen::ConjugateGradient<Matrix, Eigen::Lower | Eigen::Upper, Eigen::IncompleteCholesky<double>>
        solver;
    solver.setTolerance(1e-8);
    solver.compute(system);
    return solver.solve(right);
  }

  /// Whether every unknown moves by less than `small_step` of its conditional standard deviation.
  bool small(const Eigen::VectorXd& step) const {
    return (step.cwiseAbs2().cwiseProduct(diagonal_.cwiseMax(0)).array() < small_step * small_step)
        .all();
  }

  void move(Point& at, const Eigen::VectorXd& step) const {
    const long m = long(free_.size());
    for (std::size_t i = 0; i < p_.positions(); ++i)
      for (long j = 0; j < m; ++j) {
        const auto [lower, upper] = bounds(free_[std::size_t(j)]);
        double& x = at.x[i][free_[std::size_t(j)]];
        x = std::clamp(x + step[long(i) * m + j], lower, upper);
      }
  }

 private:
  std::pair<double, double> bounds(int unknown) const {
    const long n = p_.parameters();
    const Nuisance& nuisance = p_.options.nuisance;
    if (unknown == n) return {nuisance.scale_lower, nuisance.scale_upper};
    if (unknown == n + 1) return {nuisance.background_lower, nuisance.background_upper};
    const Parameter& parameter = p_.model.parameters()[std::size_t(unknown)];
    return {parameter.lower, parameter.upper};
  }

  void hold(const Point& at) {
    const long m = long(free_.size());
    moves_ = Eigen::VectorXd::Zero(gradient_.size());
    for (std::size_t i = 0; i < p_.positions(); ++i)
      for (long j = 0; j < m; ++j) {
        const auto [lower, upper] = bounds(free_[std::size_t(j)]);
        const double x = at.x[i][free_[std::size_t(j)]], slope = gradient_[long(i) * m + j];
        if (p_.usable[i] && !(x <= lower && slope > 0) && !(x >= upper && slope < 0))
          moves_[long(i) * m + j] = 1;
      }
  }

  const Problem& p_;
  const std::vector<int>& free_;
  std::vector<Rows> operators_;  // over the free unknowns, in units of sigma
  Matrix hessian_;
  Eigen::VectorXd gradient_, diagonal_, moves_;
};

/// Lowers the energy until steps are small against the error bars, or no longer change it.
void polish(const Problem& p, const std::vector<int>& free, Point& at, Coupling& result) {
  evaluate(p, free, at);
  JointStep joint(p, free);
  double damping = 0;
  for (; result.iterations < most_iterations && !result.converged; ++result.iterations) {
    joint.linearise(at);
    bool lower = false;
    for (int attempt = 0; attempt < 12 && !lower; ++attempt) {
      const Eigen::VectorXd step = joint.step(damping);
      if (damping < 0.1 && joint.small(step)) {  // and not only because it is damped
        result.converged = true;
        break;
      }
      Point next;
      next.x = at.x;
      joint.move(next, step);
      evaluate(p, free, next);
      lower = next.energy <= at.energy;
      if (lower) {
        result.converged = at.energy - next.energy < small_gain * double(p.positions());
        at = std::move(next);
      }
      damping = lower ? damping / 10 : std::max(10 * damping, 1e-3);
    }
    if (!lower) break;
  }
}

/// Covariance of position i from its data and those of its neighbours, and the differences among
/// them. Leaving out differences to positions further away can only widen it.
Eigen::MatrixXd coupled_covariance(const Problem& p, std::size_t i, const std::vector<int>& free,
                                   const std::vector<Eigen::MatrixXd>& information,
                                   const Eigen::VectorXd& values) {
  const long n = p.parameters(), m = long(free.size());
  std::vector<int> members = {int(i)};
  members.insert(members.end(), p.neighbours[i].begin(), p.neighbours[i].end());
  std::vector<long> column(std::size_t(n), -1);
  for (long j = 0; j < m; ++j)
    if (free[std::size_t(j)] < n) column[std::size_t(free[std::size_t(j)])] = j;
  const auto place = [&](int position) {
    return std::find(members.begin(), members.end(), position) - members.begin();
  };

  Eigen::MatrixXd fisher =
      Eigen::MatrixXd::Zero(m * long(members.size()), m * long(members.size()));
  for (std::size_t a = 0; a < members.size(); ++a) {
    fisher.block(long(a) * m, long(a) * m, m, m) += information[std::size_t(members[a])];
    for (const RowOfPrior& at : p.rows[std::size_t(members[a])]) {
      const Prior& prior = p.priors[std::size_t(at.prior)];
      const std::vector<int> touched = positions_of(prior.D, at.row, n);
      if (touched.front() != members[a]) continue;  // every row once
      bool inside = true;
      for (const int position : touched) inside = inside && place(position) < long(members.size());
      if (!inside) continue;
      std::vector<std::pair<long, double>> entries;
      double s = 0;
      for (Rows::InnerIterator entry(prior.D, at.row); entry; ++entry) {
        s += entry.value() * values[entry.col()] / prior.sigma;
        const long j = column[std::size_t(entry.col() % n)];
        if (j >= 0) entries.emplace_back(place(int(entry.col() / n)) * m + j, entry.value());
      }
      const double curvature = prior_curvature(prior.kind, s * s) / (prior.sigma * prior.sigma);
      for (const auto& [row, x] : entries)
        for (const auto& [other, y] : entries) fisher(row, other) += curvature * x * y;
    }
  }
  const Eigen::MatrixXd inverse = inverse_information(fisher);
  Eigen::MatrixXd covariance =
      Eigen::MatrixXd::Constant(n + 2, n + 2, std::numeric_limits<double>::quiet_NaN());
  for (long a = 0; a < m; ++a)
    for (long b = 0; b < m; ++b)
      covariance(free[std::size_t(a)], free[std::size_t(b)]) = inverse(a, b);
  return covariance;
}

}  // namespace

Coupling couple(const DiskModel& model, const std::vector<DiskData>& data,
                const FitOptions& options, const std::vector<Prior>& priors,
                const std::vector<PositionFit>& fits) {
  Problem p{model, data, options, priors, {}, {}, {}, {}, {}};
  const long n = p.parameters();
  Eigen::VectorXd values = Eigen::VectorXd::Zero(n * long(data.size()));
  p.variances = values;
  Candidates candidates(data.size());
  for (std::size_t i = 0; i < fits.size(); ++i) {
    p.usable.push_back(fits[i].status != FitStatus::no_data);
    p.factor.push_back(fits[i].cramer_rao_factor);
    if (!p.usable[i]) continue;
    values.segment(long(i) * n, n) = fits[i].solution.values;
    p.variances.segment(long(i) * n, n) = fits[i].covariance.diagonal().head(n);
    candidates[i] = fits[i].basins;
    sort_candidates(p, i, candidates[i]);
  }
  for (long k = 0; k < n; ++k)  // a fixed parameter has no error
    if (model.parameters()[std::size_t(k)].lower == model.parameters()[std::size_t(k)].upper)
      for (std::size_t i = 0; i < fits.size(); ++i) p.variances[long(i) * n + k] = 0;
  Coupling result;
  for (Prior& prior : p.priors) {
    if (prior.sigma == 0) prior.sigma = estimated_sigma(prior, values, p.variances);
    if (!(prior.sigma > 0))
      throw Error(ErrorKind::input, "the strength of the prior on " + prior.name +
                                        " cannot be estimated: there are no two neighbouring "
                                        "positions that determine it; state its sigma");
    result.sigmas.push_back(prior.sigma);
  }
  find_neighbours(p);

  std::vector<int> choice = choose(p, candidates);
  for (int round = 0; round < most_rounds && add_from_neighbours(p, choice, candidates); ++round)
    choice = choose(p, candidates);

  const std::vector<int> free = free_unknowns(model, options.nuisance);
  Point at;
  at.x.resize(data.size(), Eigen::VectorXd::Zero(n + 2));
  for (std::size_t i = 0; i < data.size(); ++i) {
    if (!p.usable[i]) continue;
    const Solution& s = candidates[i][std::size_t(choice[i])];
    at.x[i] << s.values, s.scale, s.background;
  }
  polish(p, free, at, result);

  result.fits = fits;
  result.changed.assign(data.size(), 0);
  std::vector<Eigen::MatrixXd> information(data.size());
  parallel_for(long(data.size()), [&](long index, int) {
    const std::size_t i = std::size_t(index);
    if (!p.usable[i]) return;
    PositionFit& fit = result.fits[i];
    const Solution& chosen = candidates[i][std::size_t(choice[i])];
    result.changed[i] = !same_basin(chosen, fits[i].solution, model.parameters());
    fit.solution = chosen;
    fit.solution.values = at.x[i].head(n);
    fit.solution.scale = at.x[i][n];
    fit.solution.background = at.x[i][n + 1];
    fit.solution.chi2 = at.locals[i].chi2;
    fit.reduced_chi2 = fit.solution.chi2 / fit.degrees_of_freedom;
    fit.basins = candidates[i];
    const Eigen::MatrixXd A = weighted_jacobian(model, data[i], fit.solution, &fit.fitted, nullptr,
                                                p.factor[i])(Eigen::all, free);
    information[i] = A.transpose() * A;
  });
  values = parameters_of(p, at);
  parallel_for(long(data.size()), [&](long index, int) {
    const std::size_t i = std::size_t(index);
    if (p.usable[i])
      result.fits[i].covariance = coupled_covariance(p, i, free, information, values);
  });
  return result;
}

}  // namespace pendel
