// What a `fit` study says of the noise of its data.
#pragma once
#include "core/options_reader.hpp"
#include "fit/disk_data.hpp"

namespace pendel {

inline Choices<Noise> choices(Noise) {
  return {
      {"poisson", Noise::poisson}, {"gaussian", Noise::gaussian}, {"detector", Noise::detector}};
}
inline Choices<Loss> choices(Loss) {
  return {{"squares", Loss::squares}, {"huber", Loss::huber}, {"cauchy", Loss::cauchy}};
}

struct NoiseOptions {
  Noise kind = Noise::poisson;
  std::optional<double> gain, read_noise;
  double model_error = 0;
  bool estimate_model_error = false;
  Loss loss = Loss::squares;
  std::optional<double> width;

  template <class Visitor>
  void describe(Visitor& v) {
    v("kind", kind,
      help(
          "variance of the data: poisson, they are counts; gaussian, data.variance; detector, gain "
          "times the intensity + read_noise²"));
    v("gain", gain, help("data units per electron, for detector; without it 1").above(0));
    v("read_noise", read_noise,
      help("standard deviation without electrons, data units, for detector").above(0));
    v("model_error", model_error,
      help("relative error of the model itself: (model_error times the intensity)² is added to the "
           "variance")
          .range(0, 1));
    v("estimate_model_error", estimate_model_error,
      help("find model_error from how far χ² per degree of freedom exceeds 1, at "
           "search.scan_positions positions"));
    v("loss", loss,
      help("how deviations count: squares; huber and cauchy let single wrong data go"));
    v("width", width,
      help(
          "standard deviations beyond which they do; without it 1.345 for huber, 2.385 for cauchy: "
          "error bars 2.6 % larger where nothing is wrong")
          .above(0));
  }
};

/// Keys that have no effect or are missing. has_variance: of every set of data.
void check_noise(const NoiseOptions& options, bool has_variance, Problems& problems);
NoiseModel noise_model(const NoiseOptions& options);

}  // namespace pendel
