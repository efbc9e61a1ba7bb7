// What is printed from the description of an options struct.
#pragma once
#include <string>
#include <vector>

#include "core/options.hpp"

namespace pendel {

/// The options as YAML, every default written out; what is not set is left out. It reads back as
/// the same options.
std::string yaml_text(const Field& options);

/// A commented YAML file: `example` with the help of every key; keys that are as in `defaults` and
/// not required are commented out.
std::string yaml_template(const Field& example, const Field& defaults);

/// Markdown table of every key: name, type, unit, allowed, default, meaning. Elements of a list are
/// shown as key[], those of a map as key.NAME.
std::string keys_table(const Field& options);

/// JSON schema (draft 2020-12) of several kinds of study, chosen by the key `study`.
std::string json_schema(const std::vector<Field>& kinds);

}  // namespace pendel
