// Measured scans: files of any format, Bragg disks, lattices and strain.
#include "bind.hpp"
#include "core/error.hpp"
#include "core/parallel.hpp"
#include "scan/datacube.hpp"
#include "scan/strain.hpp"
#include "scan/virtual_image.hpp"
#include "studies/disks.hpp"

namespace pendel::python {

namespace {

using Eigen::Matrix2d;
using Floats = py::array_t<float, py::array::c_style | py::array::forcecast>;

/// A recording on disk, of which patterns are read when asked for.
class Scan {
 public:
  Scan(const py::object& path, const std::string& dataset,
       const std::optional<std::array<std::size_t, 2>>& scan_shape)
      : cube_([&, file = std::string(py::str(path))] {
          const LongCall call;
          return open_recording(file, {scan_shape, dataset});
        }()) {}

  const DataCube& cube() const { return cube_; }
  py::tuple shape() const {
    return py::make_tuple(cube_.rows(), cube_.columns(), cube_.q_rows(), cube_.q_columns());
  }
  py::array_t<float> read(std::size_t first, std::size_t count) const {
    if (first + count > cube_.positions())
      throw py::index_error("a scan of " + std::to_string(cube_.positions()) +
                            " positions has no " + std::to_string(first + count - 1));
    py::array_t<float> patterns({count, cube_.q_rows(), cube_.q_columns()});
    float* to = patterns.mutable_data();
    const LongCall call;
    cube_.read(first, count, to);
    return patterns;
  }
  py::array_t<double> median(std::size_t most) const {
    std::vector<double> values;
    {
      const LongCall call;
      values = median_pattern(cube_, most);
    }
    py::array_t<double> image({cube_.q_rows(), cube_.q_columns()});
    std::copy(values.begin(), values.end(), image.mutable_data());
    return image;
  }
  py::object at(const py::object& place) const {
    const auto wrapped = [](long i, std::size_t count) {
      if (i < -long(count) || i >= long(count))
        throw py::index_error("index " + std::to_string(i) + " of " + std::to_string(count));
      return std::size_t(i < 0 ? i + long(count) : i);
    };
    if (py::isinstance<py::tuple>(place)) {
      const auto [row, column] = place.cast<std::pair<long, long>>();
      const auto one =
          read(wrapped(row, cube_.rows()) * cube_.columns() + wrapped(column, cube_.columns()), 1);
      return one[py::int_(0)];
    }
    return read(wrapped(place.cast<long>(), cube_.rows()) * cube_.columns(), cube_.columns());
  }
  py::dict images(const std::map<std::string, Floats>& detectors,
                  const std::optional<Floats>& mask) const {
    const auto pixels_of = [&](const Floats& weights, const std::string& name) {
      if (weights.ndim() != 2 || std::size_t(weights.shape(0)) != cube_.q_rows() ||
          std::size_t(weights.shape(1)) != cube_.q_columns())
        throw Error(ErrorKind::study, "virtual_images: the weights of " + name + " are not of " +
                                          std::to_string(cube_.q_rows()) + " x " +
                                          std::to_string(cube_.q_columns()) + " pixels");
      return std::vector<float>(weights.data(), weights.data() + weights.size());
    };
    std::vector<VirtualDetector> list;
    for (const auto& [name, weights] : detectors) list.push_back({name, pixels_of(weights, name)});
    std::vector<float> counted;
    if (mask) counted = pixels_of(*mask, "mask");
    ScanImages found;
    {
      const LongCall call;
      found = scan_images(cube_, list, counted);
    }
    const auto image = [&](const std::vector<double>& values, std::size_t rows) {
      py::array_t<double> array({rows, values.size() / rows});
      std::copy(values.begin(), values.end(), array.mutable_data());
      return array;
    };
    py::dict result;
    for (std::size_t i = 0; i < list.size(); ++i)
      result[py::str(list[i].name)] = image(found.images[i], cube_.rows());
    py::array_t<double> centre({cube_.rows(), cube_.columns(), std::size_t(2)});
    for (std::size_t i = 0; i < cube_.positions(); ++i)
      for (std::size_t k = 0; k < 2; ++k)
        centre.mutable_data()[2 * i + k] = found.centre_of_mass[i][Eigen::Index(k)];
    result["centre_of_mass"] = centre;
    result["mean"] = image(found.mean, cube_.q_rows());
    result["maximum"] = image(found.maximum, cube_.q_rows());
    result["variance"] = image(found.variance, cube_.q_rows());
    return result;
  }

 private:
  DataCube cube_;
};

py::array_t<double> rows_of_peaks(const std::vector<BraggPeak>& peaks) {
  py::array_t<double> rows({peaks.size(), std::size_t(5)});
  double* to = rows.mutable_data();
  for (const BraggPeak& peak : peaks)
    for (const double value :
         {peak.position.x(), peak.position.y(), peak.intensity, peak.error.x(), peak.error.y()})
      *to++ = value;
  return rows;
}

py::list find_disks(const Floats& patterns, const py::object& shape, const py::dict& detection,
                    const py::object& refinement, double counts_per_electron) {
  if (patterns.ndim() < 2)
    throw Error(ErrorKind::study, "find_disks: patterns of shape (..., rows, columns) are needed");
  const auto rows = std::size_t(patterns.shape(patterns.ndim() - 2)),
             columns = std::size_t(patterns.shape(patterns.ndim() - 1)), pixels = rows * columns;
  if (!(counts_per_electron > 0))
    throw Error(ErrorKind::study, "find_disks: counts_per_electron must be above 0");
  const auto detect = options_of<DiskDetectionOptions>(detection, "find_disks(detection)");
  std::optional<DiskRefinementOptions> refine;
  if (!refinement.is_none())
    refine =
        options_of<DiskRefinementOptions>(refinement.cast<py::dict>(), "find_disks(refinement)");
  DiskTemplate made;
  if (py::isinstance<py::float_>(shape) || py::isinstance<py::int_>(shape)) {
    made = disk_template(shape.cast<double>(), 1.5);
  } else {
    const auto image = shape.cast<Floats>();
    if (image.ndim() != 2)
      throw Error(ErrorKind::study, "find_disks: the template is an image or a radius");
    made = measured_template({image.data(), image.data() + image.size()},
                             std::size_t(image.shape(0)), std::size_t(image.shape(1)));
  }
  const std::size_t count = pixels ? std::size_t(patterns.size()) / pixels : 0;
  const float* from = patterns.data();
  std::vector<std::vector<BraggPeak>> found(count);
  {
    const LongCall call;
    DiskSearch search(made, rows, columns, detect, refine);
    std::vector<std::vector<float>> electrons;  // a pattern for each thread
    electrons.resize(std::size_t(threads()), std::vector<float>(pixels));
    parallel_for(long(count), [&](long i, int thread) {
      std::vector<float>& pattern = electrons[std::size_t(thread)];
      for (std::size_t k = 0; k < pixels; ++k)
        pattern[k] = from[std::size_t(i) * pixels + k] / float(counts_per_electron);
      search.find(pattern.data(), thread, found[std::size_t(i)]);
    });
  }
  py::list result;
  for (const auto& peaks : found) result.append(rows_of_peaks(peaks));
  return result;
}

std::vector<PeakVector> vectors_of(const Reals& q, const std::optional<Reals>& errors) {
  const Eigen::MatrixXd rows = rows_of(q, 2, "q");
  Eigen::MatrixXd sigma;
  if (errors) sigma = rows_of(*errors, 2, "errors");
  if (errors && sigma.rows() != rows.rows())
    throw Error(ErrorKind::study, "fit_lattice: errors and q differ in shape");
  std::vector<PeakVector> peaks;
  for (Eigen::Index i = 0; i < rows.rows(); ++i) {
    PeakVector peak;
    peak.q = rows.row(i).transpose();
    if (errors) peak.covariance = Vec2(sigma.row(i).transpose().cwiseAbs2()).asDiagonal();
    peaks.push_back(peak);
  }
  return peaks;
}

py::object lattice(const Reals& q, const std::optional<Matrix2d>& near,
                   const std::optional<Reals>& errors, double reach, int least_peaks) {
  const auto peaks = vectors_of(q, errors);
  const auto fit = [&]() -> std::optional<LatticeFit> {
    const LongCall call;
    const auto start = near ? near : find_basis({peaks});
    if (!start) return {};
    return fit_lattice(peaks, *start, {reach, least_peaks});
  }();
  if (!fit) return py::none();
  py::dict result;
  result["basis"] = fit->basis;
  result["origin"] = fit->origin;
  result["covariance"] = fit->covariance;
  result["peaks"] = fit->peaks;
  result["residual"] = fit->residual;
  return result;
}

}  // namespace

void bind_scan(py::module_& module) {
  py::class_<Scan>(module, "Scan",
                   "A recorded scan of diffraction patterns in a file of any readable format; "
                   "patterns are read when they are asked for.")
      .def(
          py::init<const py::object&, const std::string&,
                   const std::optional<std::array<std::size_t, 2>>&>(),
          py::arg("path"), py::arg("dataset") = "", py::arg("scan_shape") = py::none(),
          "dataset: of an HDF5 file with several. scan_shape: (rows, columns), where the file does "
          "not say. InputError if\nthe file cannot be read or is of no known format.")
      .def_property_readonly("shape", &Scan::shape, "(rows, columns, q_rows, q_columns).")
      .def_property_readonly(
          "format", [](const Scan& s) { return s.cube().recording().format; },
          "Name of the file's format.")
      .def_property_readonly(
          "energy_keV", [](const Scan& s) { return s.cube().recording().energy_keV; },
          "Of the electrons; NaN: the file does not say.")
      .def_property_readonly(
          "q_pixel",
          [](const Scan& s) {
            const RecordedScale scale = s.cube().scale();
            return py::make_tuple(scale.q_pixel[0], scale.q_pixel[1], scale.q_units);
          },
          "Size of a pixel along rows and columns, and its unit, as the file "
          "says.")
      .def_property_readonly(
          "scan_step_A", [](const Scan& s) { return s.cube().scale().scan_step_A; },
          "Between rows, between columns [Å]; NaN: the file does not say.")
      .def_property_readonly(
          "notes", [](const Scan& s) { return s.cube().recording().notes; },
          "What was assumed, or is missing.")
      .def("read", &Scan::read, py::arg("first"), py::arg("count"),
           "Patterns of positions row * columns + column from `first` on; (count, q_rows, "
           "q_columns), NaN where\nnothing was recorded. IndexError beyond the scan.")
      .def("__getitem__", &Scan::at, py::arg("place"),
           "scan[row, column]: one pattern (q_rows, q_columns). scan[row]: those of a row. "
           "IndexError "
           "beyond the scan.")
      .def(
          "__len__", [](const Scan& s) { return s.cube().rows(); }, "Rows of the scan.")
      .def("virtual_images", &Scan::images, py::arg("detectors"), py::arg("mask") = py::none(),
           "In one pass, however large the scan: an image (rows, columns) for every detector's "
           "weights (q_rows,\nq_columns) in a dict; centre_of_mass (rows, columns, 2): column, row "
           "[pixels], of pixels where mask is not 0;\nmean, maximum, variance (q_rows, q_columns). "
           "NaN where nothing was recorded.")
      .def("median_pattern", &Scan::median, py::arg("most") = 1000,
           "Median over up to `most` positions, evenly chosen: what is there at most of them; "
           "(q_rows, q_columns).");
  module.def(
      "integrated",
      [](const Reals& along_columns, const Reals& along_rows) {
        if (along_columns.ndim() != 2 || along_rows.ndim() != 2 ||
            along_columns.shape(0) != along_rows.shape(0) ||
            along_columns.shape(1) != along_rows.shape(1))
          throw Error(ErrorKind::study,
                      "integrated: two arrays of one shape (rows, columns) are needed");
        const auto values = [](const Reals& array) {
          return std::vector<double>(array.data(), array.data() + array.size());
        };
        const auto map = [&] {
          const LongCall call;
          return integrated(values(along_columns), values(along_rows),
                            std::size_t(along_columns.shape(0)),
                            std::size_t(along_columns.shape(1)));
        }();
        py::array_t<double> result({along_columns.shape(0), along_columns.shape(1)});
        std::copy(map.begin(), map.end(), result.mutable_data());
        return result;
      },
      py::arg("along_columns"), py::arg("along_rows"),
      "The map (rows, columns), of mean 0, whose differences between neighbours are nearest to "
      "these slopes: the phase\nfrom centres of mass (integrated differential phase contrast).");
  module.def(
      "annulus",
      [](const std::array<std::size_t, 2>& shape, const Vec2& centre, double outer, double inner,
         double from_deg, double to_deg) {
        const auto weights =
            annulus_weights({centre, inner, outer, from_deg, to_deg}, shape[0], shape[1]);
        py::array_t<float> array({shape[0], shape[1]});
        std::copy(weights.begin(), weights.end(), array.mutable_data());
        return array;
      },
      py::arg("shape"), py::arg("centre"), py::arg("outer"), py::arg("inner") = 0,
      py::arg("from_deg") = 0, py::arg("to_deg") = 360,
      "Weights of a disk, ring or sector for Scan.virtual_images. shape: (q_rows, q_columns). "
      "centre: (column,\nrow); lengths in pixels, angles from columns towards rows.");
  module.def(
      "find_disks", &find_disks, py::arg("patterns"), py::arg("template"),
      py::arg("detection") = py::dict(), py::arg("refinement") = py::dict(),
      py::arg("counts_per_electron") = 1,
      "Bragg disks of patterns (..., rows, columns) of counts. template: image of the probe "
      "in a vacuum, or a\nradius [pixels]. detection, refinement: keys of a study's "
      "disks.detection and disks.refinement;\nrefinement=None: places are maxima of the "
      "correlation. A list, one array (disks, 5) per pattern: column,\nrow [pixels], counts, "
      "standard deviations of column and row; the strongest first.");
  module.def(
      "fit_lattice", &lattice, py::arg("q"), py::arg("near") = py::none(),
      py::arg("errors") = py::none(), py::arg("reach") = 0.2, py::arg("least_peaks") = 5,
      "The plane lattice that vectors (n, 2) from about the undiffracted beam lie on, robust "
      "and weighted. near:\na basis (2, 2), columns g1, g2, to start from; without it one is "
      "found. errors: (n, 2). A dict: basis,\norigin, covariance (6, 6) of origin, g1, g2, "
      "peaks, residual; None if there is no lattice.");
  module.def(
      "strain",
      [](const Matrix2d& basis, const Matrix2d& reference, bool linearised) {
        const Strain e = strain_of(basis, reference, linearised).strain;
        Matrix2d tensor;
        tensor << e.xx, e.xy, e.xy, e.yy;
        return py::make_tuple(tensor, e.rotation);
      },
      py::arg("basis"), py::arg("reference"), py::arg("linearised") = false,
      "Strain (2, 2) of the crystal, positive where expanded, and its rotation from x to y "
      "[rad], of a lattice of\ndiffraction vectors against a reference with the same "
      "indices; exact, by polar decomposition.");
}

}  // namespace pendel::python
