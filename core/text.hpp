// Text of numbers, for people.
#pragma once
#include <string>

namespace pendel {

/// As printf has it.
#if defined(__GNUC__)
__attribute__((format(printf, 1, 2)))
#endif
std::string
formatted(const char* format, ...);

}  // namespace pendel
