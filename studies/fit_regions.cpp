#include "studies/fit_regions.hpp"

#include <algorithm>
#include <cmath>
#include <map>

#include "core/error.hpp"
#include "io/hdf5.hpp"

namespace pendel {

namespace {

[[noreturn]] void fail(const std::string& what) { throw Error(ErrorKind::study, what); }

/// Number of every position's region.
std::vector<long> numbers_of_map(const RegionMapOptions& options, const DiskScan& scan) {
  const auto wrong = [&](const std::string& what) {
    throw Error(ErrorKind::input, options.file.path + ": " + options.dataset + ": " + what);
  };
  const Array map = hdf5::InputFile(options.file.path).read(options.dataset);
  if (map.shape != scan.shape) wrong("has another shape than the scan");
  std::vector<long> numbers;
  for (const double value : map.values) {
    if (!(std::abs(value) < 1e9) || value != std::round(value))
      wrong("holds " + number_text(value) + "; the number of a region is an integer");
    numbers.push_back(long(value));
  }
  return numbers;
}

/// Rectangles count from 1; 0 is elsewhere.
std::vector<long> numbers_of_rectangles(const std::vector<std::array<int, 4>>& rectangles,
                                        const DiskScan& scan) {
  const std::string key = "fit.regions.rectangles";
  if (scan.shape.size() != 2)
    fail(key + ": the data are a list of positions; rectangles need data (row, column, disk)");
  const int rows = int(scan.shape[0]), columns = int(scan.shape[1]);
  std::vector<long> numbers(scan.positions(), 0);
  for (std::size_t k = 0; k < rectangles.size(); ++k) {
    const auto& [r0, r1, c0, c1] = rectangles[k];
    const std::string path = key + "." + std::to_string(k) + ": ";
    if (r0 < 0 || r0 >= r1 || r1 > rows || c0 < 0 || c0 >= c1 || c1 > columns)
      fail(path + "is no rectangle of the scan of " + std::to_string(rows) + " rows and " +
           std::to_string(columns) +
           " columns; needed: first row, row after the last, first column, column after the last, "
           "from 0");
    for (int r = r0; r < r1; ++r)
      for (int c = c0; c < c1; ++c) {
        long& number = numbers[std::size_t(r) * std::size_t(columns) + std::size_t(c)];
        if (number != 0)
          fail(path + "overlaps the one of number " + std::to_string(number - 1) + " at row " +
               std::to_string(r) + ", column " + std::to_string(c));
        number = long(k) + 1;
      }
  }
  return numbers;
}

}  // namespace

Regions regions_of(const ParameterOptions& options, const Unknowns& unknowns,
                   const DiskScan& scan) {
  const auto found = std::find(unknowns.per.begin(), unknowns.per.end(), Per::region);
  Regions regions;
  if (found == unknowns.per.end()) {
    if (options.regions)
      fail("fit.regions: no parameter is fitted per region; give one of them per: region");
    regions.names = {"the scan"};
    regions.positions.resize(1);
    for (std::size_t i = 0; i < scan.positions(); ++i) regions.positions[0].push_back(i);
    return regions;
  }
  if (!options.regions)
    fail("fit: " + unknowns.parameters[std::size_t(found - unknowns.per.begin())].name +
         " is fitted per region; needed: fit.regions, a map or rectangles");
  if (!options.priors.empty())
    fail(
        "fit.priors: ties neighbours, which may be of different regions; remove it, or fit per "
        "position or per scan");
  if (options.search.method == SearchMethod::neighbours)
    fail(
        "fit.search.method: is neighbours, which may be of different regions; needed: auto, "
        "surrogate or multistart");
  const std::vector<long> numbers = options.regions->map
                                        ? numbers_of_map(*options.regions->map, scan)
                                        : numbers_of_rectangles(*options.regions->rectangles, scan);
  std::map<long, std::vector<std::size_t>> positions;
  for (std::size_t i = 0; i < numbers.size(); ++i) positions[numbers[i]].push_back(i);
  for (auto& [number, of_region] : positions) {
    const bool elsewhere = options.regions->rectangles && number == 0;
    regions.names.push_back(elsewhere ? "elsewhere" : "region " + std::to_string(number));
    regions.positions.push_back(std::move(of_region));
  }
  return regions;
}

}  // namespace pendel
