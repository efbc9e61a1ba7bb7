// Study `library`: templates of one or several phases, in a file.
#pragma once
#include "studies/template_library.hpp"

namespace pendel {

struct LibraryStudy {
  std::string study = "library";
  std::optional<File> output;
  TemplateLibraryOptions templates;

  template <class Visitor>
  void describe(Visitor& v) {
    v("study", study, help("kind of study").required());
    v("output", output, help("result; without it the name of this file with .h5"));
    v("templates", templates, help("what the library is made of").required());
  }

  static constexpr const char* summary =
      "Templates of one or several crystals in all orientations, for `match`.";
  static LibraryStudy example(const std::string& data);
  void check(Problems& problems) const;
  void run(RunContext& context) const;
};

}  // namespace pendel
