// Options describe themselves: a struct lists its fields once, in describe(visitor). Reading with
// located errors (options_reader.hpp), the reference table, the JSON schema, the template of
// `pendel new` and provenance (options_print.hpp) are all made from that list.
//
//   struct BeamOptions {
//     double energy_keV = 0;
//     template <class Visitor> void describe(Visitor& v) {
//       v("energy_keV", energy_keV, help("kinetic energy of an electron").required().range(1,
//       3000));
//     }
//   };
//
// A unit is the end of a key. A member is a number, bool, string, File, enum (with `choices`),
// a vector of fixed length ([x, y, z]), another such struct, or a std::vector,
// std::map<std::string,
// ...> or std::optional of these.
#pragma once
#include <Eigen/Core>
#include <array>
#include <cmath>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace pendel {

/// What is said of a field besides its key and its member.
struct Spec {
  std::string help;
  double low = -std::numeric_limits<double>::infinity();
  double high = std::numeric_limits<double>::infinity();
  bool low_excluded = false;
  bool is_required = false;
  bool is_increasing = false;  ///< elements of a vector of fixed length
  std::string off_word;        ///< this word instead of a group leaves an optional unset
  std::string word_key;        ///< a word instead of a group stands for {word_key: word}
  bool may_be_one = false;     ///< of a list: its only element may stand in its place

  Spec required() const {
    return with([](Spec& s) { s.is_required = true; });
  }
  Spec increasing() const {
    return with([](Spec& s) { s.is_increasing = true; });
  }
  Spec off(const std::string& word) const {
    return with([&](Spec& s) { s.off_word = word; });
  }
  Spec word(const std::string& key) const {
    return with([&](Spec& s) { s.word_key = key; });
  }
  Spec or_one() const {
    return with([](Spec& s) { s.may_be_one = true; });
  }
  Spec range(double a, double b) const {
    return with([&](Spec& s) { s.low = a, s.high = b; });
  }
  Spec at_least(double a) const {
    return with([&](Spec& s) { s.low = a; });
  }
  Spec above(double a) const {
    return with([&](Spec& s) { s.low = a, s.low_excluded = true; });
  }
  bool allows(double x) const { return (low_excluded ? x > low : x >= low) && x <= high; }
  /// "1 to 3000", "at least 0", "above 0"; empty if every number is allowed.
  std::string allowed() const;

 private:
  template <class Change>
  Spec with(Change change) const {
    Spec copy = *this;
    change(copy);
    return copy;
  }
};
inline Spec help(const std::string& text) {
  Spec spec;
  spec.help = text;
  return spec;
}

/// A file named in a study: as written, and relative to the study's directory.
struct File {
  std::string given, path;
  bool empty() const { return given.empty(); }
};

/// Names of an enum: overload `Choices<E> choices(E)` beside the enum or the options that use it.
template <class E>
using Choices = std::vector<std::pair<std::string, E>>;

template <class E>
std::string choice_name(E value) {
  for (const auto& [name, candidate] : choices(E{}))
    if (candidate == value) return name;
  return "?";
}

/// A field as data: what the visitors that print need. A group (a struct) has fields; a list or map
/// has its elements in `fields` and the shape of one in `element`.
struct Field {
  enum class Type { number, integer, boolean, text, file, choice, vector, list, map, group };
  Type type = Type::text;
  std::string key;
  Spec spec;
  bool present = true;  ///< false: an optional that is not set
  std::string value;    ///< of a scalar
  std::vector<std::string> choices;
  std::vector<Field> fields, element;
  std::vector<std::vector<std::string>> exactly_one;  ///< of a group: one key of each set is given

  const Field* find(const std::string& key) const;
};

/// "Å" of thickness_A, "1/Å" of g_max_invA; empty without a unit.
std::string unit_of_key(const std::string& key);
/// "thickness" of thickness_nm: the key without a unit that Pendel knows of.
std::string key_without_unit(const std::string& key);
/// Shortest text that reads back as the same number.
std::string number_text(double value);

namespace options_detail {
template <class T>
struct ListOf : std::false_type {};
template <class T>
struct ListOf<std::vector<T>> : std::true_type {};
template <class T>
struct MapOf : std::false_type {};
template <class T>
struct MapOf<std::map<std::string, T>> : std::true_type {};
template <class T>
struct OptionalOf : std::false_type {};
template <class T>
struct OptionalOf<std::optional<T>> : std::true_type {};
template <class T>
struct FixedLength : std::integral_constant<int, 0> {};
template <class S, int N>
struct FixedLength<Eigen::Matrix<S, N, 1>> : std::integral_constant<int, N> {};
template <class S, std::size_t N>
struct FixedLength<std::array<S, N>> : std::integral_constant<int, int(N)> {};

/// T{}, and zero where Eigen would leave memory as it is.
template <class T>
T blank() {
  T value{};
  if constexpr (FixedLength<T>::value > 0)
    for (int i = 0; i < FixedLength<T>::value; ++i) value[i] = 0;
  return value;
}
}  // namespace options_detail

template <class T>
Field describe_value(const std::string& key, const T& value, const Spec& spec);

/// The visitor that turns a struct into a Field.
class Describer {
 public:
  explicit Describer(Field& group) : group_(group) {}
  template <class T>
  void operator()(const std::string& key, const T& member, const Spec& spec) {
    group_.fields.push_back(describe_value(key, member, spec));
  }
  void exactly_one(const std::vector<std::string>& keys) { group_.exactly_one.push_back(keys); }

 private:
  Field& group_;
};

template <class T>
Field describe_value(const std::string& key, const T& value, const Spec& spec) {
  using namespace options_detail;
  using Type = Field::Type;
  Field field;
  field.key = key;
  field.spec = spec;
  if constexpr (std::is_same_v<T, bool>) {
    field.type = Type::boolean;
    field.value = value ? "true" : "false";
  } else if constexpr (std::is_integral_v<T>) {
    field.type = Type::integer;
    field.value = std::to_string(value);
  } else if constexpr (std::is_floating_point_v<T>) {
    field.type = Type::number;
    field.value = number_text(value);
  } else if constexpr (std::is_same_v<T, std::string>) {
    field.type = Type::text;
    field.value = value;
  } else if constexpr (std::is_same_v<T, File>) {
    field.type = Type::file;
    field.value = value.given;
  } else if constexpr (std::is_enum_v<T>) {
    field.type = Type::choice;
    field.value = choice_name(value);
    for (const auto& choice : choices(T{})) field.choices.push_back(choice.first);
  } else if constexpr (FixedLength<T>::value > 0) {
    field.type = Type::vector;
    for (int i = 0; i < FixedLength<T>::value; ++i)
      field.fields.push_back(describe_value("", value[i], spec));
  } else if constexpr (ListOf<T>::value) {
    field.type = Type::list;
    for (const auto& item : value) field.fields.push_back(describe_value("", item, spec));
    field.element.push_back(describe_value("", blank<typename T::value_type>(), spec));
  } else if constexpr (MapOf<T>::value) {
    field.type = Type::map;
    for (const auto& [name, item] : value) field.fields.push_back(describe_value(name, item, spec));
    field.element.push_back(describe_value("NAME", blank<typename T::mapped_type>(), spec));
  } else if constexpr (OptionalOf<T>::value) {
    field = describe_value(key, value.value_or(blank<typename T::value_type>()), spec);
    field.present = value.has_value();
  } else {
    field.type = Type::group;
    Describer describer(field);
    T copy = value;  // describe is not const, because readers write through it
    copy.describe(describer);
  }
  return field;
}

/// The whole of an options struct as data.
template <class T>
Field describe(const T& options) {
  return describe_value("", options, Spec{});
}

}  // namespace pendel
