// The options of zyphos-load and of _core.load as words.
#pragma once

#include "load/options.h"
#include "tool/words.h"

namespace zyphos {

struct LoadSetting {
  LoadOptions load;
  int board_fd = -1;          // a shared board for the client's counters; below 0: none
  bool parent_death = false;  // end when the parent does
  bool hold = false;          // stay, with all connections, until stdin ends
};

// The table refers to `setting`, which must outlive it.
Words load_words(LoadSetting& setting);

}  // namespace zyphos
