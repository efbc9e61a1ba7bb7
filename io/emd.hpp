// Trees of the Electron Microscopy Dataset format, EMD 1.0: h5py, HyperSpy and py4DSTEM open them.
// A root holds named arrays with axes and units, and dictionaries of metadata. [EMD1]
#pragma once
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "io/hdf5.hpp"

namespace pendel {

/// One axis of an array; its values are in `units` ("" without).
struct EmdAxis {
  std::string name, units;
  std::vector<double> values;
};
/// 0, 1, ... count−1 without units.
EmdAxis index_axis(const std::string& name, std::size_t count);

/// Metadata: a dictionary of numbers, texts and lists of texts.
using EmdValue = std::variant<double, std::string, std::vector<std::string>>;
using EmdDictionary = std::vector<std::pair<std::string, EmdValue>>;

class EmdWriter {
 public:
  explicit EmdWriter(const std::string& root);

  /// `name` may be "group/array". One axis per dimension, of its length. `note` (what the array is)
  /// becomes the attribute `description`.
  void array(const std::string& name, const Array& data, const std::string& units,
             const std::vector<EmdAxis>& axes, const std::string& note,
             hdf5::Stored stored = hdf5::Stored::float64);
  void metadata(const std::string& name, const EmdDictionary& dictionary);
  /// See hdf5::OutputFile::save.
  void save(const std::string& path) { file_.save(path); }

 private:
  void branch(const std::string& name);

  std::string root_;
  hdf5::OutputFile file_;
  std::set<std::string> branches_;
  bool has_metadata_ = false;
};

/// Name of the first EMD root of a file ("/pendel"); empty if it is not EMD 1.0.
std::string emd_root(const hdf5::InputFile& file);

}  // namespace pendel
