// The options of zyphos-ipc as words.
#pragma once

#include <string>
#include <vector>

#include "ipc/options.h"
#include "tool/words.h"

namespace zyphos {

struct IpcSetting {
  std::string role;
  std::uint16_t port = 0;  // the number at which the two meet
  ipc::AskOptions ask;
  std::vector<int> cpus;
  int board_fd = -1;          // a shared board for its counters; below 0: none
  bool parent_death = false;  // end when the parent does
  bool hold = false;          // stay, after the end, until stdin ends
};

// The table refers to `setting`, which must outlive it.
Words ipc_words(IpcSetting& setting);

}  // namespace zyphos
