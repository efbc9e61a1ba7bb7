#include "core/text.hpp"

#include <cstdarg>
#include <cstdio>

namespace pendel {

std::string formatted(const char* format, ...) {
  va_list values, again;
  va_start(values, format);
  va_copy(again, values);
  std::string text(std::size_t(std::vsnprintf(nullptr, 0, format, values)) + 1, '\0');
  va_end(values);
  std::vsnprintf(text.data(), text.size(), format, again);
  va_end(again);
  text.pop_back();
  return text;
}

}  // namespace pendel
