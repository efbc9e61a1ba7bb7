// The data of a `fit` study, of one set or several, of disks or of their pixels, and the models
// that predict them.
#pragma once
#include "fit/staged_fit.hpp"
#include "model/cbed_model.hpp"
#include "model/joint_model.hpp"
#include "studies/fit.hpp"

namespace pendel {

/// What predicts the data: `model`, where the data are pixels a `coarse` one of their sums, and
/// where surrogates take the engine's place what it says itself.
struct FitModels {
  std::shared_ptr<const DiskModel> model, coarse, engine;
  std::vector<SurrogateCertificate> certificates;  ///< of the surrogates in them
};

class FitData {
 public:
  /// Reads everything. `parameters` are those that will be fitted: their ranges decide how many
  /// directions of the aperture pixels need. Error (input) as of the readers in disk_scan.hpp.
  FitData(const FitStudy& study, const Specimen& specimen,
          const std::vector<Parameter>& parameters);

  const DiskScan& scan() const { return scan_; }  ///< all sets
  double dose() const { return sets_.front().dose; }
  bool has_pixels() const;  ///< of any set
  /// All sets at every position, and the sums of pixels; empty: no set has pixels.
  std::vector<DiskData> positions() const;
  std::vector<DiskData> coarse_positions() const;
  /// Scale and background that are no parameters of the models.
  Nuisance nuisance() const;

  /// The sets' models at a state (each set's own offsets apart) as one. surrogate: instead of the
  /// engine.
  FitModels models(const State& base, const std::vector<Parameter>& parameters,
                   bool surrogate) const;
  bool surrogate_can_hold(const State& base, const std::vector<Parameter>& parameters) const;
  /// The model with other engines, for example finer ones.
  std::shared_ptr<const DiskModel> model_of(const State& base,
                                            const std::vector<Parameter>& parameters,
                                            const EngineOptions& engine) const;
  /// One line per set.
  std::vector<std::string> summary() const;

 private:
  struct Set {
    const DataOptions* options;
    double energy_keV, semiangle_offset = 0;  // keV, rad
    int degree = 1;                           // of the aperture's cubature
    std::size_t directions = 1;               // of it
    double dose = 1;
    DiskScan scan;
    std::vector<Hkl> disks;                              // of every tilt behind each other
    std::vector<Hkl> beams;                              // of one tilt
    std::vector<Vec2> tilts = {Vec2::Zero()};            // of a series, rad
    std::vector<std::shared_ptr<const Engine>> engines;  // per tilt
    std::shared_ptr<const DiskPixels> pixels;            // null: integrated disks
    double radius = 0;                                   // of their template, rad
    InterpolationDegree interpolation;
  };

  State state_of(const Set& set, const State& base, std::size_t tilt = 0) const;
  /// One per tilt of a set.
  std::vector<std::shared_ptr<const Engine>> engines_of(const Set& set, const State& base,
                                                        const EngineOptions& options) const;
  std::vector<ForwardModel> forward(
      const Set& set, const State& base, const std::vector<Parameter>& parameters,
      const std::vector<std::shared_ptr<const Engine>>& engines) const;
  std::shared_ptr<const DiskModel> joint(
      const std::vector<std::shared_ptr<const DiskModel>>& models, bool coarse) const;
  void read_pixels(Set& set, const State& base, const std::vector<Parameter>& parameters);
  void estimate_dose(Set& set, const State& base, const std::vector<Parameter>& parameters) const;
  void name_levels(const State& base);

  const FitStudy& study_;
  std::vector<std::vector<int>> layers_;  // of the state, per layer of the study
  std::vector<Set> sets_;
  DiskScan scan_;
  // backgrounds that are parameters, and which one a channel of a set has; empty: none
  std::vector<Parameter> levels_;
  std::vector<std::vector<int>> level_of_disk_;
};

}  // namespace pendel
