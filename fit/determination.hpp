// What the data of a position determine: the rank of its Fisher information, and in words which
// combinations of parameters are left open.
#pragma once
#include <string>
#include <vector>

#include "model/parameter.hpp"

namespace pendel {

struct Determination {
  /// Combinations of the free parameters that the data know better than their ranges do: standard
  /// deviation below 1/√12 of the range, that of an even distribution over it.
  int rank = 0;
  /// Unit vectors of those that they do not, parameters in units of their ranges; (parameters, any)
  Eigen::MatrixXd open;
  /// The combination known worst, and its standard deviation (1: as wide as the ranges; infinite
  /// without any information).
  Eigen::VectorXd worst;
  double worst_sigma = 0;
};

/// weighted_jacobian: of parameters, scale and background (fit/uncertainty.hpp); the last two are
/// projected out if they are among `free`. factor: variances over those of the Jacobian's weights.
Determination determination(const Eigen::MatrixXd& weighted_jacobian, const std::vector<int>& free,
                            const std::vector<Parameter>& parameters, double factor);

/// "thickness_A.1 is not determined at 4 of 192 positions", "beam_tilt_mrad.y and
/// polarization.PTO.y are determined only in the combination 0.8 beam_tilt_mrad.y + 0.6
/// polarization.PTO.y (in units of their ranges) at 37 of 192 positions"; the most frequent first.
/// Coefficients are the mean over the positions.
std::vector<std::string> open_combinations(const std::vector<Determination>& positions,
                                           const std::vector<Parameter>& parameters);

}  // namespace pendel
