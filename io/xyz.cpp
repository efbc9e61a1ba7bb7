#include "io/xyz.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <fstream>
#include <sstream>

#include "core/error.hpp"

namespace pendel {

namespace {

struct Line {
  std::size_t number;  // from 1
  std::string text;

  // made when they are wanted: those of all lines together would be ten times the file
  std::vector<std::string> words() const {
    std::vector<std::string> result;
    std::string spaced = text;
    for (char& c : spaced)
      if (c == ',') c = ' ';
    std::istringstream stream(spaced);
    for (std::string word; stream >> word;) result.push_back(word);
    return result;
  }
  bool empty() const { return text.find_first_not_of(" \t\v\f\r,") == std::string::npos; }
};

// Where the columns of a row are; -1: there is none.
struct Columns {
  int element = 0, position = 1, occupancy = 4, rms = 5;
  int least = 4, most = 6;
};

class Reader {
 public:
  Reader(const std::string& path, const std::function<int(const std::string&)>& atomic_number)
      : path_(path), atomic_number_(atomic_number) {
    std::ifstream file(path);
    if (!file) fail("there is no such file, or it may not be read");
    std::string text;
    for (std::size_t number = 1; std::getline(file, text); ++number) {
      if (text.find('\0') != std::string::npos) fail("this is not a text file");
      if (!text.empty() && text.back() == '\r') text.pop_back();
      lines_.push_back({number, text});
    }
    if (file.bad()) fail("cannot be read");
    // the second line may be an empty comment; lines at the end count for nothing
    while (!lines_.empty() && lines_.back().empty()) lines_.pop_back();
    if (lines_.empty()) fail("the file is empty; rows `element x y z` are needed");
  }

  std::vector<XyzFile> read() {
    if (lines_.size() > 1 && box_row(lines_[1]) && lines_.back().words().front() == "-1")
      return {prismatic()};
    if (!header(lines_[0])) return {rows(0, lines_.size(), Columns{})};
    std::vector<XyzFile> frames;
    for (std::size_t first = 0; first < lines_.size();) {
      std::size_t next = first + 2;  // the comment may look like a header
      while (next < lines_.size() && !header(lines_[next])) ++next;
      several_ = several_ || next < lines_.size();
      frame_ = frames.size() + 1;
      frames.push_back(counted(first, next));
      first = next;
    }
    return frames;
  }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    throw Error(ErrorKind::input, path_ + ": " + what);
  }
  [[noreturn]] void fail(const Line& line, const std::string& what) const {
    throw Error(ErrorKind::input, path_ + ":" + std::to_string(line.number) + ": " +
                                      (several_ ? "frame " + std::to_string(frame_) + ": " : "") +
                                      what);
  }

  static bool parse(const std::string& word, double& value) {
    const char* begin = word.c_str() + (word[0] == '+' ? 1 : 0);
    const char* end = word.c_str() + word.size();
    const auto result = std::from_chars(begin, end, value);
    return result.ec == std::errc() && result.ptr == end && std::isfinite(value);
  }

  // A number alone in its line, as in front of every frame.
  static bool header(const Line& line) {
    double value = 0;
    const std::vector<std::string> words = line.words();
    return words.size() == 1 && parse(words[0], value);
  }

  double number(const Line& line, const std::string& word, const char* what) const {
    double value = 0;
    if (!parse(word, value)) fail(line, std::string(what) + " \"" + word + "\" is not a number");
    return value;
  }

  static bool box_row(const Line& line) {
    double value = 0;
    const std::vector<std::string> words = line.words();
    if (words.size() != 3) return false;
    for (const std::string& word : words)
      if (!parse(word, value)) return false;
    return true;
  }

  XyzFile prismatic() {
    const Line& second = lines_[1];
    const std::vector<std::string> words = second.words();
    Vec3 box;
    for (int axis = 0; axis < 3; ++axis) {
      box[axis] = number(second, words[axis], "the size of the box");
      if (box[axis] <= 0) fail(second, "the box is " + words[axis] + " A wide; it must be above 0");
    }
    Columns columns;
    columns.least = columns.most = 6;
    XyzFile file = rows(2, lines_.size() - 1, columns);
    file.box = box;
    return file;
  }

  // A frame: lines from `first` to `end` - 1.
  XyzFile counted(std::size_t first, std::size_t end) {
    const Line& line = lines_[first];
    const std::string said = line.words()[0];
    double count = 0;
    parse(said, count);
    if (count < 1 || count != std::floor(count))
      fail(line, "the number of atoms is " + said + "; it must be at least 1");
    if (end < lines_.size())
      while (end > first + 2 && lines_[end - 1].empty()) --end;  // between frames
    const double found = double(std::min(end, lines_.size())) - double(first) - 2;
    if (found != count)
      fail(line, (several_ ? "it says " : "the file says ") + said + " atoms and has " +
                     std::to_string(std::max(0L, long(found))) + " lines for them");
    const Line& comment = lines_[first + 1];
    const std::string properties = value_of(comment, "Properties"),
                      lattice = value_of(comment, "Lattice");
    XyzFile file =
        rows(first + 2, end, properties.empty() ? Columns{} : columns_of(comment, properties));
    if (!lattice.empty()) file.box = box_of(comment, lattice);
    return file;
  }

  // key=value or key="value" of the comment line of an extended XYZ file
  std::string value_of(const Line& line, const std::string& key) const {
    std::size_t at = 0;
    while ((at = line.text.find(key + "=", at)) != std::string::npos && at > 0 &&
           line.text[at - 1] != ' ')
      ++at;
    if (at == std::string::npos) return "";
    at += key.size() + 1;
    if (at < line.text.size() && line.text[at] == '"') {
      const std::size_t end = line.text.find('"', at + 1);
      if (end == std::string::npos) fail(line, key + " has no closing quotation mark");
      return line.text.substr(at + 1, end - at - 1);
    }
    return line.text.substr(at, line.text.find(' ', at) - at);
  }

  Vec3 box_of(const Line& comment, const std::string& lattice) const {
    std::istringstream words(lattice);
    std::vector<double> a;
    for (std::string word; words >> word;) {
      a.emplace_back();
      if (!parse(word, a.back())) fail(comment, "Lattice holds \"" + word + "\", not a number");
    }
    if (a.size() != 9)
      fail(comment, "Lattice holds " + std::to_string(a.size()) + " numbers; it needs 9");
    const Vec3 box(a[0], a[4], a[8]);
    for (int i = 0; i < 9; ++i)
      if (i % 4 != 0 && std::abs(a[i]) > 1e-6 * box.cwiseAbs().maxCoeff())
        fail(comment, "the cell is not right-angled with a, b, c along x, y, z (Lattice \"" +
                          lattice + "\"); a box is needed");
    if (box.minCoeff() <= 0) fail(comment, "the cell has an edge that is not above 0");
    return box;
  }

  Columns columns_of(const Line& comment, const std::string& properties) const {
    std::vector<std::string> parts;
    std::istringstream stream(properties);
    for (std::string part; std::getline(stream, part, ':');) parts.push_back(part);
    Columns columns{-1, -1, -1, -1, 0, 0};
    for (std::size_t i = 0; i < parts.size(); i += 3) {
      double width = 0;
      if (i + 2 >= parts.size() || !parse(parts[i + 2], width) || width < 1 || width > 1000)
        fail(comment, "Properties must be name:type:columns triples: " + properties);
      const std::string& name = parts[i];
      if (name == "species" || name == "Z") columns.element = columns.most;
      if (name == "pos" && width == 3) columns.position = columns.most;
      if (name == "occupancy") columns.occupancy = columns.most;
      if (name == "rms") columns.rms = columns.most;
      columns.most += int(width);
    }
    columns.least = columns.most;
    if (columns.element < 0 || columns.position < 0)
      fail(comment, "Properties must have species and pos:R:3: " + properties);
    return columns;
  }

  XyzFile rows(std::size_t from, std::size_t to, const Columns& columns) const {
    XyzFile file;
    for (std::size_t i = from; i < to; ++i) {
      const Line& line = lines_[i];
      const std::vector<std::string> words = line.words();
      if (words.empty()) fail(line, "an empty line among the atoms");
      if (words[0][0] == '#') continue;
      const int count = int(words.size());
      if (count < columns.least || count > columns.most)
        fail(line, "a row of " + std::to_string(count) + " columns; " +
                       (columns.least == columns.most
                            ? std::to_string(columns.least) + " are needed"
                            : "needed are element x y z, and optional occupancy and rms"));
      file.atoms.push_back(atom(line, words, columns));
    }
    if (file.atoms.empty()) fail("the file has no atoms");
    return file;
  }

  XyzAtom atom(const Line& line, const std::vector<std::string>& words,
               const Columns& columns) const {
    XyzAtom atom;
    const std::string& element = words[columns.element];
    double Z = 0;
    atom.Z = parse(element, Z) && Z == std::floor(Z) && Z >= 1 && Z <= 118
                 ? int(Z)
                 : atomic_number_(element);
    if (atom.Z == 0) fail(line, "there is no element \"" + element + "\"");
    for (int axis = 0; axis < 3; ++axis)
      atom.position[axis] = number(line, words[columns.position + axis], "the coordinate");
    const int count = int(words.size());
    if (columns.occupancy >= 0 && columns.occupancy < count) {
      atom.occupancy = number(line, words[columns.occupancy], "the occupancy");
      if (!(atom.occupancy > 0 && atom.occupancy <= 1))
        fail(line,
             "the occupancy is " + words[columns.occupancy] + "; it must be above 0 and at most 1");
    }
    if (columns.rms >= 0 && columns.rms < count) {
      atom.rms = number(line, words[columns.rms], "the thermal displacement");
      if (atom.rms < 0)
        fail(line,
             "the thermal displacement is " + words[columns.rms] + " A; it must be at least 0");
    }
    return atom;
  }

  std::string path_;
  const std::function<int(const std::string&)>& atomic_number_;
  std::vector<Line> lines_;
  std::size_t frame_ = 1;  // that is read
  bool several_ = false;   // frames
};

}  // namespace

XyzFile read_xyz(const std::string& path,
                 const std::function<int(const std::string&)>& atomic_number) {
  std::vector<XyzFile> frames = read_xyz_frames(path, atomic_number);
  if (frames.size() > 1)
    throw Error(ErrorKind::input, path + ": holds " + std::to_string(frames.size()) +
                                      " frames; a file of one frame is needed here");
  return std::move(frames.front());
}

std::vector<XyzFile> read_xyz_frames(const std::string& path,
                                     const std::function<int(const std::string&)>& atomic_number) {
  return Reader(path, atomic_number).read();
}

}  // namespace pendel
