// The one exception type of Pendel: what is wrong, the value found, what would be right.
#pragma once
#include <stdexcept>
#include <string>

namespace pendel {

/// What went wrong decides the exit status of the command (the value of the enumerator).
enum class ErrorKind { study = 2, input = 3, numerical = 4, interrupted = 130 };

class Error : public std::runtime_error {
 public:
  Error(ErrorKind kind, const std::string& message) : std::runtime_error(message), kind_(kind) {}
  ErrorKind kind() const { return kind_; }
  int exit_status() const { return static_cast<int>(kind_); }

 private:
  ErrorKind kind_;
};

}  // namespace pendel
