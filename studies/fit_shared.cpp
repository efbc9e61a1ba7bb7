#include "studies/fit_shared.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace pendel {

SharedParameters together(const SharedParameters& a, const SharedParameters& b) {
  SharedParameters both;
  both.place = a.place;
  both.place.insert(both.place.end(), b.place.begin(), b.place.end());
  std::sort(both.place.begin(), both.place.end());
  const long n = long(both.place.size());
  both.values.resize(n);
  both.covariance = Eigen::MatrixXd::Zero(n, n);
  for (const SharedParameters* part : {&a, &b}) {
    std::vector<long> to;
    for (const int place : part->place)
      to.push_back(std::find(both.place.begin(), both.place.end(), place) - both.place.begin());
    both.values(to) = part->values;
    both.covariance(to, to) = part->covariance;
  }
  return both;
}

SharedParameters fit_shared_parameters(const DiskModel& model, const Unknowns& unknowns, Per per,
                                       const std::vector<int>& held,
                                       const std::vector<DiskData>& data,
                                       const SearchOptions& search, const FitOptions& options,
                                       State& base) {
  SharedParameters found;
  std::vector<int> shared;  // among the model's parameters
  int in_model = 0;
  for (int k = 0; k < int(unknowns.per.size()); ++k) {
    if (std::find(held.begin(), held.end(), k) != held.end()) continue;
    if (unknowns.per[std::size_t(k)] == per) {
      shared.push_back(in_model);
      found.place.push_back(k);
    }
    ++in_model;
  }
  if (shared.empty()) return found;
  const StartTable table(model, search.samples);
  const SharedFit fit =
      fit_shared(model, table, shared, some_of(data, search.scan_positions), options);
  found.values = fit.values;
  found.covariance = fit.covariance;
  for (std::size_t k = 0; k < shared.size(); ++k) {
    const Parameter& parameter = unknowns.parameters[std::size_t(found.place[k])];
    base = moved(base, parameter.direction, fit.values[long(k)] - parameter.nominal);
  }
  return found;
}

std::vector<std::string> shared_summary(const SharedParameters& shared, const Unknowns& unknowns,
                                        const std::string& where) {
  std::vector<std::string> lines;
  for (std::size_t k = 0; k < shared.place.size(); ++k) {
    const Parameter& p = unknowns.parameters[std::size_t(shared.place[k])];
    char line[240];
    std::snprintf(line, sizeof line, "%s = %.5g ± %.2g %s for %s", p.name.c_str(),
                  shared.values[long(k)], std::sqrt(shared.covariance(long(k), long(k))),
                  p.unit.c_str(), where.c_str());
    lines.push_back(line);
    if (!p.has_prior()) continue;
    std::snprintf(line, sizeof line, " (prior %.5g ± %.2g)", p.prior_mean, p.prior_sigma);
    lines.back() += line;
  }
  return lines;
}

std::vector<Parameter> without(const Unknowns& unknowns, const std::vector<int>& held) {
  std::vector<Parameter> others;
  for (int k = 0; k < int(unknowns.parameters.size()); ++k)
    if (std::find(held.begin(), held.end(), k) == held.end())
      others.push_back(unknowns.parameters[std::size_t(k)]);
  return others;
}

}  // namespace pendel
