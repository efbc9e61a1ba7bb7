#include "studies/interrupt.hpp"

#include <csignal>

#include "core/error.hpp"

namespace pendel {

namespace {
volatile std::sig_atomic_t requested = 0;

extern "C" void pendel_on_signal(int number) {
  requested = 1;
  std::signal(number, SIG_DFL);
}
}  // namespace

void watch_signals() {
  requested = 0;
  std::signal(SIGINT, pendel_on_signal);
  std::signal(SIGTERM, pendel_on_signal);
  // writing beyond a limit of the file system is then an error of write(), which is reported
  std::signal(SIGXFSZ, SIG_IGN);
}

bool interrupted() { return requested != 0; }

void stop_if_interrupted(const std::string& message) {
  if (interrupted()) throw Error(ErrorKind::interrupted, message);
}

}  // namespace pendel
