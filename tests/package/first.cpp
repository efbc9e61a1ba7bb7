// Exit waves of SrTiO3 and their derivative with the thickness, from a CIF: the example of
// docs/cpp.md.
#include <iostream>

#include "cif/read.hpp"
#include "crystal/orientation.hpp"
#include "sim/splitstep.hpp"

int main(int, char** arguments) {
  pendel::State state;
  state.energy_keV = 300;
  const pendel::Crystal crystal = pendel::read_cif(arguments[1]);
  state.crystals = {{crystal, pendel::orientation(crystal.cell, {0, 0, 1}, {1, 0, 0})}};
  state.layers = {{0, 195.25}};  // crystal 0, Å

  const pendel::SplitStep engine(state, pendel::zone_beams(state, 1.0), {});
  const std::vector<pendel::Vec2> tilts = {{0, 0}, {2e-3, 0}};  // rad
  pendel::ExitWaves waves;
  engine.exit_waves(state, tilts, {pendel::thickness_direction(state, 0)}, waves);

  for (std::size_t g = 0; g < engine.beams().size(); ++g) {
    const pendel::Hkl& hkl = engine.beams().hkl[g];
    const std::complex<double> psi = waves.psi(g, 1), dpsi = waves.dpsi[0](g, 1);
    std::cout << hkl.h << " " << hkl.k << " " << hkl.l << "  " << std::norm(psi) << "  "
              << 2 * std::real(std::conj(psi) * dpsi) << " per Å\n";
  }
}
