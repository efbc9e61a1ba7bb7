#include "cif/document.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "core/error.hpp"

namespace pendel {

namespace {

std::string lower(std::string text) {
  for (char& c : text) c = char(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

// One key for the dialects _atom_site_fract_x and _atom_site.fract_x.
std::string key_of(const std::string& tag) {
  std::string key = lower(tag);
  std::replace(key.begin(), key.end(), '.', '_');
  return key;
}

bool blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

struct Token {
  enum Type { tag, value, data, loop, save, other, end } type = end;
  CifValue content;  // text: the tag, the value, or the name of the block
};

// Splits the text into tokens.
class Lexer {
 public:
  Lexer(const std::string& path, std::string text) : path_(path), text_(std::move(text)) {
    if (text_.compare(0, 3, "\xEF\xBB\xBF") == 0) at_ = 3;  // byte-order mark
  }

  [[noreturn]] void fail(int line, const std::string& message) const {
    throw Error(ErrorKind::input, path_ + ":" + std::to_string(line) + ": " + message);
  }

  Token next() {
    skip_blanks();
    const int line = line_;
    if (at_ == text_.size()) return {Token::end, {"", line, false}};
    const char c = text_[at_];
    if (c == ';' && (at_ == 0 || text_[at_ - 1] == '\n')) return {Token::value, text_field()};
    if (c == '\'' || c == '"') return {Token::value, quoted()};
    const std::size_t begin = at_;
    while (at_ < text_.size() && !blank(text_[at_])) ++at_;
    const std::string word = text_.substr(begin, at_ - begin), keyword = lower(word.substr(0, 5));
    if (c == '_') return {Token::tag, {word, line, false}};
    if (keyword == "data_") return {Token::data, {word.substr(5), line, false}};
    if (keyword == "save_") return {Token::save, {word.substr(5), line, false}};
    if (lower(word) == "loop_") return {Token::loop, {word, line, false}};
    if (lower(word) == "stop_" || lower(word) == "global_")
      return {Token::other, {word, line, false}};
    return {Token::value, {word, line, false}};
  }

 private:
  void skip_blanks() {
    for (; at_ < text_.size(); ++at_) {
      if (text_[at_] == '#')
        while (at_ + 1 < text_.size() && text_[at_ + 1] != '\n') ++at_;
      else if (text_[at_] == '\n')
        ++line_;
      else if (!blank(text_[at_]))
        return;
    }
  }

  CifValue text_field() {
    const int line = line_;
    const std::size_t end = text_.find("\n;", at_);
    if (end == std::string::npos) fail(line, "the text that begins with ';' has no end");
    const std::string field = text_.substr(at_ + 1, end - at_ - 1);
    line_ += int(std::count(field.begin(), field.end(), '\n')) + 1;
    at_ = end + 2;
    return {field, line, true};
  }

  // A quote ends at the same character before a blank: 'a dog's life' is one value.
  CifValue quoted() {
    const char mark = text_[at_];
    for (std::size_t end = at_ + 1; end < text_.size() && text_[end] != '\n'; ++end)
      if (text_[end] == mark && (end + 1 == text_.size() || blank(text_[end + 1]))) {
        const std::string content = text_.substr(at_ + 1, end - at_ - 1);
        at_ = end + 1;
        return {content, line_, true};
      }
    fail(line_, std::string("the text that begins with ") + mark + " has no end on its line");
  }

  std::string path_, text_;
  std::size_t at_ = 0;
  int line_ = 1;
};

// Reads the loop after "loop_" into the block and returns the token behind it.
Token read_loop(Lexer& lexer, CifBlock& block) {
  std::vector<std::string> tags;
  Token token = lexer.next();
  const int line = token.content.line;
  for (; token.type == Token::tag; token = lexer.next()) tags.push_back(token.content.text);
  if (tags.empty()) lexer.fail(line, "a tag must follow loop_");
  std::vector<std::vector<CifValue>> columns(tags.size());
  std::size_t count = 0;
  for (; token.type == Token::value; token = lexer.next())
    columns[count++ % tags.size()].push_back(token.content);
  if (count % tags.size() != 0)
    lexer.fail(line, "the loop of " + tags[0] + " has " + std::to_string(count) +
                         " values, which is no multiple of its " + std::to_string(tags.size()) +
                         " tags");
  for (std::size_t i = 0; i < tags.size(); ++i) block.add(tags[i], std::move(columns[i]));
  return token;
}

}  // namespace

const std::vector<CifValue>& CifBlock::values(const std::string& tag) const {
  static const std::vector<CifValue> none;
  const auto found = values_.find(key_of(tag));
  return found == values_.end() ? none : found->second;
}

CifValue CifBlock::value(const std::string& tag) const {
  const std::vector<CifValue>& all = values(tag);
  return all.empty() ? CifValue{} : all[0];
}

double CifBlock::number(const CifValue& value, const std::string& what) const {
  const std::string& text = value.text;
  const char* first = text.data() + (text.compare(0, 1, "+") == 0);
  const char* last = text.data() + text.size();
  double x = 0;
  auto [end, status] = std::from_chars(first, last, x);
  // 3.905(2): the digits in brackets are the uncertainty of the last digits
  if (end != last && *end == '(') {
    const char* digit = end + 1;
    while (digit != last && std::isdigit(static_cast<unsigned char>(*digit))) ++digit;
    if (digit != last && *digit == ')') end = digit + 1;
  }
  if (status != std::errc() || end != last || !std::isfinite(x))
    fail(value.line, what + " is '" + text + "'; a number is needed");
  return x;
}

void CifBlock::fail(int line, const std::string& message) const {
  throw Error(ErrorKind::input, path + (line > 0 ? ":" + std::to_string(line) : "") + ": data_" +
                                    name + ": " + message);
}

void CifBlock::note(const std::string& message) const {
  if (notes) notes->push_back(path + ": data_" + name + ": " + message);
}

void CifBlock::add(const std::string& tag, std::vector<CifValue> values) {
  if (!values_.emplace(key_of(tag), std::move(values)).second) repeated_.push_back(tag);
}

void CifBlock::note_repeated_tags() const {
  for (const std::string& tag : repeated_) note(tag + " is given twice; the first is used");
}

std::vector<CifBlock> parse_cif(const std::string& path) {
  if (!std::filesystem::is_regular_file(path))
    throw Error(ErrorKind::input, path + ": there is no such file");
  std::ifstream file(path, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(file), {}};
  if (!file) throw Error(ErrorKind::input, path + ": cannot be read");
  if (text.find('\0') != std::string::npos)
    throw Error(ErrorKind::input, path + ": is not a text file; CIF is text");
  if (text.find('\n') == std::string::npos)  // old Macintosh line ends
    std::replace(text.begin(), text.end(), '\r', '\n');

  Lexer lexer(path, std::move(text));
  std::vector<CifBlock> blocks;
  CifBlock frame;  // definitions of dictionaries, between save_name and save_; not wanted
  bool in_frame = false;
  Token token = lexer.next();
  while (token.type != Token::end) {
    const CifValue& content = token.content;
    if (token.type == Token::data) {
      blocks.emplace_back();
      blocks.back().path = path;
      blocks.back().name = content.text;
      in_frame = false;
      token = lexer.next();
      continue;
    }
    if (blocks.empty())
      lexer.fail(content.line, "'" + content.text.substr(0, 40) +
                                   "' stands before any data_ block; is this a CIF file?");
    CifBlock& block = in_frame ? frame : blocks.back();
    if (token.type == Token::loop) {
      token = read_loop(lexer, block);
      continue;
    }
    if (token.type == Token::save) {
      in_frame = !content.text.empty();
    } else if (token.type == Token::tag) {
      const Token value = lexer.next();
      if (value.type != Token::value) lexer.fail(content.line, content.text + " has no value");
      block.add(content.text, {value.content});
    } else {
      lexer.fail(content.line, "'" + content.text.substr(0, 40) + "' is a value without a tag");
    }
    token = lexer.next();
  }
  if (blocks.empty()) throw Error(ErrorKind::input, path + ": has no data_ block");
  return blocks;
}

}  // namespace pendel
