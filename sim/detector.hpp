// A pixelated detector, and the way from diffracted intensity to its image; virtual detectors.
// Column and row grow with lab +x and +y; integers are the centres of pixels.
//   (column, row) = centre + E R k / pixel
// R turns by `rotation` from columns to rows, then the ellipse E stretches by sqrt(ratio) along
// ellipse_angle and by 1/sqrt(ratio) across it. What leaves the rim is lost.
#pragma once
#include <complex>
#include <cstdint>
#include <optional>
#include <vector>

#include "core/fft.hpp"
#include "sim/wave_grid.hpp"

namespace pendel {

struct Detector {
  int rows = 128, columns = 128;
  double pixel = 0.02;         ///< 1/Å
  std::optional<Vec2> centre;  ///< (column, row) of k = 0; without: columns / 2, rows / 2, integers
  double rotation = 0;         ///< rad
  double ellipse_ratio = 1, ellipse_angle = 0;  ///< long over short axis; rad, of the long axis
  double blur = 0;        ///< px: standard deviation of a Gaussian point spread
  std::vector<Vec2> mtf;  ///< or besides: (frequency [1/px], value), ascending; constant beyond

  std::size_t pixels() const { return std::size_t(rows) * std::size_t(columns); }
  Vec2 position(const Vec2& k) const;           ///< (column, row)
  Vec2 wavevector(const Vec2& position) const;  ///< k [1/Å], lab
};

/// From simulated plane waves to pixels. Every plane wave stands for an area of k space, and its
/// intensity is shared among pixels by exact overlap; equal pixels are copied bit by bit.
class DetectorMap {
 public:
  /// Sources: the plane waves of a grid, (ny, nx) in FFT order.
  DetectorMap(const Detector& detector, const WaveGrid& grid);
  /// Sources: any k [1/Å]; each is the centre of a parallelogram with edges cell.col(0), col(1).
  DetectorMap(const Detector& detector, const std::vector<Vec2>& k, const Eigen::Matrix2d& cell);

  const Detector& detector() const { return detector_; }
  /// image += weight x intensity. Number: float or double, an intensity per source; or
  /// std::complex of them, an amplitude. image: (rows, columns). Thread-safe.
  template <class Number>
  void add(const Number* sources, double weight, double* image) const;
  /// Point spread and MTF. The sum is kept: what would leave across the rim is reflected; what a
  /// ringing MTF makes negative is set to 0. MTF is the blur besides the area of a pixel.
  /// Thread-safe.
  void blur(double* image) const;

 private:
  void build(const std::vector<Vec2>& k, const Eigen::Matrix2d& cell);

  Detector detector_;
  std::vector<std::size_t> first_;     // per pixel, and one more: its part of the lists
  std::vector<std::uint32_t> source_;  // sources of a pixel
  std::vector<double> share_;          // and how much of them; empty if all are 1
  std::vector<double> mtf_;            // (rows + 1, columns + 1) of the reflected image
  std::optional<Fft2> fft_;            // of the reflected image
};

/// A ring or a segment of one, lab frame: inner <= theta < outer, start <= phi < stop.
struct VirtualDetector {
  double inner = 0, outer = 0;                ///< rad
  double start = 0, stop = 2 * electron::pi;  ///< rad from lab +x to lab +y; stop - start <= 2 pi
};

/// Whether it takes an electron of wavevector k [1/Å].
bool accepts(const VirtualDetector& ring, double energy_keV, const Vec2& k);
/// 1 or 0 for every pixel by its centre; (rows, columns).
std::vector<double> mask(const VirtualDetector& ring, double energy_keV, const Detector& detector);
/// For every plane wave of a grid; (ny, nx) in FFT order.
std::vector<double> mask(const VirtualDetector& ring, double energy_keV, const WaveGrid& grid);
/// Mean k [1/Å], lab, of an image; NaN if nothing is on it.
Vec2 centre_of_mass(const Detector& detector, const double* image);

}  // namespace pendel
