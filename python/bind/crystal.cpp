// Crystals: cell, atoms, symmetry, structure factors.
#include "bind.hpp"
#include "cif/read.hpp"
#include "cif/write.hpp"
#include "core/error.hpp"
#include "crystal/orientation.hpp"
#include "crystal/point_group.hpp"
#include "crystal/structure_factor.hpp"
#include "studies/pattern_image.hpp"

namespace pendel::python {

namespace {

using Eigen::MatrixXd;

Crystal from_cif(const py::object& path, const std::string& block, double default_B_A2) {
  CifOptions options;
  options.block = block;
  options.default_B_A2 = default_B_A2;
  std::vector<std::string> notes;
  const std::string file = py::str(path);
  const auto crystal = [&] {
    const LongCall call;
    return read_cif(file, options, &notes);
  }();
  const py::object warn = py::module_::import("warnings").attr("warn");
  for (const std::string& note : notes) warn(file + ": " + note);
  return crystal;
}

/// One value for every atom: of a number, or of an array of them.
std::vector<double> per_atom(const py::object& given, std::size_t atoms, double otherwise,
                             const std::string& name) {
  if (given.is_none()) return std::vector<double>(atoms, otherwise);
  const auto values = given.cast<Reals>();
  if (values.ndim() == 0) return std::vector<double>(atoms, values.data()[0]);
  if (std::size_t(values.size()) != atoms)
    throw Error(ErrorKind::study, "Crystal: " + name + " has " + std::to_string(values.size()) +
                                      " values for " + std::to_string(atoms) + " atoms");
  return {values.data(), values.data() + values.size()};
}

Crystal from_arrays(const std::array<double, 6>& cell, const py::sequence& elements,
                    const Reals& positions, const py::object& occupancies, const py::object& B_A2,
                    const py::object& U_A2, const std::string& name) {
  Crystal crystal;
  crystal.name = name;
  crystal.cell = Cell(cell[0], cell[1], cell[2], cell[3], cell[4], cell[5]);
  const MatrixXd places = rows_of(positions, 3, "Crystal: positions");
  const std::size_t atoms = std::size_t(places.rows());
  if (elements.size() != atoms)
    throw Error(ErrorKind::study, "Crystal: " + std::to_string(elements.size()) + " elements for " +
                                      std::to_string(atoms) + " positions");
  if (!B_A2.is_none() && !U_A2.is_none())
    throw Error(ErrorKind::study, "Crystal: B_A2 and U_A2 say the same; give one of them");
  const auto occupancy = per_atom(occupancies, atoms, 1, "occupancies");
  const auto B = per_atom(B_A2, atoms, 0, "B_A2");
  std::map<int, int> count;
  for (std::size_t i = 0; i < atoms; ++i) {
    Site site;
    const py::object element = elements[i];
    site.Z = py::isinstance<py::str>(element) ? atomic_number(element.cast<std::string>())
                                              : element.cast<int>();
    if (site.Z < 1 || site.Z > 118)
      throw Error(ErrorKind::study,
                  "Crystal: " + py::str(element).cast<std::string>() + " is no element");
    site.label = element_symbol(site.Z) + std::to_string(++count[site.Z]);
    site.position.v = places.row(Eigen::Index(i)).transpose();
    site.occupancy = occupancy[i];
    site.set_B(B[i]);
    if (!U_A2.is_none()) {
      const auto U = U_A2.cast<Reals>();
      if (std::size_t(U.size()) != 9 * atoms)
        throw Error(ErrorKind::study, "Crystal: U_A2 is no array of shape (atoms, 3, 3)");
      site.U = Eigen::Map<const Mat3>(U.data() + 9 * i);
    }
    crystal.sites.push_back(site);
  }
  return crystal;
}

template <class Value>
py::list of_sites(const Crystal& crystal, Value value) {
  py::list list;
  for (const Site& site : crystal.sites) list.append(value(site));
  return list;
}

py::tuple factors(const Crystal& crystal, const Indices& hkl, double energy_keV,
                  const py::kwargs& keywords) {
  const auto options = options_of<ScatteringOptions>(keywords, "structure_factors");
  const std::vector<Hkl> reflections = hkl_of(hkl);
  std::vector<Ug> values;
  {
    const LongCall call;
    values = structure_factors(crystal, reflections, energy_keV, options.potential());
  }
  Eigen::VectorXcd elastic(values.size()), absorptive(values.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    elastic[Eigen::Index(i)] = values[i].elastic;
    absorptive[Eigen::Index(i)] = options.absorption_strength * values[i].absorptive;
  }
  return py::make_tuple(elastic, absorptive);
}

struct SpotKeywords : SpotsOptions {
  double precession_mrad = 0;
  ScatteringTable scattering = ScatteringTable::lobato;

  template <class Visitor>
  void describe(Visitor& v) {
    SpotsOptions::describe(v);
    v("precession_mrad", precession_mrad, help("angle of the hollow cone").range(0, 200));
    v("scattering", scattering, help("table of atomic scattering factors"));
  }
};

py::dict spots(const Crystal& crystal, const Mat3& R_lab_crystal, double energy_keV,
               const std::optional<double>& thickness_A, const Vec2& tilt_mrad,
               const py::kwargs& keywords) {
  const auto options = options_of<SpotKeywords>(keywords, "spots");
  if ((options.shape == SpotShape::slab) != bool(thickness_A))
    throw Error(ErrorKind::study, "spots: thickness_A belongs to shape='slab', the default");
  std::vector<Spot> found;
  {
    const LongCall call;
    found = SpotPatterns(crystal, energy_keV,
                         spot_options(options, options.scattering, 1e-3 * options.precession_mrad,
                                      thickness_A.value_or(0)))
                .spots(R_lab_crystal, Vec3::UnitZ(), 1e-3 * tilt_mrad);
  }
  const auto count = Eigen::Index(found.size());
  std::vector<Hkl> hkl;
  MatrixXd g(count, 3);
  Eigen::VectorXd error(count), intensity(count);
  for (Eigen::Index i = 0; i < count; ++i) {
    const Spot& spot = found[std::size_t(i)];
    hkl.push_back(spot.hkl);
    g.row(i) = spot.g.transpose();
    error[i] = spot.excitation_error;
    intensity[i] = spot.intensity;
  }
  py::dict result;
  result["hkl"] = python::array_of(hkl);
  result["g"] = g;
  result["excitation_error"] = error;
  result["intensity"] = intensity;
  return result;
}

}  // namespace

void bind_crystal(py::module_& module) {
  py::class_<Crystal>(module, "Crystal",
                      "A crystal: its cell and every atom in it (symmetry already applied).")
      .def(py::init(&from_arrays), py::arg("cell"), py::arg("elements"), py::arg("positions"),
           py::arg("occupancies") = py::none(), py::arg("B_A2") = py::none(),
           py::arg("U_A2") = py::none(), py::arg("name") = "",
           "cell: a, b, c [Å], alpha, beta, gamma [degrees]. elements: symbols or atomic numbers "
           "(atoms).\npositions: fractions of the cell (atoms, 3). occupancies, B_A2 [Å²]: one "
           "number or (atoms).\nU_A2: mean-square displacements [Å²] in the Cartesian frame a || "
           "x, c* || z, (atoms, 3, 3). StudyError for\nshapes that do not belong together and for "
           "unknown elements.")
      .def_static("from_cif", &from_cif, py::arg("path"), py::arg("block") = "",
                  py::arg("default_B_A2") = 0.5,
                  "The crystal of a CIF file, symmetry applied. What was assumed is said in "
                  "warnings.\ndefault_B_A2: B [Å²] of atoms for which the file gives none. "
                  "InputError for a file that cannot be read or\nmakes no sense.")
      .def(
          "to_cif",
          [](const Crystal& c, const py::object& path) {
            write_cif(c, py::str(path).cast<std::string>());
          },
          py::arg("path"),
          "Writes it as a CIF file, every atom listed. InputError if that cannot be written.")
      .def_readwrite("name", &Crystal::name, "What it is called.")
      .def_property_readonly(
          "cell",
          [](const Crystal& c) {
            const Vec3 e = c.cell.edges(), a = c.cell.angles_deg();
            return py::make_tuple(e[0], e[1], e[2], a[0], a[1], a[2]);
          },
          "a, b, c [Å], alpha, beta, gamma [degrees].")
      .def_property_readonly(
          "lattice_A",
          [](const Crystal& c) -> Mat3 { return c.cell.orthogonalization().transpose(); },
          "Rows a, b, c [Å] in the Cartesian frame a || x, c* || z; (3, 3).")
      .def_property_readonly(
          "volume_A3", [](const Crystal& c) { return c.volume(); }, "Of the cell [Å³].")
      .def_property_readonly(
          "elements",
          [](const Crystal& c) {
            return of_sites(c, [](const Site& s) { return element_symbol(s.Z); });
          },
          "Symbols; (atoms).")
      .def_property_readonly(
          "labels",
          [](const Crystal& c) { return of_sites(c, [](const Site& s) { return s.label; }); },
          "Names of the atoms' sites; (atoms).")
      .def_property_readonly(
          "positions",
          [](const Crystal& c) {
            MatrixXd x(c.sites.size(), 3);
            for (std::size_t i = 0; i < c.sites.size(); ++i)
              x.row(Eigen::Index(i)) = c.sites[i].position.v.transpose();
            return x;
          },
          "Fractions of the cell; (atoms, 3).")
      .def_property_readonly(
          "occupancies",
          [](const Crystal& c) {
            Eigen::VectorXd x(c.sites.size());
            for (std::size_t i = 0; i < c.sites.size(); ++i)
              x[Eigen::Index(i)] = c.sites[i].occupancy;
            return x;
          },
          "Shares of the places that are taken, 0 to 1; (atoms).")
      .def_property_readonly(
          "B_A2",
          [](const Crystal& c) {
            Eigen::VectorXd x(c.sites.size());
            for (std::size_t i = 0; i < c.sites.size(); ++i) x[Eigen::Index(i)] = c.sites[i].B();
            return x;
          },
          "Debye-Waller B = 8π² times the mean-square displacement [Å²]; "
          "(atoms).")
      .def_property_readonly(
          "point_group",
          [](const Crystal& c) {
            const LongCall call;
            return point_group(c).name;
          },
          "Hermann-Mauguin symbol, found from the atoms.")
      .def(
          "reflections",
          [](const Crystal& c, double g_max_invA) {
            const auto hkl = [&] {
              const LongCall call;
              return reflections_within(c.cell, g_max_invA);
            }();
            return python::array_of(hkl);
          },
          py::arg("g_max_invA"),
          "Miller indices of every reciprocal-lattice point with |g| <= g_max_invA [1/Å], (0,0,0) "
          "first, sorted by |g|; (n, 3).")
      .def(
          "g",
          [](const Crystal& c, const Indices& hkl) {
            const std::vector<Hkl> list = hkl_of(hkl);
            MatrixXd g(list.size(), 3);
            for (std::size_t i = 0; i < list.size(); ++i)
              g.row(Eigen::Index(i)) = c.g(list[i]).v.transpose();
            return g;
          },
          py::arg("hkl"), "Reciprocal vectors [1/Å, no 2π], crystal Cartesian; (n, 3).")
      .def(
          "structure_factors", &factors, py::arg("hkl"), py::arg("energy_keV"),
          "U_g and U'_g [1/Å²] of reflections (n, 3): two complex arrays (n). Keywords as the keys "
          "of a\nstudy's engine: scattering='lobato' | 'kirkland' | 'peng' | 'weickenmeier-kohl', "
          "absorption='none' |\n'proportional' | 'weickenmeier-kohl', proportional_absorption, "
          "absorption_strength.")
      .def("spots", &spots, py::arg("R_lab_crystal"), py::arg("energy_keV"),
           py::arg("thickness_A") = py::none(), py::arg("tilt_mrad") = Vec2(0, 0),
           "Spots by single scattering near the Ewald sphere, the incident beam first. A dict: hkl "
           "(n, 3), g (n, 3) [1/Å,\nlab], excitation_error (n) [1/Å], intensity (n). Keywords as "
           "the keys of a study's pattern.spots: g_max_invA,\nsg_max_invA, shape='slab' (of "
           "thickness_A; fractions of the incident beam) | 'gaussian' (|U_g|² exp(-s²/2σ²) in\n"
           "1/Å⁴), sigma_invA; and precession_mrad, scattering.")
      .def("__repr__", [](const Crystal& c) {
        return "<pendel.Crystal " + c.name + ": " + std::to_string(c.sites.size()) + " atoms>";
      });
  module.def(
      "orientation",
      [](const Crystal& c, const Vec3& beam_direction, const Vec3& x_axis) {
        return orientation(c.cell, beam_direction, x_axis);
      },
      py::arg("crystal"), py::arg("beam_direction"), py::arg("x_axis"),
      "R (3, 3) with v_lab = R v_crystal: the lattice direction beam_direction along +z (the "
      "way the\nbeam goes; minus the zone axis), x_axis along +x (detector columns).");
}

}  // namespace pendel::python
