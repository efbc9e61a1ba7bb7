// The certificate of a simulation: what refining one approximation at a time would change.
#pragma once
#include <string>
#include <vector>

#include "io/emd.hpp"

namespace pendel {

struct Refined {
  std::string what;  ///< "g_max_invA 4 -> 5"
  double largest;    ///< change of an intensity
  double R1;         ///< Σ|ΔI|/ΣI
};

/// Intensities as used and by the finer calculation, list by list. relative: the largest change is
/// given as a fraction of the largest intensity.
Refined compare(const std::string& what, const std::vector<std::vector<double>>& used,
                const std::vector<std::vector<double>>& finer, bool relative);

/// Adds the metadata `certificate`, unless nothing was refined.
void add_certificate(const std::vector<Refined>& certificate, EmdWriter& result);

/// "convergence: WHAT would change an intensity by 0.01 at most, R1 0.002"; of: "an intensity", and
/// behind the figure: of_what.
std::string certificate_line(const Refined& refined, const std::string& of,
                             const std::string& of_what = "");

}  // namespace pendel
