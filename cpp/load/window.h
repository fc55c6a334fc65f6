// Window: the measured stretch of time of a load.
#pragma once

#include "base/time.h"

namespace zyphos {

struct Window {
  Time start;
  Time end;  // not in it
  bool holds(Time time) const { return time >= start && time < end; }
};

}  // namespace zyphos
