// The pixels of a detector that lie in the disks of a convergent-beam pattern, and how their
// intensities follow from the disks' rocking curves I_g(κ), κ a direction in the aperture:
//   pixel p of disk g = [ T(κ_p) I_g(κ_p), mean over the pixel's area ] blurred,
// T the image of the probe in vacuum, of sum 1. I_g is interpolated between a few directions, the
// nodes, by a polynomial of κ: all of it is one matrix per disk.
#pragma once
#include <Eigen/Core>
#include <optional>
#include <vector>

#include "core/array.hpp"
#include "sim/detector.hpp"

namespace pendel {

/// The image of the probe in vacuum: a disk of this semi-angle whose edge falls linearly over
/// `edge` [rad] (as Probe's), or an image on the same detector.
struct ProbeTemplate {
  double semiangle = 0, edge = 0;  ///< rad
  /// (rows, columns), any scale. Its centre of mass is its centre; what is below 1 % of its maximum
  /// is taken as dark.
  std::optional<Array> image;
};

/// Directions at which a polynomial of degree n in two variables is determined by its values, well
/// conditioned: (n+1)(n+2)/2 points on rings, within `radius`. [RamosLopez2016]
std::vector<Vec2> disk_nodes(int degree, double radius);
/// Takes values at these nodes to those of the polynomial at `points`; (points, nodes).
Eigen::MatrixXd disk_interpolation(int degree, double radius, const std::vector<Vec2>& points);

struct DiskPixels {
  struct Pixel {
    int disk, row, column;
  };
  std::vector<Pixel> pixels;         ///< disk by disk
  std::vector<Vec2> nodes;           ///< rad, offsets from the beam's axis
  std::vector<int> first;            ///< per disk, and one more: its part of `pixels`
  std::vector<Eigen::MatrixXd> map;  ///< per disk: (its pixels, nodes)
  std::vector<double> share;         ///< per disk: sum over its pixels at I_g = 1
  std::size_t overlapping = 0;       ///< pixels left out because disks overlap there
};

/// How far from the axis the template reaches [rad].
double template_radius(const ProbeTemplate& probe, const Detector& detector, double energy_keV);

/// g [1/Å]: transverse wavevectors of the disks, `others` of all further beams that may overlap
/// them. Pixels that a second disk touches are left out. Error (input) if a disk is not on the
/// detector, or if none is left of one.
DiskPixels disk_pixels(const Detector& detector, double energy_keV, const ProbeTemplate& probe,
                       const std::vector<Vec2>& g, const std::vector<Vec2>& others, int degree);

}  // namespace pendel
