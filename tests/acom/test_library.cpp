// Template libraries against the patterns they are made of and the symmetry they promise.
#include "acom/library.hpp"

#include <Eigen/Geometry>
#include <boost/test/unit_test.hpp>

#include "cif/read.hpp"

using namespace pendel;

namespace {
const std::string data = PENDEL_SOURCE_DIR "/data/cif/";
}

BOOST_AUTO_TEST_CASE(orientations_related_by_the_symmetry_have_the_same_template) {
  // no centre of symmetry: Friedel's law supplies it
  const Crystal crystal = read_cif(data + "GaAs.cif");
  SpotOptions options;
  options.g_max = 1.2;
  const Mat3 R = Eigen::AngleAxisd(0.7, Vec3(1, 2, 3).normalized()).toRotationMatrix();
  std::vector<Mat3> orientations = {R};
  const auto symmetry = kinematical_library("GaAs", crystal, 200, options, {R}).symmetry;
  BOOST_TEST(symmetry.size() == 48u);
  for (const Mat3& S : symmetry) orientations.push_back(R * S);
  const PhaseLibrary library = kinematical_library("GaAs", crystal, 200, options, orientations);
  const Template& first = library.templates[0];
  BOOST_REQUIRE(first.q.size() > 5u);
  for (const Template& other : library.templates) {
    BOOST_REQUIRE(other.q.size() == first.q.size());
    for (std::size_t i = 0; i < first.q.size(); ++i) {
      double nearest = 1, difference = 1;
      for (std::size_t j = 0; j < other.q.size(); ++j)
        if ((other.q[j] - first.q[i]).norm() < nearest) {
          nearest = (other.q[j] - first.q[i]).norm();
          difference = std::abs(other.intensity[j] - first.intensity[i]);
        }
      BOOST_TEST(nearest < 1e-9);
      BOOST_TEST(difference < 1e-5 * first.intensity[i]);
    }
  }
}
