#include "studies/command_text.hpp"

namespace pendel {

namespace {

std::string joined(const std::vector<std::string>& words, const char* separator) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : separator) + word;
  return text;
}

// Words that may stand where `command` has been typed, and what follows its options.
std::string completion_case(const CommandText& command) {
  std::string text = "    " + command.name + ")\n", options, arguments, values;
  for (const OptionText& option : command.options) {
    if (option.positional())
      arguments += (arguments.empty() ? "" : " ") + joined(option.choices, " ");
    else
      options += (options.empty() ? "" : " ") + joined(option.names, " ");
    if (!option.positional() && !option.value.empty())
      values += "        " + joined(option.names, " | ") + ") words=\"" +
                joined(option.choices, " ") + "\" ;;\n";
  }
  text += "      words=\"" + arguments + "\"\n";
  text += "      [[ $current == -* ]] && words=\"" + options + "\"\n";
  if (!values.empty()) text += "      case $previous in\n" + values + "      esac\n";
  return text + "      ;;\n";
}

// Text of a manual page: no line of it is read as a request, dashes can be copied.
std::string escaped(const std::string& text) {
  std::string out;
  bool line_begins = true;
  for (const char c : text) {
    if (line_begins && (c == '.' || c == '\'')) out += "\\&";
    if (c == '\\')
      out += "\\e";
    else if (c == '-')
      out += "\\-";
    else
      out += c;
    line_begins = c == '\n';
  }
  return out;
}

std::string option_items(const CommandText& command) {
  std::string text;
  for (const OptionText& option : command.options) {
    text += ".TP\n\\fB" + escaped(joined(option.names, ", ")) + "\\fR";
    if (!option.positional() && !option.value.empty())
      text += " \\fI" + escaped(option.value) + "\\fR";
    text += "\n" + escaped(option.description);
    if (!option.choices.empty()) text += ": " + escaped(joined(option.choices, ", "));
    text += "\n";
  }
  return text;
}

std::string usage(const std::string& program, const CommandText& command) {
  std::string text = "\\fB" + program + " " + escaped(command.name) + "\\fR";
  for (const OptionText& option : command.options)
    if (option.positional())
      text += option.required ? " \\fI" + escaped(option.names.front()) + "\\fR"
                              : " [\\fI" + escaped(option.names.front()) + "\\fR]";
  return text + " [options]\n";
}

}  // namespace

std::string bash_completion(const CommandText& program) {
  std::vector<std::string> names;
  for (const CommandText& command : program.commands) names.push_back(command.name);
  std::vector<std::string> options;
  for (const OptionText& option : program.options)
    options.insert(options.end(), option.names.begin(), option.names.end());

  // Where there are no words, bash goes on with the names of files.
  std::string text = "# bash completion of " + program.name + ", made by `" + program.name +
                     " completion`\n_" + program.name + "() {\n" +
                     "  local current=${COMP_WORDS[COMP_CWORD]}\n"
                     "  local previous=${COMP_WORDS[COMP_CWORD-1]} words=\"" +
                     joined(names, " ") + " " + joined(options, " ") + "\"\n" +
                     "  [ \"$COMP_CWORD\" -gt 1 ] && case ${COMP_WORDS[1]} in\n";
  for (const CommandText& command : program.commands) text += completion_case(command);
  return text +
         "    *) words= ;;\n"
         "  esac\n"
         "  COMPREPLY=($(compgen -W \"$words\" -- \"$current\"))\n}\n"
         "complete -o default -F _" +
         program.name + " " + program.name + "\n";
}

std::string manual_page(const CommandText& program, const std::string& version) {
  std::string text = ".TH PENDEL 1 \"\" \"" + version + "\"\n.SH NAME\n" + program.name + " \\- " +
                     escaped(program.description) + "\n.SH SYNOPSIS\n.nf\n";
  for (const CommandText& command : program.commands) text += usage(program.name, command);
  text += ".fi\n.SH OPTIONS\n" + option_items(program) + ".SH COMMANDS\n";
  for (const CommandText& command : program.commands)
    text += ".SS " + escaped(command.name) + "\n" + usage(program.name, command) + ".PP\n" +
            escaped(command.description) + "\n" + option_items(command) + ".PP\n.nf\n" +
            escaped(command.footer) + "\n.fi\n";
  return text + ".SH NOTES\n.nf\n" + escaped(program.footer) + "\n.fi\n";
}

}  // namespace pendel
