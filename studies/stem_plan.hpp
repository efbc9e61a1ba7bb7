// What study `stem` simulates: its atoms, the simulator, and the way from intensities to images.
#pragma once
#include "sim/detector.hpp"
#include "sim/stem.hpp"
#include "studies/certificate.hpp"
#include "studies/stem.hpp"

namespace pendel {

/// The atoms, and what the user should know of them.
struct StemAtoms {
  AtomicModel model;
  std::vector<std::vector<Atom>> snapshots;  ///< of frozen phonons that are given
  std::string summary;
  std::vector<std::string> files, notes;
};

/// Where the probe stands [Å]; rows of the scan follow each other.
std::vector<Vec2> scan_positions(const ScanOptions& scan);

struct StemPlan {
  StemAtoms atoms;
  Probe probe;
  Detector detector;
  StemSimulator simulator;
  DetectorMap map;
  std::vector<std::vector<std::size_t>> rings;  ///< per virtual detector: its k

  /// box_factor: on the size of the box across the beam. edge: of the aperture [rad], instead of
  /// the one that suits the box. snapshots: how many are used at most. Error (input) if the atoms
  /// are not in order.
  explicit StemPlan(const StemStudy& study, double box_factor = 1, std::optional<double> edge = {},
                    std::size_t snapshots = std::size_t(-1));

  /// The detector's image of a pattern, without noise; (rows, columns).
  std::vector<double> image(const float* intensity) const;
};

/// Pixels, slices, interpolation, partition, phonons and box refined once each, by multislice; of
/// given snapshots the first half is compared with all: changes as fractions of the brightest
/// pixel. What cannot be tried within the memory is
/// said and left out. matrices (may be null): of the plan.
std::vector<Refined> certify(const StemStudy& study, const StemPlan& plan,
                             const std::vector<Vec2>& positions, MatrixStore* matrices,
                             const RunContext& context);

}  // namespace pendel
