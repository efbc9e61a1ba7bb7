// The command's own definitions as texts: completion for bash and a manual page. Both are made of a
// plain description, which main.cpp takes from its parser.
#pragma once
#include <string>
#include <vector>

namespace pendel {

struct OptionText {
  std::vector<std::string> names;    ///< "-o", "--output"; one without dashes: an argument
  std::string value;                 ///< "KEY=VALUE"; empty: takes none
  std::vector<std::string> choices;  ///< all allowed values; empty: free
  std::string description;
  bool required = false;

  bool positional() const { return names.front().front() != '-'; }
};

struct CommandText {
  std::string name, description;
  std::string footer;  ///< lines after the options: an example, exit statuses
  std::vector<OptionText> options;
  std::vector<CommandText> commands;
};

/// A script for bash, to be sourced or put into share/bash-completion/completions; zsh takes it
/// after `autoload -U bashcompinit; bashcompinit`.
std::string bash_completion(const CommandText& program);

/// A page in man(7) macros of the program with all its commands.
std::string manual_page(const CommandText& program, const std::string& version);

}  // namespace pendel
