// One parallel loop. Bodies write to their own element only, so a result never depends on the
// number of threads; BLAS and FFTW run one thread inside.
#pragma once
#include <functional>

namespace pendel {

/// Number of threads used by parallel_for; 0 means all cores.
void set_threads(int count);
int threads();

/// Runs body(index, thread) for index in [0, count), dynamically shared among threads. The first
/// exception of a body is rethrown after the loop; Error (interrupted) if that is asked for.
void parallel_for(long count, const std::function<void(long index, int thread)>& body);

}  // namespace pendel
