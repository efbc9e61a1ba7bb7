// The kinds of study. A kind is a struct of options with
//   static constexpr const char* summary;     one line, for people
//   static Kind example(const std::string& data);   what `pendel new` prints; data: folder of
//                                             the files that ship with Pendel
//   void check(Problems&) const;              what reading alone cannot see
//   void run(RunContext&) const;              reads every input, asks context.begin(), works
// A new kind is one file pair and one line in each of the two lists here.
#pragma once
#include <variant>

#include "studies/calibrate.hpp"
#include "studies/classify.hpp"
#include "studies/disks.hpp"
#include "studies/fit.hpp"
#include "studies/flow.hpp"
#include "studies/images.hpp"
#include "studies/library.hpp"
#include "studies/match.hpp"
#include "studies/pattern.hpp"
#include "studies/plan.hpp"
#include "studies/stem.hpp"
#include "studies/strain.hpp"

namespace pendel {

using AnyStudy =
    std::variant<PatternStudy, StemStudy, FitStudy, PlanStudy, ImagesStudy, CalibrateStudy,
                 DisksStudy, ClassifyStudy, StrainStudy, FlowStudy, LibraryStudy, MatchStudy>;

inline std::vector<AnyStudy> default_studies() {
  return {PatternStudy{}, StemStudy{},      FitStudy{},     PlanStudy{},
          ImagesStudy{},  CalibrateStudy{}, DisksStudy{},   ClassifyStudy{},
          StrainStudy{},  FlowStudy{},      LibraryStudy{}, MatchStudy{}};
}

}  // namespace pendel
