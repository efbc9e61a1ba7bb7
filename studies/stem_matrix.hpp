// The file that keeps the scattering matrices of study `stem` from run to run.
#pragma once
#include <memory>
#include <optional>

#include "io/slab_file.hpp"
#include "studies/stem_plan.hpp"

namespace pendel {

/// Aperture [rad] and k_max [1/Å] of a matrix.
struct MatrixCover {
  double semiangle = 0, k_max = 0;
};
/// That of the study's file; nothing if there is none yet. Error (input) if it is another file.
std::optional<MatrixCover> stored_cover(const StemStudy& study);

class StemMatrix : public MatrixStore {
 public:
  /// Error (input) if there is a file and it was made for something else; the message says which
  /// keys of the study differ.
  StemMatrix(const StemStudy& study, const StemPlan& plan);

  /// "read from m.h5, 91 plane waves, 0.12 GB".
  std::string summary() const;
  /// Before the work: makes room on the disk for one that is not there yet. Error (input) without
  /// room; (study) if it is the output.
  void reserve(const std::string& output);

  bool has(int configuration) const override;
  void read(int configuration, int thickness, void* bytes, std::size_t count) override;
  void write(int configuration, int thickness, const void* bytes, std::size_t count) override;

 private:
  std::string path_, given_;
  const PrismLayout& layout_;
  int configurations_;
  SlabFile::Texts depends_;  // what decides the numbers: key and value
  bool stored_ = false;
  std::unique_ptr<SlabFile> file_;
};

/// Null if the study keeps none.
std::unique_ptr<StemMatrix> matrix_of(const StemStudy& study, const StemPlan& plan);

}  // namespace pendel
