// Whole studies, as the command runs them.
#include "bind.hpp"
#include "studies/runner.hpp"

namespace pendel::python {

namespace {

std::string run_study(const py::object& study, const std::vector<std::string>& settings,
                      const py::object& output, bool resume, bool quiet) {
  RunArguments arguments;
  arguments.study = py::str(study).cast<std::string>();
  arguments.settings = settings;
  if (!output.is_none()) arguments.output = py::str(output).cast<std::string>();
  arguments.resume = resume;
  arguments.quiet = quiet;
  const LongCall call;
  return run(arguments);
}

}  // namespace

void bind_studies(py::module_& module) {
  module.def("_run", &run_study, py::arg("study"), py::arg("settings"), py::arg("output"),
             py::arg("resume"), py::arg("quiet"));
  module.def("study_kinds", &study_kinds, "The kinds of study.");
  module.def("new_study", &new_study, py::arg("kind"), "A commented, runnable YAML text.");
  module.def("study_keys", &study_keys, py::arg("kind"), "The reference table of a kind's keys.");
}

}  // namespace pendel::python
