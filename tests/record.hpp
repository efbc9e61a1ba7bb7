// Figures of the validation report: each is checked here and, where the environment variable
// PENDEL_RECORD names a file, written there for tests/validation/run.
#pragma once

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <limits>
#include <map>
#include <string>
#include <tuple>
#include <vector>

namespace pendel::test {

/// What a figure may be, borders included.
struct Allowed {
  double low = -std::numeric_limits<double>::infinity(),
         high = std::numeric_limits<double>::infinity();
  bool hold(double obtained) const { return obtained >= low && obtained <= high; }
};
inline Allowed at_most(double high) { return {-std::numeric_limits<double>::infinity(), high}; }
inline Allowed at_least(double low) { return {low, std::numeric_limits<double>::infinity()}; }
inline Allowed between(double low, double high) { return {low, high}; }

/// Whether the report is being made. It measures the whole; where that takes minutes, `make test`
/// measures a part of it that would show the same faults.
inline bool recording() { return std::getenv("PENDEL_RECORD") != nullptr; }

/// All figures of a test program, one line of JSON each, appended to the file at its end.
class Recorder {
 public:
  struct Range {
    double least = std::numeric_limits<double>::infinity(),
           greatest = -std::numeric_limits<double>::infinity();
    long count = 0;
    bool passed = true;
  };
  static Recorder& instance() {
    static Recorder only;
    return only;
  }
  void add(const std::string& topic, const std::string& what, const std::string& source,
           const Allowed& allowed, double obtained) {
    Range& range = add(topic, what, source, allowed);
    range.least = std::min(range.least, obtained);
    range.greatest = std::max(range.greatest, obtained);
    range.passed = range.passed && allowed.hold(obtained);
    ++range.count;
  }
  /// Without a figure. Rows keep their order: that of the test.
  Range& add(const std::string& topic, const std::string& what, const std::string& source,
             const Allowed& allowed) {
    const Key key{topic, what, source, allowed.low, allowed.high};
    for (auto& [known, range] : figures_)
      if (known == key) return range;
    return figures_.emplace_back(key, Range()).second;
  }
  void add_point(const std::string& figure, const std::string& series, double x, double y) {
    points_[{figure, series}].push_back({x, y});
  }
  ~Recorder() {
    const char* path = std::getenv("PENDEL_RECORD");
    if (!path) return;
    std::ofstream file(path, std::ios::app);
    for (const auto& [key, range] : figures_) {
      const auto& [topic, what, source, low, high] = key;
      file << "{\"topic\": " << quoted(topic) << ", \"what\": " << quoted(what)
           << ", \"source\": " << quoted(source) << ", \"low\": " << number(low)
           << ", \"high\": " << number(high) << ", \"least\": " << number(range.least)
           << ", \"greatest\": " << number(range.greatest) << ", \"count\": " << range.count
           << ", \"passed\": " << (range.passed ? "true" : "false") << "}\n";
    }
    for (const auto& [key, points] : points_) {
      file << "{\"figure\": " << quoted(key.first) << ", \"series\": " << quoted(key.second)
           << ", \"points\": [";
      for (std::size_t i = 0; i < points.size(); ++i)
        file << (i ? ", [" : "[") << number(points[i].first) << ", " << number(points[i].second)
             << "]";
      file << "]}\n";
    }
  }

 private:
  using Key = std::tuple<std::string, std::string, std::string, double, double>;
  static std::string quoted(const std::string& text) {
    std::string result = "\"";
    for (const char c : text) {
      if (c == '"' || c == '\\') result += '\\';
      result += c;
    }
    return result + "\"";
  }
  static std::string number(double x) {
    if (!(std::abs(x) < std::numeric_limits<double>::infinity())) return "null";
    char text[32];
    std::snprintf(text, sizeof text, "%.6g", x);
    return text;
  }
  std::vector<std::pair<Key, Range>> figures_;
  std::map<std::pair<std::string, std::string>, std::vector<std::pair<double, double>>> points_;
};

/// Checks a figure. `what` says what differs from what, with its unit; `source` where the right
/// number comes from, with a key of docs/references.md where there is one. Figures of the same
/// texts and limits make one row of the report, with their range.
inline void record(const std::string& topic, const std::string& what, const std::string& source,
                   double obtained, const Allowed& allowed) {
  BOOST_TEST(allowed.hold(obtained),
             what << ": " << obtained << ", allowed " << allowed.low << " to " << allowed.high);
  Recorder::instance().add(topic, what, source, allowed, obtained);
}

/// A row without a figure: what it would be compared with is not on this machine.
inline void not_at_hand(const std::string& topic, const std::string& what,
                        const std::string& source) {
  BOOST_TEST_MESSAGE("skipped: " << what << ", " << source << " is not at hand");
  Recorder::instance().add(topic, what, source, Allowed());
}

/// A point of one of the report's figures (tests/validation/figures.py).
inline void plot(const std::string& figure, const std::string& series, double x, double y) {
  Recorder::instance().add_point(figure, series, x, y);
}

}  // namespace pendel::test
