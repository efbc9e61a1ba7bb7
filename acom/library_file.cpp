#include "acom/library_file.hpp"

#include <algorithm>

#include "core/error.hpp"
#include "io/provenance.hpp"

namespace pendel {

namespace {

using hdf5::InputFile;

const std::vector<std::pair<std::string, ScatteringTable>> tables = {
    {"lobato", ScatteringTable::lobato},
    {"kirkland", ScatteringTable::kirkland},
    {"peng", ScatteringTable::peng},
    {"weickenmeier-kohl", ScatteringTable::weickenmeier_kohl}};
const std::vector<std::pair<std::string, Absorption>> absorptions = {
    {"none", Absorption::none},
    {"proportional", Absorption::proportional},
    {"weickenmeier-kohl", Absorption::weickenmeier_kohl}};

template <class E>
std::string name_of(const std::vector<std::pair<std::string, E>>& names, E value) {
  return std::find_if(names.begin(), names.end(),
                      [&](const auto& entry) { return entry.second == value; })
      ->first;
}

std::string folder_of(std::size_t phase) { return "library/" + std::to_string(phase); }
std::string bundle_of(std::size_t phase) { return "library_" + std::to_string(phase); }

[[noreturn]] void fail(const std::string& path, const std::string& what) {
  throw Error(ErrorKind::input, path + ": " + what);
}

Array array_of_matrices(const std::vector<Mat3>& matrices) {
  Array result({matrices.size(), 3, 3});
  for (std::size_t i = 0; i < matrices.size(); ++i)
    for (int r = 0; r < 3; ++r)
      for (int c = 0; c < 3; ++c)
        result.values[9 * i + 3 * std::size_t(r) + std::size_t(c)] = matrices[i](r, c);
  return result;
}

Mat3 matrix_at(const Array& array, std::size_t i) {
  Mat3 result;
  for (int r = 0; r < 3; ++r)
    for (int c = 0; c < 3; ++c)
      result(r, c) = array.values[9 * i + 3 * std::size_t(r) + std::size_t(c)];
  return result;
}

Array values_of(const Vec3& v) {
  Array result({3});
  result.values.assign(v.data(), v.data() + 3);
  return result;
}

void write_crystal(EmdWriter& file, const std::string& folder, const Crystal& crystal,
                   EmdDictionary& items) {
  const std::size_t count = crystal.sites.size();
  Array Z({count}), occupancy({count});
  std::vector<Vec3> position;
  std::vector<Mat3> U;
  std::vector<std::string> labels;
  for (std::size_t j = 0; j < count; ++j) {
    const Site& site = crystal.sites[j];
    Z.values[j] = site.Z;
    occupancy.values[j] = site.occupancy;
    position.push_back(site.position.v);
    U.push_back(site.U);
    labels.push_back(site.label);
  }
  const EmdAxis sites = index_axis("site", count), xyz = index_axis("x, y, z", 3);
  file.array(folder + "/atoms/Z", Z, "", {sites}, "atomic number", hdf5::Stored::int32);
  file.array(folder + "/atoms/position", array_of(position), "", {sites, xyz},
             "fractions of the cell");
  file.array(folder + "/atoms/occupancy", occupancy, "", {sites}, "");
  file.array(folder + "/atoms/U", array_of_matrices(U), "Å²", {sites, xyz, xyz},
             "mean-square displacements");
  items.push_back({"crystal", crystal.name});
  items.push_back({"cell_A", values_of(crystal.cell.edges())});
  items.push_back({"cell_deg", values_of(crystal.cell.angles_deg())});
  items.push_back({"strain", array_of_matrices({crystal.strain})});
  items.push_back({"labels", labels});
  if (crystal.U_g_change.empty()) return;
  Array change({crystal.U_g_change.size(), 5});
  std::size_t row = 0;
  for (const auto& [hkl, U_g] : crystal.U_g_change) {
    const double values[] = {double(hkl.h), double(hkl.k), double(hkl.l), U_g.real(), U_g.imag()};
    std::copy(values, values + 5, change.values.begin() + long(5 * row++));
  }
  items.push_back({"U_g_change_hkl_invA2", change});
}

void add_recipe(const PhaseLibrary& library, EmdDictionary& items) {
  if (const auto* options = std::get_if<SpotOptions>(&library.recipe)) {
    const auto* slab = std::get_if<SlabShape>(&options->shape);
    items.push_back({"kind", std::string("kinematical")});
    items.push_back({"scattering_table", name_of(tables, options->table)});
    items.push_back({"sg_max_invA", options->sg_max});
    if (slab)
      items.push_back({"slab_thickness_A", slab->thickness});
    else
      items.push_back({"shape_sigma_invA", std::get<GaussianShape>(options->shape).sigma});
    items.push_back({"precession_rad", options->precession});
    items.push_back({"precession_tolerance", options->precession_tolerance});
    return;
  }
  const DynamicalRecipe& recipe = std::get<DynamicalRecipe>(library.recipe);
  const PotentialOptions& potential = recipe.options.potential;
  items.push_back({"kind", std::string("dynamical")});
  items.push_back({"scattering_table", name_of(tables, potential.table)});
  items.push_back({"absorption", name_of(absorptions, potential.absorption)});
  items.push_back({"proportional_absorption", potential.proportional_absorption});
  items.push_back({"absorption_core", potential.core});
  items.push_back({"absorption_phonon", potential.phonon});
  items.push_back({"tolerance", recipe.options.tolerance});
  items.push_back({"precession_rad", recipe.options.precession});
  items.push_back({"beams_g_max_invA", recipe.limits.g_max});
  items.push_back({"beams_least_reach", recipe.limits.strong});
}

/// One library's part of a file.
class Reader {
 public:
  Reader(const InputFile& file, const std::string& root, std::size_t phase)
      : file_(file),
        arrays_(root + "/" + folder_of(phase) + "/"),
        items_(root + "/metadatabundle/" + bundle_of(phase) + "/") {}

  PhaseLibrary library() const {
    PhaseLibrary result;
    result.name = text("name");
    result.crystal = crystal();
    result.energy_keV = number("energy_keV");
    result.g_max = number("g_max_invA");
    result.faintest = number("faintest");
    if (text("kind") == "kinematical")
      result.recipe = kinematical(result.g_max);
    else if (text("kind") == "dynamical")
      result.recipe = dynamical(result.g_max);
    else
      fail(file_.path(), "library " + result.name + " is of kind '" + text("kind") +
                             "'; kinematical or dynamical was expected");
    const Array symmetry = file_.read(arrays_ + "symmetry");
    must(symmetry.size() % 9 == 0, "symmetry");
    for (std::size_t i = 0; i < symmetry.size() / 9; ++i)
      result.symmetry.push_back(matrix_at(symmetry, i));
    if (file_.has(items_ + "thickness_A"))
      result.thickness_A = file_.read(items_ + "thickness_A").values;
    read_templates(result);
    return result;
  }

 private:
  void must(bool good, const std::string& what) const {
    if (!good) fail(file_.path(), arrays_ + what + " does not fit the rest of its library");
  }
  double number(const std::string& name) const {
    const Array value = file_.read(items_ + name);
    must(value.size() == 1, "metadata " + name);
    return value.values[0];
  }
  std::string text(const std::string& name) const { return file_.read_text(items_ + name); }
  template <class E>
  E choice(const std::vector<std::pair<std::string, E>>& names, const std::string& name) const {
    const std::string given = text(name);
    const auto found = std::find_if(names.begin(), names.end(),
                                    [&](const auto& entry) { return entry.first == given; });
    if (found == names.end()) fail(file_.path(), items_ + name + " is unknown: '" + given + "'");
    return found->second;
  }

  Crystal crystal() const {
    Crystal result;
    result.name = text("crystal");
    const std::vector<double> edges = file_.read(items_ + "cell_A").values,
                              angles = file_.read(items_ + "cell_deg").values;
    must(edges.size() == 3 && angles.size() == 3, "metadata of the cell");
    result.cell = Cell(edges[0], edges[1], edges[2], angles[0], angles[1], angles[2]);
    const Array strain = file_.read(items_ + "strain"), Z = file_.read(arrays_ + "atoms/Z"),
                position = file_.read(arrays_ + "atoms/position"),
                occupancy = file_.read(arrays_ + "atoms/occupancy"),
                U = file_.read(arrays_ + "atoms/U");
    const std::size_t n = Z.size();
    must(strain.size() == 9 && position.size() == 3 * n && occupancy.size() == n &&
             U.size() == 9 * n,
         "atoms");
    result.strain = matrix_at(strain, 0);
    for (std::size_t j = 0; j < n; ++j) {
      Site site;
      site.label = text("labels/" + std::to_string(j));
      site.Z = int(Z.values[j]);
      site.position.v = Vec3(position(j, 0), position(j, 1), position(j, 2));
      site.occupancy = occupancy.values[j];
      site.U = matrix_at(U, j);
      result.sites.push_back(site);
    }
    if (!file_.has(items_ + "U_g_change_hkl_invA2")) return result;
    const Array change = file_.read(items_ + "U_g_change_hkl_invA2");
    must(change.rank() == 2 && change.shape[1] == 5, "metadata U_g_change_hkl_invA2");
    for (std::size_t i = 0; i < change.rows(); ++i)
      result.U_g_change[{int(change(i, 0)), int(change(i, 1)), int(change(i, 2))}] = {change(i, 3),
                                                                                      change(i, 4)};
    return result;
  }

  SpotOptions kinematical(double g_max) const {
    SpotOptions options;
    options.table = choice(tables, "scattering_table");
    options.g_max = g_max;
    options.sg_max = number("sg_max_invA");
    if (file_.has(items_ + "slab_thickness_A"))
      options.shape = SlabShape{number("slab_thickness_A")};
    else
      options.shape = GaussianShape{number("shape_sigma_invA")};
    options.precession = number("precession_rad");
    options.precession_tolerance = number("precession_tolerance");
    return options;
  }

  DynamicalRecipe dynamical(double g_max) const {
    DynamicalRecipe recipe;
    PotentialOptions& potential = recipe.options.potential;
    potential.table = choice(tables, "scattering_table");
    potential.absorption = choice(absorptions, "absorption");
    potential.proportional_absorption = number("proportional_absorption");
    potential.core = file_.read_flag(items_ + "absorption_core");
    potential.phonon = file_.read_flag(items_ + "absorption_phonon");
    recipe.options.g_max = g_max;
    recipe.options.tolerance = number("tolerance");
    recipe.options.precession = number("precession_rad");
    recipe.limits = {number("beams_g_max_invA"), number("beams_least_reach")};
    return recipe;
  }

  void read_templates(PhaseLibrary& library) const {
    const Array R = file_.read(arrays_ + "orientation_matrix"),
                numbers = file_.read(arrays_ + "spots"), hkl = file_.read(arrays_ + "hkl"),
                q = file_.read(arrays_ + "q");
    const std::size_t count = numbers.size(), spots = hkl.size() / 3;
    const std::size_t rows = std::max<std::size_t>(library.thickness_A.size(), 1);
    double sum = 0;
    for (const double n : numbers.values) {
      must(n >= 0, "spots");
      sum += n;
    }
    must(sum == double(spots), "spots");
    must(R.size() == 9 * count, "orientation_matrix");
    must(hkl.size() == 3 * spots && q.size() == 2 * spots, "q");
    const std::string name = arrays_ + "intensity/data";
    must(file_.shape(name) == std::vector<std::size_t>{spots, rows}, "intensity");
    std::vector<float> intensity(spots * rows);
    if (spots > 0)
      file_.read_part(name, {0, 0}, {spots, rows}, hdf5::Stored::float32, intensity.data());
    std::size_t first = 0;
    for (std::size_t i = 0; i < count; ++i) {
      Template made;
      made.R_lab_crystal = matrix_at(R, i);
      const std::size_t n = std::size_t(numbers.values[i]);
      made.hkl.resize(n);
      made.q.resize(n);
      made.intensity.resize(rows * n);
      for (std::size_t s = 0; s < n; ++s) {
        const double *index = &hkl.values[3 * (first + s)], *at = &q.values[2 * (first + s)];
        made.hkl[s] = {int(index[0]), int(index[1]), int(index[2])};
        made.q[s] = {at[0], at[1]};
        for (std::size_t t = 0; t < rows; ++t)
          made.intensity[t * n + s] = intensity[(first + s) * rows + t];
      }
      library.templates.push_back(std::move(made));
      first += n;
    }
  }

  const InputFile& file_;
  std::string arrays_, items_;
};

void write_templates(EmdWriter& file, const std::string& folder, const PhaseLibrary& library) {
  std::size_t spots = 0;
  for (const Template& made : library.templates) spots += made.hkl.size();
  const std::size_t count = library.templates.size();
  const std::size_t rows = std::max<std::size_t>(library.thickness_A.size(), 1);
  std::vector<Mat3> R;
  Array numbers({count}), hkl({spots, 3}), q({spots, 2}), intensity({spots, rows});
  std::size_t at = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const Template& made = library.templates[i];
    const std::size_t n = made.hkl.size();
    R.push_back(made.R_lab_crystal);
    numbers.values[i] = double(n);
    for (std::size_t s = 0; s < n; ++s, ++at) {
      for (std::size_t axis = 0; axis < 3; ++axis) hkl(at, axis) = made.hkl[s].vec()[long(axis)];
      for (std::size_t axis = 0; axis < 2; ++axis) q(at, axis) = made.q[s][long(axis)];
      for (std::size_t t = 0; t < rows; ++t) intensity(at, t) = made.intensity[t * n + s];
    }
  }
  const EmdAxis of_template = index_axis("template", count), spot = index_axis("spot", spots),
                xyz = index_axis("x, y, z", 3);
  file.array(folder + "/orientation_matrix", array_of_matrices(R), "",
             {of_template, index_axis("lab x, y, z", 3), index_axis("crystal x, y, z", 3)},
             "v_lab = R v_crystal");
  file.array(folder + "/spots", numbers, "", {of_template},
             "of every template, one template's after the other's in what follows",
             hdf5::Stored::int32);
  file.array(folder + "/hkl", hkl, "", {spot, index_axis("h, k, l", 3)}, "", hdf5::Stored::int16);
  file.array(folder + "/q", q, "1/Å", {spot, index_axis("x, y", 2)}, "");
  EmdAxis thickness = index_axis("thickness", rows);
  if (!library.thickness_A.empty()) thickness = {"thickness", "Å", library.thickness_A};
  const bool dynamical = std::holds_alternative<DynamicalRecipe>(library.recipe);
  file.array(folder + "/intensity", intensity, "", {spot, thickness},
             dynamical ? "fraction of the incident beam" : "single scattering, as its shape says",
             hdf5::Stored::float32);
  file.array(folder + "/symmetry", array_of_matrices(library.symmetry), "",
             {index_axis("operation", library.symmetry.size()), xyz, xyz},
             "operations, crystal Cartesian, that leave every pattern as it is");
}

}  // namespace

void write_libraries(EmdWriter& file, const std::vector<PhaseLibrary>& libraries) {
  for (std::size_t phase = 0; phase < libraries.size(); ++phase) {
    const PhaseLibrary& library = libraries[phase];
    EmdDictionary items{{"name", library.name},
                        {"energy_keV", library.energy_keV},
                        {"g_max_invA", library.g_max},
                        {"faintest", library.faintest},
                        {"made_by", "pendel " + version() + " " + git_hash()}};
    if (!library.thickness_A.empty()) {
      Array thickness({library.thickness_A.size()});
      thickness.values = library.thickness_A;
      items.push_back({"thickness_A", thickness});
    }
    write_templates(file, folder_of(phase), library);
    write_crystal(file, folder_of(phase), library.crystal, items);
    add_recipe(library, items);
    file.metadata(bundle_of(phase), items);
  }
}

void save_libraries(const std::string& path, const std::vector<PhaseLibrary>& libraries) {
  EmdWriter file("pendel");
  write_libraries(file, libraries);
  file.save(path);
}

std::vector<PhaseLibrary> read_libraries(const std::string& path) {
  const InputFile file(path);
  const std::string root = emd_root(file);
  std::vector<PhaseLibrary> result;
  while (!root.empty() && file.has(root + "/" + folder_of(result.size())))
    result.push_back(Reader(file, root, result.size()).library());
  if (result.empty()) fail(path, "holds no template library; the study `library` makes one");
  return result;
}

}  // namespace pendel
