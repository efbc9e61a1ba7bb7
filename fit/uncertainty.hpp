// Error bars of a fitted position: statistics, and what the model's own discretisation adds.
#pragma once
#include <vector>

#include "fit/solve.hpp"

namespace pendel {

/// Unknowns (parameters, scale, background by their places) that are not held.
std::vector<int> free_unknowns(const DiskModel& model, const Nuisance& nuisance);

/// Derivative of every disk's value with respect to (parameters, scale, background), divided by the
/// standard deviation that the fitted model predicts; rows of missing disks are 0. Behind them a
/// row for every parameter with a prior. `fitted`: model values in data units; both may be null.
/// factor: by which the data's variances are enlarged.
Eigen::MatrixXd weighted_jacobian(const DiskModel& model, const DiskData& data,
                                  const Solution& solution, Eigen::VectorXd* fitted,
                                  Eigen::VectorXd* sigma, double factor = 1);

/// Priors of parameters that are not held: each counts as one datum more.
int free_priors(const DiskModel& model);

/// Inverse of an information matrix; NaN along what it leaves undetermined.
Eigen::MatrixXd inverse_information(const Eigen::MatrixXd& information);

/// (JᵀJ)⁻¹ over the free unknowns: the Cramér-Rao limit. NaN elsewhere and along what the data
/// leave undetermined.
Eigen::MatrixXd cramer_rao(const Eigen::MatrixXd& weighted_jacobian, const std::vector<int>& free);

/// Derivative of the fitted unknowns with respect to held quantities: −(AᵀA)⁻¹AᵀB, A the columns
/// `free` of the weighted Jacobian and B the columns of the held ones; (free, held).
Eigen::MatrixXd response(const Eigen::MatrixXd& A, const Eigen::MatrixXd& B);

/// By how much the unknowns would move, to first order, if `finer` took the place of `model`; 0 for
/// held unknowns.
Eigen::VectorXd model_shift(const DiskModel& model, const DiskModel& finer, const DiskData& data,
                            const Nuisance& nuisance, const Solution& solution);

}  // namespace pendel
