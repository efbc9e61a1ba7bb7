// What the files of the Python module share. The module holds no physics: it hands arrays to the
// library and back. Python is let go (the GIL released) where the library works.
#pragma once
#include <pybind11/eigen.h>
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <optional>

#include "core/options_reader.hpp"
#include "core/space.hpp"

namespace pendel::python {

namespace py = pybind11;

/// A Python value as a study would have it written: dict, list, tuple, array, number, text, path,
/// None. `where` is what an error names as its place.
Node node_of(const py::handle& value, const std::string& where);

/// Options from keyword arguments, read and checked as those of a study are.
template <class T>
T options_of(const py::dict& keywords, const std::string& where, T options = {}) {
  const Node root = node_of(keywords, where);
  Problems problems(root);
  read_options(root, "", options, problems);
  problems.throw_if_any();
  return options;
}

using Indices = py::array_t<int, py::array::c_style | py::array::forcecast>;
using Reals = py::array_t<double, py::array::c_style | py::array::forcecast>;

/// Rows of three. Error (study) for another shape.
std::vector<Hkl> hkl_of(const Indices& array);
Indices array_of(const std::vector<Hkl>& hkl);
/// (n, columns), or one row of them as n = 1. Error (study) for another shape.
Eigen::MatrixXd rows_of(const Reals& array, int columns, const std::string& name);

/// While it lives, other threads of Python run, and Ctrl-C asks the library to stop: a call on
/// Python's main thread then ends with KeyboardInterrupt, at once if Ctrl-C came before. Nothing of
/// Python may be touched.
class LongCall {
 public:
  LongCall();
  ~LongCall();

 private:
  bool main_;
  void (*interrupt_)(int) = nullptr;
  void (*terminate_)(int) = nullptr;
  std::optional<py::gil_scoped_release> release_;
};

void bind_crystal(py::module_& module);
void bind_simulator(py::module_& module);
void bind_scan(py::module_& module);
void bind_orientations(py::module_& module);
void bind_studies(py::module_& module);

}  // namespace pendel::python
