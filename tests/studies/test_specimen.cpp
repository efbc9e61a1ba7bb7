// From the words of a study to the State of the simulators.
#include <boost/test/unit_test.hpp>

#include "core/error.hpp"
#include "studies/specimen.hpp"

using namespace pendel;

namespace {

const std::string cif = std::string(PENDEL_SOURCE_DIR) + "/data/cif/";

struct Study {
  CrystalsOptions crystals;
  SpecimenOptions specimen;
  BeamOptions beam;
  EngineOptions engine;

  Study() {
    crystals["STO"].cif.path = cif + "SrTiO3_stack.cif";
    crystals["PTO"].cif.path = cif + "PbTiO3_stack.cif";
    for (const std::string axis : {"x", "y"})
      crystals["PTO"].modes[axis].polar_cif = File{"", cif + "PbTiO3_stack_polar_" + axis + ".cif"};
    specimen.beam_direction = Vec3(0, 0, 1);
    for (const char* name : {"STO", "PTO", "PTO"}) {
      LayerOptions layer;
      layer.crystal = name;
      layer.cells = 10;
      specimen.layers.push_back(layer);
    }
  }
  Specimen build() const { return build_specimen(crystals, specimen, beam, engine); }
};

}  // namespace

BOOST_FIXTURE_TEST_CASE(cells_are_repeats_along_the_beam, Study) {
  specimen.layers[2].cells.reset();
  specimen.layers[2].thickness_A = 33;
  const Specimen made = build();
  BOOST_TEST(made.state.layers[0].thickness == 39.05,
             boost::test_tools::tolerance(1e-12));  // a = 3.905 Å
  BOOST_TEST(made.state.layers[1].thickness == 40.0,
             boost::test_tools::tolerance(1e-12));  // c = 4 Å
  BOOST_TEST(made.state.layers[2].thickness == 33.0);
  // [0 0 2] is the same direction and the same repeat
  specimen.beam_direction = Vec3(0, 0, 2);
  BOOST_TEST(build().state.layers[0].thickness == 39.05, boost::test_tools::tolerance(1e-12));
  specimen.beam_direction = Vec3(0, 0.5, 1);
  BOOST_CHECK_THROW(build(), Error);
}

BOOST_FIXTURE_TEST_CASE(a_crystal_is_made_once_per_amplitude, Study) {
  BOOST_TEST(build().state.crystals.size() == 2u);
  specimen.layers[2].modes["x"] = 0.5;
  specimen.layers[2].modes["y"] = 0;
  const Specimen made = build();
  BOOST_REQUIRE(made.state.crystals.size() == 3);
  BOOST_TEST((made.names == std::vector<std::string>{"STO", "PTO", "PTO"}));
  const Crystal &plain = made.state.crystals[1].crystal, &polar = made.state.crystals[2].crystal;
  const CrystalTangent& mode = made.modes.at("PTO").at("x");
  for (std::size_t i = 0; i < plain.sites.size(); ++i) {
    const Vec3 shift = polar.cell.cartesian(polar.sites[i].position).v -
                       plain.cell.cartesian(plain.sites[i].position).v;
    BOOST_TEST((shift - 0.5 * mode.displacement[i]).norm() < 1e-12);
  }
  BOOST_TEST(mode.displacement[1].norm() > 0.05);  // Ti moves by some 0.1 Å
}

BOOST_FIXTURE_TEST_CASE(a_zone_axis_points_to_the_source, Study) {
  const Mat3 R = build().state.crystals[0].R_lab_crystal;
  specimen.beam_direction.reset();
  specimen.zone_axis = Vec3(0, 0, -1);
  BOOST_TEST((build().state.crystals[0].R_lab_crystal - R).norm() < 1e-12);
  BOOST_TEST((R * Vec3(0, 0, 1) - Vec3::UnitZ()).norm() < 1e-12);
}

BOOST_FIXTURE_TEST_CASE(surface_normal_goes_with_the_beam, Study) {
  specimen.surface_normal = Vec3(1, 0, 10);
  const Vec3 n = build().state.surface_normal;
  BOOST_TEST(n[0] / n[2] == 0.1, boost::test_tools::tolerance(1e-12));
  specimen.surface_normal = Vec3(0, 0, -1);
  BOOST_CHECK_THROW(build(), Error);
}

BOOST_FIXTURE_TEST_CASE(units_of_the_beam, Study) {
  beam.tilt_mrad = Vec2(2, -1);
  engine.absorption_strength = 0.5;
  const State state = build().state;
  BOOST_TEST(state.beam_tilt[0] == 2e-3);
  BOOST_TEST(state.beam_tilt[1] == -1e-3);
  BOOST_TEST(state.absorption_strength == 0.5);
}

BOOST_FIXTURE_TEST_CASE(modes_site_by_site, Study) {
  SiteDisplacementOptions titanium;
  titanium.site = "Ti1";
  titanium.displacement_A = Vec3(0.1, 0, 0);
  crystals["PTO"].modes["x"].polar_cif.reset();
  crystals["PTO"].modes["x"].sites = {titanium};
  const Specimen made = build();
  const auto& displacement = made.modes.at("PTO").at("x").displacement;
  double sum = 0;
  for (const Vec3& d : displacement) sum += d.norm();
  BOOST_TEST(sum == 0.1, boost::test_tools::tolerance(1e-12));
}

BOOST_FIXTURE_TEST_CASE(names_that_do_not_exist, Study) {
  specimen.layers[0].crystal = "STP";
  specimen.layers[1].modes["z"] = 1;
  const Node root;
  Problems problems(root);
  check_specimen(crystals, specimen, problems);
  BOOST_REQUIRE(problems.list().size() == 2);
  BOOST_TEST(problems.list()[0] ==
             ": specimen.layers.0.crystal: there is no 'STP'; there are: PTO, STO; "
             "did you mean STO?");
  BOOST_TEST(problems.list()[1] == ": specimen.layers.1.modes.z: there is no 'z'; there are: x, y");
}
