// The group of keys of a measured scan: its file, what of it is used, and its corrections.
#pragma once
#include "core/options_reader.hpp"
#include "scan/datacube.hpp"
#include "studies/run_context.hpp"

namespace pendel {

struct ReferenceOptions {
  File file;
  std::string dataset;

  template <class Visitor>
  void describe(Visitor& v) {
    v("file", file, help("one pattern, in any format of scans").required());
    v("dataset", dataset, help("of an HDF5 file with several"));
  }
};

struct MeasuredScanOptions {
  File file;
  std::string dataset;
  std::optional<std::array<int, 2>> scan_shape;
  std::optional<std::array<int, 2>> rows, columns, q_rows, q_columns;
  int bin_scan = 1, bin_pattern = 1;
  std::optional<ReferenceOptions> dark, gain, bad_pixels;
  std::optional<double> pixel_mrad, pixel_invA;
  std::optional<double> step_A;
  std::optional<double> energy_keV;

  template <class Visitor>
  void describe(Visitor& v) {
    v("file", file,
      help("a scan of any format that Pendel reads (pendel convert --help)").required());
    v("dataset", dataset, help("of an HDF5 file with several scans"));
    v("scan_shape", scan_shape,
      help("rows, columns, where the file does not say them").at_least(1));
    v("rows", rows, help("first and last row that is used, from 0").at_least(0));
    v("columns", columns, help("likewise").at_least(0));
    v("q_rows", q_rows, help("first and last row of the patterns").at_least(0));
    v("q_columns", q_columns, help("likewise").at_least(0));
    v("bin_scan", bin_scan, help("so many positions along an edge are added up").range(1, 1000));
    v("bin_pattern", bin_pattern, help("so many pixels along an edge are added up").range(1, 1000));
    v("dark", dark, help("is taken off every pattern").word("file"));
    v("gain", gain, help("every pattern is then multiplied by it").word("file"));
    v("bad_pixels", bad_pixels,
      help("where this is not 0, a pixel becomes the mean of its good neighbours").word("file"));
    v("pixel_mrad", pixel_mrad, help("of the file's patterns, for what the file says").above(0));
    v("pixel_invA", pixel_invA, help("or as a spatial frequency").above(0));
    v("step_A", step_A, help("of the scan, for what the file says").above(0));
    v("energy_keV", energy_keV, help("of the electrons, for what the file says").range(1, 3000));
  }
};

/// Opens the file, which is added to the provenance; whether it fits is for the caller to see.
Recording open_reference(const ReferenceOptions& options, RunContext& context);
/// Opens it; files are added to the provenance. Error (input) if something does not fit.
DataCube open_scan(const MeasuredScanOptions& options, RunContext& context);
/// "scan: 64 x 64 positions of 256 x 256 pixels (uint16, Merlin), ..." and the notes, a line each.
std::vector<std::string> scan_summary(const DataCube& cube);
/// Row and column of the scan [Å], q_row and q_column with q_units; pixels where nothing is known.
std::array<EmdAxis, 4> scan_axes(const DataCube& cube, const Vec2& centre_px);

}  // namespace pendel
