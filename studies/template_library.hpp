// The group of keys of template libraries, which `library` writes to a file and `match` may make by
// the way.
#pragma once
#include "acom/library.hpp"
#include "core/options_reader.hpp"
#include "studies/options.hpp"
#include "studies/run_context.hpp"
#include "studies/series.hpp"

namespace pendel {

struct PhaseOptions {
  File cif;
  double default_B_A2 = 0.5;

  template <class Visitor>
  void describe(Visitor& v) {
    v("cif", cif, help("structure file").required());
    v("default_B_A2", default_B_A2,
      help("Debye-Waller B of sites that the CIF gives none for").at_least(0));
  }
};

/// Bloch waves instead of single scattering.
struct DynamicalTemplateOptions {
  std::optional<std::vector<double>> thickness_A;
  std::optional<ThicknessSeriesOptions> thickness_series;
  Absorption absorption = Absorption::weickenmeier_kohl;
  double proportional_absorption = 0.1, tolerance = 1e-2;

  template <class Visitor>
  void describe(Visitor& v) {
    v("thickness_A", thickness_A, help("of the slabs; matching tells which").above(0));
    v("thickness_series", thickness_series, help("or evenly spaced ones"));
    v.exactly_one({"thickness_A", "thickness_series"});
    v("absorption", absorption, help("imaginary part of the potential"));
    v("proportional_absorption", proportional_absorption,
      help("U'/U of proportional absorption").range(0, 1));
    v("tolerance", tolerance,
      help("beams are added until no intensity changes by more (fraction of the incident beam)")
          .range(1e-6, 0.1));
  }

  std::vector<double> thicknesses() const {
    return thicknesses_of(thickness_A.value_or(std::vector<double>{}), thickness_series);
  }
};

/// What templates of any crystals are made of.
struct LibraryTemplateOptions {
  double energy_keV = 200;
  double step_deg = 2, g_max_invA = 1.5;
  double sigma_invA = 0.02, sg_max_invA = 0.06;
  double precession_mrad = 0;
  ScatteringTable scattering = ScatteringTable::lobato;
  double faintest = 1e-4;
  std::optional<DynamicalTemplateOptions> dynamical;

  template <class Visitor>
  void describe(Visitor& v) {
    v("energy_keV", energy_keV, help("kinetic energy of an electron").required().range(1, 3000));
    v("step_deg", step_deg,
      help("between neighbouring zone axes; what lies between is found by refinement")
          .range(0.2, 15));
    v("g_max_invA", g_max_invA, help("spots to this |g|, and peaks to it are used").range(0.2, 10));
    v("sigma_invA", sigma_invA,
      help("kinematical intensities fall as exp(−s²/2σ²) with the excitation error s").above(0));
    v("sg_max_invA", sg_max_invA, help("spots with larger |s| are left out").above(0));
    v("precession_mrad", precession_mrad, help("angle of the hollow cone").range(0, 100));
    v("scattering", scattering, help("table of atomic scattering factors"));
    v("faintest", faintest,
      help("spots below this part of a pattern's brightest are left out").range(0, 1));
    v("dynamical", dynamical,
      help("templates by Bloch waves for several thicknesses; sigma_invA and sg_max_invA then mean "
           "nothing"));
  }

  void check(const std::string& key, Problems& problems) const {
    if (dynamical && dynamical->thicknesses().empty())
      problems.add(joined_path(key, "dynamical.thickness_A"), "is empty; [100, 200, 300] would do");
  }
};

struct TemplateLibraryOptions : LibraryTemplateOptions {
  std::map<std::string, PhaseOptions> phases;

  template <class Visitor>
  void describe(Visitor& v) {
    v("phases", phases, help("crystals that may be there, by name").required());
    LibraryTemplateOptions::describe(v);
  }

  void check(const std::string& key, Problems& problems) const {
    if (phases.empty())
      problems.add(key + ".phases", "is empty; it names the crystals that may be there");
    LibraryTemplateOptions::check(key, problems);
  }
};

/// Phases in the order of their names, their files added to the provenance.
std::vector<Crystal> read_phases(const TemplateLibraryOptions& options, RunContext& context);
/// One of each phase. With a `partial` file, dynamical templates are kept in it while they are
/// made, and context.resume goes on from there. Error (interrupted) if a signal asked for it; other
/// errors as of kinematical_library and dynamical_library.
std::vector<PhaseLibrary> make_libraries(const LibraryTemplateOptions& options,
                                         const std::vector<Crystal>& phases,
                                         const RunContext& context,
                                         const std::string& partial = "");

}  // namespace pendel
