// Ctrl-C and SIGTERM ask a run to stop where it can be continued; a second one stops it at once.
#pragma once

namespace pendel {

void watch_signals();
bool interrupted();

}  // namespace pendel
