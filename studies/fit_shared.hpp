// Parameters that the positions of a scan, or of a region of it, share.
#pragma once
#include <algorithm>

#include "studies/fit_parameters.hpp"

namespace pendel {

/// Values and covariance of parameters that positions share; `place`: among all unknowns.
struct SharedParameters {
  std::vector<int> place;
  Eigen::VectorXd values;
  Eigen::MatrixXd covariance;
};

/// Of independent joint fits, in the order of the places.
SharedParameters together(const SharedParameters& a, const SharedParameters& b);

/// Joint fit of what is shared `per`, to evenly chosen positions; the values become those of the
/// base state. model: of all parameters that `held` (places) does not name.
SharedParameters fit_shared_parameters(const DiskModel& model, const Unknowns& unknowns, Per per,
                                       const std::vector<int>& held,
                                       const std::vector<DiskData>& data,
                                       const SearchOptions& search, const FitOptions& options,
                                       State& base);

/// "thickness_A.1 = 117.2 ± 0.1 Å for region 2", one line each.
std::vector<std::string> shared_summary(const SharedParameters& shared, const Unknowns& unknowns,
                                        const std::string& where);

/// The parameters whose places are not among those held.
std::vector<Parameter> without(const Unknowns& unknowns, const std::vector<int>& held);

/// At most so many, evenly chosen.
template <class Item>
std::vector<Item> some_of(const std::vector<Item>& list, int most) {
  const std::size_t count = std::min<std::size_t>(list.size(), std::size_t(most));
  std::vector<Item> chosen;
  for (std::size_t i = 0; i < count; ++i)
    chosen.push_back(list[(2 * i + 1) * list.size() / (2 * count)]);
  return chosen;
}

}  // namespace pendel
