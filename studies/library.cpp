#include "studies/library.hpp"

#include <cstdio>
#include <filesystem>

#include "acom/library_file.hpp"

namespace pendel {

LibraryStudy LibraryStudy::example(const std::string& data) {
  LibraryStudy study;
  study.templates.energy_keV = 200;
  study.templates.phases["Au"].cif = {data + "/cif/Au.cif", data + "/cif/Au.cif"};
  return study;
}

void LibraryStudy::check(Problems& problems) const { templates.check("templates", problems); }

void LibraryStudy::run(RunContext& context) const {
  const std::vector<Crystal> phases = read_phases(templates, context);
  if (!context.begin()) return;
  context.say_what_was_left(context.partial());
  const std::vector<PhaseLibrary> libraries =
      make_libraries(templates, phases, context, context.partial());
  EmdWriter result("pendel");
  write_libraries(result, libraries);
  context.save(result);
  std::filesystem::remove(context.partial());
  char text[80];
  std::snprintf(text, sizeof text, "%.2f s CPU", context.provenance.cpu_seconds());
  context.say(text);
}

}  // namespace pendel
