// What this machine's io_uring can do: each feature tried, none inferred from a version number.
#pragma once

#include <string>
#include <vector>

#include "engine/uring_options.h"

namespace zyphos {

struct UringFeature {
  std::string name;     // as in UringOptions; "defaults": what the engine needs by itself
  std::string missing;  // why it can't be used here; empty: it can
};

// Each switch of UringOptions that needs something of the kernel. Makes and drops small rings:
// some 10 ms.
std::vector<UringFeature> uring_features();

// Why this build or machine cannot run the engine with these options; empty: it can.
std::string uring_missing(const UringOptions& options);

}  // namespace zyphos
