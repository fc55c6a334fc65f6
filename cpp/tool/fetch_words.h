// The options of zyphos-fetch as words.
#pragma once

#include "fetch/options.h"
#include "tool/words.h"

namespace zyphos {

struct FetchSetting {
  fetch::FetchOptions fetch;
  int board_fd = -1;          // a shared board for its counters; below 0: none
  bool parent_death = false;  // end when the parent does
  bool hold = false;          // stay, after the result, until stdin ends
};

// The table refers to `setting`, which must outlive it.
Words fetch_words(FetchSetting& setting);

}  // namespace zyphos
