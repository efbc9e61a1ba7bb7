// What study `pattern` gives besides the beams' intensities: a detector's image of convergent-beam
// diffraction, kinematical spots, scattering matrices, the rings of a powder.
#pragma once
#include "sim/kinematical_pattern.hpp"
#include "studies/direction_engines.hpp"
#include "studies/optics.hpp"
#include "studies/run_context.hpp"
#include "studies/specimen.hpp"

namespace pendel {

/// A CBED pattern on a detector.
struct CbedOptions {
  DetectorOptions detector;
  ProbeOptions probe;
  bool coherent = true;
  Vec2 position_A = Vec2::Zero();

  template <class Visitor>
  void describe(Visitor& v) {
    v("detector", detector, help("what records the pattern").required());
    v("probe", probe, help("aberrations and partial coherence of the illumination"));
    v("coherent", coherent,
      help("disks interfere where they overlap; false: intensities are added, as of a large "
           "source"));
    v("position_A", position_A, help("x, y of the probe, for coherent overlap"));
  }
};

enum class SpotShape { slab, gaussian };
inline Choices<SpotShape> choices(SpotShape) {
  return {{"slab", SpotShape::slab}, {"gaussian", SpotShape::gaussian}};
}

/// Spots by single scattering, forbidden ones listed as such.
struct SpotsOptions {
  double g_max_invA = 2;
  double sg_max_invA = 0.06;
  SpotShape shape = SpotShape::slab;
  double sigma_invA = 0.02;

  template <class Visitor>
  void describe(Visitor& v) {
    v("g_max_invA", g_max_invA, help("reflections up to this |g|").range(0.05, 20));
    v("sg_max_invA", sg_max_invA, help("and this far from the Ewald sphere").above(0));
    v("shape", shape,
      help("how intensity falls with the excitation error: as of a slab of the specimen's "
           "thickness, or a Gaussian (intensities are then |U_g|² in 1/Å⁴)"));
    v("sigma_invA", sigma_invA, help("standard deviation of the Gaussian").above(0));
  }
};

/// Rings of a powder of each crystal, by single scattering.
struct RingsOptions {
  double g_max_invA = 1.5;
  double width_invA = 0.01;
  double lorentzian = 0;
  int points = 1000;

  template <class Visitor>
  void describe(Visitor& v) {
    v("g_max_invA", g_max_invA, help("rings up to this |g|").range(0.05, 20));
    v("width_invA", width_invA, help("full width at half maximum of a ring").above(0));
    v("lorentzian", lorentzian, help("its shape: 0 Gaussian to 1 Lorentzian").range(0, 1));
    v("points", points, help("of the radial profile").range(2, 1000000));
  }
};

/// What the keys mean. precession: rad; thickness [Å]: of a slab.
SpotOptions spot_options(const SpotsOptions& options, ScatteringTable table, double precession,
                         double thickness);

void check_cbed(const CbedOptions& options, const BeamOptions& beam, Problems& problems);

/// The pattern of the engines' beams at each thickness [Å] of a layer, with counts if there is a
/// dose; (thickness, row, column). The context says what is done and how far it is.
Array cbed_images(const CbedOptions& options, const State& state, const BeamOptions& beam,
                  const DirectionEngines& engines, int layer,
                  const std::vector<double>& thicknesses, const RunContext& context);

/// Adds it as cbed.
void add_cbed(const CbedOptions& options, const State& state, const BeamOptions& beam,
              const DirectionEngines& engines, int layer, const std::vector<double>& thicknesses,
              RunContext& context, EmdWriter& result);

/// Adds, per crystal, its kinematical spots (hkl, g, excitation_error, intensity, forbidden).
void add_spots(const SpotsOptions& options, const Specimen& specimen, double precession,
               ScatteringTable table, EmdWriter& result);

/// Adds the scattering matrices of the layer at each thickness, incident along the beam.
void add_scattering_matrices(const Specimen& specimen, const EngineWithBeams& engine, int layer,
                             const std::vector<double>& thicknesses, EmdWriter& result);

/// Adds, per crystal, the rings (g, hkl, multiplicity, intensity, forbidden) and their profile.
void add_rings(const RingsOptions& options, const Specimen& specimen, ScatteringTable table,
               EmdWriter& result);

}  // namespace pendel
