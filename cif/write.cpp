#include "cif/write.hpp"

#include <cctype>
#include <fstream>
#include <iomanip>
#include <map>

#include "core/error.hpp"

namespace pendel {

namespace {

// A block name has no blanks.
std::string block_name(const std::string& name) {
  std::string result;
  for (char c : name) result += c > ' ' && c < 127 ? c : '_';
  return result.empty() ? "crystal" : result;
}

// Quotes where a bare word would not be read back; a label has no line end.
std::string in_quotes(const std::string& label) {
  const bool bare = label.find_first_of(" \t'\"") == std::string::npos &&
                    std::isalnum(static_cast<unsigned char>(label[0]));
  return bare ? label : '\'' + label + '\'';
}

// Labels are the keys of the anisotropic loop: those that repeat are numbered.
std::vector<std::string> distinct_labels(const Crystal& crystal) {
  std::map<std::string, int> count, used;
  for (const Site& site : crystal.sites) ++count[site.label];
  std::vector<std::string> labels;
  for (const Site& site : crystal.sites) {
    std::string label = site.label.empty() ? element_symbol(site.Z) : site.label;
    if (count[site.label] > 1 || site.label.empty())
      label += "_" + std::to_string(++used[site.label]);
    labels.push_back(in_quotes(label));
  }
  return labels;
}

}  // namespace

void write_cif(const Crystal& crystal, const std::string& path) {
  std::ofstream out(path);
  out << std::setprecision(15);
  const Cell& cell = crystal.cell;
  const char* axes[] = {"a", "b", "c"};
  const char* angles[] = {"alpha", "beta", "gamma"};
  out << "data_" << block_name(crystal.name) << "\n";
  for (int i = 0; i < 3; ++i) out << "_cell_length_" << axes[i] << " " << cell.edges()[i] << "\n";
  for (int i = 0; i < 3; ++i)
    out << "_cell_angle_" << angles[i] << " " << cell.angles_deg()[i] << "\n";
  out << "_space_group_name_H-M_alt 'P 1'\n_space_group_IT_number 1\n"
         "loop_\n_space_group_symop_operation_xyz\n'x, y, z'\n"
         "loop_\n_atom_site_label\n_atom_site_type_symbol\n_atom_site_fract_x\n"
         "_atom_site_fract_y\n_atom_site_fract_z\n_atom_site_occupancy\n"
         "_atom_site_U_iso_or_equiv\n_atom_site_adp_type\n";
  const std::vector<std::string> labels = distinct_labels(crystal);
  bool anisotropic = false;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    const Site& site = crystal.sites[i];
    out << labels[i] << " " << element_symbol(site.Z);
    for (double x : site.position.v) out << " " << x;
    out << " " << site.occupancy << " " << site.U.trace() / 3
        << (site.isotropic() ? " Uiso\n" : " Uani\n");
    anisotropic = anisotropic || !site.isotropic();
  }
  if (anisotropic) {
    out << "loop_\n_atom_site_aniso_label\n";
    for (const char* ij : {"11", "22", "33", "12", "13", "23"})
      out << "_atom_site_aniso_U_" << ij << "\n";
    // The inverse of the definition in read.cpp: U_cif = N⁻¹ A⁻¹ U A⁻ᵀ N⁻¹.
    const Mat3& basis = cell.reciprocal_basis();
    const Mat3 to_cif = basis.colwise().norm().cwiseInverse().asDiagonal() * basis.transpose();
    for (std::size_t i = 0; i < labels.size(); ++i) {
      if (crystal.sites[i].isotropic()) continue;
      const Mat3 U = to_cif * crystal.sites[i].U * to_cif.transpose();
      out << labels[i] << " " << U(0, 0) << " " << U(1, 1) << " " << U(2, 2) << " " << U(0, 1)
          << " " << U(0, 2) << " " << U(1, 2) << "\n";
    }
  }
  out.flush();
  if (!out) throw Error(ErrorKind::input, path + ": cannot be written");
}

}  // namespace pendel
