#include "studies/certificate.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace pendel {

Refined compare(const std::string& what, const std::vector<std::vector<double>>& used,
                const std::vector<std::vector<double>>& finer, bool relative) {
  double largest = 0, change = 0, sum = 0, brightest = 0;
  for (std::size_t n = 0; n < used.size(); ++n)
    for (std::size_t i = 0; i < used[n].size(); ++i) {
      const double difference = std::abs(finer[n][i] - used[n][i]);
      largest = std::max(largest, difference);
      change += difference;
      sum += used[n][i];
      brightest = std::max(brightest, used[n][i]);
    }
  return {what, relative ? largest / brightest : largest, change / sum};
}

void add_certificate(const std::vector<Refined>& certificate, EmdWriter& result) {
  if (certificate.empty()) return;
  std::vector<std::string> refined;
  for (const Refined& entry : certificate) refined.push_back(entry.what);
  EmdDictionary metadata = {{"refined", refined}};
  for (std::size_t i = 0; i < certificate.size(); ++i) {
    metadata.push_back({"largest_change_" + std::to_string(i + 1), certificate[i].largest});
    metadata.push_back({"R1_" + std::to_string(i + 1), certificate[i].R1});
  }
  result.metadata("certificate", metadata);
}

std::string certificate_line(const Refined& refined, const std::string& of,
                             const std::string& of_what) {
  char figures[120];
  std::snprintf(figures, sizeof figures, " by %.2g%s at most, R1 %.2g", refined.largest,
                of_what.c_str(), refined.R1);
  return "convergence: " + refined.what + " would change " + of + figures;
}

}  // namespace pendel
