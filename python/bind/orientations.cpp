// Template libraries, orientations matched with them, and the languages of orientations.
#include <optional>

#include "acom/ipf.hpp"
#include "acom/library_file.hpp"
#include "bind.hpp"
#include "core/electron.hpp"
#include "core/error.hpp"
#include "core/interrupt.hpp"
#include "core/parallel.hpp"
#include "crystal/rotation.hpp"
#include "studies/match.hpp"

namespace pendel::python {

namespace {

using RowMajor3 = Eigen::Matrix<double, 3, 3, Eigen::RowMajor>;
using Names = std::shared_ptr<const std::vector<std::string>>;

constexpr double degree = electron::pi / 180;
constexpr double nothing = std::numeric_limits<double>::quiet_NaN();

const std::pair<const char*, unsigned> flag_names[] = {
    {"turned_180", turned_180}, {"ambiguous", ambiguous},     {"phase_uncertain", phase_uncertain},
    {"few_peaks", few_peaks},   {"unexplained", unexplained}, {"by_neighbours", by_neighbours}};

// Of NaN, where nothing was found, every language says NaN.
Vec3 bunge_deg(const Mat3& R) {
  return R.allFinite() ? Vec3(bunge_angles(R) / degree) : Vec3::Constant(nothing);
}
Eigen::Vector4d wxyz(const Mat3& R) {
  return R.allFinite() ? quaternion(R) : Eigen::Vector4d::Constant(nothing);
}
Mat3 of_wxyz(const Eigen::Vector4d& q) {
  return q.allFinite() && q.norm() > 0 ? from_quaternion(q) : Mat3::Constant(nothing);
}
Mat3 of_bunge_deg(const Vec3& angles) {
  return angles.allFinite() ? from_bunge_angles(angles * degree) : Mat3::Constant(nothing);
}

/// (..., inner) to (..., outer), item by item: change(const double* from, double* to).
template <class Change>
py::array_t<double> each(const Reals& array, const std::vector<py::ssize_t>& inner,
                         const std::vector<py::ssize_t>& outer, const std::string& what,
                         Change change) {
  const auto size = [](const std::vector<py::ssize_t>& shape) {
    py::ssize_t product = 1;
    for (const py::ssize_t n : shape) product *= n;
    return product;
  };
  std::vector<py::ssize_t> shape(array.shape(), array.shape() + array.ndim());
  const auto last = shape.end() - std::min<long>(long(inner.size()), long(shape.size()));
  if (!std::equal(last, shape.end(), inner.begin(), inner.end())) {
    std::string text;
    for (const py::ssize_t n : inner) text += ", " + std::to_string(n);
    throw Error(ErrorKind::study, what + ": an array of shape (..." + text + ") is needed");
  }
  shape.erase(last, shape.end());
  shape.insert(shape.end(), outer.begin(), outer.end());
  py::array_t<double> result(shape);
  const double* from = array.data();
  double* to = result.mutable_data();
  const py::ssize_t count = array.size() / size(inner);
  {
    const LongCall call;
    for (py::ssize_t i = 0; i < count; ++i, from += size(inner), to += size(outer)) {
      stop_if_interrupted();
      change(from, to);
    }
  }
  return result;
}

Mat3 matrix_at(const double* from) { return Eigen::Map<const RowMajor3>(from); }
void put(const Mat3& R, double* to) {
  Eigen::Map<RowMajor3> matrix(to);
  matrix = R;
}

py::array_t<double> colours(const Crystal& crystal, const Reals& R_lab_crystal,
                            const Vec3& direction) {
  if (!(direction.norm() > 0))
    throw Error(ErrorKind::study, "ipf_colours: the direction is (0, 0, 0)");
  const IpfKey key(point_group(crystal));
  return each(R_lab_crystal, {3, 3}, {3}, "R_lab_crystal", [&](const double* from, double* to) {
    const Mat3 R = matrix_at(from);
    Eigen::Map<Vec3> rgb(to);
    rgb = R.allFinite() ? key.colour(crystal_direction(R, direction)) : Vec3::Constant(nothing);
  });
}

py::dict colour_key(const Crystal& crystal, std::size_t pixels) {
  const IpfLegend legend = [&] {
    const LongCall call;
    return ipf_legend(IpfKey(point_group(crystal)), crystal.cell, pixels);
  }();
  py::array_t<float> image({legend.rows, legend.columns, std::size_t(3)});
  std::copy(legend.rgb.begin(), legend.rgb.end(), image.mutable_data());
  Eigen::MatrixXd outline(legend.outline.size(), 2);
  for (std::size_t i = 0; i < legend.outline.size(); ++i)
    outline.row(Eigen::Index(i)) = legend.outline[i].transpose();
  py::list corners;
  for (const IpfLegend::Corner& corner : legend.corners)
    corners.append(py::make_tuple(corner.indices, corner.column, corner.row));
  py::dict result;
  result["image"] = image;
  result["outline"] = outline;
  result["corners"] = corners;
  return result;
}

/// Templates of one or several crystals.
class Library {
 public:
  explicit Library(std::vector<PhaseLibrary> phases) : phases_(std::move(phases)) {
    auto names = std::make_shared<std::vector<std::string>>();
    for (const PhaseLibrary& phase : phases_) names->push_back(phase.name);
    names_ = names;
  }
  static Library made(const py::object& crystals, const py::kwargs& keywords) {
    const Node root = node_of(keywords, "Library");
    LibraryTemplateOptions options;
    Problems problems(root);
    read_options(root, "", options, problems);
    options.check("", problems);
    problems.throw_if_any();
    std::vector<Crystal> phases;
    if (py::isinstance<py::dict>(crystals)) {
      for (const auto& [name, crystal] : crystals.cast<std::map<std::string, Crystal>>()) {
        phases.push_back(crystal);
        phases.back().name = name;
      }
    } else if (py::isinstance<Crystal>(crystals)) {
      phases.push_back(crystals.cast<Crystal>());
    } else {
      phases = crystals.cast<std::vector<Crystal>>();
    }
    if (phases.empty()) throw Error(ErrorKind::study, "Library: no crystals");
    RunContext context;
    context.quiet = true;
    const LongCall call;
    return Library(make_libraries(options, phases, context));
  }
  static Library loaded(const py::object& path) {
    const std::string file = py::str(path);
    const LongCall call;
    return Library(read_libraries(file));
  }
  void save(const py::object& path) const {
    const std::string file = py::str(path);
    const LongCall call;
    save_libraries(file, phases_);
  }

  const std::vector<PhaseLibrary>& phases() const { return phases_; }
  const Names& names() const { return names_; }
  const PhaseLibrary& phase(const py::object& which) const {
    if (py::isinstance<py::int_>(which)) {
      const auto index = which.cast<long>();
      if (index < 0 || index >= long(phases_.size()))
        throw py::index_error("phase " + std::to_string(index) + " of " +
                              std::to_string(phases_.size()));
      return phases_[std::size_t(index)];
    }
    const auto name = which.cast<std::string>();
    for (const PhaseLibrary& phase : phases_)
      if (phase.name == name) return phase;
    throw Error(ErrorKind::study, "phase " + unknown_name(name, *names_));
  }
  py::array_t<double> orientations(const py::object& which) const {
    const PhaseLibrary& from = phase(which);
    py::array_t<double> result({from.templates.size(), std::size_t(3), std::size_t(3)});
    double* to = result.mutable_data();
    for (const Template& one : from.templates) put(one.R_lab_crystal, to), to += 9;
    return result;
  }
  py::dict pattern(const py::object& which, std::size_t index) const {
    const PhaseLibrary& from = phase(which);
    if (index >= from.templates.size())
      throw py::index_error("template " + std::to_string(index) + " of " +
                            std::to_string(from.templates.size()));
    const Template& one = from.templates[index];
    const std::size_t spots = one.q.size(),
                      rows = std::max<std::size_t>(1, from.thickness_A.size());
    Eigen::MatrixXd q(spots, 2), intensity(rows, spots);
    for (std::size_t i = 0; i < spots; ++i) {
      q.row(Eigen::Index(i)) = one.q[i].transpose();
      for (std::size_t t = 0; t < rows; ++t)
        intensity(Eigen::Index(t), Eigen::Index(i)) = double(one.intensity[t * spots + i]);
    }
    py::dict result;
    result["R_lab_crystal"] = one.R_lab_crystal;
    result["hkl"] = python::array_of(one.hkl);
    result["q"] = q;
    result["intensity"] = intensity;
    return result;
  }

 private:
  std::vector<PhaseLibrary> phases_;
  Names names_;
};

std::vector<PeakVector> peaks_of(const py::handle& object) {
  const auto array = py::reinterpret_borrow<py::object>(object).cast<Reals>();
  if (array.size() == 0) return {};
  if (array.ndim() != 2 || (array.shape(1) != 3 && array.shape(1) != 5))
    throw Error(ErrorKind::study,
                "peaks: an array of shape (n, 3), q_x, q_y [1/Å] and intensity, or (n, 5) with "
                "standard deviations of q_x and q_y is needed");
  const auto rows = array.unchecked<2>();
  std::vector<PeakVector> peaks(std::size_t(rows.shape(0)));
  for (py::ssize_t i = 0; i < rows.shape(0); ++i) {
    PeakVector& peak = peaks[std::size_t(i)];
    peak.q = Vec2(rows(i, 0), rows(i, 1));
    peak.intensity = rows(i, 2);
    if (!peak.q.allFinite() || !(peak.intensity >= 0) || !std::isfinite(peak.intensity))
      throw Error(ErrorKind::study, "peaks: row " + std::to_string(i) +
                                        " is not finite, or its intensity is below 0");
    if (rows.shape(1) == 5) peak.covariance = Vec2(rows(i, 3), rows(i, 4)).cwiseAbs2().asDiagonal();
  }
  return peaks;
}

/// One orientation that may be in a pattern.
struct Solution {
  Names names;
  Match match;
  double share = nothing;
  std::vector<Solution> alternatives = {};

  py::object phase() const {
    return match.phase < 0 ? py::object(py::none())
                           : py::object(py::str((*names)[std::size_t(match.phase)]));
  }
  double error_deg() const { return std::sqrt(match.covariance.trace()) / degree; }
};

/// What a pattern shows.
struct Pattern {
  Names names;
  PatternMatch found;
  std::vector<Overlapping> above;  // each other

  /// The best if it is indexed, else one without values.
  Solution best() const {
    if (found.indexed()) return {names, found.candidates.front()};
    Match none;
    none.R_lab_crystal.setConstant(nothing);
    none.score = none.residual_invA = nothing;
    return {names, none};
  }
  std::vector<Solution> solutions(const std::vector<Match>& matches) const {
    std::vector<Solution> list;
    for (const Match& match : matches) list.push_back({names, match});
    return list;
  }
  std::vector<Solution> overlapping() const {
    std::vector<Solution> list;
    for (const Overlapping& crystal : above)
      list.push_back({names, crystal.match, crystal.share, solutions(crystal.tied)});
    return list;
  }
};

/// Matcher with what is written down of its results.
class PatternMatcher {
 public:
  PatternMatcher(const Library& library, const py::kwargs& keywords)
      : options_(options_of<MatchingOptions>(keywords, "Matcher")), names_(library.names()) {
    const LongCall call;
    matcher_ = std::make_unique<Matcher>(library.phases(), match_options(options_));
  }

  Pattern match(const py::object& peaks) const {
    const std::vector<PeakVector> vectors = peaks_of(peaks);
    const LongCall call;
    return one(vectors);
  }

  py::dict match_all(const py::iterable& patterns) const {
    std::vector<std::vector<PeakVector>> vectors;
    for (const py::handle& peaks : patterns) vectors.push_back(peaks_of(peaks));
    const std::size_t n = vectors.size(), phases = names_->size(),
                      most = options_.overlapping > 1 ? std::size_t(options_.overlapping) : 0;
    py::dict result;
    const auto integers = [&](const char* name, std::vector<std::size_t> more = {}) {
      more.insert(more.begin(), n);
      py::array_t<int> array(more);
      result[name] = array;
      return array.mutable_data();
    };
    const auto reals = [&](const std::string& name, std::vector<std::size_t> more = {}) {
      more.insert(more.begin(), n);
      py::array_t<double> array(more);
      std::fill_n(array.mutable_data(), array.size(), nothing);
      result[py::str(name)] = array;
      return array.mutable_data();
    };
    struct Columns {
      int* phase;
      double *R, *quaternion, *euler, *score, *residual, *error, *thickness;
      void put_at(std::size_t i, const Solution& s) const {
        phase[i] = s.match.phase;
        put(s.match.R_lab_crystal, R + 9 * i);
        Eigen::Map<Eigen::Vector4d> q(quaternion + 4 * i);
        q = wxyz(s.match.R_lab_crystal);
        Eigen::Map<Vec3> angles(euler + 3 * i);
        angles = bunge_deg(s.match.R_lab_crystal);
        score[i] = s.match.score;
        residual[i] = s.match.residual_invA;
        error[i] = s.error_deg();
        thickness[i] = s.match.thickness_A;
      }
    };
    Columns best;
    best.phase = integers("phase_id");
    best.R = reals("R_lab_crystal", {3, 3});
    best.quaternion = reals("quaternion", {4});
    best.euler = reals("euler_deg", {3});
    best.score = reals("score");
    best.residual = reals("residual_invA");
    best.error = reals("error_deg");
    best.thickness = reals("thickness_A");
    double *reliability = reals("reliability"), *between = reals("phase_reliability"),
           *probability = reals("phase_probability", {phases});
    int *flags = integers("flags"), *tied = integers("tied"), *peaks = integers("peaks"),
        *used = integers("peaks_used");
    int* crystals = most ? integers("overlapping_phase_id", {most}) : nullptr;
    double* turned = most ? reals("overlapping_R_lab_crystal", {most, 3, 3}) : nullptr;
    double* share = most ? reals("overlapping_share", {most}) : nullptr;
    {
      const LongCall call;
      parallel_for(long(n), [&](long k, int) {
        const auto i = std::size_t(k);
        const Pattern pattern = one(vectors[i]);
        const PatternMatch& found = pattern.found;
        best.put_at(i, pattern.best());
        flags[i] = int(found.flags);
        peaks[i] = found.peaks;
        tied[i] = found.indexed() ? found.tied : 0;
        used[i] = found.indexed() ? found.candidates.front().peaks : 0;
        if (found.indexed()) {
          reliability[i] = found.reliability;
          between[i] = found.phase_reliability;
          std::copy(found.phase_probability.begin(), found.phase_probability.end(),
                    probability + phases * i);
        }
        for (std::size_t c = 0; c < most; ++c) {
          const std::size_t at = most * i + c;
          crystals[at] = c < pattern.above.size() ? pattern.above[c].match.phase : -1;
          if (c >= pattern.above.size()) continue;
          put(pattern.above[c].match.R_lab_crystal, turned + 9 * at);
          share[at] = pattern.above[c].share;
        }
      });
    }
    return result;
  }

  const std::vector<std::string>& phases() const { return *names_; }

 private:
  Pattern one(const std::vector<PeakVector>& peaks) const {
    Pattern result{names_, matcher_->match(peaks), {}};
    if (options_.overlapping > 1 && result.found.indexed())
      result.above = matcher_->match_overlapping(peaks, options_.overlapping);
    return result;
  }

  MatchingOptions options_;
  Names names_;
  std::unique_ptr<Matcher> matcher_;
};

void bind_languages(py::module_& module) {
  module.def(
      "to_quaternion",
      [](const Reals& R) {
        return each(R, {3, 3}, {4}, "R_lab_crystal", [](const double* from, double* to) {
          Eigen::Map<Eigen::Vector4d> q(to);
          q = wxyz(matrix_at(from));
        });
      },
      py::arg("R_lab_crystal"),
      "Unit quaternions w, x, y, z (..., 4), w >= 0, of orientations (..., 3, 3): orix's "
      "convention, "
      "map frame x\nright, y up, z to the source. NaN of NaN.");
  module.def(
      "from_quaternion",
      [](const Reals& q) {
        return each(q, {4}, {3, 3}, "quaternion", [](const double* from, double* to) {
          put(of_wxyz(Eigen::Map<const Eigen::Vector4d>(from)), to);
        });
      },
      py::arg("quaternion"),
      "Orientations R_lab_crystal (..., 3, 3) of quaternions (..., 4) as to_quaternion has them, "
      "of "
      "any length.");
  module.def(
      "to_bunge",
      [](const Reals& R) {
        return each(R, {3, 3}, {3}, "R_lab_crystal", [](const double* from, double* to) {
          Eigen::Map<Vec3> angles(to);
          angles = bunge_deg(matrix_at(from));
        });
      },
      py::arg("R_lab_crystal"),
      "Bunge's Euler angles phi1, PHI, phi2 [degrees] (..., 3) of orientations (..., 3, 3), map "
      "frame x right, y\nup, z to the source. NaN of NaN.");
  module.def(
      "from_bunge",
      [](const Reals& angles) {
        return each(angles, {3}, {3, 3}, "euler_deg", [](const double* from, double* to) {
          put(of_bunge_deg(Eigen::Map<const Vec3>(from)), to);
        });
      },
      py::arg("euler_deg"),
      "Orientations R_lab_crystal (..., 3, 3) of Bunge's angles [degrees] (..., 3).");
  module.def(
      "misorientation_deg",
      [](const Crystal& crystal, const Reals& A, const Reals& B, bool laue) {
        if (A.ndim() != B.ndim() || !std::equal(A.shape(), A.shape() + A.ndim(), B.shape()))
          throw Error(ErrorKind::study, "misorientation_deg: R1 and R2 differ in shape");
        const PointGroup group = laue ? laue_group(point_group(crystal)) : point_group(crystal);
        const double* other = B.data();
        return each(A, {3, 3}, {}, "R1", [&](const double* from, double* to) {
          const Mat3 R1 = matrix_at(from), R2 = matrix_at(other);
          other += 9;
          *to = R1.allFinite() && R2.allFinite() ? misorientation(R1, R2, group.operations) / degree
                                                 : nothing;
        });
      },
      py::arg("crystal"), py::arg("R1"), py::arg("R2"), py::arg("laue") = true,
      "Least angle [degrees] (...) between orientations (..., 3, 3) of one crystal, under the "
      "rotations of its\nLaue group, or, laue=False, of its point group. NaN of NaN.");
  module.def("ipf_colours", &colours, py::arg("crystal"), py::arg("R_lab_crystal"),
             py::arg("direction") = Vec3(0, 0, 1),
             "Red, green, blue, 0 to 1, (..., 3) of the crystal directions that lie along a "
             "direction of the map frame (x\nright, y up, z to the source) in orientations (..., "
             "3, 3): the colours of orix and MTEX (TSL). NaN of NaN.");
  module.def("ipf_key", &colour_key, py::arg("crystal"), py::arg("pixels") = 400,
             "The key of these colours in stereographic projection. A dict: image (rows, columns, "
             "3), white outside;\noutline (n, 2), column and row; corners, a list of (indices, "
             "column, row). pixels: the longer side.");
  py::dict flags;
  for (const auto& [name, value] : flag_names) flags[name] = value;
  module.attr("orientation_flags") = flags;
}

void bind_solutions(py::module_& module) {
  py::class_<Solution>(module, "Solution", "One orientation of a crystal that a pattern may show.")
      .def_property_readonly("phase", &Solution::phase, "Name of the crystal.")
      .def_property_readonly(
          "R_lab_crystal", [](const Solution& s) { return s.match.R_lab_crystal; },
          "v_lab = R v_crystal; (3, 3).")
      .def_property_readonly(
          "quaternion", [](const Solution& s) { return wxyz(s.match.R_lab_crystal); },
          "w, x, y, z, as to_quaternion; (4).")
      .def_property_readonly(
          "euler_deg", [](const Solution& s) { return bunge_deg(s.match.R_lab_crystal); },
          "Bunge's phi1, PHI, phi2 [degrees], as to_bunge; (3).")
      .def_property_readonly(
          "score", [](const Solution& s) { return s.match.score; },
          "Likeness of peaks and template, 0 to 1, comparable between patterns and crystals.")
      .def_property_readonly(
          "peaks_used", [](const Solution& s) { return s.match.peaks; },
          "Peaks that lie on its spots.")
      .def_property_readonly(
          "residual_invA", [](const Solution& s) { return s.match.residual_invA; },
          "Root mean square distance of these from the spots [1/Å].")
      .def_property_readonly("error_deg", &Solution::error_deg,
                             "Standard error [degrees]: root of the sum over three axes; NaN if "
                             "not refined.")
      .def_property_readonly(
          "covariance", [](const Solution& s) { return s.match.covariance; },
          "Of a small rotation about lab x, y, z [rad²]; (3, 3).")
      .def_property_readonly(
          "thickness_A", [](const Solution& s) { return s.match.thickness_A; },
          "Å, of a dynamical library; else NaN.")
      .def_readonly("share", &Solution::share,
                    "Of overlapping crystals: of the intensity that all explain; else NaN.")
      .def_readonly("alternatives", &Solution::alternatives,
                    "Of overlapping crystals: what would do as well in its place.")
      .def("__repr__", [](const Solution& s) {
        char text[80];
        std::snprintf(text, sizeof text, ", score %.3f>", s.match.score);
        return "<pendel.Solution " + py::str(s.phase()).cast<std::string>() + text;
      });

  const auto of_best = [](auto value) {
    return [value](const Pattern& p) { return value(p.best()); };
  };
  py::class_<Pattern>(
      module, "Match",
      "What a pattern shows. Of a pattern that is not indexed phase is None, numbers "
      "are NaN, and flags say why.")
      .def_property_readonly(
          "indexed", [](const Pattern& p) { return p.found.indexed(); },
          "Whether there is a solution.")
      .def_property_readonly("phase", of_best([](const Solution& s) { return s.phase(); }),
                             "Name of the crystal, or None.")
      .def_property_readonly("R_lab_crystal",
                             of_best([](const Solution& s) { return s.match.R_lab_crystal; }),
                             "v_lab = R v_crystal; (3, 3).")
      .def_property_readonly("quaternion",
                             of_best([](const Solution& s) { return wxyz(s.match.R_lab_crystal); }),
                             "w, x, y, z, as to_quaternion; (4).")
      .def_property_readonly(
          "euler_deg", of_best([](const Solution& s) { return bunge_deg(s.match.R_lab_crystal); }),
          "Bunge's phi1, PHI, phi2 [degrees], as to_bunge; (3).")
      .def_property_readonly("score", of_best([](const Solution& s) { return s.match.score; }),
                             "Likeness of peaks and template, 0 to 1, comparable between patterns "
                             "and crystals.")
      .def_property_readonly("residual_invA",
                             of_best([](const Solution& s) { return s.match.residual_invA; }),
                             "Root mean square distance of the peaks used from the spots [1/Å].")
      .def_property_readonly("error_deg", of_best([](const Solution& s) { return s.error_deg(); }),
                             "Standard error [degrees]: root of the sum over three axes; NaN if "
                             "not refined.")
      .def_property_readonly("thickness_A",
                             of_best([](const Solution& s) { return s.match.thickness_A; }),
                             "Å, of a dynamical library; else NaN.")
      .def_property_readonly("peaks_used", of_best([](const Solution& s) { return s.match.peaks; }),
                             "Peaks that lie on spots of the solution.")
      .def_property_readonly(
          "peaks", [](const Pattern& p) { return p.found.peaks; },
          "Peaks compared: neither the undiffracted beam nor beyond the libraries' g_max.")
      .def_property_readonly(
          "reliability", [](const Pattern& p) { return p.found.reliability; },
          "1 - (score of the next distinct orientation of the phase)/score.")
      .def_property_readonly(
          "phase_reliability", [](const Pattern& p) { return p.found.phase_reliability; },
          "1 - (score of the next phase)/score.")
      .def_property_readonly(
          "phase_probability",
          [](const Pattern& p) {
            py::dict result;
            for (std::size_t i = 0; i < p.found.phase_probability.size(); ++i)
              result[py::str((*p.names)[i])] = p.found.phase_probability[i];
            return result;
          },
          "Of every phase, by name; empty without candidates.")
      .def_property_readonly(
          "flags",
          [](const Pattern& p) {
            py::list set;
            for (const auto& [name, value] : flag_names)
              if (p.found.flags & value) set.append(name);
            return set;
          },
          "Names, of those in pendel.orientation_flags.")
      .def_property_readonly(
          "tied", [](const Pattern& p) { return p.found.tied; },
          "So many of the first candidates fit as well as the best.")
      .def_property_readonly(
          "candidates", [](const Pattern& p) { return p.solutions(p.found.candidates); },
          "Distinct orientations, the best first, of all phases; a list of Solution.")
      .def_property_readonly("overlapping", &Pattern::overlapping,
                             "Crystals above each other that explain the pattern together, the "
                             "largest share first (Matcher's keyword\noverlapping > 1).")
      .def("__repr__", [](const Pattern& p) {
        char text[80];
        std::snprintf(text, sizeof text, ", score %.3f>", p.best().match.score);
        return p.found.indexed()
                   ? "<pendel.Match " + py::str(p.best().phase()).cast<std::string>() + text
                   : std::string("<pendel.Match not indexed>");
      });
}

}  // namespace

void bind_orientations(py::module_& module) {
  bind_languages(module);
  py::class_<Library>(
      module, "Library",
      "Templates of one or several crystals in all orientations that their symmetry "
      "leaves different.")
      .def(py::init(&Library::made), py::arg("crystals"),
           "crystals: a dict of them by name, a list of them (named by Crystal.name), or one. "
           "Keywords as the keys of a\nstudy's templates: energy_keV, step_deg, g_max_invA, "
           "sigma_invA, sg_max_invA, precession_mrad, scattering,\nfaintest, and dynamical={"
           "'thickness_A': [...], ...} for Bloch waves.")
      .def_static("load", &Library::loaded, py::arg("path"),
                  "Of a file that save or the study `library` has written.")
      .def("save", &Library::save, py::arg("path"),
           "Into an HDF5 file that the study `match` reads, too; it appears whole or not at all.")
      .def_property_readonly(
          "phases", [](const Library& l) { return *l.names(); }, "Names of the crystals.")
      .def(
          "__len__", [](const Library& l) { return l.phases().size(); }, "Number of phases.")
      .def(
          "crystal", [](const Library& l, const py::object& p) { return l.phase(p).crystal; },
          py::arg("phase") = 0, "The crystal of a phase, by index or name.")
      .def(
          "energy_keV", [](const Library& l, const py::object& p) { return l.phase(p).energy_keV; },
          py::arg("phase") = 0, "Of a phase's templates.")
      .def(
          "g_max_invA", [](const Library& l, const py::object& p) { return l.phase(p).g_max; },
          py::arg("phase") = 0, "Of a phase's templates [1/Å].")
      .def(
          "thickness_A",
          [](const Library& l, const py::object& p) { return l.phase(p).thickness_A; },
          py::arg("phase") = 0, "Thicknesses of dynamical templates [Å]; empty: kinematical ones.")
      .def("orientations", &Library::orientations, py::arg("phase") = 0,
           "R_lab_crystal of a phase's templates; (templates, 3, 3).")
      .def(
          "pattern", &Library::pattern, py::arg("phase"), py::arg("index"),
          "A template. A dict: R_lab_crystal (3, 3); hkl (spots, 3); q (spots, 2), lab x, y [1/Å]; "
          "intensity\n(thicknesses, spots), one row if there is no thickness.")
      .def("__repr__", [](const Library& l) {
        std::string text = "<pendel.Library";
        for (const PhaseLibrary& phase : l.phases())
          text += " " + phase.name + ": " + std::to_string(phase.templates.size()) + " templates";
        return text + ">";
      });
  bind_solutions(module);
  py::class_<PatternMatcher>(module, "Matcher",
                             "Finds phase and orientation of the crystals behind patterns of Bragg "
                             "peaks.")
      .def(py::init<const Library&, const py::kwargs&>(), py::arg("library"),
           "Keywords as the keys of a study's match: position_tolerance_invA, intensity_power, "
           "candidates, distinct_deg,\nleast_peaks, least_score, refine, overlapping.")
      .def_property_readonly("phases", &PatternMatcher::phases, "Names of the library's crystals.")
      .def("match", &PatternMatcher::match, py::arg("peaks"),
           "Of one pattern: peaks (n, 3), q_x, q_y [1/Å; lab x along columns, y along rows] and "
           "intensity, or (n, 5)\nwith standard deviations of q_x and q_y. The undiffracted beam "
           "may "
           "be among them. A Match.")
      .def("match_all", &PatternMatcher::match_all, py::arg("patterns"),
           "Of many patterns, a list of such arrays, in parallel. A dict of arrays: phase_id (n; "
           "index in phases, -1: not\nindexed), R_lab_crystal (n, 3, 3), quaternion (n, 4), "
           "euler_deg (n, 3), score, residual_invA, error_deg,\nthickness_A, reliability, "
           "phase_reliability (n), phase_probability (n, phases), flags (n; sum of\n"
           "pendel.orientation_flags), tied, peaks, peaks_used (n); with overlapping > 1 "
           "overlapping_phase_id, _share (n,\noverlapping), overlapping_R_lab_crystal (n, "
           "overlapping, 3, 3). NaN where not indexed.");
}

}  // namespace pendel::python
