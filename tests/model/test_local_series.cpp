// A series cut into cells against the series itself.
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <random>

#include "model/chebyshev.hpp"
#include "model/local_series.hpp"

using namespace pendel;

namespace {

/// Coefficients of cos(a_i·x + c_i), i of `outputs`, from its values at the nodes.
struct Waves {
  std::vector<int> degrees{12, 9, 6};
  int outputs = 21;
  Eigen::MatrixXd a{outputs, 3};
  Eigen::VectorXd c{outputs};

  Waves() {
    std::mt19937 random(1);
    std::uniform_real_distribution<double> uniform(-1, 1);
    for (int i = 0; i < outputs; ++i) {
      a.row(i) << 4 * uniform(random), 2.5 * uniform(random), uniform(random);
      c[i] = 3 * uniform(random);
    }
  }
  Eigen::VectorXd value(const Eigen::Vector3d& x) const { return (a * x + c).array().cos(); }

  /// Value (0) or derivative by x_k (1 + k) of the series at x, and the series itself.
  std::vector<float> series() const {
    const int n0 = degrees[0], n1 = degrees[1], n2 = degrees[2];
    std::vector<Eigen::MatrixXd> D;
    for (int n : degrees) D.push_back(chebyshev_coefficients(n));
    std::vector<float> result;
    for (int i = 0; i < n0; ++i)
      for (int j = 0; j < n1; ++j)
        for (int k = 0; k < n2; ++k) {
          Eigen::VectorXd sum = Eigen::VectorXd::Zero(outputs);
          for (int p = 0; p < n0; ++p)
            for (int q = 0; q < n1; ++q)
              for (int r = 0; r < n2; ++r)
                sum += D[0](i, p) * D[1](j, q) * D[2](k, r) *
                       value({chebyshev_node(p, n0), chebyshev_node(q, n1), chebyshev_node(r, n2)});
          for (double s : sum) result.push_back(float(s));
        }
    return result;
  }
};

const Waves& waves() {
  static const Waves instance;
  return instance;
}
const std::vector<float>& coefficients() {
  static const std::vector<float> instance = waves().series();
  return instance;
}

}  // namespace

BOOST_AUTO_TEST_CASE(cells_are_the_series_to_what_they_may_drop) {
  std::mt19937 random(7);
  std::uniform_real_distribution<double> uniform(-1, 1);
  int terms_before = 0;
  for (double tail : {1e-1, 1e-3}) {
    const LocalSeries cells(coefficients(), waves().degrees, waves().outputs, tail, 1 << 24);
    BOOST_TEST_MESSAGE("tail " << tail << ": " << cells.terms() << " terms, cells "
                               << cells.cells()[0] << " " << cells.cells()[1] << " "
                               << cells.cells()[2]);
    BOOST_TEST(cells.terms() > terms_before);
    terms_before = cells.terms();
    double square = 0;
    const int points = 200;
    for (int i = 0; i < points; ++i) {
      const Eigen::Vector3d x(uniform(random), uniform(random), uniform(random));
      Eigen::VectorXd value;
      cells.evaluate(x.data(), value, nullptr);
      square += std::pow((value - waves().value(x)).cwiseAbs().sum(), 2) / points;
    }
    // the series itself is within 2e-4, summed over the outputs
    BOOST_TEST(std::sqrt(square) < 1.5 * tail + 4e-4);
  }
}

BOOST_AUTO_TEST_CASE(derivatives_are_those_of_the_waves) {
  const LocalSeries cells(coefficients(), waves().degrees, waves().outputs, 1e-3, 1 << 24);
  std::mt19937 random(8);
  std::uniform_real_distribution<double> uniform(-1, 1);
  for (int i = 0; i < 20; ++i) {
    const Eigen::Vector3d x(uniform(random), uniform(random), uniform(random));
    Eigen::VectorXd value;
    Eigen::MatrixXd derivatives;
    cells.evaluate(x.data(), value, &derivatives);
    const Eigen::MatrixXd expected =
        (-(waves().a * x + waves().c).array().sin()).matrix().asDiagonal() * waves().a;
    // differentiation over a cell's width multiplies the error of the values
    BOOST_TEST((derivatives - expected).norm() < 2e-3 * expected.norm());
  }
}

BOOST_AUTO_TEST_CASE(memory_is_kept) {
  const LocalSeries small(coefficients(), waves().degrees, waves().outputs, 1e-3, 200000);
  BOOST_TEST(small.bytes() <= 200000u);
}
