// Writes a recording as another format: EMD 1.0 (.h5, .emd), HyperSpy (.hspy), NanoMEGAS (.blo) or
// NumPy (.npy), in the stored type of its numbers and piece by piece.
#pragma once
#include <functional>
#include <string>

#include "scan/recording.hpp"

namespace pendel {

/// progress(patterns written so far) is called now and then; if it throws, nothing is left behind.
/// Positions without a pattern become zeros. Error (input) if the file cannot be written or the
/// format cannot hold the numbers, (study) if the extension names no format that is written.
void write_recording(const Recording& recording, const std::string& path,
                     const std::function<void(std::size_t)>& progress = {});

}  // namespace pendel
