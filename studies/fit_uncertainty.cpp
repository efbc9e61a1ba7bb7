#include "studies/fit_uncertainty.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "core/error.hpp"
#include "core/parallel.hpp"
#include "fit/bootstrap.hpp"
#include "fit/uncertainty.hpp"
#include "studies/engine.hpp"

namespace pendel {

namespace {

/// Up to `most` converged positions, evenly chosen.
std::vector<std::size_t> sampled(const std::vector<PositionFit>& fits, std::size_t most) {
  std::vector<std::size_t> usable, chosen;
  for (std::size_t i = 0; i < fits.size(); ++i)
    if (fits[i].status == FitStatus::converged) usable.push_back(i);
  const std::size_t count = std::min(usable.size(), most);
  for (std::size_t k = 0; k < count; ++k)
    chosen.push_back(usable[(2 * k + 1) * usable.size() / (2 * count)]);
  return chosen;
}

std::string moves_text(const Eigen::VectorXd& rms, const std::vector<Parameter>& parameters) {
  std::string text;
  for (std::size_t k = 0; k < parameters.size(); ++k) {
    char part[160];
    std::snprintf(part, sizeof part, "%s %s by %.2g", k ? "," : "", parameters[k].name.c_str(),
                  rms[long(k)]);
    text += part + (parameters[k].unit.empty() ? "" : " " + parameters[k].unit);
  }
  return text;
}

Eigen::VectorXd rms_of_rows(const Eigen::MatrixXd& values) {
  return (values.cwiseAbs2().colwise().sum() / double(values.rows())).cwiseSqrt().transpose();
}

EmdAxis position_axis(const std::vector<std::size_t>& positions) {
  return {"position", "", std::vector<double>(positions.begin(), positions.end())};
}

Array array_of(const Eigen::MatrixXd& values) {
  Array array({std::size_t(values.rows()), std::size_t(values.cols())});
  for (long i = 0; i < values.rows(); ++i)
    for (long j = 0; j < values.cols(); ++j) array(std::size_t(i), std::size_t(j)) = values(i, j);
  return array;
}

}  // namespace

// --- discretisation

Discretisation discretisation(const DiskModel& used, const FitData& all, const State& base,
                              const std::vector<Parameter>& parameters, const EngineOptions& engine,
                              const std::vector<DiskData>& data, const FitOptions& options,
                              const std::vector<PositionFit>& fits) {
  constexpr std::size_t most_positions = 3;
  const long n = long(used.parameters().size());
  Discretisation found;
  found.positions = sampled(fits, most_positions);
  found.rms = Eigen::VectorXd::Constant(n + 2, std::nan(""));
  std::vector<Refinement> finer = refinements(base, engine);
  if (engine_kind(base, engine) == EngineKind::bloch && engine.tolerance) {
    // A tolerance holds for intensities; what it means for parameters is seen here.
    Refinement tighter{"", engine};
    tighter.engine.tolerance = *engine.tolerance / 4;
    tighter.what = "tolerance " + number_text(*engine.tolerance) + " -> " +
                   number_text(*tighter.engine.tolerance);
    finer.push_back(tighter);
  }
  if (finer.empty() || found.positions.empty()) return found;

  const long count = long(found.positions.size());
  Eigen::VectorXd square = Eigen::VectorXd::Zero(n + 2);
  for (const Refinement& fine : finer) {
    const std::shared_ptr<const DiskModel> finer_model =
        all.model_of(base, parameters, fine.engine);
    Eigen::MatrixXd shifts(count, n + 2);
    parallel_for(count, [&](long k, int) {
      const std::size_t i = found.positions[std::size_t(k)];
      shifts.row(k) = model_shift(used, *finer_model, data[i], options.nuisance, fits[i].solution);
    });
    square += rms_of_rows(shifts).cwiseAbs2();
    found.refinements.push_back(fine.what);
    found.shifts.push_back(shifts);
  }
  found.rms = square.cwiseSqrt();
  return found;
}

std::vector<std::string> discretisation_summary(const Discretisation& found,
                                                const std::vector<Parameter>& parameters) {
  std::vector<std::string> lines;
  for (std::size_t k = 0; k < found.refinements.size(); ++k)
    lines.push_back("convergence: " + found.refinements[k] + " would move" +
                    moves_text(rms_of_rows(found.shifts[k]), parameters) +
                    " (rms; added to the error bars)");
  return lines;
}

// --- errors of what the scan shares

std::vector<Eigen::MatrixXd> shared_errors(const DiskModel& all_free, const Unknowns& unknowns,
                                           const Eigen::VectorXd& values,
                                           const Eigen::MatrixXd& shared,
                                           const std::vector<DiskData>& data,
                                           const FitOptions& options,
                                           const std::vector<PositionFit>& fits) {
  constexpr std::size_t most_positions = 500;
  const std::size_t all = unknowns.parameters.size();
  std::vector<int> own, common;  // places among all parameters
  for (std::size_t k = 0; k < all; ++k)
    (unknowns.per[k] == Per::position ? own : common).push_back(int(k));
  const long n = long(own.size());
  std::vector<int> free;     // columns of the Jacobian, in the order of `places`
  std::vector<long> places;  // among the unknowns of a position
  for (const int k : free_unknowns(all_free, options.nuisance)) {
    const auto found = std::find(own.begin(), own.end(), k);
    if (k < int(all) && found == own.end()) continue;
    free.push_back(k);
    places.push_back(k < int(all) ? found - own.begin() : n + k - long(all));
  }

  const std::vector<std::size_t> positions = sampled(fits, most_positions);
  std::vector<Eigen::MatrixXd> added(positions.size());
  parallel_for(long(positions.size()), [&](long at, int) {
    const std::size_t i = positions[std::size_t(at)];
    Solution solution = fits[i].solution;
    solution.values.resize(long(all));
    for (long k = 0; k < n; ++k) solution.values[own[std::size_t(k)]] = fits[i].solution.values[k];
    for (std::size_t k = 0; k < common.size(); ++k) solution.values[common[k]] = values[long(k)];
    const Eigen::MatrixXd J = weighted_jacobian(all_free, data[i], solution, nullptr, nullptr);
    const Eigen::MatrixXd G = response(J(Eigen::all, free), J(Eigen::all, common));
    added[std::size_t(at)] = Eigen::MatrixXd::Zero(n + 2, n + 2);
    added[std::size_t(at)](places, places) = G * shared * G.transpose();
  });

  std::vector<Eigen::MatrixXd> result(fits.size(), Eigen::MatrixXd::Zero(n + 2, n + 2));
  parallel_for(long(fits.size()), [&](long at, int) {
    const std::size_t i = std::size_t(at);
    if (fits[i].status == FitStatus::no_data || positions.empty()) return;
    std::size_t nearest = 0;
    double least = std::numeric_limits<double>::infinity();
    for (std::size_t s = 0; s < positions.size(); ++s) {
      double distance = 0;
      for (long k = 0; k < n; ++k) {
        const Parameter& p = unknowns.parameters[std::size_t(own[std::size_t(k)])];
        distance += std::pow((fits[positions[s]].solution.values[k] - fits[i].solution.values[k]) /
                                 std::max(p.upper - p.lower, 1e-300),
                             2);
      }
      if (positions[s] == i) distance = -1;
      if (distance < least) {
        least = distance;
        nearest = s;
      }
    }
    result[i] = added[nearest];
  });
  return result;
}

// --- what the data determine

std::vector<Determination> determinations(const DiskModel& model, const std::vector<DiskData>& data,
                                          const FitOptions& options,
                                          const std::vector<PositionFit>& fits) {
  const std::vector<int> free = free_unknowns(model, options.nuisance);
  std::vector<Determination> found(fits.size());
  parallel_for(long(fits.size()), [&](long at, int) {
    const std::size_t i = std::size_t(at);
    if (fits[i].status == FitStatus::no_data) return;
    found[i] = determination(weighted_jacobian(model, data[i], fits[i].solution, nullptr, nullptr,
                                               fits[i].cramer_rao_factor),
                             free, model.parameters(), 1);
  });
  return found;
}

std::vector<std::string> determination_summary(const std::vector<Determination>& found,
                                               const std::vector<Parameter>& parameters) {
  std::vector<Determination> positions;
  for (const Determination& d : found)
    if (d.worst.size() > 0) positions.push_back(d);
  std::vector<std::string> lines = open_combinations(positions, parameters);
  if (lines.empty() && !positions.empty())
    return {"rank: the data determine all " + std::to_string(positions.front().rank) +
            " parameters at every position"};
  for (std::string& line : lines) line = "rank: " + line;
  return lines;
}

// --- bootstrap

BootstrapCheck bootstrap_check(const DiskModel& model, const std::vector<DiskData>& data,
                               const FitOptions& options, const CheckOptions& checks,
                               const std::vector<PositionFit>& fits) {
  BootstrapCheck check;
  check.positions = sampled(fits, std::size_t(checks.bootstrap_positions));
  check.samples = checks.bootstrap_samples;
  check.ratio.resize(long(check.positions.size()), long(model.parameters().size()) + 2);
  for (std::size_t k = 0; k < check.positions.size(); ++k) {
    const std::size_t i = check.positions[k];
    check.ratio.row(long(k)) =
        rms_of_rows(bootstrap(model, data[i], options, fits[i], check.samples, i)).transpose();
  }
  return check;
}

std::string bootstrap_summary(const BootstrapCheck& check,
                              const std::vector<Parameter>& parameters) {
  const Eigen::VectorXd ratio = rms_of_rows(check.ratio);
  std::string text = "bootstrap: scatter of " + std::to_string(check.samples) +
                     " simulated refits over the error bar, at " +
                     std::to_string(check.positions.size()) + " positions:";
  for (std::size_t k = 0; k < parameters.size(); ++k) {
    char part[160];
    std::snprintf(part, sizeof part, "%s %s %.2f", k ? "," : "", parameters[k].name.c_str(),
                  ratio[long(k)]);
    text += part;
  }
  return text;
}

// --- profiles

void check_profile_names(const std::vector<std::string>& names, const Unknowns& unknowns) {
  std::vector<std::string> known;
  for (std::size_t k = 0; k < unknowns.parameters.size(); ++k)
    if (unknowns.per[k] == Per::position) known.push_back(unknowns.parameters[k].name);
  for (std::size_t k = 0; k < names.size(); ++k)
    if (std::find(known.begin(), known.end(), names[k]) == known.end())
      throw Error(ErrorKind::study,
                  "fit.profile." + std::to_string(k) + ": " + unknown_name(names[k], known));
}

std::vector<ParameterProfiles> parameter_profiles(const DiskModel& model,
                                                  const std::vector<DiskData>& data,
                                                  const FitOptions& options,
                                                  const CheckOptions& checks,
                                                  const std::vector<std::string>& names,
                                                  const std::vector<PositionFit>& fits) {
  std::vector<ParameterProfiles> result;
  for (const std::string& name : names) {
    ParameterProfiles found;
    while (model.parameters()[std::size_t(found.parameter)].name != name) ++found.parameter;
    found.positions = sampled(fits, std::size_t(checks.profile_positions));
    found.profiles.resize(found.positions.size());
    parallel_for(long(found.positions.size()), [&](long k, int) {
      const std::size_t i = found.positions[std::size_t(k)];
      found.profiles[std::size_t(k)] =
          profile(model, data[i], options, fits[i], found.parameter, checks.profile_points);
    });
    result.push_back(std::move(found));
  }
  return result;
}

std::vector<std::string> profile_summary(const std::vector<ParameterProfiles>& found,
                                         const std::vector<Parameter>& parameters,
                                         const std::vector<PositionFit>& fits) {
  std::vector<std::string> lines;
  for (const ParameterProfiles& list : found)
    for (std::size_t k = 0; k < list.positions.size(); ++k) {
      const PositionFit& fit = fits[list.positions[k]];
      const double value = fit.solution.values[list.parameter];
      const Profile& p = list.profiles[k];
      char text[240];
      std::snprintf(
          text, sizeof text,
          "profile: %s at position %zu: %.5g, from its profile -%.2g +%.2g, error bar %.2g",
          parameters[std::size_t(list.parameter)].name.c_str(), list.positions[k], value,
          value - p.lower, p.upper - value,
          std::sqrt(fit.covariance(list.parameter, list.parameter)));
      lines.push_back(text);
      if (p.chi2.minCoeff() < fit.solution.chi2 - fit.cramer_rao_factor)
        lines.push_back(
            "warning: the profile passes a better solution than the fit; more starts "
            "(fit.search.starts) or basins may find it");
    }
  return lines;
}

// --- result

void write_uncertainty(EmdWriter& result, const DiskScan& scan,
                       const std::vector<Parameter>& parameters, const Discretisation& convergence,
                       const std::vector<Determination>& determined,
                       const BootstrapCheck& bootstrap,
                       const std::vector<ParameterProfiles>& profiles) {
  const std::size_t n = parameters.size();
  const double nan = std::nan("");
  Array rank = scan.map(), worst_sigma = scan.map();
  std::vector<std::size_t> shape = scan.shape;
  shape.push_back(n);
  Array worst(shape, nan);
  for (std::size_t i = 0; i < determined.size(); ++i) {
    const Determination& d = determined[i];
    rank.values[i] = d.worst.size() > 0 ? d.rank : -1;
    if (d.worst.size() == 0) continue;
    worst_sigma.values[i] = d.worst_sigma;
    for (std::size_t k = 0; k < n; ++k) worst(i, k) = d.worst[long(k)];
  }
  std::vector<EmdAxis> axes = scan.axes;
  axes.push_back(index_axis("parameter", n));
  result.array("rank", rank, "", scan.axes,
               "combinations of parameters known better than their ranges; -1: no data",
               hdf5::Stored::int32);
  result.array("worst_combination", worst, "", axes,
               "the combination known worst: coefficients of the parameters in the order of "
               "metadata fit/unknowns, in units of their ranges");
  result.array("worst_combination_error", worst_sigma, "", scan.axes,
               "its standard error in units of the ranges");

  if (!convergence.refinements.empty()) {
    const std::size_t refinements = convergence.refinements.size(),
                      count = convergence.positions.size();
    Array shifts({refinements, count, n + 2});
    for (std::size_t r = 0; r < refinements; ++r) {
      const Array one = array_of(convergence.shifts[r]);
      std::copy(one.values.begin(), one.values.end(),
                shifts.values.begin() + long(r * count * (n + 2)));
    }
    result.array("convergence", shifts, "",
                 {index_axis("refinement", refinements), position_axis(convergence.positions),
                  index_axis("unknown", n + 2)},
                 "what every refinement (metadata convergence/refinements) would change");
  }
  EmdDictionary moved;
  for (std::size_t k = 0; k < n; ++k)
    moved.emplace_back(parameters[k].name, convergence.rms[long(k)]);
  if (!convergence.refinements.empty()) moved.emplace_back("refinements", convergence.refinements);
  result.metadata("convergence", moved);

  if (!bootstrap.positions.empty()) {
    result.array("bootstrap", array_of(bootstrap.ratio), "",
                 {position_axis(bootstrap.positions), index_axis("unknown", n + 2)},
                 "scatter of " + std::to_string(bootstrap.samples) +
                     " refits of simulated data over the statistical error bar");
  }
  for (const ParameterProfiles& list : profiles) {
    const Parameter& p = parameters[std::size_t(list.parameter)];
    std::size_t points = 0;
    for (const Profile& one : list.profiles)
      points = std::max(points, std::size_t(one.values.size()));
    Array values({list.positions.size(), points}, nan), chi2 = values;
    for (std::size_t k = 0; k < list.profiles.size(); ++k)
      for (long j = 0; j < list.profiles[k].values.size(); ++j) {
        values(k, std::size_t(j)) = list.profiles[k].values[j];
        chi2(k, std::size_t(j)) = list.profiles[k].chi2[j];
      }
    const std::vector<EmdAxis> curve = {position_axis(list.positions), index_axis("point", points)};
    result.array("profile/" + p.name, chi2, "", curve, "χ² with all other unknowns fitted");
    result.array("profile_values/" + p.name, values, p.unit, curve, "value of the parameter");
  }
}

}  // namespace pendel
