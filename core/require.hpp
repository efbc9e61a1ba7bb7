// What a number among the options must be.
#pragma once
#include <string>

#include "core/error.hpp"

namespace pendel {

/// Error (study) "WHAT is VALUE; it must be RIGHT" unless good.
inline void require(bool good, const std::string& what, double value, const std::string& right) {
  if (!good)
    throw Error(ErrorKind::study, what + " is " + std::to_string(value) + "; it must be " + right);
}

}  // namespace pendel
