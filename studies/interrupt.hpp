// Ctrl-C and SIGTERM ask a run to stop where it can be continued; a second one stops it at once.
#pragma once
#include <string>

namespace pendel {

void watch_signals();
bool interrupted();
/// Error (interrupted) with this message if a signal asked for it.
void stop_if_interrupted(const std::string& message);

}  // namespace pendel
