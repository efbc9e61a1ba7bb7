#include "studies/yaml_reader.hpp"

#include <yaml-cpp/yaml.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>

namespace pendel {

namespace {

std::string place(const std::string& file, const YAML::Mark& mark) {
  if (mark.is_null()) return file;
  return file + ":" + std::to_string(mark.line + 1) + ":" + std::to_string(mark.column + 1);
}

// Deeper than any study: an alias that holds itself.
constexpr int deepest = 50;

Node converted(const YAML::Node& yaml, const std::string& file, int depth) {
  Node node;
  node.where = place(file, yaml.Mark());
  if (depth > deepest) throw Error(ErrorKind::study, node.where + ": nested too deeply");
  if (yaml.IsScalar()) {
    node.kind = Node::Kind::scalar;
    node.text = yaml.Scalar();
  } else if (yaml.IsSequence()) {
    node.kind = Node::Kind::list;
    for (const auto& item : yaml) node.items.push_back(converted(item, file, depth + 1));
  } else if (yaml.IsMap()) {
    node.kind = Node::Kind::map;
    for (const auto& pair : yaml) {
      const std::string where = place(file, pair.first.Mark());
      if (!pair.first.IsScalar()) throw Error(ErrorKind::study, where + ": a key must be a word");
      node.keys.push_back(pair.first.Scalar());
      node.where_key.push_back(where);
      node.items.push_back(converted(pair.second, file, depth + 1));
    }
  }
  return node;
}

Node parse(const std::string& text, const std::string& file_name) {
  try {
    const std::vector<YAML::Node> documents = YAML::LoadAll(text);
    if (documents.size() > 1)
      throw Error(ErrorKind::study, place(file_name, documents[1].Mark()) +
                                        ": a second YAML document begins here; a study is one");
    return documents.empty() ? Node{} : converted(documents[0], file_name, 0);
  } catch (const YAML::Exception& error) {
    throw Error(ErrorKind::study,
                place(file_name, error.mark) + ": this is not YAML: " + error.msg);
  }
}

void set_everywhere(Node& node, const std::string& where) {
  node.where = where;
  for (std::string& place : node.where_key) place = where;
  for (Node& item : node.items) set_everywhere(item, where);
}

}  // namespace

Node parse_yaml(const std::string& text, const std::string& file_name) {
  Node root = parse(text, file_name);
  if (root.kind != Node::Kind::map)
    throw Error(ErrorKind::study, file_name +
                                      ": a study is a list of `key: value`; `pendel new KIND` "
                                      "prints one");
  return root;
}

Node read_yaml(const std::string& file_name) {
  std::ifstream file(file_name, std::ios::binary);
  std::ostringstream text;
  if (file) text << file.rdbuf();
  if (!file || !text)
    throw Error(ErrorKind::study, file_name + ": cannot be read: " + std::strerror(errno));
  return parse_yaml(text.str(), file_name);
}

void apply_setting(Node& root, const std::string& setting) {
  const std::string where = "--set " + setting;
  const auto equals = setting.find('=');
  if (equals == std::string::npos || equals == 0)
    throw Error(ErrorKind::study,
                where + ": a setting is key=value, for example beam.energy_keV=200");
  Node value = parse(setting.substr(equals + 1), where);
  set_everywhere(value, where);

  Node* node = &root;
  std::istringstream path(setting.substr(0, equals));
  for (std::string key; std::getline(path, key, '.');) {
    if (node->kind == Node::Kind::list) {
      long long index = 0;
      const auto count = static_cast<long long>(node->items.size());
      if (!parse_integer(key, index) || index < 0 || index >= count)
        throw Error(ErrorKind::study, where + ": " + key + " is not an index of this list of " +
                                          std::to_string(count) + " (the first is 0)");
      node = &node->items[index];
      continue;
    }
    if (node->kind != Node::Kind::map) {
      *node = Node{};
      node->kind = Node::Kind::map;
      node->where = where;
    }
    if (!node->find(key)) {
      node->keys.push_back(key);
      node->where_key.push_back(where);
      node->items.emplace_back();
    }
    node = const_cast<Node*>(node->find(key));
  }
  *node = std::move(value);
}

}  // namespace pendel
