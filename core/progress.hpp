// One line on a terminal: how much is done, how fast, how long it still takes. Silent elsewhere.
#pragma once
#include <chrono>
#include <mutex>
#include <string>

namespace pendel {

class Progress {
 public:
  /// Shows itself on stderr if that is a terminal and `quiet` is false.
  Progress(const std::string& what, long total, bool quiet);
  /// Ends the line.
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  /// Thread-safe.
  void advance(long count = 1);

  /// "fit 12/100  3.1/s  28 s left"; finished in `seconds`.
  static std::string line(const std::string& what, long done, long total, double seconds);

 private:
  using Clock = std::chrono::steady_clock;
  const std::string what_;
  const long total_;
  const bool shown_;
  long done_ = 0;
  const Clock::time_point start_;
  Clock::time_point next_;
  std::mutex mutex_;
};

}  // namespace pendel
