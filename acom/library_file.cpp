#include "acom/library_file.hpp"

#include <algorithm>

#include "core/error.hpp"
#include "io/hdf5.hpp"

namespace pendel {

namespace {

std::string folder_of(std::size_t phase) { return "library/" + std::to_string(phase); }
std::string bundle_of(std::size_t phase) { return "library_" + std::to_string(phase); }

void put(double*& to, const Mat3& matrix) {  // by rows
  for (int i = 0; i < 9; ++i) *to++ = matrix(i / 3, i % 3);
}
Mat3 taken(const double*& from) {
  Mat3 matrix;
  for (int i = 0; i < 9; ++i) matrix(i / 3, i % 3) = *from++;
  return matrix;
}

void write_crystal(EmdWriter& file, const std::string& folder, const Crystal& crystal) {
  const std::size_t count = crystal.sites.size();
  Array Z({count}), position({count, 3}), occupancy({count}), U({count, 3, 3});
  double* to = U.values.data();
  for (std::size_t j = 0; j < count; ++j) {
    const Site& site = crystal.sites[j];
    Z.values[j] = site.Z;
    occupancy.values[j] = site.occupancy;
    std::copy(site.position.v.data(), site.position.v.data() + 3, &position.values[3 * j]);
    put(to, site.U);
  }
  const EmdAxis sites = index_axis("site", count), xyz = index_axis("x, y, z", 3);
  file.array(folder + "/atoms/Z", Z, "", {sites}, "atomic number", hdf5::Stored::int32);
  file.array(folder + "/atoms/position", position, "", {sites, xyz}, "fractions of the cell");
  file.array(folder + "/atoms/occupancy", occupancy, "", {sites}, "");
  file.array(folder + "/atoms/U", U, "Å²", {sites, xyz, xyz}, "mean-square displacements");
}

Array vector_of(const Vec3& v) {
  Array array({3});
  array.values.assign(v.data(), v.data() + 3);
  return array;
}

}  // namespace

void write_libraries(EmdWriter& file, const std::vector<PhaseLibrary>& phases) {
  for (std::size_t p = 0; p < phases.size(); ++p) {
    const PhaseLibrary& library = phases[p];
    const std::string folder = folder_of(p);
    const std::size_t templates = library.templates.size(),
                      thicknesses = std::max<std::size_t>(1, library.thickness_A.size());
    std::size_t spots = 0;
    for (const Template& made : library.templates) spots += made.q.size();
    Array orientation({templates, 3, 3}), count({templates}), hkl({spots, 3}), q({spots, 2}),
        intensity({spots, thicknesses}), symmetry({library.symmetry.size(), 3, 3});
    double *R = orientation.values.data(), *indices = hkl.values.data(), *place = q.values.data(),
           *bright = intensity.values.data(), *S = symmetry.values.data();
    for (std::size_t t = 0; t < templates; ++t) {
      const Template& made = library.templates[t];
      const std::size_t here = made.q.size();
      put(R, made.R_lab_crystal);
      count.values[t] = double(here);
      for (std::size_t s = 0; s < here; ++s) {
        for (const int index : {made.hkl[s].h, made.hkl[s].k, made.hkl[s].l}) *indices++ = index;
        place = std::copy(made.q[s].data(), made.q[s].data() + 2, place);
        for (std::size_t k = 0; k < thicknesses; ++k) *bright++ = made.intensity[k * here + s];
      }
    }
    for (const Mat3& operation : library.symmetry) put(S, operation);
    const EmdAxis of_template = index_axis("template", templates), spot = index_axis("spot", spots),
                  xyz = index_axis("x, y, z", 3);
    EmdAxis thickness = index_axis("thickness", thicknesses);
    if (!library.thickness_A.empty()) {
      thickness.units = "Å";
      thickness.values = library.thickness_A;
    }
    file.array(folder + "/orientation_matrix", orientation, "",
               {of_template, index_axis("lab x, y, z", 3), index_axis("crystal x, y, z", 3)},
               "v_lab = R v_crystal");
    file.array(folder + "/spots", count, "", {of_template},
               "of every template, one template's after the other's in what follows",
               hdf5::Stored::int32);
    file.array(folder + "/hkl", hkl, "", {spot, index_axis("h, k, l", 3)}, "", hdf5::Stored::int16);
    file.array(folder + "/q", q, "1/Å", {spot, index_axis("x, y", 2)}, "");
    file.array(folder + "/intensity", intensity, "", {spot, thickness}, "", hdf5::Stored::float32);
    file.array(folder + "/symmetry", symmetry, "",
               {index_axis("operation", library.symmetry.size()), xyz, xyz},
               "operations, crystal Cartesian, that leave every pattern as it is");
    write_crystal(file, folder, library.crystal);
    std::vector<std::string> labels;
    for (const Site& site : library.crystal.sites) labels.push_back(site.label);
    EmdDictionary told{{"name", library.name},
                       {"energy_keV", library.energy_keV},
                       {"g_max_invA", library.g_max},
                       {"cell_A", vector_of(library.crystal.cell.edges())},
                       {"cell_deg", vector_of(library.crystal.cell.angles_deg())},
                       {"labels", labels}};
    if (!library.thickness_A.empty()) {
      Array values({thicknesses});
      values.values = library.thickness_A;
      told.emplace_back("thickness_A", values);
    }
    file.metadata(bundle_of(p), told);
  }
}

std::vector<PhaseLibrary> read_libraries(const std::string& path) {
  const hdf5::InputFile file(path);
  const std::string root = emd_root(file);
  if (root.empty() || !file.has(root + "/" + folder_of(0)))
    throw Error(ErrorKind::input,
                path + ": holds no template library; the study `library` makes one");
  std::vector<PhaseLibrary> phases;
  for (std::size_t p = 0; file.has(root + "/" + folder_of(p)); ++p) {
    const std::string folder = root + "/" + folder_of(p) + "/",
                      bundle = root + "/metadatabundle/" + bundle_of(p) + "/";
    const auto vector = [&](const std::string& name) {
      const Array a = file.read(bundle + name);
      return Vec3(a.values.at(0), a.values.at(1), a.values.at(2));
    };
    PhaseLibrary library;
    library.name = file.read_text(bundle + "name");
    library.energy_keV = file.read(bundle + "energy_keV").values.at(0);
    library.g_max = file.read(bundle + "g_max_invA").values.at(0);
    const Vec3 edges = vector("cell_A"), angles = vector("cell_deg");
    library.crystal.name = library.name;
    library.crystal.cell = Cell(edges[0], edges[1], edges[2], angles[0], angles[1], angles[2]);
    const Array Z = file.read(folder + "atoms/Z"), position = file.read(folder + "atoms/position"),
                occupancy = file.read(folder + "atoms/occupancy"),
                U = file.read(folder + "atoms/U");
    const double* moves = U.values.data();
    for (std::size_t j = 0; j < Z.size(); ++j) {
      Site site;
      site.label = file.read_text(bundle + "labels/" + std::to_string(j));
      site.Z = int(Z.values[j]);
      site.position.v = Vec3(position(j, 0), position(j, 1), position(j, 2));
      site.occupancy = occupancy.values[j];
      site.U = taken(moves);
      library.crystal.sites.push_back(site);
    }
    if (file.has(bundle + "thickness_A"))
      library.thickness_A = file.read(bundle + "thickness_A").values;
    const Array R = file.read(folder + "orientation_matrix"), count = file.read(folder + "spots"),
                hkl = file.read(folder + "hkl"), q = file.read(folder + "q"),
                intensity = file.read(folder + "intensity"),
                symmetry = file.read(folder + "symmetry");
    const std::size_t thicknesses = intensity.shape.back();
    const double *turn = R.values.data(), *S = symmetry.values.data();
    for (std::size_t k = 0; k < symmetry.shape.front(); ++k) library.symmetry.push_back(taken(S));
    std::size_t first = 0;
    for (const double number : count.values) {
      Template made;
      made.R_lab_crystal = taken(turn);
      const std::size_t here = std::size_t(number);
      made.intensity.resize(thicknesses * here);
      for (std::size_t s = 0; s < here; ++s) {
        const std::size_t at = first + s;
        made.hkl.push_back({int(hkl(at, 0)), int(hkl(at, 1)), int(hkl(at, 2))});
        made.q.emplace_back(q(at, 0), q(at, 1));
        for (std::size_t k = 0; k < thicknesses; ++k)
          made.intensity[k * here + s] = float(intensity(at, k));
      }
      first += here;
      library.templates.push_back(std::move(made));
    }
    phases.push_back(std::move(library));
  }
  return phases;
}

}  // namespace pendel
