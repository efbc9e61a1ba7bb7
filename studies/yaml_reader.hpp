// YAML text to the tree that options are read from, with the place of every value.
#pragma once
#include <string>
#include <vector>

#include "core/options_reader.hpp"

namespace pendel {

/// Parses one YAML document. Error (study) with file:line:column if it is not YAML, or not one map.
Node parse_yaml(const std::string& text, const std::string& file_name);

/// parse_yaml of a file. Error (study) if it cannot be read.
Node read_yaml(const std::string& file_name);

/// Applies "a.b.0.c=value": the value is YAML; a list index must exist. Error (study) otherwise.
void apply_setting(Node& root, const std::string& setting);

}  // namespace pendel
