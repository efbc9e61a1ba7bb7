// How far several divisions of the same things into classes agree.
#pragma once
#include <cstddef>
#include <vector>

namespace pendel {

/// Distance of two things: the part of the divisions (each a class for every thing, below 0: none)
/// that put them apart. Correlation of these distances with the heights at which clustering by them
/// (mean linkage) joins the things: 1 if all divisions are the same. [Brunet2004] Of more than
/// `most` things, an even sample of those that have a class in every division.
double cophenetic_correlation(const std::vector<std::vector<int>>& divisions, std::size_t most);

}  // namespace pendel
