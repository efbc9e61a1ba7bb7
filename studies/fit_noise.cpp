#include "studies/fit_noise.hpp"

namespace pendel {

void check_noise(const NoiseOptions& options, bool has_variance, Problems& problems) {
  const auto no_effect = [&](const std::string& key, const std::string& wanted) {
    problems.add("fit.noise." + key, "has no effect without " + wanted);
  };
  if (options.kind == Noise::gaussian && !has_variance)
    problems.add("fit.noise", "gaussian noise needs data.variance, the name of a dataset");
  if (options.kind == Noise::detector && !options.read_noise)
    problems.add("fit.noise.kind",
                 "detector needs read_noise, the standard deviation of a datum without electrons");
  if (options.kind != Noise::detector && options.gain) no_effect("gain", "kind: detector");
  if (options.kind != Noise::detector && options.read_noise)
    no_effect("read_noise", "kind: detector");
  if (options.loss == Loss::squares && options.width)
    no_effect("width", "loss: huber or loss: cauchy");
  if (options.estimate_model_error && options.model_error > 0)
    problems.add("fit.noise.model_error", "is given and to be estimated; remove one of the two");
}

NoiseModel noise_model(const NoiseOptions& options) {
  NoiseModel model;
  model.kind = options.kind;
  model.gain = options.gain.value_or(1);
  model.read = options.read_noise.value_or(0);
  model.model_error = options.model_error;
  model.loss = options.loss;
  // 95 % efficient for normal deviations [Huber1981]
  model.width = options.width.value_or(options.loss == Loss::huber ? 1.345 : 2.385);
  return model;
}

}  // namespace pendel
