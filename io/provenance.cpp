#include "io/provenance.hpp"

#include <unistd.h>

#include "core/parallel.hpp"
#include "io/files.hpp"
#include "pendel_version.hpp"

namespace pendel {

std::string version() { return PENDEL_VERSION; }
std::string git_hash() { return PENDEL_GIT_HASH; }

Provenance::Provenance() : wall_start_(std::chrono::steady_clock::now()), cpu_start_(std::clock()) {
  const std::time_t now = std::time(nullptr);
  char text[32] = "";
  std::tm utc{};
  gmtime_r(&now, &utc);
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc);
  date_ = text;
}

void Provenance::add_input(const std::string& path) {
  inputs_.push_back(path + " " + fingerprint_of_file(path));
}

double Provenance::wall_seconds() const {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - wall_start_).count();
}

double Provenance::cpu_seconds() const {
  return double(std::clock() - cpu_start_) / CLOCKS_PER_SEC;
}

EmdDictionary Provenance::dictionary() const {
  char host[256] = "";
  gethostname(host, sizeof host - 1);
  return {{"program", "pendel"},
          {"version", version()},
          {"git_hash", git_hash()},
          {"host", std::string(host)},
          {"date", date_},
          {"wall_time_s", wall_seconds()},
          {"cpu_time_s", cpu_seconds()},
          {"threads", double(threads())},
          {"input_sha256", inputs_}};
}

}  // namespace pendel
