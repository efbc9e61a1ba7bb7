// Fills an options struct from a tree of text and reports every problem at once, each with its
// place, what is wrong, what is allowed and the nearest name. It knows no file format: a YAML file
// becomes a Node in studies/yaml_reader.
#pragma once
#include <string>
#include <vector>

#include "core/error.hpp"
#include "core/options.hpp"

namespace pendel {

/// A value as written in a study.
struct Node {
  enum class Kind { null, scalar, list, map };
  Kind kind = Kind::null;
  std::string text;               ///< of a scalar
  std::vector<std::string> keys;  ///< of a map, in the order of the file; may hold duplicates
  std::vector<std::string> where_key;
  std::vector<Node> items;  ///< of a list or a map
  std::string where;        ///< "file:line:column"

  const Node* find(const std::string& key) const;
  /// The node at a dotted path ("specimen.layers.0.cells"), or the deepest one on the way to it.
  const Node& nearest(const std::string& path) const;
};

/// The problems of one study, found while reading and by later checks.
class Problems {
 public:
  explicit Problems(const Node& root) : root_(root) {}
  /// path is dotted, with list indices; the place is looked up in the study.
  void add(const std::string& path, const std::string& message);
  void add_at(const std::string& where, const std::string& path, const std::string& message);
  const std::vector<std::string>& list() const { return list_; }
  /// Error (study) with one line per problem.
  void throw_if_any() const;

 private:
  const Node& root_;
  std::vector<std::string> list_;
};

/// The closest candidate that a person may have meant; empty if none is near.
std::string nearest_name(const std::string& name, const std::vector<std::string>& candidates);
/// "there is no 'x'; there are: a, b; did you mean a?".
std::string unknown_name(const std::string& name, const std::vector<std::string>& names);
/// "a, b, c".
std::string joined(const std::vector<std::string>& names);
std::string joined_path(const std::string& path, const std::string& key);

/// Whole text as a finite number.
bool parse_number(const std::string& text, double& value);
bool parse_integer(const std::string& text, long long& value);

template <class T>
void read_value(const Node& node, const std::string& path, const Spec& spec,
                const std::string& directory, T& value, Problems& problems);

/// The visitor that fills one struct from one map.
class Reader {
 public:
  Reader(const Node& node, std::string path, std::string directory, Problems& problems)
      : node_(node),
        path_(std::move(path)),
        directory_(std::move(directory)),
        problems_(problems) {}

  template <class T>
  void operator()(const std::string& key, T& member, const Spec& spec) {
    known_.push_back(key);
    const Node* value = node_.find(key);
    if (value && value->kind != Node::Kind::null)
      read_value(*value, joined_path(path_, key), spec, directory_, member, problems_);
    else if (spec.is_required)
      missing_.push_back({{key}, "key " + key + " is missing; it is: " + spec.help});
  }
  void exactly_one(const std::vector<std::string>& keys);
  /// Reports keys that are unknown, given twice or missing; a misspelt one is not missing too.
  void finish();

 private:
  const Node& node_;
  std::string path_, directory_;
  Problems& problems_;
  std::vector<std::string> known_;
  std::vector<std::pair<std::vector<std::string>, std::string>> missing_;  // any of these; message
};

namespace options_detail {
void number_problem(const Node& node, const std::string& path, const Spec& spec, bool integer,
                    Problems& problems);
bool expect(const Node& node, Node::Kind kind, const std::string& path, const std::string& allowed,
            Problems& problems);
void choice_problem(const Node& node, const std::string& path,
                    const std::vector<std::string>& names, Problems& problems);
std::string resolved(const std::string& directory, const std::string& given);
void duplicate_keys(const Node& node, const std::string& path, Problems& problems);
}  // namespace options_detail

template <class T>
void read_value(const Node& node, const std::string& path, const Spec& spec,
                const std::string& directory, T& value, Problems& problems) {
  using namespace options_detail;
  using Kind = Node::Kind;
  if constexpr (std::is_same_v<T, bool>) {
    if (node.text == "true" || node.text == "false")
      value = node.text == "true";
    else
      choice_problem(node, path, {"true", "false"}, problems);
  } else if constexpr (std::is_integral_v<T>) {
    long long read = 0;
    if (node.kind == Kind::scalar && parse_integer(node.text, read) && spec.allows(double(read)) &&
        read >= std::numeric_limits<T>::min() && read <= std::numeric_limits<T>::max())
      value = static_cast<T>(read);
    else
      number_problem(node, path, spec, true, problems);
  } else if constexpr (std::is_floating_point_v<T>) {
    double read = 0;
    if (node.kind == Kind::scalar && parse_number(node.text, read) && spec.allows(read))
      value = read;
    else
      number_problem(node, path, spec, false, problems);
  } else if constexpr (std::is_same_v<T, std::string>) {
    if (expect(node, Kind::scalar, path, "a text", problems)) value = node.text;
  } else if constexpr (std::is_same_v<T, File>) {
    if (expect(node, Kind::scalar, path, "the name of a file", problems))
      value = {node.text, resolved(directory, node.text)};
  } else if constexpr (std::is_enum_v<T>) {
    std::vector<std::string> names;
    for (const auto& [name, choice] : choices(T{})) {
      names.push_back(name);
      if (node.kind == Kind::scalar && name == node.text) {
        value = choice;
        return;
      }
    }
    choice_problem(node, path, names, problems);
  } else if constexpr (FixedLength<T>::value > 0) {
    constexpr int length = FixedLength<T>::value;
    const std::string allowed = "a list of " + std::to_string(length) + " numbers";
    if (!expect(node, Kind::list, path, allowed, problems)) return;
    if (int(node.items.size()) != length) {
      problems.add(path, "has " + std::to_string(node.items.size()) + " elements; " + allowed +
                             " is needed");
      return;
    }
    for (int i = 0; i < length; ++i)
      read_value(node.items[i], joined_path(path, std::to_string(i)), spec, directory, value[i],
                 problems);
    if (spec.is_increasing)
      for (int i = 1; i < length; ++i)
        if (!(value[i - 1] < value[i])) {
          problems.add(path, "must increase: [lowest, highest]");
          break;
        }
  } else if constexpr (ListOf<T>::value) {
    if (spec.may_be_one && node.kind == Kind::map) {
      value.assign(1, blank<typename T::value_type>());
      read_value(node, path, Spec{}, directory, value.front(), problems);
      return;
    }
    const std::string allowed =
        spec.may_be_one ? "keys with values, {key: value, ...}, or a list of such" : "a list";
    if (!expect(node, Kind::list, path, allowed, problems)) return;
    value.clear();
    for (std::size_t i = 0; i < node.items.size(); ++i) {
      auto item = blank<typename T::value_type>();
      read_value(node.items[i], joined_path(path, std::to_string(i)), spec, directory, item,
                 problems);
      value.push_back(std::move(item));
    }
    if (spec.is_required && value.empty()) problems.add(path, "is empty; at least one is needed");
  } else if constexpr (MapOf<T>::value) {
    if (!expect(node, Kind::map, path, "names, each with its value", problems)) return;
    duplicate_keys(node, path, problems);
    value.clear();
    for (std::size_t i = 0; i < node.keys.size(); ++i)
      read_value(node.items[i], joined_path(path, node.keys[i]), spec, directory,
                 value[node.keys[i]], problems);
    if (spec.is_required && value.empty()) problems.add(path, "is empty; at least one is needed");
  } else if constexpr (OptionalOf<T>::value) {
    if (!spec.off_word.empty() && node.kind == Kind::scalar && node.text == spec.off_word) {
      value.reset();
      return;
    }
    typename T::value_type inner = value.value_or(blank<typename T::value_type>());
    read_value(node, path, spec, directory, inner, problems);
    value = std::move(inner);
  } else {
    if (!spec.word_key.empty() && node.kind == Kind::scalar) {
      Node group = node;
      group.kind = Kind::map;
      group.keys = {spec.word_key};
      group.where_key = {node.where};
      group.items = {node};
      Reader reader(group, path, directory, problems);
      value.describe(reader);
      reader.finish();
      return;
    }
    std::string allowed = "keys with values, {key: value, ...}";
    if (!spec.off_word.empty()) allowed += ", or the word " + spec.off_word;
    if (!expect(node, Kind::map, path, allowed, problems)) return;
    Reader reader(node, path, directory, problems);
    value.describe(reader);
    reader.finish();
  }
}

/// Reads a whole options struct; problems.list() says what was wrong.
template <class T>
void read_options(const Node& root, const std::string& directory, T& options, Problems& problems) {
  read_value(root, "", Spec{}, directory, options, problems);
}

}  // namespace pendel
