#include "core/interrupt.hpp"

#include <atomic>

#include "core/error.hpp"

namespace pendel {

namespace {
std::atomic<bool> requested{false};
}

void interrupt(bool asked) { requested = asked; }

bool interrupted() { return requested.load(std::memory_order_relaxed); }

void stop_if_interrupted() {
  if (interrupted()) throw Error(ErrorKind::interrupted, "interrupted");
}

}  // namespace pendel
