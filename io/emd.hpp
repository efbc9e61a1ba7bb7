// Trees of the Electron Microscopy Dataset format, EMD 1.0: h5py, HyperSpy and py4DSTEM open them.
// A root holds named arrays with axes and units, and dictionaries of metadata. [EMD1]
#pragma once
#include <array>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "core/space.hpp"
#include "io/point_lists.hpp"

namespace pendel {

/// One axis of an array; its values are in `units` ("" without).
struct EmdAxis {
  std::string name, units;
  std::vector<double> values;
};
/// 0, 1, ... count−1 without units.
EmdAxis index_axis(const std::string& name, std::size_t count);

/// Vectors or Miller indices as an array (count, 3).
Array array_of(const std::vector<Vec3>& vectors);
Array array_of(const std::vector<Hkl>& hkl);

/// Metadata: a dictionary of numbers, texts, lists of texts, arrays, truth values and tuples.
using EmdValue =
    std::variant<double, std::string, std::vector<std::string>, Array, bool, std::vector<long>>;
using EmdDictionary = std::vector<std::pair<std::string, EmdValue>>;

class EmdWriter {
 public:
  explicit EmdWriter(const std::string& root);

  /// `name` may be "group/array". One axis per dimension, of its length. `note` (what the array is)
  /// becomes the attribute `description`.
  void array(const std::string& name, const Array& data, const std::string& units,
             const std::vector<EmdAxis>& axes, const std::string& note,
             hdf5::Stored stored = hdf5::Stored::float64);
  /// All of a py4DSTEM DataCube but its numbers, which a ScanWriter has.
  void datacube(const std::string& name, const std::vector<EmdAxis>& axes, const std::string& note);
  void metadata(const std::string& name, const EmdDictionary& dictionary,
                const std::string& python_class = "Metadata");
  /// Points of a scan's patterns, (rows, columns) lists of qx (row of the pattern), qy (column),
  /// intensity and what else there is, as py4DSTEM's BraggVectors. q_shape: of a pattern.
  void bragg_vectors(const std::string& name, const hdf5::PointLists& points,
                     const std::array<std::size_t, 2>& q_shape);
  /// See hdf5::OutputFile::save.
  void save(const std::string& path) { file_.save(path); }

  const std::string& root() const { return root_; }
  const hdf5::OutputFile& file() const { return file_; }

 private:
  void node(const std::string& name, const std::string& python_class,
            const std::vector<EmdAxis>& axes, const std::string& note);
  void branch(const std::string& name);
  void dictionary(const std::string& owner, const std::string& name,
                  const EmdDictionary& dictionary, const std::string& python_class);

  std::string root_;
  hdf5::OutputFile file_;
  std::set<std::string> branches_, bundles_;
};

/// Name of the first EMD root of a file ("/pendel"); empty if it is not EMD 1.0.
std::string emd_root(const hdf5::InputFile& file);

}  // namespace pendel
