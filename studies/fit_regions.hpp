// Regions of a scan whose positions share parameters (`per: region`).
#pragma once
#include "studies/fit.hpp"
#include "studies/fit_parameters.hpp"

namespace pendel {

struct Regions {
  std::vector<std::string> names;                   ///< "region 2"; one alone: "the scan"
  std::vector<std::vector<std::size_t>> positions;  ///< of every region; each position is in one
};

/// Without parameters of regions the whole scan is one. Error (study) if parameters need regions
/// and there are none or the other way round, if rectangles overlap or leave the scan; (input) if
/// the map has another shape than the scan or holds what is no integer.
Regions regions_of(const ParameterOptions& options, const Unknowns& unknowns, const DiskScan& scan);

}  // namespace pendel
