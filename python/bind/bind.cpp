#include "bind.hpp"

#include <csignal>
#include <cstdio>
#include <exception>
#include <thread>

#include "core/error.hpp"
#include "core/interrupt.hpp"
#include "core/parallel.hpp"

namespace pendel::python {

Node node_of(const py::handle& value, const std::string& where) {
  Node node;
  node.where = where;
  if (value.is_none()) return node;
  if (py::isinstance<py::dict>(value)) {
    node.kind = Node::Kind::map;
    for (const auto& [key, item] : value.cast<py::dict>()) {
      node.keys.push_back(py::str(key));
      node.where_key.push_back(where);
      node.items.push_back(node_of(item, where));
    }
    return node;
  }
  const bool text = py::isinstance<py::str>(value) || py::hasattr(value, "__fspath__");
  if (!text && py::hasattr(value, "__len__")) {
    node.kind = Node::Kind::list;
    for (const auto& item : value) node.items.push_back(node_of(item, where));
    return node;
  }
  node.kind = Node::Kind::scalar;
  if (py::isinstance<py::bool_>(value)) {
    node.text = value.cast<bool>() ? "true" : "false";
  } else if (!text && py::hasattr(value, "__index__")) {
    node.text = py::str(py::reinterpret_steal<py::object>(PyNumber_Index(value.ptr())));
  } else if (!text && py::hasattr(value, "__float__")) {
    char number[40];
    std::snprintf(number, sizeof number, "%.17g", value.cast<double>());
    node.text = number;
  } else {
    node.text = py::str(value);
  }
  return node;
}

std::vector<Hkl> hkl_of(const Indices& array) {
  if (array.size() % 3 != 0 || array.ndim() < 1 || array.shape(array.ndim() - 1) != 3)
    throw Error(ErrorKind::study, "hkl: an array of shape (n, 3) is needed");
  std::vector<Hkl> hkl;
  for (py::ssize_t i = 0; i < array.size(); i += 3)
    hkl.push_back({array.data()[i], array.data()[i + 1], array.data()[i + 2]});
  return hkl;
}

Indices array_of(const std::vector<Hkl>& hkl) {
  Indices array({py::ssize_t(hkl.size()), py::ssize_t(3)});
  auto values = array.mutable_unchecked<2>();
  for (std::size_t i = 0; i < hkl.size(); ++i) {
    values(py::ssize_t(i), 0) = hkl[i].h;
    values(py::ssize_t(i), 1) = hkl[i].k;
    values(py::ssize_t(i), 2) = hkl[i].l;
  }
  return array;
}

Eigen::MatrixXd rows_of(const Reals& array, int columns, const std::string& name) {
  if (array.ndim() < 1 || array.ndim() > 2 || array.shape(array.ndim() - 1) != columns)
    throw Error(ErrorKind::study, name + ": an array of shape (n, " + std::to_string(columns) +
                                      ") or (" + std::to_string(columns) + ",) is needed");
  return Eigen::Map<const Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>>(
      array.data(), array.size() / columns, columns);
}

namespace {
// that imports the module; signals are its business
std::thread::id main_thread;

// a second SIGTERM is obeyed at once; a second Ctrl-C, which comes easily, does not end Python
extern "C" void on_signal(int number) {
  interrupt();
  if (number == SIGTERM) std::signal(number, SIG_DFL);
}
}  // namespace

LongCall::LongCall() : main_(std::this_thread::get_id() == main_thread) {
  if (main_) {
    interrupt_ = std::signal(SIGINT, on_signal);
    terminate_ = std::signal(SIGTERM, on_signal);
    if (PyErr_CheckSignals() != 0) {  // it came while arguments were read
      std::signal(SIGINT, interrupt_);
      std::signal(SIGTERM, terminate_);
      interrupt(false);
      throw py::error_already_set();
    }
  }
  release_.emplace();
}

LongCall::~LongCall() {
  if (!main_) return;
  // what came too late for the work to see it is Python's
  if (interrupted() && std::uncaught_exceptions() == 0) PyErr_SetInterrupt();
  interrupt(false);
  std::signal(SIGINT, interrupt_);
  std::signal(SIGTERM, terminate_);
}

}  // namespace pendel::python

PYBIND11_MODULE(_pendel, module) {
  namespace py = pybind11;
  using pendel::ErrorKind;
  pendel::python::main_thread = std::this_thread::get_id();
  module.doc() = "Simulation and inversion of dynamical electron diffraction (compiled part).";
  static py::exception<pendel::Error> study(module, "StudyError", PyExc_ValueError);
  static py::exception<pendel::Error> input(module, "InputError", PyExc_OSError);
  static py::exception<pendel::Error> numerical(module, "NumericalError", PyExc_ArithmeticError);
  study.attr("__doc__") = "What was asked for cannot be: the text says what would be right.";
  input.attr("__doc__") = "A file cannot be read or written, or makes no sense.";
  numerical.attr("__doc__") = "A calculation failed.";
  py::register_exception_translator([](std::exception_ptr thrown) {
    try {
      if (thrown) std::rethrow_exception(thrown);
    } catch (const pendel::Error& error) {
      switch (error.kind()) {
        case ErrorKind::study:
          return study(error.what());
        case ErrorKind::input:
          return input(error.what());
        case ErrorKind::numerical:
          return numerical(error.what());
        case ErrorKind::interrupted:
          return PyErr_SetString(PyExc_KeyboardInterrupt, error.what());
      }
    }
  });
  module.def("set_threads", &pendel::set_threads, py::arg("count"),
             "Threads that calculations use; 0: all cores. Results do not depend on it.");
  module.def("threads", &pendel::threads, "Threads that calculations use.");
  pendel::python::bind_crystal(module);
  pendel::python::bind_simulator(module);
  pendel::python::bind_scan(module);
  pendel::python::bind_orientations(module);
  pendel::python::bind_studies(module);
}
