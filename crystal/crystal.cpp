#include "crystal/crystal.hpp"

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

Crystal moved(const Crystal& crystal, const CrystalTangent& direction, double amount) {
  const auto check = [&](std::size_t size, const char* what) {
    if (size != 0 && size != crystal.sites.size())
      throw Error(ErrorKind::study, std::string("a direction of crystal ") + crystal.name +
                                        " has " + std::to_string(size) + " " + what +
                                        "; the crystal has " +
                                        std::to_string(crystal.sites.size()) + " sites");
  };
  check(direction.displacement.size(), "displacements");
  check(direction.B.size(), "values of B");
  Crystal result = crystal;
  for (std::size_t j = 0; j < result.sites.size(); ++j) {
    Site& site = result.sites[j];
    if (!direction.displacement.empty())
      site.position.v += crystal.cell.fractional({amount * direction.displacement[j]}).v;
    if (!direction.B.empty()) site.U += Mat3::Identity() * (amount * direction.B[j] / eight_pi2);
  }
  return result;
}

Crystal in_phase(const Crystal& crystal) {
  Crystal result = crystal;
  for (Site& site : result.sites) site.position.v.setZero();
  return result;
}

CrystalTangent debye_waller_direction(const Crystal& crystal, int Z) {
  CrystalTangent direction;
  direction.B.assign(crystal.sites.size(), 0);
  bool found = false;
  for (std::size_t j = 0; j < crystal.sites.size(); ++j)
    if (crystal.sites[j].Z == Z) direction.B[j] = 1, found = true;
  if (!found)
    throw Error(ErrorKind::study, "crystal " + crystal.name + " has no " + element_symbol(Z));
  return direction;
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
