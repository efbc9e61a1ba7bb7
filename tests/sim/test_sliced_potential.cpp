// The sliced potential against Fourier coefficients of an independent program, against the
// crystal's own structure factors, and against its own limits.
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <set>

#include "../crystal/reference.hpp"
#include "core/electron.hpp"
#include "core/error.hpp"
#include "sim/sliced_potential.hpp"

using namespace pendel;

namespace {

/// `copies` cells of an orthogonal crystal along the beam.
AtomicModel model_of(const Crystal& crystal, const Vec3& copies = {1, 1, 1}) {
  AtomicModel model;
  model.box = copies.cwiseProduct(crystal.cell.edges());
  for (int z = 0; z < copies.z(); ++z)
    for (int y = 0; y < copies.y(); ++y)
      for (int x = 0; x < copies.x(); ++x)
        for (const Site& site : crystal.sites) {
          const Vec3 r = site.position.v + Vec3(x, y, z);
          model.atoms.push_back(
              {site.Z, r.cwiseProduct(crystal.cell.edges()), site.occupancy, site.B()});
        }
  return model;
}

WaveGrid grid_of(const AtomicModel& model, int nx, int ny) {
  return {nx, ny, model.box.x(), model.box.y()};
}

/// Σ over slices; (ny, nx).
struct Fields {
  std::vector<double> elastic, absorptive;
};
Fields total(const SlicedPotential& potential) {
  Fields sum, slice;
  for (int s = 0; s < potential.slices(); ++s) {
    potential.evaluate(s, slice.elastic, slice.absorptive);
    sum.elastic.resize(slice.elastic.size());
    sum.absorptive.resize(slice.absorptive.size());
    for (std::size_t i = 0; i < slice.elastic.size(); ++i) sum.elastic[i] += slice.elastic[i];
    for (std::size_t i = 0; i < slice.absorptive.size(); ++i)
      sum.absorptive[i] += slice.absorptive[i];
  }
  return sum;
}

/// The coefficient of exp(+2πi (h x/lx + k y/ly)).
complex coefficient(const std::vector<double>& field, const WaveGrid& grid, int h, int k) {
  complex sum = 0;
  for (int y = 0; y < grid.ny; ++y)
    for (int x = 0; x < grid.nx; ++x)
      sum += field[std::size_t(y) * grid.nx + x] *
             phase(-double(h) * x / grid.nx - double(k) * y / grid.ny);
  return sum / double(grid.size());
}

double largest_difference(const std::vector<double>& a, const std::vector<double>& b) {
  BOOST_REQUIRE_EQUAL(a.size(), b.size());
  double largest = 0;
  for (std::size_t i = 0; i < a.size(); ++i) largest = std::max(largest, std::abs(a[i] - b[i]));
  return largest;
}

SlicedPotentialOptions with_table(ScatteringTable table, double slice_A = 1) {
  SlicedPotentialOptions options;
  options.potential.table = table;
  options.slice_A = slice_A;
  return options;
}

}  // namespace

BOOST_AUTO_TEST_CASE(coefficients_of_a_multislice_program) {
  // V_hk0 [V] of PbTiO3: σ c V_hk0 is the coefficient of the phase. The file has
  // 8 digits of up to 21 V.
  Crystal smeared = reference::PbTiO3(0.9, 0.45, 0.7), still = reference::PbTiO3(0, 0, 0);
  const double E = 200;
  int compared = 0;
  for (const auto& row : reference::rows(reference::file("potential_coefficients.csv"))) {
    if (row[0] != "PbTiO3" || std::stoi(row[3]) != 0) continue;
    const int h = std::stoi(row[1]), k = std::stoi(row[2]);
    int column = 4;
    for (ScatteringTable table : {ScatteringTable::lobato, ScatteringTable::kirkland})
      for (const Crystal* crystal : {&still, &smeared}) {
        const AtomicModel model = model_of(*crystal);
        const WaveGrid grid = grid_of(model, 40, 36);
        const SlicedPotential potential(model, grid, E, with_table(table));
        const complex found = coefficient(total(potential).elastic, grid, h, k) /
                              (electron::sigma(E) * crystal->cell.c());
        const complex expected(std::stod(row[column]), std::stod(row[column + 1]));
        BOOST_TEST(std::abs(found - expected) < 6e-7, row[0] << h << k << " " << found);
        column += 2;
        ++compared;
      }
  }
  BOOST_TEST(compared > 20);
}

BOOST_AUTO_TEST_CASE(coefficients_of_the_crystal) {
  // Σ slices = π λ c (U_hk0, U'_hk0) for every table and absorption, up to the band limit and
  // nothing above.
  Crystal crystal = reference::PbTiO3();
  for (std::size_t i = 0; i < crystal.sites.size(); ++i)  // no symmetry left
    crystal.sites[i].position.v += Vec3(0.013 * i, 0.02 + 0.007 * i * i, 0.01);
  crystal.sites[2].occupancy = 0.7;
  const double E = 300;
  for (ScatteringTable table : {ScatteringTable::lobato, ScatteringTable::kirkland,
                                ScatteringTable::peng, ScatteringTable::weickenmeier_kohl})
    for (Absorption absorption :
         {Absorption::none, Absorption::proportional, Absorption::weickenmeier_kohl}) {
      SlicedPotentialOptions options = with_table(table, 1.5);
      options.potential.absorption = absorption;
      options.absorption_strength = 0.8;
      const AtomicModel model = model_of(crystal);
      const WaveGrid grid = grid_of(model, 24, 27);
      const SlicedPotential potential(model, grid, E, options);
      BOOST_TEST(potential.absorbing() == (absorption != Absorption::none));
      const Fields field = total(potential);
      BOOST_TEST(field.absorptive.empty() == (absorption == Absorption::none));
      const double scale = electron::pi * electron::wavelength(E) * crystal.cell.c();
      double elastic_error = 0, absorptive_error = 0, above = 0;
      for (int h = -11; h <= 11; ++h)
        for (int k = -13; k <= 13; ++k) {
          const complex V = coefficient(field.elastic, grid, h, k);
          if (std::hypot(h / grid.lx, k / grid.ly) > grid.band_limit()) {
            above = std::max(above, std::abs(V));
            continue;
          }
          const Ug U = structure_factors(crystal, {{h, k, 0}}, E, options.potential)[0];
          elastic_error = std::max(elastic_error, std::abs(V - scale * U.elastic));
          if (absorption == Absorption::none) continue;
          absorptive_error = std::max(
              absorptive_error,
              std::abs(coefficient(field.absorptive, grid, h, k) - 0.8 * scale * U.absorptive));
        }
      BOOST_TEST(elastic_error < 1e-14);  // rad, of about 0.1
      BOOST_TEST(above < 1e-14);
      BOOST_TEST(absorptive_error < 1e-10);  // f' is interpolated
    }
}

BOOST_AUTO_TEST_CASE(absorption_of_a_large_grid) {
  // Absorptive factors are interpolated: up to 25 1/Å, for the lightest and the heaviest atoms.
  for (double E : {60., 1000.})
    for (int Z : {1, 8, 92})
      for (double B : {0., 0.05, 4.}) {
        AtomicModel model;
        model.box = {4, 4, 1};
        model.atoms = {{Z, Vec3(0, 0, 0.5), 1, B}};
        const WaveGrid grid = grid_of(model, 300, 300);
        SlicedPotentialOptions options = with_table(ScatteringTable::lobato);
        options.potential.absorption = Absorption::weickenmeier_kohl;
        const Fields field = total(SlicedPotential(model, grid, E, options));
        const double scale = electron::pi * electron::wavelength(E) / 16;
        double largest = 0, error = 0;
        for (int h : {0, 1, 2, 3, 5, 8, 20, 33, 60, 99}) {
          const AbsorptiveFactor f =
              weickenmeier_kohl_absorption(Z, h / 4., B / (8 * std::pow(electron::pi, 2)), E);
          const double expected = scale * (f.core + f.phonon);
          largest = std::max(largest, expected);
          error = std::max(error, std::abs(coefficient(field.absorptive, grid, h, 0) - expected));
        }
        // Far below 1e-7.
        BOOST_TEST(error < 1e-9 * largest, Z << " " << B << " " << E << " " << error / largest);
      }
}

BOOST_AUTO_TEST_CASE(profiles_of_closed_form) {
  // A Gaussian, and the Yukawa atom 1/(g² + c²), whose cusp on the nucleus is as sharp as an
  // atom's.
  const GradedNodes nodes(128, 1e-3, 9);
  const double b = 5, c = 0.4;
  const auto gaussian = [&](double g) { return std::exp(-b * g * g / 4); };
  const auto yukawa = [&](double g) { return 1 / (g * g + c * c); };
  const DepthProfile of_gaussian(gaussian, nodes), of_yukawa(yukawa, nodes);
  for (double k : {0., 0.01, 0.3, 1., 3., 8.})
    for (double z : {0., 0.001, 0.02, 0.1, 0.4, 1., 2.5, 5., 20.}) {
      const auto relative = [&](const DepthProfile& profile) {
        return nodes.weights(k).dot(profile.factors() * profile.shares(z));
      };
      // The profile's tolerance, or ten times it where the atom is cut off.
      const auto tolerance = [&](const DepthProfile& profile) {
        return z < profile.reach() ? 1.1e-5 : 1e-4;
      };
      BOOST_TEST(
          std::abs(relative(of_gaussian) - 0.5 * std::erfc(2 * electron::pi * z / std::sqrt(b))) <
              tolerance(of_gaussian),
          k << " " << z);
      BOOST_TEST(
          std::abs(relative(of_yukawa) - 0.5 * std::exp(-2 * electron::pi * std::hypot(k, c) * z)) <
              tolerance(of_yukawa),
          k << " " << z);
    }
  BOOST_TEST(of_gaussian.rank() < 8);
  BOOST_TEST(of_yukawa.reach() > 3);
  BOOST_TEST(of_yukawa.reach() < 5);
}

BOOST_AUTO_TEST_CASE(finite_projection) {
  AtomicModel model = model_of(reference::PbTiO3(), {1, 2, 3});
  for (std::size_t i = 0; i < model.atoms.size(); ++i)  // no two planes alike
    model.atoms[i].position += Vec3(0.01 * i, 0.02 * i, std::sin(1.0 * i) * 0.2);
  const WaveGrid grid = grid_of(model, 32, 60);
  SlicedPotentialOptions options = with_table(ScatteringTable::lobato, 1.1);
  options.potential.absorption = Absorption::weickenmeier_kohl;
  const Fields infinite = total(SlicedPotential(model, grid, 300, options));
  options.projection = Projection::finite;
  const SlicedPotential coarse(model, grid, 300, options);
  const Fields finite = total(coarse);
  // What leaves one slice enters the next: exact.
  BOOST_TEST(largest_difference(infinite.elastic, finite.elastic) < 1e-12);
  BOOST_TEST(largest_difference(infinite.absorptive, finite.absorptive) < 1e-14);

  // A slice is the sum of its thirds, to the tolerance of the profile at their faces: 1e-5 of every
  // coefficient and atom, of phases of about 1 rad.
  options.slice_A = coarse.slice_thickness() / 3;
  const SlicedPotential fine(model, grid, 300, options);
  BOOST_TEST(fine.slices() == 3 * coarse.slices());
  for (int slice = 0; slice < coarse.slices(); ++slice) {
    std::vector<double> whole, part, sum(grid.size(), 0.0), unused;
    coarse.evaluate(slice, whole, unused);
    for (int third = 0; third < 3; ++third) {
      fine.evaluate(3 * slice + third, part, unused);
      for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += part[i];
    }
    BOOST_TEST(largest_difference(whole, sum) < 1e-10);
  }
}

BOOST_AUTO_TEST_CASE(finite_shares_of_one_atom) {
  AtomicModel model;
  model.box = {8, 8, 8};
  model.atoms = {{38, Vec3(2, 3, 4), 1, 0.5}};  // on the face between slices 1 and 2
  const WaveGrid grid = grid_of(model, 64, 64);
  SlicedPotentialOptions options = with_table(ScatteringTable::kirkland, 2);
  options.projection = Projection::finite;
  const SlicedPotential potential(model, grid, 200, options);
  std::vector<std::vector<double>> slices(4);
  std::vector<double> unused;
  for (int s = 0; s < 4; ++s) potential.evaluate(s, slices[s], unused);
  const auto peak = [](const std::vector<double>& field) {
    return *std::max_element(field.begin(), field.end());
  };
  // Half of it on each side, to the profile's tolerance; what is further away than the next slice
  // is little, and smooth.
  BOOST_TEST(largest_difference(slices[1], slices[2]) < 1e-5 * peak(slices[1]));
  BOOST_TEST(largest_difference(slices[0], slices[3]) < 1e-5 * peak(slices[1]));
  BOOST_TEST(peak(slices[0]) < 0.01 * peak(slices[1]));
  BOOST_TEST(peak(slices[0]) > 0);
  // The integrals (k = 0) by quadrature of the projected form factor:
  // ∫_a^b v dz = ∫ f(k_z) [sin(2π k_z b) − sin(2π k_z a)]/(2π k_z) dk_z, here by the midpoint rule
  // with a cell so large (200 Å) and k_z so high (20 1/Å) that the error is below 1e-7.
  const auto between_planes = [&](double a, double b) {
    const double step = 1 / 200., pi = electron::pi;
    double sum = 0;
    for (double k_z = step / 2; k_z < 20; k_z += step)
      sum += 2 * scattering_factor(ScatteringTable::kirkland, 38, k_z) *
             std::exp(-0.5 * k_z * k_z / 4) *
             (std::sin(2 * pi * k_z * b) - std::sin(2 * pi * k_z * a)) / (2 * pi * k_z) * step;
    return sum * electron::gamma(200) * electron::wavelength(200) / 64;
  };
  // 1e-4 of the atom is neglected beyond the reach, 1e-5 elsewhere; the last slice has all the
  // rest.
  const double whole = 2 * between_planes(0, 60);
  BOOST_TEST(std::abs(coefficient(slices[2], grid, 0, 0) - between_planes(0, 2)) < 2e-5 * whole);
  BOOST_TEST(std::abs(coefficient(slices[3], grid, 0, 0) - between_planes(2, 60)) < 2e-5 * whole);
}

BOOST_AUTO_TEST_CASE(smeared_to_nothing) {
  // exp(−B k²/4) underflows long before the band limit of this grid.
  AtomicModel model;
  model.box = {3, 3, 4};
  model.atoms = {{6, Vec3(1, 1, 1.5), 1, 20}};
  SlicedPotentialOptions options = with_table(ScatteringTable::lobato, 2);
  options.projection = Projection::finite;
  const Fields field = total(SlicedPotential(model, grid_of(model, 150, 150), 300, options));
  for (double value : field.elastic) BOOST_REQUIRE(std::abs(value) < 1);
}

BOOST_AUTO_TEST_CASE(moved_by_pixels_and_slices) {
  const AtomicModel model = model_of(reference::SrTiO3(), {2, 1, 2});
  const WaveGrid grid = grid_of(model, 50, 24);
  AtomicModel moved = model;
  const int right = 7, down = 19, deeper = 1;
  for (Atom& atom : moved.atoms)
    atom.position += Vec3(right * grid.dx(), down * grid.dy(), deeper * 3.905 / 2);
  for (Atom& atom : moved.atoms)
    if (atom.position.z() > 2 * 3.905 - 1e-6) atom.position.z() -= 2 * 3.905;
  const auto options = with_table(ScatteringTable::lobato, 3.905 / 2);
  const SlicedPotential potential(model, grid, 300, options), other(moved, grid, 300, options);
  BOOST_TEST(potential.slices() == 4);
  for (int slice = 0; slice < 4; ++slice) {
    std::vector<double> here, there, unused, rolled(grid.size());
    potential.evaluate(slice, here, unused);
    other.evaluate((slice + deeper) % 4, there, unused);
    for (int y = 0; y < grid.ny; ++y)
      for (int x = 0; x < grid.nx; ++x)
        rolled[(y + down) % grid.ny * grid.nx + (x + right) % grid.nx] = here[y * grid.nx + x];
    BOOST_TEST(largest_difference(rolled, there) < 1e-13);
  }
}

BOOST_AUTO_TEST_CASE(slices_and_repetitions) {
  // A plane of atoms exactly on a face is in the slice behind it, whatever its rounding error.
  AtomicModel model = model_of(reference::SrTiO3(), {2, 2, 20});
  const WaveGrid grid = grid_of(model, 16, 16);
  for (std::size_t i = 0; i < model.atoms.size(); ++i) {
    model.atoms[i].position +=
        1e-11 * Vec3(std::sin(3.0 * i), std::sin(5.0 * i), std::sin(7.0 * i));
    if (i % 3 == 0) std::swap(model.atoms[i], model.atoms[(5 * i + 2) % model.atoms.size()]);
  }
  auto options = with_table(ScatteringTable::lobato, 3.905 / 2);
  const SlicedPotential potential(model, grid, 300, options);
  BOOST_TEST(potential.slices() == 40);
  BOOST_TEST(potential.slice_thickness() == 3.905 / 2, boost::test_tools::tolerance(1e-14));
  for (int slice = 0; slice < 40; ++slice) BOOST_TEST(potential.same_as(slice) == slice % 2);

  // With finite projection only slices far from the faces repeat.
  options.projection = Projection::finite;
  const SlicedPotential finite(model, grid, 300, options);
  std::set<int> kinds;
  for (int slice = 0; slice < 40; ++slice) kinds.insert(finite.same_as(slice));
  BOOST_TEST(finite.same_as(0) == 0);
  BOOST_TEST(finite.same_as(39) == 39);
  BOOST_TEST(finite.same_as(20) == finite.same_as(22));
  BOOST_TEST(finite.same_as(20) != finite.same_as(21));
  BOOST_TEST(kinds.size() < 16);
  std::vector<double> a, b, unused;
  finite.evaluate(20, a, unused);
  finite.evaluate(finite.same_as(20), b, unused);
  BOOST_TEST(finite.same_as(20) < 20);
  BOOST_TEST(largest_difference(a, b) < 1e-9);

  // One atom moved by 1e-5 Å, another element, another occupancy, depth: all are seen.
  options.projection = Projection::infinite;
  AtomicModel changed = model;
  const auto own = [&](int slice) {
    for (Atom& atom : changed.atoms)
      if (int(std::floor(atom.position.z() / potential.slice_thickness() + 1e-6)) == slice)
        return &atom;
    throw std::runtime_error("an empty slice");
  };
  own(10)->position.y() += 1e-5;
  own(14)->Z = 56;
  own(18)->occupancy = 0.9;
  own(22)->B += 0.1;
  own(26)->position.z() += 1e-5;
  const SlicedPotential seen(changed, grid, 300, options);
  for (int slice : {10, 14, 18, 22}) BOOST_TEST(seen.same_as(slice) == slice);
  BOOST_TEST(seen.same_as(26) == 0);  // depth does not matter to an infinite projection
  options.projection = Projection::finite;
  BOOST_TEST(SlicedPotential(changed, grid, 300, options).same_as(26) == 26);

  // Frozen phonons leave nothing equal.
  const SlicedPotential frozen(displaced(model, 1, 1), grid, 300, with_table({}, 3.905 / 2));
  for (int slice = 0; slice < 40; ++slice) BOOST_TEST(frozen.same_as(slice) == slice);
}

BOOST_AUTO_TEST_CASE(many_atoms_of_a_kind) {
  // More than are multiplied out at once, against each by itself.
  AtomicModel model;
  model.box = {20, 20, 2};
  for (int i = 0; i < 700; ++i)
    model.atoms.push_back(
        {6, Vec3(std::fmod(7.123 * i, 20), std::fmod(3.777 * i * i, 20), 1), 1 - i / 1000., 1});
  const WaveGrid grid = grid_of(model, 12, 15);
  const Fields together = total(SlicedPotential(model, grid, 300, with_table({}, 2)));
  std::vector<double> sum(grid.size(), 0.0);
  for (const Atom& atom : model.atoms) {
    AtomicModel single{model.box, {atom}};
    const Fields field = total(SlicedPotential(single, grid, 300, with_table({}, 2)));
    for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += field.elastic[i];
  }
  BOOST_TEST(largest_difference(together.elastic, sum) < 1e-12);
}

BOOST_AUTO_TEST_CASE(wrong_input) {
  const AtomicModel model = model_of(reference::SrTiO3());
  BOOST_CHECK_THROW(SlicedPotential(model, WaveGrid{16, 16, 4, 3.905}, 300, {}), Error);
  SlicedPotentialOptions no_slices;
  no_slices.slice_A = 0;
  BOOST_CHECK_THROW(SlicedPotential(model, grid_of(model, 16, 16), 300, no_slices), Error);
  AtomicModel unknown = model;
  unknown.atoms[0].Z = 110;
  BOOST_CHECK_EXCEPTION(SlicedPotential(unknown, grid_of(model, 16, 16), 300, {}), Error,
                        [](const Error& e) { return e.kind() == ErrorKind::input; });
  AtomicModel lost = model;
  lost.atoms[0].position.x() = NAN;
  BOOST_CHECK_THROW(SlicedPotential(lost, grid_of(model, 16, 16), 300, {}), Error);
}
