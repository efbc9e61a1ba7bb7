#include "cif/read.hpp"

#include <Eigen/Eigenvalues>
#include <cmath>
#include <filesystem>
#include <map>
#include <sstream>

#include "cif/document.hpp"
#include "cif/operations.hpp"
#include "core/electron.hpp"
#include "core/error.hpp"

namespace pendel {

namespace {

constexpr double eight_pi2 = 8 * electron::pi * electron::pi;

Vec3 nearest_image(const Vec3& difference) {
  return difference - difference.array().round().matrix();
}

CifBlock chosen_block(const std::string& path, const std::string& name) {
  std::string names;
  for (const CifBlock& block : parse_cif(path)) {
    const bool wanted =
        name.empty() ? !block.values("_atom_site_fract_x").empty() : block.name == name;
    if (wanted) return block;
    names += (names.empty() ? "" : ", ") + block.name;
  }
  throw Error(ErrorKind::input, path + ": " +
                                    (name.empty() ? "no data block has _atom_site_fract_x"
                                                  : "there is no data block '" + name + "'") +
                                    "; the blocks are " + names);
}

Cell cell_of(const CifBlock& block) {
  double p[6];
  const char* tags[] = {"_cell_length_a",    "_cell_length_b",   "_cell_length_c",
                        "_cell_angle_alpha", "_cell_angle_beta", "_cell_angle_gamma"};
  for (int i = 0; i < 6; ++i) {
    const CifValue value = block.value(tags[i]);
    if (value.missing() && i < 3) block.fail(value.line, std::string(tags[i]) + " is missing");
    if (value.missing())
      block.note(std::string(tags[i]) + " is missing; 90 degrees, the default of CIF, is used");
    p[i] = value.missing() ? 90 : block.number(value, tags[i]);
  }
  try {
    return Cell(p[0], p[1], p[2], p[3], p[4], p[5]);
  } catch (const Error& e) {
    block.fail(block.value(tags[0]).line, e.what());
  }
}

// Element of a label such as Pb1, O1A, CA2, OW3. Where two capitals could be one element or another
// (CO1: cobalt or carbon), the formula decides.
int element_of_label(const std::string& label, const std::string& formula) {
  std::string letters;
  for (char c : label) {
    if (!std::isalpha(static_cast<unsigned char>(c))) break;
    letters += char(letters.empty() ? std::toupper(c) : c);
  }
  if (letters.empty() || letters == "Wat" || letters == "WAT") return 0;
  const std::string one = letters.substr(0, 1);
  if (letters.size() > 1) {
    const bool capitals = std::isupper(static_cast<unsigned char>(letters[1]));
    const std::string two{letters[0], char(std::tolower(letters[1]))};
    const bool in_formula = formula.find(two) != std::string::npos;
    if (atomic_number(two) > 0 &&
        (!capitals || formula.empty() || in_formula || atomic_number(one) == 0))
      return atomic_number(two);
  }
  return one == "T" ? 0 : atomic_number(one);  // T1 is a tetrahedral site, not tritium
}

// U of the anisotropic atoms, Cartesian. CIF defines T = exp(−2π² Σ h_i h_j a*_i a*_j U_ij); with
// h_i = g·a_i that is g·(A N U N A^T)·g, columns of A the cell edges and N the lengths a*_i.
std::map<std::string, Mat3> anisotropic_displacements(const CifBlock& block, const Cell& cell) {
  std::map<std::string, Mat3> result;
  const Mat3 AN = cell.orthogonalization() * cell.reciprocal_basis().colwise().norm().asDiagonal();
  const std::vector<CifValue>& labels = block.values("_atom_site_aniso_label");
  for (const auto& [kind, scale] : {std::pair<std::string, double>{"U", 1}, {"B", 1 / eight_pi2}})
    for (std::size_t i = 0; i < labels.size(); ++i) {
      double u[6];
      bool given = true;
      for (int n = 0; n < 6 && given; ++n) {
        const char* indices[] = {"_11", "_22", "_33", "_12", "_13", "_23"};
        const std::string tag = "_atom_site_aniso_" + kind + indices[n];
        const std::vector<CifValue>& values = block.values(tag);
        given = i < values.size() && !values[i].missing();
        if (given) u[n] = scale * block.number(values[i], tag + " of " + labels[i].text);
      }
      if (!given) continue;
      Mat3 U;
      U << u[0], u[3], u[4], u[3], u[1], u[5], u[4], u[5], u[2];
      result[labels[i].text] = AN * U * AN.transpose();
    }
  return result;
}

// The columns of the loop of atoms that are used; a missing column is one of missing values.
struct AtomLoop {
  explicit AtomLoop(const CifBlock& block) : block(block), x(block.values("_atom_site_fract_x")) {
    if (x.empty()) block.fail(0, "there are no atoms: _atom_site_fract_x is missing");
  }
  std::vector<CifValue> column(const std::string& tag) const {
    std::vector<CifValue> values = block.values(tag);
    if (values.empty()) values.resize(x.size());
    if (values.size() != x.size())
      block.fail(values[0].line, tag + " has " + std::to_string(values.size()) +
                                     " values; _atom_site_fract_x has " + std::to_string(x.size()));
    return values;
  }
  const CifBlock& block;
  std::vector<CifValue> x,
      y = column("_atom_site_fract_y"), z = column("_atom_site_fract_z"),
      label = column("_atom_site_label"), type = column("_atom_site_type_symbol"),
      occupancy = column("_atom_site_occupancy"), flag = column("_atom_site_calc_flag"),
      U = column("_atom_site_U_iso_or_equiv"), B = column("_atom_site_B_iso_or_equiv");
};

// The atoms of the asymmetric unit.
std::vector<Site> listed_atoms(const CifBlock& block, const Cell& cell, double default_B) {
  const AtomLoop loop(block);
  const std::map<std::string, Mat3> anisotropic = anisotropic_displacements(block, cell);
  const CifValue sum = block.value("_chemical_formula_sum");
  const std::string formula = sum.missing() ? "" : sum.text;
  std::vector<Site> atoms;
  std::string without_B;
  for (std::size_t i = 0; i < loop.x.size(); ++i) {
    Site site;
    site.label = loop.label[i].missing() ? "atom" + std::to_string(i + 1) : loop.label[i].text;
    const std::string of = " of " + site.label;
    if (loop.flag[i].text == "dum") {
      block.note(site.label + " is a dummy and skipped");
      continue;
    }
    if (loop.x[i].missing() || loop.y[i].missing() || loop.z[i].missing()) {
      block.note(site.label + " has no coordinates and is skipped");
      continue;
    }
    site.position.v = {block.number(loop.x[i], "_atom_site_fract_x" + of),
                       block.number(loop.y[i], "_atom_site_fract_y" + of),
                       block.number(loop.z[i], "_atom_site_fract_z" + of)};
    if (!loop.type[i].missing()) site.Z = atomic_number(loop.type[i].text);
    if (site.Z == 0) site.Z = element_of_label(site.label, formula);
    if (site.Z == 0)
      block.fail(loop.x[i].line, "no element is known by _atom_site_type_symbol '" +
                                     loop.type[i].text + "' or _atom_site_label '" + site.label +
                                     "'");
    if (!loop.occupancy[i].missing())
      site.occupancy = block.number(loop.occupancy[i], "_atom_site_occupancy" + of);
    if (site.occupancy == 0) {
      block.note(site.label + " has occupancy 0 and is skipped");
      continue;
    }
    // A refined occupancy may exceed 1 by its uncertainty.
    if (!(site.occupancy > 0 && site.occupancy <= 1.05))
      block.fail(loop.occupancy[i].line, "_atom_site_occupancy" + of + " is " +
                                             loop.occupancy[i].text + "; it must lie in 0 to 1");
    const auto tensor = anisotropic.find(site.label);
    if (tensor != anisotropic.end()) {
      site.U = tensor->second;
    } else if (!loop.U[i].missing()) {
      site.U = Mat3::Identity() * block.number(loop.U[i], "_atom_site_U_iso_or_equiv" + of);
    } else if (!loop.B[i].missing()) {
      site.set_B(block.number(loop.B[i], "_atom_site_B_iso_or_equiv" + of));
    } else {
      site.set_B(default_B);
      without_B += (without_B.empty() ? "" : ", ") + site.label;
    }
    if (Eigen::SelfAdjointEigenSolver<Mat3>(site.U).eigenvalues()[0] < -1e-9)
      block.note("the mean-square displacement" + of + " is negative along some direction");
    atoms.push_back(site);
  }
  if (atoms.empty()) block.fail(loop.x[0].line, "no atom has coordinates (_atom_site_fract_x)");
  if (!without_B.empty()) {
    std::ostringstream text;
    text << "no displacement parameter for " << without_B << "; B = " << default_B
         << " A^2 is used";
    block.note(text.str());
  }
  return atoms;
}

// Every distinct image of an atom. First the atom is moved onto the special position that it is
// near: the mean of its images within the distance, and likewise its U.
std::vector<Site> orbit(const Site& atom, const Cell& cell,
                        const std::vector<Operation>& operations, double distance) {
  const Mat3& A = cell.orthogonalization();
  const auto image = [](const Operation& op, const Vec3& x) -> Vec3 { return op.R * x + op.t; };
  const auto rotated = [&](const Operation& op, const Mat3& U) -> Mat3 {
    const Mat3 R = A * op.R * cell.reciprocal_basis().transpose();
    return R * U * R.transpose();
  };
  const auto near = [&](const Vec3& a, const Vec3& b) {
    return (A * nearest_image(a - b)).norm() < distance;
  };
  Site special = atom;
  // Twice: the mean may come near to further elements of symmetry.
  for (int round = 0; round < 2; ++round) {
    Vec3 shift = Vec3::Zero();
    Mat3 U = Mat3::Zero();
    int count = 0;
    for (const Operation& op : operations) {
      const Vec3 x = image(op, special.position.v);
      if (!near(x, special.position.v)) continue;
      shift += nearest_image(x - special.position.v);
      U += rotated(op, special.U);
      ++count;
    }
    if (count < 2) break;
    special.position.v += shift / count;
    special.U = U / count;
  }
  std::vector<Site> sites;
  for (const Operation& op : operations) {
    Site site = special;
    site.position.v = image(op, special.position.v);
    site.position.v -= site.position.v.array().floor().matrix();
    for (double& x : site.position.v)
      if (x > 1 - 1e-9) x = 0;
    site.U = rotated(op, special.U);
    bool known = false;
    for (const Site& other : sites) known = known || near(site.position.v, other.position.v);
    if (!known) sites.push_back(site);
  }
  return sites;
}

// Sites that lie on each other. The same element, more than fully, is one atom listed twice (a file
// that lists the whole cell and its symmetry); different elements are mixed or an error of the
// file.
std::vector<Site> without_repetitions(const std::vector<Site>& sites, const CifBlock& block,
                                      const Cell& cell, double distance) {
  std::vector<Site> kept;
  std::map<std::string, int> said;
  for (const Site& site : sites) {
    double total = site.occupancy;
    bool repeated = false;
    std::string shared;
    for (const Site& other : kept) {
      const Vec3 d = nearest_image(site.position.v - other.position.v);
      if ((cell.orthogonalization() * d).norm() >= distance) continue;
      total += other.occupancy;
      if (other.Z == site.Z && other.occupancy + site.occupancy > 1.05) repeated = true;
      shared = other.label;
    }
    if (repeated) {
      if (said[site.label]++ == 0)
        block.note(site.label + " lies on " + shared + ", the same element; it is taken once");
      continue;
    }
    if (total > 1.05 && said[site.label]++ == 0)
      block.note(site.label + " lies on " + shared + " and their occupancies exceed 1");
    kept.push_back(site);
  }
  return kept;
}

}  // namespace

Crystal read_cif(const std::string& path, const CifOptions& options,
                 std::vector<std::string>* notes) {
  CifBlock block = chosen_block(path, options.block);
  block.notes = notes;
  block.note_repeated_tags();
  Crystal crystal;
  crystal.name = std::filesystem::path(path).stem().string();
  crystal.cell = cell_of(block);
  const std::vector<Operation> operations = symmetry_operations(block, crystal.cell);
  std::vector<Site> sites;
  for (const Site& atom : listed_atoms(block, crystal.cell, options.default_B_A2))
    for (const Site& site : orbit(atom, crystal.cell, operations, options.merge_distance_A))
      sites.push_back(site);
  crystal.sites = without_repetitions(sites, block, crystal.cell, options.merge_distance_A);
  return crystal;
}

}  // namespace pendel
