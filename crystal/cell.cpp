#include "crystal/cell.hpp"

#include <Eigen/LU>
#include <cmath>
#include <sstream>

#include "core/electron.hpp"
#include "core/error.hpp"

namespace pendel {

namespace {

// Right angles stay exactly right: orthogonal cells get exact zeros off the diagonal.
double cosine(double degrees) {
  return degrees == 90 ? 0.0 : std::cos(degrees * electron::pi / 180);
}

}  // namespace

Cell::Cell(double a, double b, double c, double alpha_deg, double beta_deg, double gamma_deg)
    : edges_(a, b, c), angles_deg_(alpha_deg, beta_deg, gamma_deg) {
  const double ca = cosine(alpha_deg), cb = cosine(beta_deg), cg = cosine(gamma_deg);
  const double sg = std::sqrt(1 - cg * cg);
  // (volume/abc)²; also refuses NaN, because a comparison with NaN is false.
  const double squared = 1 - ca * ca - cb * cb - cg * cg + 2 * ca * cb * cg;
  const bool angles = (angles_deg_.array() > 0).all() && (angles_deg_.array() < 180).all();
  if (!((edges_.array() > 0).all() && edges_.allFinite() && angles && squared > 1e-12)) {
    std::ostringstream text;
    text << "cell " << a << " " << b << " " << c << " A, " << alpha_deg << " " << beta_deg << " "
         << gamma_deg << " deg has no volume; the edges must be positive and the angles those of "
         << "a parallelepiped";
    throw Error(ErrorKind::input, text.str());
  }
  const double cy = (ca - cb * cg) / sg;
  orthogonalization_ << a, b * cg, c * cb,  //
      0, b * sg, c * cy,                    //
      0, 0, c * std::sqrt(squared) / sg;
  volume_ = a * b * c * std::sqrt(squared);
  reciprocal_basis_ = orthogonalization_.inverse().transpose();
}

}  // namespace pendel
