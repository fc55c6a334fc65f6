// The options of zyphos-link as words.
#pragma once

#include <string>
#include <vector>

#include "link/emulator.h"
#include "tool/words.h"

namespace zyphos {

struct LinkSetting {
  link::EmulatorOptions emulator;
  std::string left_netns;  // paths; empty: the program's own
  std::string right_netns;
  std::string name = "zy0";  // of the interfaces: NAME-left, NAME-right
  int tx_queue_packets = 1000;
  std::vector<int> cpus;
  int fifo_priority = 0;  // of SCHED_FIFO; 0: the ordinary scheduler
  int board_fd = -1;
  int stop_fd = -1;  // its end stops the program
  bool parent_death = false;
};

// The table refers to `setting`, which must outlive it.
Words link_words(LinkSetting& setting);

// What contradicts itself, as one line, or nothing.
std::string complaint(const LinkSetting& setting);

}  // namespace zyphos
