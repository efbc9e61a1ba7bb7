// The keys of a `fit` study that say what is fitted, one struct per kind of parameter.
#pragma once
#include <array>
#include <optional>
#include <string>
#include <vector>

#include "core/options.hpp"

namespace pendel {

/// Whether every position has its own value of a parameter, or a region or the scan one.
enum class Per { position, region, scan };
inline Choices<Per> choices(Per) {
  return {{"position", Per::position}, {"region", Per::region}, {"scan", Per::scan}};
}

struct RegionMapOptions {
  File file;
  std::string dataset = "regions";

  template <class Visitor>
  void describe(Visitor& v) {
    v("file", file, help("HDF5 file").required());
    v("dataset", dataset,
      help("integers, shaped as the scan: positions with the same one are a region"));
  }
};

struct RegionOptions {
  std::optional<RegionMapOptions> map;
  std::optional<std::vector<std::array<int, 4>>> rectangles;

  template <class Visitor>
  void describe(Visitor& v) {
    v("map", map, help("number of every position's region"));
    v("rectangles", rectangles,
      help(
          "or rectangles: first row, row after the last, first column, column after the last, from "
          "0; positions outside of all are one region more"));
    v.exactly_one({"map", "rectangles"});
  }
};

struct RangeOptions {
  std::array<double, 2> range{{0, 0}};

  template <class Visitor>
  void describe(Visitor& v) {
    v("range", range, help("lowest and highest value").required().increasing());
  }
};

/// What is known of a parameter before the data: normally distributed.
struct GaussianOptions {
  double mean = 0, sigma = 0;

  template <class Visitor>
  void describe(Visitor& v) {
    v("mean", mean, help("expected value, within the range").required());
    v("sigma", sigma, help("its standard error").required().above(0));
  }
};

/// What all fitted parameters have besides their range: `describe_rest` in each describe.
struct FittedOptions {
  std::array<double, 2> range{{0, 0}};
  Per per = Per::position;
  std::optional<GaussianOptions> prior;

  template <class Visitor>
  void describe_rest(Visitor& v) {
    v("per", per,
      help("own value at every position, or one for each of the regions, or for the scan"));
    v("prior", prior,
      help("what is known of the value beforehand (of each, where there are several), from another "
           "measurement"));
  }
};

/// Fitted once for the scan, unless the study says otherwise.
struct FittedOnce : FittedOptions {
  FittedOnce() { per = Per::scan; }
};

struct TiltFitOptions : FittedOptions {
  template <class Visitor>
  void describe(Visitor& v) {
    v("range", range, help("lowest and highest value, along x and y").required().increasing());
    describe_rest(v);
  }
};

struct ModeFitOptions : FittedOptions {
  std::string crystal, mode;
  int sublayers = 1;

  ModeFitOptions() { range = {-1.5, 1.5}; }
  ModeFitOptions(const std::string& of, const std::string& name) : ModeFitOptions() {
    crystal = of;
    mode = name;
  }

  template <class Visitor>
  void describe(Visitor& v) {
    v("crystal", crystal, help("name of a crystal").required());
    v("mode", mode, help("name of one of its displacement modes").required());
    v("range", range, help("lowest and highest amplitude; 1: as the mode is defined").increasing());
    v("sublayers", sublayers,
      help("the layer of that crystal is cut into as many, each with its own amplitude")
          .range(1, 1000));
    describe_rest(v);
  }
};

struct ThicknessFitOptions : FittedOptions {
  int layer = 1;

  template <class Visitor>
  void describe(Visitor& v) {
    v("layer", layer, help("number of the layer; the first is 1").required().at_least(1));
    v("range", range, help("lowest and highest thickness in Å").required().above(0).increasing());
    describe_rest(v);
  }
};

struct DebyeWallerFitOptions : FittedOnce {
  std::string crystal, element;

  template <class Visitor>
  void describe(Visitor& v) {
    v("crystal", crystal, help("name of a crystal").required());
    v("element", element, help("symbol of an element of it").required());
    v("range", range, help("lowest and highest B in Å²").required().at_least(0).increasing());
    describe_rest(v);
  }
};

/// A symmetric tensor's component in Cartesian axes.
enum class Component { xx, yy, zz, yz, xz, xy };
inline Choices<Component> choices(Component) {
  return {{"xx", Component::xx}, {"yy", Component::yy}, {"zz", Component::zz},
          {"yz", Component::yz}, {"xz", Component::xz}, {"xy", Component::xy}};
}
/// Row and column.
inline std::array<int, 2> indices(Component component) {
  constexpr std::array<int, 2> table[] = {{0, 0}, {1, 1}, {2, 2}, {1, 2}, {0, 2}, {0, 1}};
  return table[int(component)];
}

struct AnisotropicFitOptions : FittedOnce {
  std::string crystal, site;
  Component component = Component::xx;

  template <class Visitor>
  void describe(Visitor& v) {
    v("crystal", crystal, help("name of a crystal").required());
    v("site", site,
      help("label of a site, label#n for the n-th of a label; its equivalents follow").required());
    v("component", component,
      help("of U in the crystal's axes: a along x, b in the xy plane").required());
    v("range", range, help("lowest and highest value").required().increasing());
    describe_rest(v);
  }
};

struct OccupancyFitOptions : FittedOnce {
  std::string crystal, site;
  std::optional<std::string> instead_of;

  OccupancyFitOptions() { range = {0, 1}; }

  template <class Visitor>
  void describe(Visitor& v) {
    v("crystal", crystal, help("name of a crystal").required());
    v("site", site, help("label of sites that share the occupancy, or label#n").required());
    v("instead_of", instead_of, help("label of the sites that lose what these gain"));
    v("range", range, help("lowest and highest occupancy").at_least(0).increasing());
    describe_rest(v);
  }
};

enum class StructureFactorPart { amplitude, quadrature };
inline Choices<StructureFactorPart> choices(StructureFactorPart) {
  return {{"amplitude", StructureFactorPart::amplitude},
          {"quadrature", StructureFactorPart::quadrature}};
}

struct StructureFactorFitOptions : FittedOnce {
  std::string crystal;
  Eigen::Vector3i hkl = Eigen::Vector3i::Zero();
  StructureFactorPart part = StructureFactorPart::amplitude;

  template <class Visitor>
  void describe(Visitor& v) {
    v("crystal", crystal, help("name of a crystal").required());
    v("hkl", hkl, help("Miller indices of one of the equivalent reflections").required());
    v("part", part,
      help("amplitude: |U_g|; quadrature: what is added a quarter turn of phase ahead, |U_g| times "
           "a small change of phase"));
    v("range", range, help("lowest and highest value").required().increasing());
    describe_rest(v);
  }
};

enum class InPlane { xx, yy, xy };
inline Choices<InPlane> choices(InPlane) {
  return {{"xx", InPlane::xx}, {"yy", InPlane::yy}, {"xy", InPlane::xy}};
}

struct InPlaneStrainFitOptions : FittedOptions {
  InPlane component = InPlane::xx;

  template <class Visitor>
  void describe(Visitor& v) {
    v("component", component, help("in lab axes").required());
    v("range", range,
      help("lowest and highest value, 0.01: 1 %").required().range(-0.2, 0.2).increasing());
    describe_rest(v);
  }
};

struct OutOfPlaneStrainFitOptions : FittedOptions {
  std::string crystal;

  template <class Visitor>
  void describe(Visitor& v) {
    v("crystal", crystal,
      help("name of a crystal; its layers keep their number of cells and grow with the strain")
          .required());
    v("range", range,
      help("lowest and highest value, 0.01: 1 %").required().range(-0.2, 0.2).increasing());
    describe_rest(v);
  }
};

enum class LabAxis { x, y };
inline Choices<LabAxis> choices(LabAxis) { return {{"x", LabAxis::x}, {"y", LabAxis::y}}; }

struct RegistryFitOptions : FittedOptions {
  int layer = 1;
  LabAxis axis = LabAxis::x;

  template <class Visitor>
  void describe(Visitor& v) {
    v("layer", layer, help("number of the layer; the first is 1").required().at_least(1));
    v("axis", axis, help("of the lab frame").required());
    v("range", range, help("lowest and highest shift").required().increasing());
    describe_rest(v);
  }
};

struct AbsorptionFitOptions : FittedOnce {
  AbsorptionFitOptions() { range = {0, 2}; }

  template <class Visitor>
  void describe(Visitor& v) {
    v("range", range, help("lowest and highest factor on the absorption").at_least(0).increasing());
    describe_rest(v);
  }
};

struct SemiangleFitOptions : FittedOnce {
  template <class Visitor>
  void describe(Visitor& v) {
    v("range", range, help("lowest and highest value").required().range(0, 100).increasing());
    describe_rest(v);
  }
};

struct TiltSpreadFitOptions : FittedOnce {
  template <class Visitor>
  void describe(Visitor& v) {
    v("range", range, help("lowest and highest value").required().range(0, 20).increasing());
    describe_rest(v);
  }
};

}  // namespace pendel
