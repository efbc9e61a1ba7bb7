#include "core/progress.hpp"

#include <unistd.h>

#include <cstdio>

namespace pendel {

namespace {
std::string duration(double seconds) {
  char text[32];
  if (seconds < 120)
    std::snprintf(text, sizeof text, "%.0f s", seconds);
  else if (seconds < 7200)
    std::snprintf(text, sizeof text, "%.0f min", seconds / 60);
  else
    std::snprintf(text, sizeof text, "%.1f h", seconds / 3600);
  return text;
}
}  // namespace

Progress::Progress(const std::string& what, long total, bool quiet)
    : what_(what),
      total_(total),
      shown_(!quiet && isatty(STDERR_FILENO)),
      start_(Clock::now()),
      next_(start_) {}

Progress::~Progress() {
  if (shown_ && done_ > 0) std::fputc('\n', stderr);
}

void Progress::advance(long count) {
  const std::lock_guard<std::mutex> lock(mutex_);
  done_ += count;
  const auto now = Clock::now();
  if (!shown_ || (now < next_ && done_ < total_)) return;
  next_ = now + std::chrono::milliseconds(200);
  const double seconds = std::chrono::duration<double>(now - start_).count();
  std::fprintf(stderr, "\r%s\033[K", line(what_, done_, total_, seconds).c_str());
  std::fflush(stderr);
}

std::string Progress::line(const std::string& what, long done, long total, double seconds) {
  char text[64];
  const double rate = seconds > 0 ? double(done) / seconds : 0;
  std::snprintf(text, sizeof text, " %ld/%ld  %.3g/s", done, total, rate);
  std::string result = what + text;
  if (done < total && rate > 0) result += "  " + duration(double(total - done) / rate) + " left";
  return result;
}

}  // namespace pendel
