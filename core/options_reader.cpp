#include "core/options_reader.hpp"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <numeric>
#include <set>

namespace pendel {

const Node* Node::find(const std::string& key) const {
  const auto found = std::find(keys.begin(), keys.end(), key);
  return found == keys.end() ? nullptr : &items[found - keys.begin()];
}

const Node& Node::nearest(const std::string& path) const {
  if (path.empty()) return *this;
  const auto dot = path.find('.');
  const std::string key = path.substr(0, dot);
  const Node* child = nullptr;
  long long index = 0;
  if (kind == Kind::map)
    child = find(key);
  else if (kind == Kind::list && parse_integer(key, index) && index >= 0 &&
           index < static_cast<long long>(items.size()))
    child = &items[index];
  if (!child) return *this;
  return dot == std::string::npos ? *child : child->nearest(path.substr(dot + 1));
}

void Problems::add(const std::string& path, const std::string& message) {
  add_at(root_.nearest(path).where, path, message);
}

void Problems::add_at(const std::string& where, const std::string& path,
                      const std::string& message) {
  list_.push_back(where + ": " + (path.empty() ? "" : path + ": ") + message);
}

void Problems::throw_if_any() const {
  if (list_.empty()) return;
  std::string text;
  for (const std::string& problem : list_) text += (text.empty() ? "" : "\n") + problem;
  throw Error(ErrorKind::study, text);
}

namespace {

// Edit distance in which a swap of neighbours counts once, ignoring case.
int edit_distance(const std::string& a, const std::string& b) {
  const auto same = [](char x, char y) { return std::tolower(x) == std::tolower(y); };
  std::vector<std::vector<int>> d(a.size() + 1, std::vector<int>(b.size() + 1));
  for (std::size_t i = 0; i <= a.size(); ++i) d[i][0] = int(i);
  for (std::size_t j = 0; j <= b.size(); ++j) d[0][j] = int(j);
  for (std::size_t i = 1; i <= a.size(); ++i)
    for (std::size_t j = 1; j <= b.size(); ++j) {
      d[i][j] = std::min(
          {d[i - 1][j] + 1, d[i][j - 1] + 1, d[i - 1][j - 1] + (same(a[i - 1], b[j - 1]) ? 0 : 1)});
      if (i > 1 && j > 1 && same(a[i - 1], b[j - 2]) && same(a[i - 2], b[j - 1]))
        d[i][j] = std::min(d[i][j], d[i - 2][j - 2] + 1);
    }
  return d[a.size()][b.size()];
}

std::string found(const Node& node) {
  switch (node.kind) {
    case Node::Kind::null:
      return "is empty";
    case Node::Kind::list:
      return "is a list";
    case Node::Kind::map:
      return "is a group of keys";
    case Node::Kind::scalar:
      break;
  }
  return "is '" + node.text + "'";
}

}  // namespace

std::string nearest_name(const std::string& name, const std::vector<std::string>& candidates) {
  std::string best;
  int least = std::max<int>(2, int(name.size()) / 3) + 1;
  for (const std::string& candidate : candidates) {
    const int distance = edit_distance(name, candidate);
    // a two-letter name is not "near" another one by replacing it altogether
    if (distance < least && distance < int(std::max(name.size(), candidate.size()))) {
      least = distance;
      best = candidate;
    }
  }
  return best;
}

std::string unknown_name(const std::string& name, const std::vector<std::string>& names) {
  const std::string near = nearest_name(name, names);
  return "there is no '" + name + "'; " +
         (names.empty() ? "none is defined" : "there are: " + joined(names)) +
         (near.empty() ? "" : "; did you mean " + near + "?");
}

std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

std::string joined_path(const std::string& path, const std::string& key) {
  return path.empty() ? key : path + "." + key;
}

bool parse_number(const std::string& text, double& value) {
  const char* first = text.data() + (text.size() > 1 && text[0] == '+');
  const char* last = text.data() + text.size();
  const auto result = std::from_chars(first, last, value);
  return result.ec == std::errc() && result.ptr == last && std::isfinite(value);
}

bool parse_integer(const std::string& text, long long& value) {
  const char* last = text.data() + text.size();
  const auto result = std::from_chars(text.data(), last, value);
  return result.ec == std::errc() && result.ptr == last;
}

void Reader::exactly_one(const std::vector<std::string>& keys) {
  const auto given = std::count_if(
      keys.begin(), keys.end(), [&](const std::string& key) { return node_.find(key) != nullptr; });
  const std::string message = joined(keys) + " is given; exactly one is needed";
  if (given == 0) missing_.push_back({keys, "none of " + message});
  if (given > 1) problems_.add(path_, "more than one of " + message);
}

void Reader::finish() {
  options_detail::duplicate_keys(node_, path_, problems_);
  std::vector<std::string> meant;
  for (std::size_t i = 0; i < node_.keys.size(); ++i) {
    const std::string& key = node_.keys[i];
    if (std::find(known_.begin(), known_.end(), key) != known_.end()) continue;
    std::string advice = "allowed here: " + joined(known_);
    const auto same_quantity = std::find_if(
        known_.begin(), known_.end(),
        [&](const std::string& known) { return key_without_unit(known) == key_without_unit(key); });
    const std::string near = nearest_name(key, known_);
    if (same_quantity != known_.end()) {
      advice += unit_of_key(*same_quantity).empty()
                    ? "; it has no unit: write " + *same_quantity
                    : "; its unit is " + unit_of_key(*same_quantity) + ": write " + *same_quantity;
      meant.push_back(*same_quantity);
    } else if (!near.empty()) {
      advice += "; did you mean " + near + "?";
      meant.push_back(near);
    }
    problems_.add_at(node_.where_key[i], joined_path(path_, key), "unknown key; " + advice);
  }
  for (const auto& [keys, message] : missing_)
    if (std::find_first_of(keys.begin(), keys.end(), meant.begin(), meant.end()) == keys.end())
      problems_.add(path_, message);
}

namespace options_detail {

void number_problem(const Node& node, const std::string& path, const Spec& spec, bool integer,
                    Problems& problems) {
  std::string allowed = integer ? "an integer" : "a number";
  if (!spec.allowed().empty()) allowed += " " + spec.allowed();
  problems.add(path, found(node) + "; allowed: " + allowed);
}

bool expect(const Node& node, Node::Kind kind, const std::string& path, const std::string& allowed,
            Problems& problems) {
  if (node.kind == kind) return true;
  problems.add(path, found(node) + "; allowed: " + allowed);
  return false;
}

void choice_problem(const Node& node, const std::string& path,
                    const std::vector<std::string>& names, Problems& problems) {
  const std::string near =
      node.kind == Node::Kind::scalar ? nearest_name(node.text, names) : std::string();
  problems.add(path, found(node) + "; allowed: " + joined(names) +
                         (near.empty() ? "" : "; did you mean " + near + "?"));
}

std::string resolved(const std::string& directory, const std::string& given) {
  return (std::filesystem::path(directory) / given).lexically_normal().string();
}

void duplicate_keys(const Node& node, const std::string& path, Problems& problems) {
  std::set<std::string> seen;
  for (std::size_t i = 0; i < node.keys.size(); ++i)
    if (!seen.insert(node.keys[i]).second)
      problems.add_at(node.where_key[i], joined_path(path, node.keys[i]),
                      "the key is given twice; remove one");
}

}  // namespace options_detail

}  // namespace pendel
