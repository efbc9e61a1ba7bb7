// The structure factor of a reflection, from a CIF: what an example of find_package(pendel) prints.
#include <iostream>

#include "cif/read.hpp"
#include "crystal/structure_factor.hpp"
#include "fit/position_fit.hpp"
#include "model/forward_model.hpp"
#include "sim/splitstep.hpp"

int main(int, char** arguments) {
  const pendel::Crystal crystal = pendel::read_cif(arguments[1]);
  const pendel::Ug U = pendel::structure_factors(crystal, {{1, 1, 1}}, 200, {}).front();
  std::cout << U.elastic.real() << "\n" << pendel::disk_aperture(1e-3, 3).offsets.size() << "\n";
  // of every room on the way, something that has to be linked
  const pendel::FitOptions options;
  const void* const used = reinterpret_cast<const void*>(&pendel::solve);
  return used && options.starts > 0 ? 0 : 1;
}
