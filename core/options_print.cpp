#include "core/options_print.hpp"

#include <algorithm>

#include "core/options_reader.hpp"

namespace pendel {

namespace {

using Type = Field::Type;

bool is_scalar(const Field& field) { return field.type <= Type::choice; }

std::string quoted(const std::string& text) {
  std::string result = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') result += '\\';
    if (c == '\n')
      result += "\\n";
    else
      result += c;
  }
  return result + '"';
}

// A text needs quotes in YAML unless it is a plain word or path that is not a number or keyword.
std::string yaml_scalar(const Field& field) {
  if (field.type != Type::text && field.type != Type::file && field.type != Type::choice)
    return field.value;
  const std::string& text = field.value;
  double number;
  const bool plain =
      !text.empty() && !parse_number(text, number) && text != "true" && text != "false" &&
      text != "null" && std::isalnum(static_cast<unsigned char>(text[0])) &&
      std::all_of(text.begin(), text.end(), [](unsigned char c) {
        return std::isalnum(c) || c == '_' || c == '-' || c == '.' || c == '/' || c > 127;
      });
  return plain ? text : quoted(text);
}

// Scalars, and lists of nothing but scalars or vectors, fit on the line of their key.
bool is_inline(const Field& field) {
  if (is_scalar(field) || field.type == Type::vector) return true;
  return field.type == Type::list && is_inline(field.element.front());
}

std::string inline_text(const Field& field) {
  if (is_scalar(field)) return yaml_scalar(field);
  std::string text;
  for (const Field& item : field.fields) text += (text.empty() ? "" : ", ") + inline_text(item);
  return "[" + text + "]";
}

std::string type_text(const Field& field) {
  switch (field.type) {
    case Type::number:
      return "number";
    case Type::integer:
      return "integer";
    case Type::boolean:
      return "true, false";
    case Type::text:
      return "text";
    case Type::file:
      return "file";
    case Type::choice:
      return joined(field.choices);
    case Type::vector:
      return std::to_string(field.fields.size()) + " numbers";
    case Type::list:
      return (field.spec.may_be_one ? type_text(field.element.front()) + ", or " : "") +
             "list of " + type_text(field.element.front());
    case Type::map:
      return "names, each with " + type_text(field.element.front());
    case Type::group:
      return "group";
  }
  return "";
}

std::string comment_of(const Field& field) {
  std::string text = field.spec.help;
  const std::string unit = unit_of_key(field.key);
  if (!unit.empty()) text += " [" + unit + "]";
  if (field.type == Type::choice) text += "; one of " + joined(field.choices);
  if (!field.spec.allowed().empty()) text += " (" + field.spec.allowed() + ")";
  if (!field.spec.off_word.empty()) text += "; or " + field.spec.off_word;
  return text;
}

struct Line {
  int indent;
  bool commented;
  std::string text, comment;
};
using Lines = std::vector<Line>;

void append(Lines& lines, const Lines& more) {
  lines.insert(lines.end(), more.begin(), more.end());
}

bool has_required(const Field& field) {
  if (field.spec.is_required) return true;
  return field.type == Type::group &&
         std::any_of(field.fields.begin(), field.fields.end(), has_required);
}

// Lines of YAML. With `comments`, what is as in the defaults, or not set, is commented out.
class YamlWriter {
 public:
  explicit YamlWriter(bool comments) : comments_(comments) {}

  Lines group(const Field& field, const Field* defaults, int indent, bool commented) const {
    Lines lines;
    for (const Field& child : field.fields)
      append(lines,
             entry(child, defaults ? defaults->find(child.key) : nullptr, indent, commented));
    return lines;
  }

  Lines entry(const Field& field, const Field* defaults, int indent, bool commented) const {
    if (field.type == Type::list && field.spec.may_be_one && field.fields.size() == 1) {
      Field only = field.fields.front();
      only.key = field.key;
      only.spec.help = field.spec.help;
      only.spec.may_be_one = false;
      return entry(only, &field.element.front(), indent, commented);
    }
    const bool empty =
        (field.type == Type::list || field.type == Type::map) && field.fields.empty();
    if (!comments_ && !field.present) return {};
    if (comments_)
      commented =
          commented || !field.present || empty || (defaults && as_default(field, *defaults));
    if (is_inline(field) || (empty && !comments_)) {
      const std::string value = field.type == Type::map ? "{}" : inline_text(field);
      // nothing after the colon is the same as no key
      return {{indent, commented, field.key + ":" + (field.present ? " " + value : ""),
               comment_of(field)}};
    }
    Lines lines = {{indent, commented, field.key + ":", comment_of(field)}};
    if (field.type == Type::group) {
      append(lines, group(field, defaults, indent + 2, commented));
      return lines;
    }
    const Field& shape = field.element.front();
    bool first = true;
    for (Field item : empty ? field.element : field.fields) {
      item.spec = Spec{};  // what is said of the list is said once, at its key
      const Lines more = field.type == Type::map ? entry(item, nullptr, indent + 2, commented)
                                                 : list_item(item, shape, indent + 2, commented);
      append(lines, first ? more : bare(more, commented));
      first = false;
    }
    return lines;
  }

 private:
  static bool as_default(const Field& field, const Field& defaults) {
    return !has_required(field) && field.present == defaults.present &&
           yaml_text(field) == yaml_text(defaults);
  }

  // Elements after the first: what can be set, and what it means, has been said.
  static Lines bare(Lines lines, bool commented) {
    const auto idle = [&](const Line& line) { return line.commented != commented; };
    lines.erase(std::remove_if(lines.begin(), lines.end(), idle), lines.end());
    for (Line& line : lines) line.comment.clear();
    return lines;
  }

  Lines list_item(const Field& item, const Field& shape, int indent, bool commented) const {
    if (item.type != Type::group) return {{indent, commented, "- " + inline_text(item), ""}};
    Lines lines = group(item, &shape, indent + 2, commented);
    // the dash stands before the first key that is in force
    const auto first = std::find_if(lines.begin(), lines.end(),
                                    [&](const Line& line) { return line.commented == commented; });
    if (first == lines.end()) return {{indent, commented, "- {}", ""}};
    std::rotate(lines.begin(), first, first + 1);
    lines.front().indent -= 2;
    lines.front().text = "- " + lines.front().text;
    return lines;
  }

  bool comments_;
};

std::string text_of(const Lines& lines, bool comments) {
  std::string text;
  for (const Line& line : lines) {
    std::string whole = (line.commented ? "# " : "") + std::string(line.indent, ' ') + line.text;
    if (comments && !line.comment.empty()) {
      whole.resize(std::max<std::size_t>(whole.size() + 2, 40), ' ');
      whole += "# " + line.comment;
    }
    text += whole + "\n";
  }
  return text;
}

std::string in_table(std::string text) {
  for (std::size_t at = 0; (at = text.find('|', at)) != std::string::npos; at += 2)
    text.insert(at, "\\");
  return text;
}

void add_rows(const Field& group, const std::string& prefix, std::string& table) {
  for (const Field& field : group.fields) {
    const std::string key = prefix + field.key;
    const Field* shape = &field;  // of a list of lists, the innermost
    std::string suffix;
    while (shape->type == Type::list || shape->type == Type::map) {
      if (!shape->spec.may_be_one) suffix += shape->type == Type::list ? "[]" : ".NAME";
      shape = &shape->element.front();
    }
    std::string usual = "-";
    if (field.spec.is_required)
      usual = "required";
    else if (field.present && is_inline(field) && inline_text(field) != "[]" &&
             inline_text(field) != "\"\"")
      usual = inline_text(field);
    std::string allowed = field.spec.allowed();
    if (!field.spec.off_word.empty())
      allowed += (allowed.empty() ? "" : ", ") + field.spec.off_word;
    table += "| `" + key + "` | " + type_text(field) + " | " + unit_of_key(field.key) + " | " +
             allowed + " | " + usual + " | " + in_table(field.spec.help) + " |\n";
    if (shape->type == Type::group) add_rows(*shape, key + suffix + ".", table);
  }
}

std::string json_type(const Field& field);

std::string json_group(const Field& group) {
  std::string properties;
  std::vector<std::string> required;
  for (const Field& field : group.fields) {
    properties += (properties.empty() ? "" : ",") + quoted(field.key) + ":" + json_type(field);
    if (field.spec.is_required) required.push_back(quoted(field.key));
  }
  std::string json =
      "\"type\":\"object\",\"additionalProperties\":false,\"properties\":{" + properties + "}";
  if (!required.empty()) json += ",\"required\":[" + joined(required) + "]";
  std::string all;
  for (const auto& keys : group.exactly_one) {
    std::string one;
    for (const std::string& key : keys)
      one += (one.empty() ? "" : ",") + ("{\"required\":[" + quoted(key) + "]}");
    all += (all.empty() ? "" : ",") + ("{\"oneOf\":[" + one + "]}");
  }
  return all.empty() ? json : json + ",\"allOf\":[" + all + "]";
}

std::string json_body(const Field& field) {
  const auto element = [&] { return json_type(field.element.front()); };
  switch (field.type) {
    case Type::number:
    case Type::integer: {
      std::string json =
          std::string("\"type\":") + (field.type == Type::number ? "\"number\"" : "\"integer\"");
      if (std::isfinite(field.spec.low))
        json += std::string(field.spec.low_excluded ? ",\"exclusiveMinimum\":" : ",\"minimum\":") +
                number_text(field.spec.low);
      if (std::isfinite(field.spec.high)) json += ",\"maximum\":" + number_text(field.spec.high);
      return json;
    }
    case Type::boolean:
      return "\"type\":\"boolean\"";
    case Type::text:
    case Type::file:
      return "\"type\":\"string\"";
    case Type::choice: {
      std::string names;
      for (const std::string& name : field.choices)
        names += (names.empty() ? "" : ",") + quoted(name);
      return "\"enum\":[" + names + "]";
    }
    case Type::vector: {
      const std::string length = std::to_string(field.fields.size());
      return "\"type\":\"array\",\"items\":" + json_type(field.fields.front()) +
             ",\"minItems\":" + length + ",\"maxItems\":" + length;
    }
    case Type::list:
      return "\"type\":\"array\",\"items\":" + element();
    case Type::map:
      return "\"type\":\"object\",\"additionalProperties\":" + element();
    case Type::group:
      return json_group(field);
  }
  return "";
}

std::string json_type(const Field& field) {
  std::string description = field.spec.help;
  const std::string unit = unit_of_key(field.key);
  if (!unit.empty()) description += " [" + unit + "]";
  std::string json = json_body(field);
  if (!field.spec.off_word.empty())
    json = "\"anyOf\":[{" + json + "},{\"const\":" + quoted(field.spec.off_word) + "}]";
  if (!field.spec.word_key.empty())
    json = "\"anyOf\":[{" + json + "}," + json_type(*field.find(field.spec.word_key)) + "]";
  if (field.type == Type::list && field.spec.may_be_one)
    json = "\"anyOf\":[{" + json + "}," + json_type(field.element.front()) + "]";
  if (!field.key.empty() && !field.spec.help.empty())
    json += ",\"description\":" + quoted(description);
  return "{" + json + "}";
}

}  // namespace

std::string yaml_text(const Field& options) {
  const YamlWriter writer(false);
  return text_of(options.type == Type::group ? writer.group(options, nullptr, 0, false)
                                             : writer.entry(options, nullptr, 0, false),
                 false);
}

std::string yaml_template(const Field& example, const Field& defaults) {
  return text_of(YamlWriter(true).group(example, &defaults, 0, false), true);
}

std::string keys_table(const Field& options) {
  std::string table =
      "| key | type | unit | allowed | default | meaning |\n| --- | --- | --- | --- | --- | --- "
      "|\n";
  add_rows(options, "", table);
  return table;
}

std::string json_schema(const std::vector<Field>& kinds) {
  std::string names, rules;
  for (const Field& kind : kinds) {
    const std::string name = quoted(kind.find("study")->value);
    names += (names.empty() ? "" : ",") + name;
    rules += (rules.empty() ? "" : ",") + ("{\"if\":{\"properties\":{\"study\":{\"const\":" + name +
                                           "}}},\"then\":" + json_type(kind) + "}");
  }
  return "{\"$schema\":\"https://json-schema.org/draft/2020-12/schema\",\"title\":\"Pendel study\","
         "\"type\":\"object\",\"required\":[\"study\"],\"properties\":{\"study\":{\"enum\":[" +
         names + "]}},\"allOf\":[" + rules + "]}\n";
}

}  // namespace pendel
