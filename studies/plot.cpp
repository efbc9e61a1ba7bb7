// `pendel plot`: hands over to the Python package pendel_plot.
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "core/error.hpp"
#include "studies/runner.hpp"

namespace pendel {

namespace fs = std::filesystem;

namespace {

int run_python(const std::string& python, const std::vector<std::string>& arguments) {
  const pid_t child = fork();
  if (child == 0) {
    std::vector<char*> argv = {const_cast<char*>(python.c_str())};
    for (const std::string& argument : arguments)
      argv.push_back(const_cast<char*>(argument.c_str()));
    argv.push_back(nullptr);
    execvp(argv[0], argv.data());
    _exit(127);
  }
  int status = 0;
  if (child < 0 || waitpid(child, &status, 0) < 0) return 127;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

}  // namespace

std::string shared_directory() {
  if (const char* given = std::getenv("PENDEL_SHARE")) return given;
  std::error_code none;
  const fs::path program = fs::read_symlink("/proc/self/exe", none);
  const fs::path installed = program.parent_path().parent_path() / "share" / "pendel";
  return fs::exists(installed) ? installed.string() : PENDEL_SOURCE_DIR;
}

int plot(const std::vector<std::string>& arguments) {
  // Not there where pip installed both: pendel_plot is then found as other packages are.
  const std::string own = (fs::path(shared_directory()) / "python").string();
  const char* others = std::getenv("PYTHONPATH");
  setenv("PYTHONPATH", (own + (others && *others ? std::string(":") + others : "")).c_str(), 1);
  const std::string probe =
      "import importlib.util, sys; sys.exit(sum(importlib.util.find_spec(m) is None "
      "for m in ('numpy', 'h5py', 'matplotlib', 'pendel_plot')))";
  // Without PENDEL_PYTHON: the one in PATH, or the system's, which has the system's packages.
  const char* chosen = std::getenv("PENDEL_PYTHON");
  std::vector<std::string> candidates = {"python3", "/usr/bin/python3"};
  if (chosen && *chosen) candidates = {chosen};
  std::string python;
  for (const std::string& candidate : candidates)
    if (python.empty() && run_python(candidate, {"-c", probe}) == 0) python = candidate;
  if (python.empty())
    throw Error(
        ErrorKind::input,
        candidates.front() +
            " cannot be run or lacks numpy, h5py, matplotlib or pendel_plot (Pendel's own), which "
            "figures need; install them, or set PENDEL_PYTHON to a Python that has them");
  std::vector<std::string> command = {"-m", "pendel_plot"};
  command.insert(command.end(), arguments.begin(), arguments.end());
  return run_python(python, command);
}

}  // namespace pendel
