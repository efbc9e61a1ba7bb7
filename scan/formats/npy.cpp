// NumPy .npy: an array of two (one pattern), three or four dimensions.
#include <regex>

#include "scan/formats/format.hpp"

namespace pendel::formats {

Recording open_npy(const Candidate& file, const OpenOptions& options) {
  const bool first_version = file.head.size() > 10 && file.head[6] == 1;
  const std::size_t length =
      first_version ? number_at<std::uint16_t>(file, 8) : number_at<std::uint32_t>(file, 8);
  const std::size_t begin = first_version ? 10 : 12;
  if (begin + length > file.head.size()) fail(file.path, "its NumPy header is incomplete");
  const std::string header = file.head.substr(begin, length);
  std::smatch match;
  if (!std::regex_search(header, match, std::regex("'descr': *'([<>|=])([a-z])([0-9]+)'")))
    fail(file.path, "is no NumPy array of plain numbers");
  const std::string kind = match[2];
  const std::string words = kind == "u"   ? "uint"
                            : kind == "i" ? "int"
                            : kind == "f" ? "float"
                            : kind == "b" ? "bool"
                                          : "";
  RawLayout layout;
  layout.number =
      number_of(words + std::to_string(8 * std::stoul(match[3].str().substr(0, 3))), file.path);
  layout.big_endian = match[1] == ">";
  if (header.find("'fortran_order': True") != std::string::npos)
    fail(file.path,
         "is in Fortran order, its first index fastest; save numpy.ascontiguousarray of it");
  std::vector<std::size_t> shape;
  if (!std::regex_search(header, match, std::regex("'shape': *\\(([0-9, ]*)\\)")))
    fail(file.path, "its NumPy header has no shape");
  const std::string lengths = match[1];
  const std::regex length_of_axis("[0-9]{1,15}");
  for (std::sregex_iterator i(lengths.begin(), lengths.end(), length_of_axis), end; i != end; ++i)
    shape.push_back(std::stoul(i->str()));
  if (shape.size() < 2 || shape.size() > 4)
    fail(file.path, "has " + std::to_string(shape.size()) +
                        " dimensions; a scan has four (row, column, q_row, q_column), a list of "
                        "patterns three, one pattern two");
  layout.path = file.path;
  layout.offset = begin + length;
  layout.q_rows = shape[shape.size() - 2];
  layout.q_columns = shape.back();
  std::size_t wanted = 1;
  for (std::size_t i = 0; i + 2 < shape.size(); ++i) wanted *= shape[i];
  const double frame =
      double(layout.q_rows) * double(layout.q_columns) * double(bytes_of(layout.number));
  if (frame == 0) fail(file.path, "has patterns without pixels");
  const double there = (double(file.size) - double(layout.offset)) / frame;
  layout.count = there < double(wanted) ? std::size_t(std::max(0.0, there)) : wanted;

  Recording recording;
  recording.path = file.path;
  recording.format = "NumPy";
  recording.frames = std::make_shared<RawFrames>(layout);
  std::optional<std::array<std::size_t, 2>> scan;
  if (shape.size() == 4) scan = {{shape[0], shape[1]}};
  if (layout.count < wanted)
    recording.notes.push_back("the file ends after " + std::to_string(layout.count) + " of " +
                              std::to_string(wanted) + " patterns");
  shape_scan(recording, options, scan);
  return recording;
}

}  // namespace pendel::formats
