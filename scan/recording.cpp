#include "scan/recording.hpp"

#include "scan/formats/format.hpp"

namespace pendel {

namespace {

using formats::Candidate;

bool begins(const Candidate& file, const std::string& text, std::size_t at = 0) {
  return file.head.compare(at, text.size(), text) == 0;
}
bool contains(const Candidate& file, const std::string& text) {
  return file.head.find(text) != std::string::npos;
}

struct Format {
  const char* name;
  const char* extensions;
  bool (*is)(const Candidate&);
  Recording (*open)(const Candidate&, const OpenOptions&);
};

// By their first bytes where these say it, by the extension where they do not.
const Format table[] = {
    {"HDF5: EMD 1.0 and older, py4DSTEM, HyperSpy, NeXus, Prismatic, abTEM, Arina",
     ".h5 .emd .hspy .nxs .hdf5 .py4dstem",
     [](const Candidate& file) { return begins(file, "\x89HDF\r\n\x1a\n"); }, formats::open_hdf5},
    {"Merlin", ".mib", [](const Candidate& file) { return begins(file, "MQ1,"); },
     formats::open_mib},
    {"NanoMEGAS block file", ".blo", [](const Candidate& file) { return begins(file, "IMGBLO"); },
     formats::open_blo},
    {"NumPy", ".npy", [](const Candidate& file) { return begins(file, "\x93NUMPY"); },
     formats::open_npy},
    {"TIFF stack", ".tif .tiff",
     [](const Candidate& file) {
       for (const std::string magic : {"II*", "MM", "II+"})
         if (begins(file, magic + std::string(magic.size() == 2 ? 1 : 0, '\0'))) return true;
       return false;
     },
     formats::open_tiff},
    {"DigitalMicrograph", ".dm3 .dm4",
     [](const Candidate& file) {
       return file.head.size() > 12 && begins(file, std::string(3, '\0')) &&
              (file.head[3] == 3 || file.head[3] == 4) &&
              (file.extension == ".dm3" || file.extension == ".dm4");
     },
     formats::open_dm},
    {"MRC", ".mrc .mrcs",
     [](const Candidate& file) {
       return file.head.size() >= 1024 &&
              (begins(file, "MAP ", 208) || file.extension.compare(0, 4, ".mrc") == 0);
     },
     formats::open_mrc},
    {"EMPAD", ".raw, or its .xml",
     [](const Candidate& file) {
       return file.extension == ".raw" || (file.extension == ".xml" && contains(file, "raw_file"));
     },
     formats::open_empad},
};

}  // namespace

std::string readable_formats() {
  std::string text;
  for (const Format& format : table)
    text += std::string(text.empty() ? "" : "; ") + format.name + " (" + format.extensions + ")";
  return text;
}

Recording open_recording(const std::string& path, const OpenOptions& options) {
  const Candidate file = formats::candidate(path);
  for (const Format& format : table)
    if (format.is(file)) return format.open(file, options);
  formats::fail(path,
                "is of no format that Pendel knows as a scan; these are: " + readable_formats());
}

}  // namespace pendel
