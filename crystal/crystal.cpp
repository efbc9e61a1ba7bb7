#include "crystal/crystal.hpp"

#include <Eigen/LU>
#include <cctype>
#include <gemmi/elem.hpp>

#include "core/electron.hpp"
#include "core/error.hpp"

namespace pendel {

namespace {
constexpr double eight_pi2 = 8 * electron::pi * electron::pi;
}

void Site::set_B(double B_A2) { U = Mat3::Identity() * (B_A2 / eight_pi2); }
double Site::B() const { return eight_pi2 * U.trace() / 3; }

bool Site::isotropic() const {
  const double mean = U.trace() / 3;
  return (U - mean * Mat3::Identity()).cwiseAbs().maxCoeff() <= 1e-12 * std::abs(mean);
}

Reciprocal Crystal::g(const Hkl& hkl) const {
  if (strain.isZero(0)) return cell.g(hkl);
  return {(Mat3::Identity() + strain).transpose().inverse() * cell.g(hkl).v};
}

double Crystal::volume() const { return cell.volume() * (Mat3::Identity() + strain).determinant(); }

Crystal moved(const Crystal& crystal, const CrystalTangent& direction, double amount) {
  const auto check = [&](std::size_t size, const char* what) {
    if (size != 0 && size != crystal.sites.size())
      throw Error(ErrorKind::study, std::string("a direction of crystal ") + crystal.name +
                                        " has " + std::to_string(size) + " " + what +
                                        "; the crystal has " +
                                        std::to_string(crystal.sites.size()) + " sites");
  };
  check(direction.displacement.size(), "displacements");
  check(direction.U.size(), "values of U");
  check(direction.occupancy.size(), "occupancies");
  Crystal result = crystal;
  for (std::size_t j = 0; j < result.sites.size(); ++j) {
    Site& site = result.sites[j];
    if (!direction.displacement.empty())
      site.position.v += crystal.cell.fractional({amount * direction.displacement[j]}).v;
    if (!direction.U.empty()) site.U += amount * direction.U[j];
    if (!direction.occupancy.empty()) site.occupancy += amount * direction.occupancy[j];
  }
  result.strain += amount * direction.strain;
  if (!((Mat3::Identity() + result.strain).determinant() > 0))
    throw Error(ErrorKind::study, "the strain of crystal " + crystal.name +
                                      " leaves it no volume; strains are well below 1");
  for (const auto& [hkl, change] : direction.U_g_change) result.U_g_change[hkl] += amount * change;
  return result;
}

Crystal in_phase(const Crystal& crystal) {
  Crystal result = crystal;
  for (Site& site : result.sites) site.position.v.setZero();
  return result;
}

CrystalTangent debye_waller_direction(const Crystal& crystal, int Z) {
  CrystalTangent direction;
  direction.U.assign(crystal.sites.size(), Mat3::Zero());
  bool found = false;
  for (std::size_t j = 0; j < crystal.sites.size(); ++j)
    if (crystal.sites[j].Z == Z) direction.U[j] = Mat3::Identity() / eight_pi2, found = true;
  if (!found)
    throw Error(ErrorKind::study, "crystal " + crystal.name + " has no " + element_symbol(Z));
  return direction;
}

std::vector<int> sites_named(const Crystal& crystal, const std::string& name) {
  std::vector<int> found;
  std::map<std::string, int> count;
  std::string known;
  for (std::size_t j = 0; j < crystal.sites.size(); ++j) {
    const std::string& label = crystal.sites[j].label;
    if (++count[label] == 1) known += (known.empty() ? "" : ", ") + label;
    if (name == label || name == label + "#" + std::to_string(count[label]))
      found.push_back(int(j));
  }
  if (found.empty())
    throw Error(ErrorKind::study, "crystal " + crystal.name + " has no site '" + name +
                                      "'; its labels are " + known +
                                      " (label#n for the n-th site of a label)");
  return found;
}

int atomic_number(const std::string& symbol) {
  std::size_t letters = 0;
  while (letters < symbol.size() && std::isalpha(static_cast<unsigned char>(symbol[letters])))
    ++letters;
  const std::string name = symbol.substr(0, letters);
  if (name == "D" || name == "T") return 1;
  // Behind the letters only a charge may stand: Ti4+, O2-, Fe3+.
  for (char c : symbol.substr(letters))
    if (!std::isdigit(static_cast<unsigned char>(c)) && c != '+' && c != '-' && c != '.') return 0;
  if (name.empty() || name.size() > 2) return 0;
  const gemmi::Element element(name);
  return element.elem == gemmi::El::D ? 1 : element.atomic_number();
}

std::string element_symbol(int Z) {
  if (Z < 1 || Z > 118) return "?";
  return gemmi::Element(Z).name();
}

}  // namespace pendel
