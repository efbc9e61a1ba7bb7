// The fits of a scan as rows of a checkpoint, as an EMD tree, and against the truth.
#pragma once
#include "fit/scan_fit.hpp"
#include "studies/disk_scan.hpp"
#include "studies/fit_parameters.hpp"

namespace pendel {

/// A position's fit as one row of numbers, and back; the shape fixes its length.
struct RowShape {
  std::size_t parameters, disks, basins;  ///< basins: at most
};
std::vector<double> fit_row(const PositionFit& fit, const RowShape& shape);
PositionFit fit_of_row(const std::vector<double>& row, const RowShape& shape);
std::size_t fit_row_size(const RowShape& shape);

/// A parameter that the whole scan shares, fitted before the positions (one element), or that its
/// regions do (a map).
struct SharedValue {
  std::string name, unit;
  Array value, error;
};

/// Arrays parameters/NAME and errors/NAME, scale, background, chi2, status, covariance, measured,
/// fitted, hkl and more; see docs/files.md.
void write_fits(EmdWriter& result, const DiskScan& scan, const std::vector<DiskData>& data,
                const std::vector<Parameter>& parameters, const std::vector<PositionFit>& fits,
                const std::vector<SharedValue>& shared);

/// Arrays derived/NAME and derived/NAME.error of maps that are linear in the parameters, with the
/// covariance of every position; a line of text per map: median value and error.
std::string write_derived(EmdWriter& result, const DiskScan& scan,
                          const std::vector<DerivedMap>& maps,
                          const std::vector<Parameter>& parameters,
                          const std::vector<PositionFit>& fits,
                          const std::vector<SharedValue>& shared);

/// True values of parameters, by name; every map has the shape of the scan.
struct Truth {
  std::vector<std::pair<std::string, Array>> maps;
  std::vector<std::string> unused;  ///< datasets that name no parameter
};
/// Error (input) if the group is missing, holds no map of a parameter, or one of a wrong shape. A
/// single number holds everywhere.
Truth read_truth(const DataOptions& options, const DiskScan& scan,
                 const std::vector<std::string>& names);

void write_truth(EmdWriter& result, const DiskScan& scan, const Truth& truth);

/// Table of the errors against the truth, a line per parameter, over converged positions.
std::string truth_table(const Truth& truth, const std::vector<Parameter>& parameters,
                        const std::vector<PositionFit>& fits);

}  // namespace pendel
