#include "core/parallel.hpp"

#include <cblas.h>
#include <omp.h>

#include <atomic>
#include <exception>
#include <mutex>

#include "core/interrupt.hpp"

namespace pendel {

namespace {
int requested_threads = 0;
}

void set_threads(int count) { requested_threads = count; }

int threads() { return requested_threads > 0 ? requested_threads : omp_get_max_threads(); }

void parallel_for(long count, const std::function<void(long, int)>& body) {
  openblas_set_num_threads(1);
  std::exception_ptr failure;
  std::mutex failure_mutex;
  std::atomic<bool> failed{false};
#pragma omp parallel for schedule(dynamic, 1) num_threads(threads())
  for (long i = 0; i < count; ++i) {
    if (failed) continue;
    try {
      stop_if_interrupted();
      body(i, omp_get_thread_num());
    } catch (...) {
      std::lock_guard<std::mutex> lock(failure_mutex);
      if (!failure) failure = std::current_exception();
      failed = true;
    }
  }
  if (failure) std::rethrow_exception(failure);
}

}  // namespace pendel
