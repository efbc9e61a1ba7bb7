#include "studies/fit_coupling.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <map>
#include <regex>

#include "core/error.hpp"

namespace pendel {

namespace {

/// The name itself, or what stands before one of its separators.
bool names(const std::string& given, const std::string& parameter) {
  if (parameter.compare(0, given.size(), given) != 0) return false;
  return parameter.size() == given.size() ||
         std::string("._[").find(parameter[given.size()]) != std::string::npos;
}

std::vector<int> named_by(const std::string& given, const std::vector<Parameter>& parameters) {
  std::vector<int> found;
  for (std::size_t k = 0; k < parameters.size(); ++k)
    if (names(given, parameters[k].name)) found.push_back(int(k));
  return found;
}

/// Parameters of the sublayers of one layer, "polarization.PTO.x.3of5", in order, by what they
/// share ("polarization.PTO.x").
std::map<std::string, std::vector<int>> sublayers_among(const std::vector<int>& chosen,
                                                        const std::vector<Parameter>& parameters) {
  static const std::regex part(R"(^(.*)\.(\d+)of(\d+)$)");
  std::map<std::string, std::map<int, int>> found;
  for (const int k : chosen) {
    std::smatch match;
    if (std::regex_match(parameters[std::size_t(k)].name, match, part))
      found[match[1].str()][std::stoi(match[2].str())] = k;
  }
  std::map<std::string, std::vector<int>> result;
  for (const auto& [layer, by_number] : found)
    for (const auto& numbered : by_number) result[layer].push_back(numbered.second);
  return result;
}

}  // namespace

ScanGrid grid_of(const DiskScan& scan) {
  if (scan.shape.size() == 1) return {1, long(scan.shape[0])};
  return {long(scan.shape[0]), long(scan.shape[1])};
}

void check_priors(const std::vector<PriorOptions>& priors, const Unknowns& unknowns,
                  const DiskScan& scan) {
  std::vector<Parameter> own;
  std::vector<std::string> known;
  for (std::size_t k = 0; k < unknowns.parameters.size(); ++k)
    if (unknowns.per[k] == Per::position) {
      own.push_back(unknowns.parameters[k]);
      known.push_back(own.back().name);
    }
  for (std::size_t i = 0; i < priors.size(); ++i) {
    const std::string path = "fit.priors." + std::to_string(i);
    const std::vector<int> chosen = named_by(priors[i].parameter, own);
    if (chosen.empty())
      throw Error(ErrorKind::study,
                  path + ".parameter: " + unknown_name(priors[i].parameter, known));
    if (priors[i].kind == PriorForm::sublayers) {
      if (sublayers_among(chosen, own).empty())
        throw Error(ErrorKind::study, path + ".kind: is sublayers, and " + priors[i].parameter +
                                          " has none; allowed: smooth, edges");
    } else if (scan.shape.size() != 2) {
      throw Error(ErrorKind::study,
                  path +
                      ".kind: ties neighbours, and the data are a list of positions; it needs "
                      "data (row, column, disk)");
    }
  }
}

std::vector<Prior> priors_of(const std::vector<PriorOptions>& priors,
                             const std::vector<Parameter>& parameters, const DiskScan& scan,
                             const std::vector<PositionFit>& fits) {
  const int n = int(parameters.size());
  std::vector<char> usable;
  for (const PositionFit& fit : fits) usable.push_back(fit.status != FitStatus::no_data);
  std::vector<Prior> result;
  for (const PriorOptions& options : priors) {
    const std::vector<int> chosen = named_by(options.parameter, parameters);
    const double sigma = options.sigma.value_or(0);
    if (options.kind == PriorForm::sublayers) {
      for (const auto& [layer, members] : sublayers_among(chosen, parameters))
        result.push_back(
            {layer, sublayer_differences(usable, n, members), sigma, PriorKind::normal});
      continue;
    }
    const bool edges = options.kind == PriorForm::edges;
    for (const int k : chosen)
      result.push_back({parameters[std::size_t(k)].name,
                        scan_differences(grid_of(scan), usable, n, k, edges ? 1 : 2), sigma,
                        edges ? PriorKind::cauchy : PriorKind::normal});
  }
  return result;
}

std::vector<std::string> coupling_summary(const Coupling& coupling,
                                          const std::vector<Prior>& priors) {
  std::vector<std::string> lines;
  std::string text = "priors:";
  for (std::size_t k = 0; k < priors.size(); ++k) {
    char part[160];
    std::snprintf(part, sizeof part, "%s differences of %s %.3g%s", k ? "," : "",
                  priors[k].name.c_str(), coupling.sigmas[k],
                  priors[k].sigma == 0 ? " (estimated)" : "");
    text += part;
  }
  lines.push_back(text);
  const long changed = std::count(coupling.changed.begin(), coupling.changed.end(), 1);
  lines.push_back("priors: " + std::to_string(changed) + " of " +
                  std::to_string(coupling.changed.size()) +
                  " positions take another basin than their own data prefer; joint polish " +
                  (coupling.converged ? "converged" : "did not converge") + " in " +
                  std::to_string(coupling.iterations) + " iterations");
  return lines;
}

void write_coupling(EmdWriter& result, const DiskScan& scan,
                    const std::vector<Parameter>& parameters, const std::vector<PositionFit>& alone,
                    const Coupling& coupling, const std::vector<Prior>& priors) {
  for (std::size_t p = 0; p < parameters.size(); ++p) {
    Array values = scan.map(), errors = scan.map();
    for (std::size_t i = 0; i < alone.size(); ++i) {
      values.values[i] = alone[i].solution.values[long(p)];
      errors.values[i] = std::sqrt(alone[i].covariance(long(p), long(p)));
    }
    result.array("prior_free/" + parameters[p].name, values, parameters[p].unit, scan.axes,
                 "fitted value without priors");
    result.array("prior_free_errors/" + parameters[p].name, errors, parameters[p].unit, scan.axes,
                 "its standard error (1σ)");
  }
  Array changed = scan.map();
  for (std::size_t i = 0; i < alone.size(); ++i) changed.values[i] = coupling.changed[i];
  result.array("changed_by_neighbours", changed, "", scan.axes,
               "1: the priors chose another basin than the position's own data",
               hdf5::Stored::int32);
  EmdDictionary strengths;
  for (std::size_t k = 0; k < priors.size(); ++k)
    strengths.emplace_back(priors[k].name, coupling.sigmas[k]);
  result.metadata("priors", strengths);
}

}  // namespace pendel
