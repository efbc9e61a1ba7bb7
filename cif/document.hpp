// The text of a CIF file as data blocks of tagged values (CIF 1.1; enough of CIF 2 to refuse it
// clearly), each value with its line, for errors that say where. Internal to cif/.
#pragma once
#include <map>
#include <string>
#include <vector>

namespace pendel {

struct CifValue {
  std::string text;
  int line = 0;         ///< 0: absent from the file
  bool quoted = false;  ///< "?" in quotes is a text; a bare one means unknown

  bool missing() const { return line == 0 || (!quoted && (text == "?" || text == ".")); }
};

class CifBlock {
 public:
  std::string path, name;
  std::vector<std::string>* notes = nullptr;

  /// All values of _category_item, in either dialect (_category.item); empty if absent.
  const std::vector<CifValue>& values(const std::string& tag) const;
  /// Its first value; missing() if absent.
  CifValue value(const std::string& tag) const;
  /// A number, with or without its standard uncertainty; Error (input) naming `what` if it is none.
  double number(const CifValue& value, const std::string& what) const;

  /// Error (input) with file, line (if not 0) and block.
  [[noreturn]] void fail(int line, const std::string& message) const;
  void note(const std::string& message) const;
  /// Keeps the first values of a tag that is given twice, and notes it later.
  void add(const std::string& tag, std::vector<CifValue> values);
  void note_repeated_tags() const;

 private:
  std::map<std::string, std::vector<CifValue>> values_;
  std::vector<std::string> repeated_;
};

/// Every data block of the file. Error (input) with the line if it cannot be read or is not CIF.
std::vector<CifBlock> parse_cif(const std::string& path);

}  // namespace pendel
