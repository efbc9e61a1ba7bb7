#include "io/emd.hpp"

#include <algorithm>
#include <cassert>
#include <random>

#include "core/error.hpp"

namespace pendel {

namespace {

// A random UUID, version 4.
std::string new_uuid() {
  std::random_device random;
  std::string text = "xxxxxxxx-xxxx-4xxx-yxxx-xxxxxxxxxxxx";
  const char* digits = "0123456789abcdef";
  for (char& c : text) {
    if (c == 'x') c = digits[random() % 16];
    if (c == 'y') c = digits[8 + random() % 4];
  }
  return text;
}

// The format keeps only the first two values of an evenly spaced axis.
std::vector<double> stored_axis(const std::vector<double>& values) {
  if (values.size() < 3) return values;
  const double step = values[1] - values[0];
  for (std::size_t i = 2; i < values.size(); ++i)
    if (values[i] != values[0] + double(i) * step) return values;
  return {values[0], values[1]};
}

}  // namespace

EmdAxis index_axis(const std::string& name, std::size_t count) {
  EmdAxis axis{name, "", std::vector<double>(count)};
  for (std::size_t i = 0; i < count; ++i) axis.values[i] = double(i);
  return axis;
}

Array array_of(const std::vector<Vec3>& vectors) {
  Array result({vectors.size(), 3});
  for (std::size_t i = 0; i < vectors.size(); ++i)
    for (int j = 0; j < 3; ++j) result(i, std::size_t(j)) = vectors[i][j];
  return result;
}

Array array_of(const std::vector<Hkl>& hkl) {
  std::vector<Vec3> vectors;
  for (const Hkl& indices : hkl) vectors.push_back(indices.vec());
  return array_of(vectors);
}

EmdWriter::EmdWriter(const std::string& root) : root_("/" + root) {
  file_.attribute("/", "emd_group_type", "file");
  file_.attribute("/", "version_major", 1);
  file_.attribute("/", "version_minor", 0);
  file_.attribute("/", "UUID", new_uuid());
  file_.attribute("/", "authoring_program", "pendel");
  file_.attribute("/", "authoring_user", "");
  file_.group(root_);
  file_.attribute(root_, "emd_group_type", "root");
  file_.attribute(root_, "python_class", "Root");
}

// A group that only holds others.
void EmdWriter::branch(const std::string& name) {
  if (name.empty() || !branches_.insert(name).second) return;
  file_.group(root_ + "/" + name);
  file_.attribute(root_ + "/" + name, "emd_group_type", "node");
  file_.attribute(root_ + "/" + name, "python_class", "Node");
}

// A node of n-dimensional numbers, without them.
void EmdWriter::node(const std::string& name, const std::string& python_class,
                     const std::vector<EmdAxis>& axes, const std::string& note) {
  const auto slash = name.rfind('/');
  branch(slash == std::string::npos ? "" : name.substr(0, slash));
  const std::string node = root_ + "/" + name;
  file_.group(node);
  file_.attribute(node, "emd_group_type", "array");
  file_.attribute(node, "python_class", python_class);
  file_.attribute(node, "description", note);
  for (std::size_t i = 0; i < axes.size(); ++i) {
    const std::string dim = node + "/dim" + std::to_string(i);
    Array values;
    values.values = stored_axis(axes[i].values);
    values.shape = {values.values.size()};
    file_.write(dim, values);
    file_.attribute(dim, "name", axes[i].name);
    file_.attribute(dim, "units", axes[i].units);
  }
}

void EmdWriter::array(const std::string& name, const Array& data, const std::string& units,
                      const std::vector<EmdAxis>& axes, const std::string& note,
                      hdf5::Stored stored) {
  assert(axes.size() == data.rank());
  for (std::size_t i = 0; i < axes.size(); ++i) assert(axes[i].values.size() == data.shape[i]);
  node(name, "Array", axes, note);
  const std::string dataset = root_ + "/" + name + "/data";
  file_.write(dataset, data, stored);
  file_.attribute(dataset, "units", units);
}

void EmdWriter::datacube(const std::string& name, const std::vector<EmdAxis>& axes,
                         const std::string& note) {
  node(name, "DataCube", axes, note);
}

void EmdWriter::metadata(const std::string& name, const EmdDictionary& values,
                         const std::string& python_class) {
  dictionary(root_, name, values, python_class);
}

// A dictionary that belongs to a node.
void EmdWriter::dictionary(const std::string& owner, const std::string& name,
                           const EmdDictionary& values, const std::string& python_class) {
  const std::string bundle = owner + "/metadatabundle", node = bundle + "/" + name;
  file_.group(node);
  if (bundles_.insert(bundle).second) file_.attribute(bundle, "emd_group_type", "metadatabundle");
  file_.attribute(node, "emd_group_type", "metadata");
  file_.attribute(node, "python_class", python_class);
  for (const auto& [key, value] : values) {
    const std::string item = node + "/" + key;
    if (const auto* number = std::get_if<double>(&value)) {
      file_.write_scalar(item, *number);
      file_.attribute(item, "type", "number");
    } else if (const auto* text = std::get_if<std::string>(&value)) {
      file_.write_text(item, *text);
      file_.attribute(item, "type", "string");
    } else if (const auto* numbers = std::get_if<Array>(&value)) {
      file_.write(item, *numbers);
      file_.attribute(item, "type", "array");
    } else if (const auto* truth = std::get_if<bool>(&value)) {
      file_.write_flag(item, *truth);
      file_.attribute(item, "type", "bool");
    } else if (const auto* integers = std::get_if<std::vector<long>>(&value)) {
      Array tuple({integers->size()});
      std::copy(integers->begin(), integers->end(), tuple.values.begin());
      file_.write(item, tuple, hdf5::Stored::int64);
      file_.attribute(item, "type", "tuple");
    } else {
      const auto& texts = std::get<std::vector<std::string>>(value);
      file_.group(item);
      file_.attribute(item, "type", "list_of_strings");
      file_.attribute(item, "length", long(texts.size()));
      for (std::size_t i = 0; i < texts.size(); ++i)
        file_.write_text(item + "/" + std::to_string(i), texts[i]);
    }
  }
}

void EmdWriter::bragg_vectors(const std::string& name, const hdf5::PointLists& points,
                              const std::array<std::size_t, 2>& q_shape) {
  assert(points.shape.size() == 2);
  const std::string node = root_ + "/" + name, lists = node + "/_v_uncal";
  file_.group(lists);
  file_.attribute(node, "emd_group_type", "custom");
  file_.attribute(node, "python_class", "BraggVectors");
  file_.attribute(lists, "emd_group_type", "custom_pointlistarray");
  file_.attribute(lists, "python_class", "PointListArray");
  hdf5::write_point_lists(file_, lists + "/data", points);
  dictionary(node, "_braggvectors_shape",
             {{"Rshape", std::vector<long>(points.shape.begin(), points.shape.end())},
              {"Qshape", std::vector<long>(q_shape.begin(), q_shape.end())}},
             "Metadata");
}

std::string emd_root(const hdf5::InputFile& file) {
  if (file.attribute("/", "emd_group_type") != "file") return "";
  for (const hdf5::Item& item : file.items())
    if (item.is_group && file.attribute(item.path, "emd_group_type") == "root") return item.path;
  return "";
}

}  // namespace pendel
