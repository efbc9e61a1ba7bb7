// Layers of crystal, the engine that crosses them, and what comes out with its derivatives.
#include <algorithm>

#include "bind.hpp"
#include "core/electron.hpp"
#include "core/error.hpp"
#include "core/parallel.hpp"
#include "crystal/displacement.hpp"
#include "crystal/orientation.hpp"
#include "fit/position_fit.hpp"
#include "model/forward_model.hpp"
#include "model/surrogate.hpp"
#include "sim/beams.hpp"
#include "studies/direction_engines.hpp"
#include "studies/pattern_image.hpp"

namespace pendel::python {

namespace {

using Eigen::MatrixXd;
using Eigen::VectorXd;
using ComplexArray = py::array_t<complex>;

constexpr double unbounded = std::numeric_limits<double>::infinity();

/// A specimen and an engine with its beams.
class Simulator {
 public:
  Simulator(const py::sequence& layers, double energy_keV,
            const std::optional<Vec3>& beam_direction, const std::optional<Vec3>& zone_axis,
            const std::optional<Vec3>& x_axis, const std::optional<Mat3>& R_lab_crystal,
            const Vec2& tilt_mrad, const py::object& tilts_mrad, const py::kwargs& keywords) {
    options_ = options_of<EngineOptions>(keywords, "Simulator");
    const int given = bool(beam_direction) + bool(zone_axis) + bool(R_lab_crystal);
    if (given != 1 || bool(x_axis) == bool(R_lab_crystal))
      throw Error(ErrorKind::study,
                  "Simulator: give the orientation as beam_direction and x_axis, as zone_axis and "
                  "x_axis, or as R_lab_crystal");
    state_.energy_keV = energy_keV;
    state_.beam_tilt = 1e-3 * tilt_mrad;
    state_.absorption_strength = options_.absorption_strength;
    std::vector<const Crystal*> known;
    for (const py::handle& item : layers) {
      const auto layer = item.cast<std::pair<const Crystal*, double>>();
      if (!layer.first || !(layer.second > 0))
        throw Error(ErrorKind::study,
                    "Simulator: a layer is a Crystal and a thickness in Å above 0");
      std::size_t index = 0;
      while (index < known.size() && known[index] != layer.first) ++index;
      if (index == known.size()) {
        known.push_back(layer.first);
        const Vec3 along = beam_direction ? *beam_direction
                           : zone_axis    ? Vec3(-*zone_axis)
                                          : Vec3(0, 0, 1);
        state_.crystals.push_back(
            {*layer.first,
             R_lab_crystal ? *R_lab_crystal : orientation(layer.first->cell, along, *x_axis)});
      }
      state_.layers.push_back({int(index), layer.second});
    }
    if (state_.layers.empty()) throw Error(ErrorKind::study, "Simulator: no layers");
    std::vector<Vec2> incidence = {Vec2(0, 0)};
    if (!tilts_mrad.is_none()) incidence = tilts(tilts_mrad.cast<Reals>());
    const LongCall call;
    const BeamList list = beam_list(state_, options_, incidence);
    // Bloch waves take the list by themselves, single scattering the beams that are asked for;
    // split-step has a grid instead: every beam of the zone on it is asked for
    std::vector<Hkl> wanted = {Hkl{}};
    const EngineKind kind = engine_kind(state_, options_);
    if (kind == EngineKind::kinematical) wanted = list.hkl;
    if (kind == EngineKind::splitstep) wanted = zone_beams(state_, options_.g_max_invA).hkl;
    EngineWithBeams made = make_engine(state_, wanted, options_, list, incidence);
    note_ = made.note;
    engine_ = std::make_shared<const Engine>(std::move(made.engine));
  }

  const State& state() const { return state_; }
  const std::shared_ptr<const Engine>& engine() const { return engine_; }
  const std::string& note() const { return note_; }
  Indices hkl() const { return python::array_of(beams(*engine_).hkl); }
  MatrixXd g() const {
    const Beams& list = beams(*engine_);
    MatrixXd g(list.size(), 3);
    for (std::size_t i = 0; i < list.size(); ++i) g.row(Eigen::Index(i)) = list.g[i].transpose();
    return g;
  }

  py::object exit_waves(const Reals& tilts_mrad, const py::object& derivatives) const {
    const std::vector<Vec2> incidence = tilts(tilts_mrad);
    std::vector<StateTangent> tangents;
    if (!derivatives.is_none())
      for (const auto& p : derivatives.cast<std::vector<Parameter>>())
        tangents.push_back(p.direction);
    // in blocks of a few directions, which share work, for each thread
    constexpr std::size_t most = 16;
    const std::size_t blocks = (incidence.size() + most - 1) / most, N = beams(*engine_).size();
    ComplexArray psi({incidence.size(), N});
    ComplexArray dpsi({tangents.size(), incidence.size(), N});
    complex *to = psi.mutable_data(), *dto = dpsi.mutable_data();
    {
      const LongCall call;
      parallel_for(long(blocks), [&](long block, int) {
        const std::size_t first = std::size_t(block) * most;
        const std::vector<Vec2> part(
            incidence.begin() + long(first),
            incidence.begin() + long(std::min(first + most, incidence.size())));
        ExitWaves waves;
        pendel::exit_waves(*engine_, state_, part, tangents, waves);
        for (std::size_t d = 0; d < part.size(); ++d) {
          const auto column = Eigen::Index(d);
          for (std::size_t i = 0; i < N; ++i)
            to[(first + d) * N + i] = waves.psi(Eigen::Index(i), column);
          for (std::size_t t = 0; t < tangents.size(); ++t)
            for (std::size_t i = 0; i < N; ++i)
              dto[(t * incidence.size() + first + d) * N + i] =
                  waves.dpsi[t](Eigen::Index(i), column);
        }
      });
    }
    if (derivatives.is_none()) return psi;
    return py::make_tuple(psi, dpsi);
  }

  ComplexArray thickness_series(const std::vector<double>& thicknesses_A, const Reals& tilts_mrad,
                                int layer) const {
    check_layer(layer);
    const std::vector<Vec2> incidence = tilts(tilts_mrad);
    const std::size_t N = beams(*engine_).size();
    ComplexArray psi({thicknesses_A.size(), incidence.size(), N});
    complex* to = psi.mutable_data();
    const LongCall call;
    pendel::thickness_series(
        *engine_, state_, incidence, layer, thicknesses_A,
        [&](std::size_t t, const std::vector<std::size_t>& directions, const MatrixXcd& block) {
          for (std::size_t d = 0; d < directions.size(); ++d)
            for (std::size_t i = 0; i < N; ++i)
              to[(t * incidence.size() + directions[d]) * N + i] =
                  block(Eigen::Index(i), Eigen::Index(d));
        });
    return psi;
  }

  py::object cbed(double semiangle_mrad, const std::optional<std::vector<double>>& thicknesses_A,
                  int layer, const py::kwargs& keywords) const {
    const Node root = node_of(keywords, "cbed");
    CbedOptions options;
    BeamOptions beam;
    beam.energy_keV = state_.energy_keV;
    beam.semiangle_mrad = semiangle_mrad;
    Problems problems(root);
    read_options(root, "", options, problems);
    check_cbed(options, beam, problems);
    problems.throw_if_any();
    if (!(semiangle_mrad > 0 && semiangle_mrad <= 100))
      throw Error(ErrorKind::study, "cbed: semiangle_mrad must be above 0, at most 100");
    const std::vector<double> thicknesses = thicknesses_of(thicknesses_A, layer);
    Array images;
    {
      const LongCall call;
      // every beam whose disk reaches the detector, from wherever in the cone
      const double reach = corner_k(detector_of(options.detector, state_.energy_keV)) +
                           1e-3 * semiangle_mrad / electron::wavelength(state_.energy_keV);
      std::vector<Vec2> rim = {Vec2::Zero()};
      for (int i = 0; i < 16; ++i)
        rim.push_back(1e-3 * semiangle_mrad *
                      Vec2(std::cos(electron::pi * i / 8), std::sin(electron::pi * i / 8)));
      const DirectionEngines engines(thickest(layer, thicknesses), options_, rim,
                                     {std::min(reach, options_.g_max_invA), std::nullopt}, true);
      RunContext context;
      context.quiet = true;
      images = cbed_images(options, state_, beam, engines, layer, thicknesses, context);
    }
    py::array_t<double> result(images.shape);
    std::copy(images.values.begin(), images.values.end(), result.mutable_data());
    return thicknesses_A ? py::object(result) : py::object(result[py::int_(0)]);
  }

  py::object lacbed(const Indices& hkl, double semiangle_mrad, int pixels,
                    const std::optional<std::vector<double>>& thicknesses_A, int layer) const {
    const std::vector<Hkl> disks = hkl_of(hkl);
    if (!(semiangle_mrad > 0) || pixels < 2)
      throw Error(ErrorKind::study, "lacbed: semiangle_mrad must be above 0, pixels 2 or more");
    const std::vector<double> thicknesses = thicknesses_of(thicknesses_A, layer);
    const auto side = std::size_t(pixels);
    std::vector<Vec2> directions;
    std::vector<std::size_t> place;  // of a direction: row * side + column
    for (std::size_t i = 0; i < side * side; ++i) {
      const Vec2 t(2 * double(i % side) / double(side - 1) - 1,
                   2 * double(i / side) / double(side - 1) - 1);
      if (t.norm() > 1 + 1e-12) continue;
      directions.push_back(1e-3 * semiangle_mrad * t);
      place.push_back(i);
    }
    py::array_t<double> result({thicknesses.size(), disks.size(), side, side});
    double* to = result.mutable_data();
    std::fill_n(to, result.size(), std::numeric_limits<double>::quiet_NaN());
    {
      const LongCall call;
      DirectionEngines engines(thickest(layer, thicknesses), options_, directions, {0, disks},
                               true);
      engines.thickness_series(
          state_, directions, layer, thicknesses,
          [&](std::size_t t, const std::vector<std::size_t>& some, const MatrixXcd& psi) {
            for (std::size_t d = 0; d < some.size(); ++d)
              for (std::size_t i = 0; i < disks.size(); ++i)
                to[(t * disks.size() + i) * side * side + place[some[d]]] =
                    std::norm(psi(Eigen::Index(i), Eigen::Index(d)));
          });
    }
    return thicknesses_A ? py::object(result) : py::object(result[py::int_(0)]);
  }

 private:
  void check_layer(int layer) const {
    if (layer < 0 || layer >= int(state_.layers.size()))
      throw Error(ErrorKind::study, "there is no layer " + std::to_string(layer) +
                                        "; the simulator has " +
                                        std::to_string(state_.layers.size()));
  }
  std::vector<double> thicknesses_of(const std::optional<std::vector<double>>& given,
                                     int layer) const {
    check_layer(layer);
    if (!given) return {state_.layers[std::size_t(layer)].thickness};
    for (const double thickness : *given)
      if (!(thickness > 0))
        throw Error(ErrorKind::study,
                    "thicknesses_A: " + std::to_string(thickness) + " is not above 0");
    if (given->empty()) throw Error(ErrorKind::study, "thicknesses_A: is empty");
    return *given;
  }
  State thickest(int layer, const std::vector<double>& thicknesses) const {
    State state = state_;
    state.layers[std::size_t(layer)].thickness =
        *std::max_element(thicknesses.begin(), thicknesses.end());
    return state;
  }
  static std::vector<Vec2> tilts(const Reals& tilts_mrad) {
    const MatrixXd rows = rows_of(tilts_mrad, 2, "tilts_mrad");
    std::vector<Vec2> result;
    for (Eigen::Index i = 0; i < rows.rows(); ++i)
      result.push_back(1e-3 * Vec2(rows.row(i).transpose()));
    return result;
  }

  State state_;
  EngineOptions options_;
  std::shared_ptr<const Engine> engine_;
  std::string note_;
};

/// Disk intensities as a function of parameters.
class Model {
 public:
  Model(const Simulator& simulator, const Indices& hkl, const std::vector<Parameter>& parameters,
        double semiangle_mrad, const std::optional<double>& surrogate_tolerance)
      : hkl_(hkl_of(hkl)) {
    const LongCall call;
    double g_max = 0;
    for (const Hkl& h : hkl_)
      g_max = std::max(g_max, simulator.state().crystals[0].crystal.g(h).v.norm());
    const int degree =
        disk_aperture_degree(1e-3 * semiangle_mrad, g_max, total_thickness(simulator.state()));
    exact_ = std::make_shared<ForwardModel>(simulator.state(), simulator.engine(), hkl_, parameters,
                                            1e-3 * semiangle_mrad, degree);
    model_ = exact_;
    if (surrogate_tolerance) {
      SurrogateOptions options;
      options.tolerance = *surrogate_tolerance;
      model_ = std::make_shared<Surrogate>(*exact_, options);
    }
  }

  const DiskModel& model() const { return *model_; }
  Indices hkl() const { return python::array_of(hkl_); }

  py::object evaluate(const Reals& values, bool jacobian) const {
    const auto count = Eigen::Index(model_->parameters().size()), disks = Eigen::Index(hkl_.size());
    const MatrixXd rows = rows_of(values, int(count), "values");
    const bool one = values.ndim() == 1;
    py::array_t<double> intensity({py::ssize_t(rows.rows()), py::ssize_t(disks)});
    py::array_t<double> slopes(
        {py::ssize_t(jacobian ? rows.rows() : 0), py::ssize_t(disks), py::ssize_t(count)});
    double *to = intensity.mutable_data(), *dto = slopes.mutable_data();
    {
      const LongCall call;
      parallel_for(long(rows.rows()), [&](long i, int) {
        const VectorXd x = rows.row(i).transpose();
        VectorXd I;
        MatrixXd J;
        model_->evaluate(x.data(), I, jacobian ? &J : nullptr);
        for (Eigen::Index d = 0; d < disks; ++d) {
          to[i * disks + d] = I[d];
          if (jacobian)
            for (Eigen::Index p = 0; p < count; ++p) dto[(i * disks + d) * count + p] = J(d, p);
        }
      });
    }
    const auto shaped = [&](py::array array) {
      return one ? py::object(array[py::int_(0)]) : py::object(array);
    };
    if (!jacobian) return shaped(intensity);
    return py::make_tuple(shaped(intensity), shaped(slopes));
  }

  py::dict fit(const Reals& intensities, const std::string& noise,
               const std::optional<Reals>& variances, double dose,
               const std::array<double, 2>& scale, const std::array<double, 2>& background,
               int samples, int starts) const {
    const auto disks = Eigen::Index(hkl_.size());
    const MatrixXd rows = rows_of(intensities, int(disks), "intensities");
    if (noise != "poisson" && noise != "gaussian")
      throw Error(ErrorKind::study, "fit: noise is poisson or gaussian, not " + noise);
    if ((noise == "gaussian") != bool(variances))
      throw Error(ErrorKind::study, "fit: variances belong to noise='gaussian'");
    MatrixXd variance;
    if (variances) variance = rows_of(*variances, int(disks), "variances");
    if (variances && variance.rows() != rows.rows())
      throw Error(ErrorKind::study, "fit: variances and intensities differ in shape");
    for (const Parameter& p : model_->parameters())
      if (!std::isfinite(p.lower) || !std::isfinite(p.upper))
        throw Error(ErrorKind::study,
                    "fit: parameter " + p.name + " has no range; give lower and upper");
    FitOptions options;
    options.starts = starts;
    options.nuisance = {scale[0], scale[1], background[0], background[1]};
    const auto positions = rows.rows(), count = Eigen::Index(model_->parameters().size());
    const auto unknowns = count + 2;
    MatrixXd values(positions, count), errors(positions, count), fitted(positions, disks);
    VectorXd scales(positions), backgrounds(positions), chi2(positions);
    py::array_t<double> covariance({positions, unknowns, unknowns});
    double* cov = covariance.mutable_data();
    py::array_t<int> status(positions);
    int* state = status.mutable_data();
    {
      const LongCall call;
      const StartTable table(*model_, samples);
      parallel_for(long(positions), [&](long i, int) {
        DiskData data;
        data.intensity = rows.row(i).transpose();
        data.noise.kind = variances ? Noise::gaussian : Noise::poisson;
        if (variances) data.variance = variance.row(i).transpose();
        data.dose = dose;
        const PositionFit fit =
            fit_position(*model_, table, data, options, model_ == exact_ ? nullptr : exact_.get());
        state[i] = int(fit.status);
        const bool none = fit.status == FitStatus::no_data;
        const double nan = std::numeric_limits<double>::quiet_NaN();
        for (Eigen::Index p = 0; p < count; ++p) {
          values(i, p) = none ? nan : fit.solution.values[p];
          errors(i, p) = none ? nan : std::sqrt(fit.covariance(p, p));
        }
        for (Eigen::Index p = 0; p < unknowns; ++p)
          for (Eigen::Index q = 0; q < unknowns; ++q)
            cov[(i * unknowns + p) * unknowns + q] = none ? nan : fit.covariance(p, q);
        scales[i] = none ? nan : fit.solution.scale;
        backgrounds[i] = none ? nan : fit.solution.background;
        chi2[i] = none ? nan : fit.reduced_chi2;
        for (Eigen::Index d = 0; d < disks; ++d) fitted(i, d) = none ? nan : fit.fitted[d];
      });
    }
    py::dict result;
    py::list names;
    for (const Parameter& p : model_->parameters()) names.append(p.name);
    result["parameters"] = names;
    result["values"] = values;
    result["errors"] = errors;
    result["covariance"] = covariance;
    result["scale"] = scales;
    result["background"] = backgrounds;
    result["reduced_chi2"] = chi2;
    result["fitted"] = fitted;
    result["status"] = status;
    return result;
  }

 private:
  std::vector<Hkl> hkl_;
  std::shared_ptr<const ForwardModel> exact_;
  std::shared_ptr<const DiskModel> model_;
};

int checked_crystal(const Simulator& s, int crystal) {
  if (crystal < 0 || crystal >= int(s.state().crystals.size()))
    throw Error(ErrorKind::study, "there is no crystal " + std::to_string(crystal) +
                                      "; the simulator has " +
                                      std::to_string(s.state().crystals.size()));
  return crystal;
}

Parameter displacement(const Simulator& s, const Reals& displacements_A, const std::string& name,
                       int crystal, double lower, double upper) {
  const Crystal& moved = s.state().crystals[std::size_t(checked_crystal(s, crystal))].crystal;
  const MatrixXd rows = rows_of(displacements_A, 3, "displacements_A");
  if (std::size_t(rows.rows()) != moved.sites.size())
    throw Error(ErrorKind::study, "displacements_A: " + std::to_string(rows.rows()) +
                                      " rows for the crystal's " +
                                      std::to_string(moved.sites.size()) + " atoms");
  CrystalTangent mode;
  for (Eigen::Index i = 0; i < rows.rows(); ++i)
    mode.displacement.push_back(rows.row(i).transpose());
  return mode_parameter(s.state(), crystal, mode, name, lower, upper);
}

}  // namespace

void bind_simulator(py::module_& module) {
  py::class_<Parameter>(module, "Parameter",
                        "A direction in which the specimen or the beam changes, with a unit and a "
                        "range; made by a Simulator.")
      .def_readonly("name", &Parameter::name, "What it is called in results of fits.")
      .def_readonly("unit", &Parameter::unit, "Of its values.")
      .def_readonly("lower", &Parameter::lower, "Least value that fits try.")
      .def_readonly("upper", &Parameter::upper, "Greatest value that fits try.")
      .def_readonly("nominal", &Parameter::nominal, "Value of the simulator as it was made.")
      .def("__repr__",
           [](const Parameter& p) { return "<pendel.Parameter " + p.name + " [" + p.unit + "]>"; });

  py::class_<Simulator>(
      module, "Simulator",
      "Layers of crystal in a beam, and the engine that computes the waves behind them.")
      .def(
          py::init<const py::sequence&, double, const std::optional<Vec3>&,
                   const std::optional<Vec3>&, const std::optional<Vec3>&,
                   const std::optional<Mat3>&, const Vec2&, const py::object&, const py::kwargs&>(),
          py::arg("layers"), py::arg("energy_keV"), py::arg("beam_direction") = py::none(),
          py::arg("zone_axis") = py::none(), py::arg("x_axis") = py::none(),
          py::arg("R_lab_crystal") = py::none(), py::arg("tilt_mrad") = Vec2(0, 0),
          py::arg("tilts_mrad") = py::none(),
          "layers: (Crystal, thickness [Å]) in beam order. The orientation: beam_direction or "
          "zone_axis [uvw]\nwith x_axis [uvw], or R_lab_crystal (3, 3). tilt_mrad: direction of "
          "the incident beam, the crystal\nfixed. tilts_mrad (n, 2): further directions that the "
          "list of beams shall be good for.\nOther keywords as the keys of a study's engine: "
          "kind='auto' | 'splitstep' | 'bloch' | 'kinematical',\nscattering, absorption, "
          "g_max_invA, slice_A, sg_max_invA, tolerance, zones, ... StudyError for "
          "what is out of range or unknown.")
      .def_property_readonly(
          "hkl", &Simulator::hkl,
          "Miller indices of the beams in the first layer's crystal; (beams, 3).")
      .def_property_readonly("g", &Simulator::g, "1/Å, lab frame; (beams, 3).")
      .def_property_readonly("note", &Simulator::note, "How the beams were chosen.")
      .def("exit_waves", &Simulator::exit_waves, py::arg("tilts_mrad") = Vec2(0, 0),
           py::arg("derivatives") = py::none(),
           "Complex amplitudes (n, beams) behind the specimen for incident directions (n, 2), "
           "added to the\nsimulator's tilt. With derivatives, a list of Parameters: a pair, of the "
           "amplitudes and their\nexact derivatives (parameters, n, beams) per unit of each.")
      .def("thickness_series", &Simulator::thickness_series, py::arg("thicknesses_A"),
           py::arg("tilts_mrad") = Vec2(0, 0), py::arg("layer") = 0,
           "Amplitudes (thicknesses, n, beams) with one layer as thick as each in turn.")
      .def(
          "cbed", &Simulator::cbed, py::arg("semiangle_mrad"),
          py::arg("thicknesses_A") = py::none(), py::arg("layer") = 0,
          "Image (rows, columns) of convergent-beam diffraction, fractions of the incident beam, "
          "from every beam within the\nengine's g_max_invA whose disk reaches the detector; with "
          "thicknesses_A of one layer (thicknesses, rows,\ncolumns). Other keywords as the keys of "
          "a study's pattern.cbed: detector={'rows', 'columns', 'pixel_mrad',\n'blur_px', 'dose', "
          "...}, probe={'aberrations', ...}, coherent=True, position_A=(x, y). With a dose: "
          "counts.")
      .def("lacbed", &Simulator::lacbed, py::arg("hkl"), py::arg("semiangle_mrad"),
           py::arg("pixels"), py::arg("thicknesses_A") = py::none(), py::arg("layer") = 0,
           "Intensities of disks hkl (disks, 3) as each alone would show them: (disks, pixels, "
           "pixels), the beam's tilt\nlinspace(-semiangle_mrad, semiangle_mrad, pixels) along "
           "columns (x) and rows (y), NaN outside the cone; with\nthicknesses_A of one layer "
           "(thicknesses, disks, pixels, pixels). Beams follow the tilt over any angle.")
      .def(
          "tilt",
          [](const Simulator& s, const std::string& axis, double lower, double upper) {
            if (axis != "x" && axis != "y")
              throw Error(ErrorKind::study, "tilt: the axis is x or y, not " + axis);
            return tilt_parameter(s.state(), axis == "y", lower, upper);
          },
          py::arg("axis"), py::arg("lower") = -unbounded, py::arg("upper") = unbounded,
          "The beam's tilt along lab x or y [mrad].")
      .def(
          "thickness",
          [](const Simulator& s, int layer, double lower, double upper) {
            if (layer < 0 || layer >= int(s.state().layers.size()))
              throw Error(ErrorKind::study, "there is no layer " + std::to_string(layer));
            return thickness_parameter(s.state(), layer, lower, upper);
          },
          py::arg("layer") = 0, py::arg("lower") = -unbounded, py::arg("upper") = unbounded,
          "The thickness of a layer [Å].")
      .def("displacement", &displacement, py::arg("displacements_A"), py::arg("name"),
           py::arg("crystal") = 0, py::arg("lower") = -unbounded, py::arg("upper") = unbounded,
           "Amplitude of a displacement mode: displacements_A (atoms, 3) [Å, crystal Cartesian] at "
           "amplitude 1.\ncrystal: of the different ones among the layers, in their order, from 0.")
      .def(
          "debye_waller",
          [](const Simulator& s, const std::string& element, int crystal, double lower,
             double upper) {
            return debye_waller_parameter(s.state(), checked_crystal(s, crystal),
                                          atomic_number(element), lower, upper);
          },
          py::arg("element"), py::arg("crystal") = 0, py::arg("lower") = -unbounded,
          py::arg("upper") = unbounded, "Isotropic B [Å²] of an element.")
      .def(
          "absorption",
          [](const Simulator& s, double lower, double upper) {
            return absorption_parameter(s.state(), lower, upper);
          },
          py::arg("lower") = -unbounded, py::arg("upper") = unbounded,
          "Factor on the absorptive potential.");

  py::class_<Model>(module, "Model",
                    "Intensities of diffraction disks as a function of parameters: value, "
                    "Jacobian and fits.")
      .def(py::init<const Simulator&, const Indices&, const std::vector<Parameter>&, double,
                    const std::optional<double>&>(),
           py::arg("simulator"), py::arg("hkl"), py::arg("parameters"),
           py::arg("semiangle_mrad") = 0, py::arg("surrogate_tolerance") = py::none(),
           "hkl: the disks (disks, 3). semiangle_mrad: of the illumination; 0: a plane wave. "
           "surrogate_tolerance:\nfits use a fast Chebyshev series of this error (Σ|ΔI|/ΣI), "
           "certified against the engine; needs ranges\nof all parameters and the engine "
           "splitstep.")
      .def_property_readonly("hkl", &Model::hkl, "The disks; (disks, 3).")
      .def_property_readonly(
          "parameters", [](const Model& m) { return m.model().parameters(); },
          "In the order of values.")
      .def(
          "__call__", [](const Model& m, const Reals& values) { return m.evaluate(values, false); },
          py::arg("values"),
          "Intensities (n, disks), fractions of the incident beam, at values (n, parameters); one "
          "row for one row.")
      .def(
          "jacobian", [](const Model& m, const Reals& values) { return m.evaluate(values, true); },
          py::arg("values"),
          "The intensities and their derivatives (n, disks, parameters), exact for the engine.")
      .def("fit", &Model::fit, py::arg("intensities"), py::arg("noise") = "poisson",
           py::arg("variances") = py::none(), py::arg("dose") = 1,
           py::arg("scale") = std::array<double, 2>{0.5, 2},
           py::arg("background") = std::array<double, 2>{0, 0}, py::arg("samples") = 2048,
           py::arg("starts") = 5,
           "Fits every row of intensities (n, disks): dose · scale · model + background, from "
           "starts within the\nparameters' ranges. dose: data units per unit of intensity at scale "
           "1; for noise='poisson' the data\nare counts. scale, background: ranges, equal ends fix "
           "them. A dict of arrays: values, errors (n,\nparameters), covariance (n, parameters + "
           "2, same; scale and background last), scale, background,\nreduced_chi2 (n), fitted (n, "
           "disks), status (n; 0 converged, 1 not, 2 too few data), and parameters,\ntheir names. "
           "NaN where there are no data.");
}

}  // namespace pendel::python
