// The published parameters of the scattering factors, one source file per table. Row Z − 1 is
// element Z; the column order stands in each file. Used by scattering_factor only.
#pragma once
#include <array>

namespace pendel::tables {

extern const std::array<std::array<double, 10>, 103> lobato2014;
extern const std::array<std::array<double, 12>, 103> kirkland2010;
extern const std::array<std::array<double, 10>, 98> peng1996;
extern const std::array<std::array<double, 8>, 98> weickenmeier_kohl1991;

}  // namespace pendel::tables
