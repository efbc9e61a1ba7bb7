#include "cif/operations.hpp"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <gemmi/symmetry.hpp>
#include <set>

#include "core/error.hpp"

namespace pendel {

namespace {

// "0.5+x" as "12/24+x": gemmi's triplets have fractions only. Decimals are rounded ones of
// crystallographic fractions, so 0.3333 is a third.
std::string without_decimals(const CifBlock& block, const CifValue& value) {
  const std::string& triplet = value.text;
  std::string result;
  for (std::size_t i = 0; i < triplet.size();) {
    std::size_t end = i;
    while (end < triplet.size() &&
           (std::isdigit(static_cast<unsigned char>(triplet[end])) || triplet[end] == '.'))
      ++end;
    const std::string number = triplet.substr(i, end - i);
    if (number.find('.') == std::string::npos) {
      result += number.empty() ? triplet.substr(i, 1) : number;
      i += number.empty() ? 1 : number.size();
      continue;
    }
    const double parts =
        24 * block.number({number, value.line, false}, "the translation in '" + triplet + "'");
    if (std::abs(parts - std::round(parts)) > 0.05)
      block.fail(value.line, "symmetry operator '" + triplet + "' has the translation " + number +
                                 ", which is no multiple of 1/24");
    result += std::to_string(std::lround(parts)) + "/24";
    i = end;
  }
  return result;
}

std::vector<gemmi::Op> listed_operators(const CifBlock& block) {
  std::vector<gemmi::Op> operators;
  for (const char* tag : {"_space_group_symop_operation_xyz", "_symmetry_equiv_pos_as_xyz"}) {
    for (const CifValue& value : block.values(tag)) {
      if (value.missing()) continue;
      try {
        operators.push_back(gemmi::parse_triplet(without_decimals(block, value)).wrap());
      } catch (const Error&) {
        throw;
      } catch (const std::exception& e) {
        block.fail(value.line, "symmetry operator '" + value.text + "' is not understood (" +
                                   e.what() + "); it should look like '-x, y+1/2, -z'");
      }
    }
    if (!operators.empty()) break;
  }
  return operators;
}

// Also understood: P2_1/n, and F m 3 m as cubic groups were written before 1983.
const gemmi::SpaceGroup* find_group(std::string text, const Cell& cell) {
  text.erase(std::remove(text.begin(), text.end(), '_'), text.end());
  const Vec3& angles = cell.angles_deg();
  const auto* group = gemmi::find_spacegroup_by_name(text, angles[0], angles[2]);
  if (group) return group;
  const std::size_t three = text.find('3');
  if (three == std::string::npos) return nullptr;
  return gemmi::find_spacegroup_by_name(text.insert(three, 1, '-'), angles[0], angles[2]);
}

// The first of these tags that is given and known; `symbol` is the first that is given.
const gemmi::SpaceGroup* named_group(const CifBlock& block, const Cell& cell, CifValue& symbol) {
  for (const char* tag :
       {"_space_group_name_H-M_alt", "_symmetry_space_group_name_H-M", "_space_group_name_H-M_full",
        "_space_group_IT_number", "_symmetry_Int_Tables_number"}) {
    const CifValue value = block.value(tag);
    if (value.missing()) continue;
    if (symbol.missing()) symbol = value;
    if (const auto* group = find_group(value.text, cell)) return group;
  }
  return nullptr;
}

bool is_group(const std::vector<gemmi::Op>& operators) {
  std::set<std::array<int, 12>> known;
  const auto key = [](const gemmi::Op& op) {
    std::array<int, 12> k;
    for (int i = 0; i < 3; ++i) {
      for (int j = 0; j < 3; ++j) k[4 * i + j] = op.rot[i][j];
      k[4 * i + 3] = op.tran[i];
    }
    return k;
  };
  for (const gemmi::Op& op : operators) known.insert(key(op));
  for (const gemmi::Op& a : operators)
    for (const gemmi::Op& b : operators)
      if (known.count(key(a * b)) == 0) return false;
  return true;
}

// Is this group one of the settings of that space group?
bool is_setting_of(const std::vector<gemmi::Op>& operators, const gemmi::SpaceGroup& group) {
  const gemmi::GroupOps listed = gemmi::split_centering_vectors(operators);
  for (const gemmi::SpaceGroup& setting : gemmi::spacegroup_tables::main)
    if (setting.number == group.number && listed.is_same_as(setting.operations())) return true;
  return false;
}

// A symbol without ":1" or ":2" of a group that has two origins.
bool origin_is_open(const gemmi::SpaceGroup& group, const std::string& symbol) {
  return (group.ext == '1' || group.ext == '2') && symbol.find(':') == std::string::npos;
}

std::vector<Operation> applied(const std::vector<gemmi::Op>& operators) {
  std::vector<Operation> result;
  for (const gemmi::Op& op : operators) {
    Operation operation;
    for (int i = 0; i < 3; ++i) {
      for (int j = 0; j < 3; ++j) operation.R(i, j) = double(op.rot[i][j]) / gemmi::Op::DEN;
      operation.t[i] = double(op.tran[i]) / gemmi::Op::DEN;
    }
    result.push_back(operation);
  }
  return result;
}

}  // namespace

std::vector<Operation> symmetry_operations(const CifBlock& block, const Cell& cell) {
  std::vector<gemmi::Op> operators = listed_operators(block);
  CifValue symbol;
  const gemmi::SpaceGroup* group = named_group(block, cell, symbol);
  CifValue hall = block.value("_space_group_name_Hall");
  if (hall.missing()) hall = block.value("_symmetry_space_group_name_Hall");

  if (!operators.empty()) {
    if (!is_group(operators))
      block.note("the " + std::to_string(operators.size()) +
                 " symmetry operators are not a group; they are used as they are");
    else if (group && !is_setting_of(operators, *group))
      block.note("the symmetry operators are not those of space group '" + symbol.text +
                 "'; the operators are used");
    return applied(operators);
  }
  for (const char* tag :
       {"_space_group_symop_magn_operation_xyz", "_space_group_symop_ssg_operation_algebraic"})
    if (!block.values(tag).empty())
      block.fail(block.value(tag).line,
                 "the symmetry is that of a magnetic or modulated structure, which is not read; "
                 "list _space_group_symop_operation_xyz");
  if (!hall.missing()) try {
      for (const gemmi::Op& op : gemmi::symops_from_hall(hall.text.c_str()))
        operators.push_back(op);
      return applied(operators);
    } catch (const std::exception& e) {
      if (!group)
        block.fail(hall.line,
                   "Hall symbol '" + hall.text + "' is not understood (" + e.what() + ")");
      block.note("Hall symbol '" + hall.text + "' is not understood; '" + symbol.text +
                 "' is used");
      operators.clear();
    }
  if (group) {
    for (const gemmi::Op& op : group->operations()) operators.push_back(op);
    if (origin_is_open(*group, symbol.text))
      block.note("space group '" + symbol.text +
                 "' has two origins and the file does not say which; '" + group->xhm() +
                 "' is used");
    return applied(operators);
  }
  if (!symbol.missing())
    block.fail(symbol.line, "space group '" + symbol.text +
                                "' is not known; correct it or list "
                                "_space_group_symop_operation_xyz");
  block.note("no symmetry is given; P1 is used");
  return {Operation{}};
}

}  // namespace pendel
