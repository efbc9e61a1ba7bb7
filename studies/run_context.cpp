#include "studies/run_context.hpp"

#include <cstdio>
#include <filesystem>

#include "core/error.hpp"
#include "io/checkpoint.hpp"
#include "io/files.hpp"

namespace pendel {

namespace fs = std::filesystem;

bool RunContext::begin() const {
  // a run of hours must not fail at its end for want of a folder, nor write over what it reads
  const fs::path path(output), folder = path.parent_path();
  if (!folder.empty() && !fs::is_directory(folder))
    throw Error(ErrorKind::input, output + ": there is no folder " + folder.string());
  if (fs::is_directory(path))
    throw Error(ErrorKind::input, output + ": is a folder; the name of a file is needed");
  // the finished result is renamed onto its name, which would do away with a device or a pipe
  if (fs::exists(path) && !fs::is_regular_file(path))
    throw Error(ErrorKind::input, output + ": is a device or a pipe; the name of a file is needed");
  for (const std::string& input : provenance.inputs()) {
    std::error_code none;
    if (fs::equivalent(input.substr(0, input.rfind(' ')), path, none))
      throw Error(ErrorKind::study, output + ": is an input of this study; choose another output");
  }
  say("result: " + output);
  return !check_only;
}

void RunContext::say_what_was_left(const std::string& checkpoint) const {
  if (!resume && Checkpoint::exists(checkpoint))
    say("an interrupted run left " + partial() +
        "; this run begins anew (--resume would continue it)");
}

std::string RunContext::fingerprint() const {
  std::string text = version() + "\n" + effective_study;
  for (const std::string& input : provenance.inputs())
    text += input.substr(input.rfind(' ')) + "\n";  // the contents count, not the place
  return sha256(text);
}

void RunContext::describe(EmdWriter& result) const {
  result.metadata("study", {{"yaml", effective_study}});
  result.metadata("provenance", provenance.dictionary());
}

void RunContext::save(EmdWriter& result) const {
  describe(result);
  result.save(output);
}

void RunContext::say(const std::string& line) const {
  if (!quiet) std::printf("%s\n", line.c_str());
}

}  // namespace pendel
