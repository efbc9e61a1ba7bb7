#include "cif/read.hpp"

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <map>

#include "core/electron.hpp"
#include "crystal/displacement.hpp"
#include "crystal/structure_factor.hpp"
#include "temporary.hpp"

using namespace pendel;

namespace {

constexpr double eight_pi2 = 8 * electron::pi * electron::pi;

Crystal read_text(const std::string& text, std::vector<std::string>* notes = nullptr,
                  const CifOptions& options = {}) {
  const TemporaryFile file(text);
  return read_cif(file.path(), options, notes);
}

Crystal shipped(const std::string& name) {
  std::vector<std::string> notes;
  const Crystal crystal = read_cif(PENDEL_SOURCE_DIR "/data/cif/" + name + ".cif", {}, &notes);
  BOOST_TEST(notes.empty(), name << " needs " << notes.size() << " notes");
  BOOST_TEST(crystal.name == name);
  return crystal;
}

std::string cell_text(double a, double b, double c, double alpha, double beta, double gamma) {
  const double values[] = {a, b, c, alpha, beta, gamma};
  const char* items[] = {"length_a",    "length_b",   "length_c",
                         "angle_alpha", "angle_beta", "angle_gamma"};
  std::string text = "data_x\n";
  for (int i = 0; i < 6; ++i)
    text += std::string("_cell_") + items[i] + " " + std::to_string(values[i]) + "\n";
  return text;
}

const std::string cubic = cell_text(5.64, 5.64, 5.64, 90, 90, 90);
const std::string position_loop =
    "loop_\n_atom_site_label\n_atom_site_fract_x\n_atom_site_fract_y\n_atom_site_fract_z\n";
const std::string salt = position_loop + "Na1 0 0 0\nCl1 0.5 0.5 0.5\n";

bool noted(const std::vector<std::string>& notes, const std::string& text) {
  for (const std::string& note : notes)
    if (note.find(text) != std::string::npos) return true;
  return false;
}

// Structure factors are the same whatever the order of the sites.
double difference(const Crystal& a, const Crystal& b) {
  const auto reflections = reflections_within(a.cell, 1.0);
  const auto U = structure_factors(a, reflections, 300, {});
  const auto V = structure_factors(b, reflections, 300, {});
  double largest = 0;
  for (std::size_t i = 0; i < U.size(); ++i)
    largest = std::max(largest, std::abs(U[i].elastic - V[i].elastic));
  return largest;
}

}  // namespace

BOOST_AUTO_TEST_CASE(shipped_crystals) {
  const std::map<std::string, std::map<int, int>> contents = {
      {"SrTiO3", {{38, 1}, {22, 1}, {8, 3}}},
      {"PbTiO3", {{82, 1}, {22, 1}, {8, 3}}},
      {"Si", {{14, 8}}},
      {"Au", {{79, 4}}},
      {"GaAs", {{31, 4}, {33, 4}}},
      {"SrTiO3_stack", {{38, 1}, {22, 1}, {8, 3}}},
      {"PbTiO3_stack", {{82, 1}, {22, 1}, {8, 3}}},
      {"PbTiO3_stack_polar_x", {{82, 1}, {22, 1}, {8, 3}}},
      {"PbTiO3_stack_polar_y", {{82, 1}, {22, 1}, {8, 3}}}};
  for (const auto& [name, expected] : contents) {
    std::map<int, int> found;
    for (const Site& site : shipped(name).sites) ++found[site.Z];
    BOOST_TEST((found == expected), name);
  }
  const Crystal crystal = shipped("SrTiO3");
  BOOST_TEST(crystal.cell.a() == 3.905);
  BOOST_TEST(std::abs(crystal.sites[0].B() - 0.6214) < 1e-14);
  BOOST_TEST(crystal.sites[2].label == "O1");
}

BOOST_AUTO_TEST_CASE(polar_modes_of_the_stack) {
  // Displacements of bulk PbTiO3 in Å, to the 5 digits of the source.
  const Crystal nonpolar = shipped("PbTiO3_stack");
  const double x[] = {0, 0.15653, 0.48744, 0.48744, 0.46419};
  const double y[] = {0, 0.15653, 0.48744, 0.46419, 0.48744};
  const auto along_x = displacement_between(nonpolar, shipped("PbTiO3_stack_polar_x"));
  const auto along_y = displacement_between(nonpolar, shipped("PbTiO3_stack_polar_y"));
  for (int j = 0; j < 5; ++j) {
    BOOST_TEST((along_x.displacement[j] - Vec3(x[j], 0, 0)).norm() < 6e-6);
    BOOST_TEST((along_y.displacement[j] - Vec3(0, y[j], 0)).norm() < 6e-6);
  }
}

BOOST_AUTO_TEST_CASE(every_way_to_give_the_symmetry) {
  const Crystal expected = read_text(cubic + "_space_group_name_H-M_alt 'F m -3 m'\n" + salt);
  BOOST_TEST(expected.sites.size() == 8u);
  for (const std::string symmetry :
       {"_symmetry_space_group_name_H-M 'Fm-3m'\n", "_symmetry_space_group_name_H-M 'F m 3 m'\n",
        "_space_group_IT_number 225\n", "_symmetry_Int_Tables_number 225\n",
        "_space_group_name_Hall '-F 4 2 3'\n", "_SYMMETRY_SPACE_GROUP_NAME_HALL '-F 4 2 3'\n",
        // listed operators win over the symbol, old and new tag, both dialects, decimals
        "_space_group_name_H-M_alt 'P 1'\nloop_\n_symmetry_equiv_pos_as_xyz\nx,y,z\n"
        "'x, y+1/2, z+1/2'\n+X+.5,y,0.5+z\n1/2+x,0.500+y,z\n",
        "loop_\n_space_group_symop_id\n_space_group_symop_operation_xyz\n1 x,y,z\n"
        "2 x,y+1/2,z+1/2\n3 x+1/2,y,z+1/2\n4 x+1/2,y+1/2,z\n",
        "loop_\n_space_group_symop.id\n_space_group_symop.operation_xyz\n1 x,y,z\n"
        "2 x,y+1/2,z+1/2\n3 x+1/2,y,z+1/2\n4 x+1/2,y+1/2,z\n"}) {
    const Crystal crystal = read_text(cubic + symmetry + salt);
    BOOST_TEST(crystal.sites.size() == 8u, symmetry);
    BOOST_TEST(difference(crystal, expected) < 1e-15, symmetry);
  }
}

BOOST_AUTO_TEST_CASE(doubtful_symmetry_is_noted) {
  const auto notes_of = [](const std::string& symmetry) {
    std::vector<std::string> notes;
    read_text(cubic + symmetry + salt, &notes);
    return notes;
  };
  const std::string inversion = "loop_\n_symmetry_equiv_pos_as_xyz\nx,y,z\n-x,-y,-z\n";
  BOOST_TEST(noted(notes_of(""), "no symmetry is given; P1 is used"));
  BOOST_TEST(noted(notes_of("_space_group_name_H-M_alt 'F m -3 m'\n" + inversion),
                   "not those of space group 'F m -3 m'"));
  BOOST_TEST(!noted(notes_of("_space_group_name_H-M_alt 'P -1'\n" + inversion), "space group"));
  BOOST_TEST(
      noted(notes_of("loop_\n_symmetry_equiv_pos_as_xyz\nx,y,z\n-y,x,z\n"), "are not a group"));
  BOOST_TEST(noted(notes_of("_space_group_name_H-M_alt 'F d -3 m'\n"), "two origins"));
  BOOST_TEST(!noted(notes_of("_space_group_name_H-M_alt 'F d -3 m :2'\n"), "two origins"));
  // Operators of another setting of the group that is named are no contradiction.
  BOOST_TEST(!noted(notes_of("_space_group_name_H-M_alt 'P 1 21/c 1'\nloop_\n"
                             "_symmetry_equiv_pos_as_xyz\nx,y,z\n1/2-x,1/2+y,1/2-z\n-x,-y,-z\n"
                             "1/2+x,1/2-y,1/2+z\n"),
                    "space group"));
}

BOOST_AUTO_TEST_CASE(special_positions) {
  // Four digits of 1/3 and 2/3: the atom is moved onto the threefold axis, exactly.
  const std::string hexagonal =
      cell_text(3.189, 3.189, 5.185, 90, 90, 120) + "_space_group_name_H-M_alt 'P 63 m c'\n";
  const Crystal crystal = read_text(hexagonal + position_loop + "Ga1 0.3333 0.6667 0\n");
  BOOST_TEST(crystal.sites.size() == 2u);
  BOOST_TEST((crystal.sites[0].position.v - Vec3(1.0 / 3, 2.0 / 3, 0)).norm() < 1e-15);
  BOOST_TEST((crystal.sites[1].position.v - Vec3(2.0 / 3, 1.0 / 3, 0.5)).norm() < 1e-15);
  // 0.34 is 0.06 Å away from the axis: three atoms if the distance is smaller.
  const std::string off_axis = hexagonal + position_loop + "Ga1 0.34 0.66 0\n";
  BOOST_TEST(read_text(off_axis).sites.size() == 2u);
  CifOptions options;
  options.merge_distance_A = 0.01;
  BOOST_TEST(read_text(off_axis, nullptr, options).sites.size() == 6u);
}

BOOST_AUTO_TEST_CASE(displacement_parameters) {
  std::vector<std::string> notes;
  CifOptions options;
  options.default_B_A2 = 0.37;
  const std::string p1 = "_space_group_name_H-M_alt 'P 1'\n";
  const std::string loop = position_loop + "_atom_site_U_iso_or_equiv\n_atom_site_B_iso_or_equiv\n";
  const Crystal crystal =
      read_text(cubic + p1 + loop + "Na1 0 0 0 0.01(2) ?\nNa2 0 0.5 0 . 0.45(1)\nNa3 0 0 0.5 ? ?\n",
                &notes, options);
  BOOST_TEST(std::abs(crystal.sites[0].B() - eight_pi2 * 0.01) < 1e-14);
  BOOST_TEST(std::abs(crystal.sites[1].B() - 0.45) < 1e-14);
  BOOST_TEST(std::abs(crystal.sites[2].B() - 0.37) < 1e-14);
  BOOST_TEST(noted(notes, "no displacement parameter for Na3; B = 0.37 A^2 is used"));
  BOOST_TEST(!noted(notes, "Na2"));
}

BOOST_AUTO_TEST_CASE(anisotropic_displacements_are_those_of_the_definition) {
  // T = exp(−2π² Σ h_i h_j a*_i a*_j U_ij), evaluated here from the reciprocal lengths alone.
  const double u[] = {0.011, 0.017, 0.023, 0.004, -0.003, 0.002};
  const std::string head = cell_text(7.1, 8.3, 11.2, 81.5, 97.3, 113.9) +
                           "_space_group_name_H-M_alt 'P 1'\n" + position_loop +
                           "Si1 0.1 0.2 0.3\n";
  for (const auto& [letter, scale] : {std::pair<std::string, double>{"U", 1}, {"B", eight_pi2}}) {
    std::string text = head + "loop_\n_atom_site_aniso_label\n", row = "Si1";
    const char* indices[] = {"11", "22", "33", "12", "13", "23"};
    for (int n = 0; n < 6; ++n) {
      char number[40];
      std::snprintf(number, sizeof number, " %.15g", scale * u[n]);
      text += "_atom_site_aniso_" + letter + "_" + indices[n] + "\n";
      row += number;
    }
    const Crystal crystal = read_text(text + row + "\n");
    BOOST_TEST(!crystal.sites[0].isotropic());
    const Vec3 star = crystal.cell.reciprocal_basis().colwise().norm();
    for (const Hkl& hkl : {Hkl{1, 0, 0}, Hkl{1, -2, 3}, Hkl{-4, 1, 2}}) {
      const Vec3 n = hkl.vec().cwiseProduct(star), g = crystal.cell.g(hkl).v;
      const double exponent = u[0] * n[0] * n[0] + u[1] * n[1] * n[1] + u[2] * n[2] * n[2] +
                              2 * (u[3] * n[0] * n[1] + u[4] * n[0] * n[2] + u[5] * n[1] * n[2]);
      BOOST_TEST(std::abs(g.dot(crystal.sites[0].U * g) - exponent) < 1e-13 * exponent);
    }
  }
}

BOOST_AUTO_TEST_CASE(anisotropic_displacements_turn_with_the_symmetry) {
  // Equivalent reflections have equal |U_g| only if every image carries its own turned U.
  const std::string aniso =
      "loop_\n_atom_site_aniso_label\n_atom_site_aniso_U_11\n_atom_site_aniso_U_22\n"
      "_atom_site_aniso_U_33\n_atom_site_aniso_U_12\n_atom_site_aniso_U_13\n_atom_site_aniso_U_23\n"
      "Si1 0.03 0.01 0.02 0.004 -0.006 0.003\n";
  const Crystal crystal = read_text(cell_text(4.913, 4.913, 5.405, 90, 90, 120) +
                                    "_space_group_name_H-M_alt 'P 31 2 1'\n" + position_loop +
                                    "Si1 0.31 0.12 0.07\n" + aniso);
  BOOST_TEST(crystal.sites.size() == 6u);
  const auto U = structure_factors(
      crystal, {{2, 1, 3}, {1, -3, 3}, {-3, 2, 3}, {1, 2, -3}, {1, 2, 3}}, 300, {});
  for (int i : {1, 2, 3})  // (k, −h−k, l), (−h−k, h, l) and the twofold axis (k, h, −l)
    BOOST_TEST(std::abs(std::abs(U[i].elastic) - std::abs(U[0].elastic)) < 1e-15);
  BOOST_TEST(std::abs(std::abs(U[4].elastic) - std::abs(U[0].elastic)) > 1e-4);  // no equivalent
}

BOOST_AUTO_TEST_CASE(a_special_position_symmetrises_its_motion) {
  // On the fourfold axis of P4 a U with U11 != U22 is impossible; the mean of its images remains.
  const Crystal crystal = read_text(
      cell_text(4, 4, 5, 90, 90, 90) + "_space_group_name_H-M_alt 'P 4'\n" + position_loop +
      "Ti1 0 0 0.1\nloop_\n_atom_site_aniso_label\n_atom_site_aniso_U_11\n_atom_site_aniso_U_22\n"
      "_atom_site_aniso_U_33\n_atom_site_aniso_U_12\n_atom_site_aniso_U_13\n_atom_site_aniso_U_23\n"
      "Ti1 0.01 0.03 0.05 0.004 0 0\n");
  BOOST_TEST(crystal.sites.size() == 1u);
  BOOST_TEST((crystal.sites[0].U - Mat3(Vec3(0.02, 0.02, 0.05).asDiagonal())).norm() < 1e-16);
}

BOOST_AUTO_TEST_CASE(mixed_and_repeated_sites) {
  const std::string p1 = "_space_group_name_H-M_alt 'P 1'\n";
  const std::string loop = position_loop + "_atom_site_occupancy\n";
  std::vector<std::string> notes;
  Crystal crystal =
      read_text(cubic + p1 + loop + "Si1 0 0 0 0.8(1)\nGe1 0 0 0 0.2\nSi2 0.5 0 0 .\n", &notes);
  BOOST_TEST(crystal.sites.size() == 3u);
  BOOST_TEST(crystal.sites[0].occupancy == 0.8);
  BOOST_TEST(crystal.sites[1].occupancy == 0.2);
  BOOST_TEST(crystal.sites[2].occupancy == 1);
  BOOST_TEST(!noted(notes, " lies on "));
  // Twice the same atom; two atoms that cannot share a place; an empty site.
  crystal = read_text(
      cubic + p1 + loop + "Si1 0 0 0 1\nSi2 1 0 0 1\nSr1 0 0 0.5 1\nPb1 0 0 0.5 1\nO1 0 0.5 0 0\n",
      &notes);
  BOOST_TEST(crystal.sites.size() == 3u);
  BOOST_TEST(noted(notes, "Si2 lies on Si1, the same element; it is taken once"));
  BOOST_TEST(noted(notes, "Pb1 lies on Sr1 and their occupancies exceed 1"));
  BOOST_TEST(noted(notes, "O1 has occupancy 0 and is skipped"));
}

BOOST_AUTO_TEST_CASE(elements) {
  const std::string head = cubic + "_space_group_name_H-M_alt 'P 1'\n";
  const auto Z_of = [&](const std::string& label, const std::string& type,
                        const std::string& formula = "?") {
    return read_text(head + "_chemical_formula_sum " + formula + "\n" + position_loop +
                     "_atom_site_type_symbol\n'" + label + "' 0 0 0 " + type + "\n")
        .sites[0]
        .Z;
  };
  BOOST_TEST(Z_of("X1", "Ti4+") == 22);
  BOOST_TEST(Z_of("O1", "O2-") == 8);
  BOOST_TEST(Z_of("D1", "D") == 1);
  BOOST_TEST(Z_of("Pb1", "?") == 82);
  BOOST_TEST(Z_of("PB1", ".") == 82);
  BOOST_TEST(Z_of("OW2", "?") == 8);
  BOOST_TEST(Z_of("H12A", "?") == 1);
  BOOST_TEST(Z_of("o(3)", "?") == 8);
  // two capitals: the formula decides
  BOOST_TEST(Z_of("CO1", "?", "'C2 O4'") == 6);
  BOOST_TEST(Z_of("CO1", "?", "'Co2 O4'") == 27);
}

BOOST_AUTO_TEST_CASE(skipped_atoms) {
  std::vector<std::string> notes;
  const Crystal crystal =
      read_text(cubic + "_space_group_name_H-M_alt 'P 1'\n" + position_loop +
                    "_atom_site_calc_flag\nNa1 0 0 0 d\nCg1 0.1 0.2 0.3 dum\nH1 ? ? ? .\n",
                &notes);
  BOOST_TEST(crystal.sites.size() == 1u);
  BOOST_TEST(noted(notes, "Cg1 is a dummy and skipped"));
  BOOST_TEST(noted(notes, "H1 has no coordinates and is skipped"));
}

BOOST_AUTO_TEST_CASE(several_blocks) {
  const std::string text = "data_global\n_publ_author_name 'A. Author'\n" + cubic +
                           "_symmetry_space_group_name_H-M 'P 1'\n" + salt + "data_second\n" +
                           cell_text(4, 4, 4, 90, 90, 90).substr(7) +
                           "_symmetry_space_group_name_H-M 'P 1'\n" + position_loop + "Po1 0 0 0\n";
  BOOST_TEST(read_text(text).sites.size() == 2u);
  CifOptions options;
  options.block = "second";
  BOOST_TEST(read_text(text, nullptr, options).sites[0].Z == 84);
}

BOOST_AUTO_TEST_CASE(syntax) {
  // Byte-order mark, Windows line ends, comments, quotes inside words, text fields with what looks
  // like tags, uncertainties, capitals, a save frame, the same tag twice.
  std::string text =
      "\xEF\xBB\xBF#\\#CIF_1.1\n# a comment with 'quotes\nDATA_x\n_cell_length_a 5.640(2)\n"
      "_CELL_LENGTH_B +5.640 # b\n_cell_length_c 5.64e0\n_chemical_name_common 'a dog's life'\n"
      "_publ_section_comment\n;first line\n _cell_length_a 7\nloop_\n;\nsave_frame\n"
      "_cell_length_a 9\nsave_\n_cell_length_a 8\n_symmetry_space_group_name_H-M \"P m -3 m\"\n"
      "loop_ _atom_site_label _atom_site_fract_x _atom_site_fract_y\n _atom_site_fract_z "
      "_atom_site_B_iso_or_equiv\n'Na 1' 0 0 0 1 Cl1\n0.5 0.5 0.5 1\n";
  std::string windows;
  for (char c : text) windows += c == '\n' ? std::string("\r\n") : std::string(1, c);
  for (const std::string& variant : {text, windows}) {
    std::vector<std::string> notes;
    const Crystal crystal = read_text(variant, &notes);
    BOOST_TEST(crystal.cell.a() == 5.64);
    BOOST_TEST(crystal.cell.b() == 5.64);
    BOOST_TEST(crystal.sites.size() == 2u);
    BOOST_TEST(crystal.sites[0].label == "Na 1");
    BOOST_TEST(noted(notes, "_cell_length_a is given twice; the first is used"));
    BOOST_TEST(noted(notes, "_cell_angle_gamma is missing; 90 degrees"));
  }
}
