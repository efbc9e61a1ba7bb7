// A scan fitted from neighbours' solutions: as good as searching everywhere, at fewer evaluations.
#include <boost/test/unit_test.hpp>

#include "core/error.hpp"
#include "core/interrupt.hpp"
#include "core/parallel.hpp"
#include "fit/neighbour_scan.hpp"
#include "tests/fit/toy_model.hpp"

using namespace pendel;
using namespace pendel::test;

namespace {

class Counted : public ToyModel {
 public:
  Counted() : ToyModel(40, 3) {}
  void evaluate(const double* values, Eigen::VectorXd& intensity,
                Eigen::MatrixXd* jacobian) const override {
    ++calls;
    ToyModel::evaluate(values, intensity, jacobian);
  }
  mutable std::atomic<long> calls{0};
};

constexpr ScanGrid grid{13, 18};

/// Smooth but for a jump, and for an island that no neighbour shares.
Eigen::Vector3d truth_at(long i) {
  const double r = double(i / grid.columns), c = double(i % grid.columns);
  if (i == 5 * grid.columns + 3) return {-1.5, -1.5, 1.5};
  return {0.1 * r - 0.5, c < 9 ? -0.9 : 1.1, 0.8 * std::cos(0.2 * c)};
}

struct Scan {
  Counted model;
  StartTable table{model, 1500};
  std::vector<DiskData> data;
  FitOptions options;
  Scan() {
    std::mt19937 random(3);
    for (long i = 0; i < grid.rows * grid.columns; ++i)
      data.push_back(toy_counts(model, truth_at(i), 1e5, 1, 0, &random));
    data[100].intensity.setConstant(std::nan(""));
    options.starts = 8;
    model.calls = 0;
  }
  StartsOf search() const {
    return [this](long i) {
      return table.best(data[std::size_t(i)], options.nuisance, options.starts,
                        options.start_distance);
    };
  }
};

}  // namespace

BOOST_AUTO_TEST_CASE(finds_what_a_search_everywhere_finds) {
  const Scan scan;
  const auto fits =
      fit_scan_from_neighbours(scan.model, scan.search(), scan.data, grid, scan.options);
  const long calls = scan.model.calls.exchange(0);
  fit_scan(scan.model, scan.table, scan.data, scan.options);
  BOOST_TEST_MESSAGE("evaluations: " << calls << " from neighbours, " << scan.model.calls
                                     << " searching everywhere");
  BOOST_TEST(calls < 0.6 * double(scan.model.calls));
  for (long i = 0; i < grid.rows * grid.columns; ++i) {
    if (i == 100) {
      BOOST_TEST(int(fits[i].status) == int(FitStatus::no_data));
      continue;
    }
    BOOST_TEST((fits[i].solution.values - truth_at(i)).norm() < 0.05);
  }
}

BOOST_AUTO_TEST_CASE(threads_and_interruptions_do_not_matter) {
  const Scan scan;
  set_threads(1);
  const auto whole =
      fit_scan_from_neighbours(scan.model, scan.search(), scan.data, grid, scan.options);
  set_threads(3);
  std::map<long, PositionFit> kept;
  ScanHooks hooks;
  hooks.done = [&](long i, const PositionFit& fit) {
    kept[i] = fit;
    interrupt(kept.size() == 60);
  };
  BOOST_CHECK_EXCEPTION(
      fit_scan_from_neighbours(scan.model, scan.search(), scan.data, grid, scan.options, hooks),
      Error, [](const Error& e) { return e.kind() == ErrorKind::interrupted; });
  BOOST_TEST(kept.size() >= 60);
  BOOST_TEST(kept.size() < 70);
  const std::size_t before = kept.size();
  interrupt(false);
  const auto resumed =
      fit_scan_from_neighbours(scan.model, scan.search(), scan.data, grid, scan.options, hooks,
                               std::map<long, PositionFit>(kept));
  BOOST_TEST(kept.size() == whole.size());
  BOOST_TEST(before < kept.size());
  set_threads(0);
  for (std::size_t i = 0; i < whole.size(); ++i) {
    if (i == 100) continue;
    BOOST_TEST((whole[i].solution.values == resumed[i].solution.values));
  }
}
