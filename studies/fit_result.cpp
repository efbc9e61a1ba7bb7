#include "studies/fit_result.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "core/error.hpp"
#include "core/median.hpp"

namespace pendel {

namespace {

constexpr std::size_t scalars_of_row = 10;

EmdAxis disk_axis(const DiskScan& scan) { return index_axis("disk", scan.disks()); }

std::vector<EmdAxis> with(std::vector<EmdAxis> axes, const EmdAxis& last) {
  axes.push_back(last);
  return axes;
}

double sigma(const PositionFit& fit, std::size_t i) {
  return std::sqrt(fit.covariance(long(i), long(i)));
}

}  // namespace

std::size_t fit_row_size(const RowShape& shape) {
  const std::size_t n = shape.parameters;
  return scalars_of_row + n + (n + 2) * (n + 2) + shape.disks + shape.basins * (n + 4);
}

std::vector<double> fit_row(const PositionFit& fit, const RowShape& shape) {
  const Solution& s = fit.solution;
  std::vector<double> row = {double(fit.status),     s.scale,
                             s.background,           s.chi2,
                             double(s.iterations),   double(fit.degrees_of_freedom),
                             fit.reduced_chi2,       fit.cramer_rao_factor,
                             fit.second_basin_ratio, fit.last_correction};
  row.insert(row.end(), s.values.data(), s.values.data() + s.values.size());
  row.insert(row.end(), fit.covariance.data(), fit.covariance.data() + fit.covariance.size());
  row.insert(row.end(), fit.fitted.data(), fit.fitted.data() + fit.fitted.size());
  for (const Solution& basin : fit.basins) {
    row.insert(row.end(), {basin.chi2, basin.scale, basin.background, double(basin.converged)});
    row.insert(row.end(), basin.values.data(), basin.values.data() + basin.values.size());
  }
  row.resize(fit_row_size(shape), std::numeric_limits<double>::quiet_NaN());
  return row;
}

PositionFit fit_of_row(const std::vector<double>& row, const RowShape& shape) {
  PositionFit fit;
  Solution& s = fit.solution;
  const long n = long(shape.parameters);
  fit.status = static_cast<FitStatus>(int(row[0]));
  s.converged = fit.status == FitStatus::converged;
  s.scale = row[1];
  s.background = row[2];
  s.chi2 = row[3];
  s.iterations = int(row[4]);
  fit.degrees_of_freedom = int(row[5]);
  fit.reduced_chi2 = row[6];
  fit.cramer_rao_factor = row[7];
  fit.second_basin_ratio = row[8];
  fit.last_correction = row[9];
  const double* at = row.data() + scalars_of_row;
  s.values = Eigen::Map<const Eigen::VectorXd>(at, n);
  at += n;
  fit.covariance = Eigen::Map<const Eigen::MatrixXd>(at, n + 2, n + 2);
  at += (n + 2) * (n + 2);
  fit.fitted = Eigen::Map<const Eigen::VectorXd>(at, long(shape.disks));
  at += shape.disks;
  for (std::size_t b = 0; b < shape.basins && std::isfinite(*at); ++b, at += n + 4) {
    Solution basin;
    basin.chi2 = at[0];
    basin.scale = at[1];
    basin.background = at[2];
    basin.converged = at[3] != 0;
    basin.values = Eigen::Map<const Eigen::VectorXd>(at + 4, n);
    fit.basins.push_back(std::move(basin));
  }
  return fit;
}

void write_fits(EmdWriter& result, const DiskScan& scan, const std::vector<DiskData>& data,
                const std::vector<Parameter>& parameters, const std::vector<PositionFit>& fits,
                const std::vector<SharedValue>& shared) {
  using hdf5::Stored;
  const auto map = [&](const std::string& name, const std::string& units, const std::string& note,
                       Stored stored, auto value) {
    Array array = scan.map();
    for (std::size_t i = 0; i < fits.size(); ++i) array.values[i] = value(fits[i]);
    result.array(name, array, units, scan.axes, note, stored);
  };
  const std::size_t n = parameters.size();
  for (std::size_t p = 0; p < n; ++p) {
    map("parameters/" + parameters[p].name, parameters[p].unit, "fitted value", Stored::float64,
        [&](const PositionFit& fit) { return fit.solution.values[long(p)]; });
    map("errors/" + parameters[p].name, parameters[p].unit, "standard error (1σ)", Stored::float64,
        [&](const PositionFit& fit) { return sigma(fit, p); });
  }
  for (const SharedValue& value : shared) {
    const bool map = value.value.size() > 1;
    const std::vector<EmdAxis> axes = map ? scan.axes : std::vector<EmdAxis>{index_axis("scan", 1)};
    result.array("parameters/" + value.name, value.value, value.unit, axes,
                 map ? "fitted value, common to a region" : "fitted value, common to the scan");
    result.array("errors/" + value.name, value.error, value.unit, axes, "standard error (1σ)");
  }
  map("scale", "", "factor on the dose", Stored::float64,
      [](const PositionFit& f) { return f.solution.scale; });
  map("scale_error", "", "standard error (1σ); NaN if fixed", Stored::float64,
      [&](const PositionFit& f) { return sigma(f, n); });
  map("background", scan.units, "added to every disk", Stored::float64,
      [](const PositionFit& f) { return f.solution.background; });
  map("background_error", scan.units, "standard error (1σ); NaN if fixed", Stored::float64,
      [&](const PositionFit& f) { return sigma(f, n + 1); });
  map("chi2", "", "χ² (Poisson: deviance) per degree of freedom", Stored::float64,
      [](const PositionFit& f) { return f.reduced_chi2; });
  map("second_basin_ratio", "",
      "χ² of the best other solution over χ² of this one; NaN: there is no other", Stored::float64,
      [](const PositionFit& f) { return f.second_basin_ratio; });
  map("last_correction", "",
      "largest move of a parameter by the engine's last correction over its error; NaN: none",
      Stored::float64, [](const PositionFit& f) { return f.last_correction; });
  map("iterations", "", "of the last polish", Stored::int32,
      [](const PositionFit& f) { return double(f.solution.iterations); });
  map("status", "", "0 converged, 1 not converged, 2 no data", Stored::int32,
      [](const PositionFit& f) { return double(f.status); });

  std::size_t most = 0;
  for (const PositionFit& fit : fits) most = std::max(most, fit.basins.size());
  if (most > 0) {
    std::vector<std::size_t> basin_shape = scan.shape;
    basin_shape.push_back(most);
    const std::vector<EmdAxis> axes = with(scan.axes, index_axis("basin", most));
    const auto basins = [&](const std::string& name, const std::string& unit,
                            const std::string& note, auto value) {
      Array array(basin_shape, std::numeric_limits<double>::quiet_NaN());
      for (std::size_t i = 0; i < fits.size(); ++i)
        for (std::size_t b = 0; b < fits[i].basins.size(); ++b)
          array(i, b) = value(fits[i].basins[b]);
      result.array("basins/" + name, array, unit, axes, note);
    };
    for (std::size_t p = 0; p < n; ++p)
      basins(parameters[p].name, parameters[p].unit, "of the distinct solutions, best first",
             [&](const Solution& s) { return s.values[long(p)]; });
    basins("chi2", "", "χ² (Poisson: deviance) of the distinct solutions",
           [](const Solution& s) { return s.chi2; });
  }

  std::vector<std::size_t> disk_shape = scan.shape, square = scan.shape;
  disk_shape.push_back(scan.disks());
  square.insert(square.end(), {n + 2, n + 2});
  Array fitted(disk_shape), covariance(square);
  for (std::size_t i = 0; i < fits.size(); ++i) {
    for (std::size_t j = 0; j < scan.disks(); ++j) fitted(i, j) = fits[i].fitted[long(j)];
    std::copy_n(fits[i].covariance.data(), (n + 2) * (n + 2),
                covariance.values.begin() + long(i * (n + 2) * (n + 2)));
  }
  result.array("measured", scan.intensity, scan.units, with(scan.axes, disk_axis(scan)),
               "intensities fitted to");
  result.array("fitted", fitted, scan.units, with(scan.axes, disk_axis(scan)),
               "intensities of the model");
  const NoiseModel& noise = data.front().noise;
  if (noise.kind != Noise::poisson || noise.model_error > 0) {
    Array sigmas(disk_shape, std::numeric_limits<double>::quiet_NaN());
    for (std::size_t i = 0; i < fits.size(); ++i)
      for (std::size_t j = 0; j < scan.disks(); ++j)
        if (const double m = fits[i].fitted[long(j)]; std::isfinite(m))
          sigmas(i, j) = std::sqrt(model_variance(data[i], long(j), m));
    result.array("sigma", sigmas, scan.units, with(scan.axes, disk_axis(scan)),
                 "standard error of measured, as the noise model has it");
  }
  const EmdAxis unknowns = index_axis("unknown", n + 2);
  result.array("covariance", covariance, "", with(with(scan.axes, unknowns), unknowns),
               "of the unknowns in the order of metadata fit/unknowns, in their units");
  if (scan.set.back() > 0) {
    Array set({scan.disks()});
    for (std::size_t i = 0; i < scan.disks(); ++i) set.values[i] = scan.set[i] + 1;
    result.array("set", set, "", {disk_axis(scan)}, "of data, from 1", Stored::int32);
  }
  if (!scan.tilt_mrad.empty()) {
    Array tilt({scan.disks(), 2});
    for (std::size_t i = 0; i < scan.disks(); ++i)
      for (std::size_t axis = 0; axis < 2; ++axis) tilt(i, axis) = scan.tilt_mrad[i][long(axis)];
    result.array("tilt_mrad", tilt, "mrad", {disk_axis(scan), index_axis("axis", 2)},
                 "known tilt against the fitted one");
  }
  if (std::any_of(scan.pixels.begin(), scan.pixels.end(),
                  [](const auto& p) { return p.row >= 0; })) {
    Array pixel({scan.disks(), 2});
    for (std::size_t i = 0; i < scan.disks(); ++i) {
      pixel(i, 0) = scan.pixels[i].row;
      pixel(i, 1) = scan.pixels[i].column;
    }
    result.array("pixel", pixel, "", {disk_axis(scan), index_axis("index", 2)},
                 "row and column on the detector; -1: a whole disk", Stored::int32);
  }
  result.array("hkl", array_of(scan.hkl), "", {disk_axis(scan), index_axis("index", 3)},
               "Miller indices in the first layer's crystal", Stored::int32);
}

std::string write_derived(EmdWriter& result, const DiskScan& scan,
                          const std::vector<DerivedMap>& maps,
                          const std::vector<Parameter>& parameters,
                          const std::vector<PositionFit>& fits,
                          const std::vector<SharedValue>& shared) {
  std::string lines;
  for (const DerivedMap& map : maps) {
    // Of the unknowns of a position; what others share adds a number and a variance.
    Eigen::VectorXd weights = Eigen::VectorXd::Zero(long(parameters.size()));
    std::vector<double> constant(fits.size(), map.constant), variance(fits.size(), 0);
    for (const auto& [name, weight] : map.weights) {
      for (std::size_t k = 0; k < parameters.size(); ++k)
        if (parameters[k].name == name) weights[long(k)] += weight;
      for (const SharedValue& value : shared)
        for (std::size_t i = 0; i < fits.size() && value.name == name; ++i) {
          const std::size_t at = value.value.size() == 1 ? 0 : i;
          constant[i] += weight * value.value.values[at];
          variance[i] += std::pow(weight * value.error.values[at], 2);
        }
    }
    std::vector<int> used;
    for (long k = 0; k < weights.size(); ++k)
      if (weights[k] != 0) used.push_back(int(k));
    Array values = scan.map(), errors = scan.map();
    std::vector<double> known, known_errors;
    for (std::size_t i = 0; i < fits.size(); ++i) {
      if (fits[i].status == FitStatus::no_data) continue;
      const Eigen::VectorXd w = weights(used);
      values.values[i] = constant[i] + w.dot(fits[i].solution.values(used));
      errors.values[i] = std::sqrt(variance[i] + w.dot(fits[i].covariance(used, used) * w));
      if (fits[i].status != FitStatus::converged) continue;
      known.push_back(values.values[i]);
      if (std::isfinite(errors.values[i])) known_errors.push_back(errors.values[i]);
    }
    result.array("derived/" + map.name, values, map.unit, scan.axes, "from fitted parameters");
    result.array("derived/" + map.name + ".error", errors, map.unit, scan.axes,
                 "standard error (1σ)");
    char line[160];
    std::snprintf(line, sizeof line, "%s%s: median %.4g, standard error %.2g %s",
                  lines.empty() ? "" : "\n", map.name.c_str(), median(known), median(known_errors),
                  map.unit.c_str());
    lines += line;
  }
  return lines;
}

Truth read_truth(const DataOptions& options, const DiskScan& scan,
                 const std::vector<std::string>& names) {
  const hdf5::InputFile file(options.file.path);
  const std::string group = *options.truth;
  const auto fail = [&](const std::string& dataset, const std::string& what) {
    throw Error(ErrorKind::input, options.file.path + ": " + dataset + ": " + what);
  };
  if (!file.has(group)) fail(group, "there is no such group of true maps");
  Truth truth;
  for (const hdf5::Item& item : file.items(group)) {
    const std::string below = item.path.substr(group.size() + 1);
    if (below.find('/') != std::string::npos) continue;  // the inside of an EMD array
    if (std::find(names.begin(), names.end(), below) == names.end()) {
      truth.unused.push_back(below);
      continue;
    }
    Array map = file.read(group + "/" + below);
    if (map.size() == 1) {
      map = Array(scan.shape, map.values[0]);
    } else if (map.shape != scan.shape) {
      fail(group + "/" + below, "has another shape than the scan");
    }
    truth.maps.emplace_back(below, std::move(map));
  }
  if (truth.maps.empty()) {
    std::string known, found;
    for (const std::string& name : names) known += (known.empty() ? "" : ", ") + name;
    for (const std::string& name : truth.unused) found += (found.empty() ? "" : ", ") + name;
    fail(group, "holds no map of a fitted parameter (" + known + "); it has: " + found);
  }
  return truth;
}

void write_truth(EmdWriter& result, const DiskScan& scan, const Truth& truth) {
  for (const auto& [name, map] : truth.maps)
    result.array("truth/" + name, map, unit_of_key(name.substr(0, name.find('.'))), scan.axes,
                 "true value");
}

std::string truth_table(const Truth& truth, const std::vector<Parameter>& parameters,
                        const std::vector<PositionFit>& fits) {
  char line[200];
  std::snprintf(line, sizeof line, "%-28s %-5s %10s %10s %10s %12s\n", "against the truth", "unit",
                "rms error", "bias", "median σ", "within 2σ");
  std::string table = line;
  // scale and background are the last two unknowns
  const auto value = [](const PositionFit& fit, std::size_t p) {
    const std::size_t n = std::size_t(fit.solution.values.size());
    return p < n    ? fit.solution.values[long(p)]
           : p == n ? fit.solution.scale
                    : fit.solution.background;
  };
  std::vector<std::string> names;
  for (const Parameter& parameter : parameters) names.push_back(parameter.name);
  names.insert(names.end(), {"scale", "background"});
  for (const auto& [name, map] : truth.maps)
    for (std::size_t p = 0; p < names.size(); ++p) {
      if (names[p] != name) continue;
      double sum = 0, square = 0;
      int count = 0, within = 0;
      std::vector<double> sigmas;
      for (std::size_t i = 0; i < fits.size(); ++i) {
        const double error = value(fits[i], p) - map.values[i];
        if (fits[i].status != FitStatus::converged || !std::isfinite(error)) continue;
        ++count;
        sum += error;
        square += error * error;
        sigmas.push_back(sigma(fits[i], p));
        within += std::abs(error) <= 2 * sigmas.back();
      }
      if (count == 0) continue;
      std::snprintf(line, sizeof line, "%-28s %-5s %10.4g %10.2g %9.4g %10.1f %%\n", name.c_str(),
                    unit_of_key(name.substr(0, name.find('.'))).c_str(), std::sqrt(square / count),
                    sum / count, median(sigmas), 100.0 * within / count);
      table += line;
    }
  return table;
}

}  // namespace pendel
