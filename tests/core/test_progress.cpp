// The line of progress, and that it can be advanced from several threads.
#include <boost/test/unit_test.hpp>

#include "core/parallel.hpp"
#include "core/progress.hpp"

using pendel::Progress;

BOOST_AUTO_TEST_CASE(line_says_done_rate_and_time_left) {
  BOOST_TEST(Progress::line("fit", 12, 100, 4.0) == "fit 12/100  3/s  29 s left");
  BOOST_TEST(Progress::line("fit", 10, 10000, 1.0) == "fit 10/10000  10/s  17 min left");
  BOOST_TEST(Progress::line("fit", 1, 10000, 10.0) == "fit 1/10000  0.1/s  27.8 h left");
  BOOST_TEST(Progress::line("fit", 100, 100, 4.0) == "fit 100/100  25/s");
  BOOST_TEST(Progress::line("fit", 0, 100, 0) == "fit 0/100  0/s");
}

BOOST_AUTO_TEST_CASE(threads_may_advance_it) {
  Progress progress("quiet", 1000, true);
  pendel::parallel_for(1000, [&](long, int) { progress.advance(); });
}
