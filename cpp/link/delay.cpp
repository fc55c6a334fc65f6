#include "link/delay.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace zyphos::link {

double Delay::offset() {
  const double u = random_.unit();
  switch (law_) {
    case JitterLaw::uniform: return 2.0 * u - 1.0;
    case JitterLaw::normal:  // Box and Muller, 1958
      return std::sqrt(-2.0 * std::log(u)) * std::cos(2.0 * std::numbers::pi * random_.unit());
    case JitterLaw::pareto:  // of shape 3 and least value 1: mean 3/2, variance 3/4
      return (1.0 / std::cbrt(u) - 1.5) * 2.0 / std::numbers::sqrt3;
  }
  return 0.0;
}

std::int64_t Delay::draw_ns() {
  if (jitter_ns_ == 0) return delay_ns_;
  const double jitter_ns = offset() * static_cast<double>(jitter_ns_);
  return std::max<std::int64_t>(0, delay_ns_ + std::llround(jitter_ns));
}

}  // namespace zyphos::link
