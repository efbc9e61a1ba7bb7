// Whether what is at work shall stop. Who handles signals asks for it; long work heeds it.
#pragma once

namespace pendel {

/// Asks everything at work to stop, or takes that back. A signal handler may call it.
void interrupt(bool asked = true);
bool interrupted();
/// Error (interrupted) if that was asked for. parallel_for calls it for every index; other loops do
/// whose passes are few and long, or many. Not where something is half written.
void stop_if_interrupted();

}  // namespace pendel
