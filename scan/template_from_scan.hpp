// The template from a scan's own disks, where there is no recording of the probe in a vacuum.
#pragma once
#include "scan/datacube.hpp"
#include "scan/probe_template.hpp"

namespace pendel {

/// From up to `patterns` patterns, evenly chosen: first from the brightest disk of their sum, then
/// from their disks that stand alone, each at its own place between pixels, weighted by its counts.
/// Error (input) if no disk stands alone.
DiskTemplate template_from_scan(const DataCube& cube, std::size_t patterns = 64,
                                const std::vector<std::uint8_t>& valid = {});

}  // namespace pendel
