// The options of zyphos-datagram as words.
#pragma once

#include <string>
#include <vector>

#include "datagram/options.h"
#include "tool/words.h"

namespace zyphos {

struct DatagramSetting {
  std::string role;
  std::string address = "127.0.0.1";
  std::uint16_t port = 0;
  datagram::AnswerOptions answer;
  datagram::AskOptions ask;
  unsigned batch = 32;
  bool spin = false;
  std::vector<int> cpus;
  int board_fd = -1;          // a shared board for its counters; below 0: none
  bool parent_death = false;  // end when the parent does
  bool hold = false;          // stay, after the end, until stdin ends
};

// The table refers to `setting`, which must outlive it.
Words datagram_words(DatagramSetting& setting);
// What both roles share goes to each one's options. Empty: fine; else one line, what is wrong.
std::string settle(DatagramSetting& setting);

}  // namespace zyphos
