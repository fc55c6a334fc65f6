// What both programs do about signals, their parent and their usage.
#pragma once

#include <csignal>
#include <cstdint>
#include <string_view>
#include <vector>

#include "net/fd.h"
#include "tool/words.h"

namespace zyphos {

// Blocks SIGINT, SIGTERM and one `more` (0: none) in this thread and those it starts (call it
// first); readable when one has come. std::system_error when there is no descriptor.
Fd signals_as_fd(int more = 0);
// The signal that signals_as_fd() holds; blocks until there is one.
int take_signal(int fd);
// Until stdin is closed, or a signal comes.
void hold_on(int signals_fd);
// Back to the default: the next SIGINT or SIGTERM ends the process at once.
void restore_signals();
// The kernel kills this process when the thread that started it ends.
void die_with_parent();

// From now on this process may have no more descriptors than so many. std::system_error where more
// are asked for than it may.
void limit_descriptors(std::uint64_t most);

// From now on this process may have no more threads than so many, its own main one included. The
// limit is of all that a user has (RLIMIT_NPROC), and none for root: so the process becomes that of
// a user that nobody else is. std::system_error where it may not.
void limit_threads(std::uint64_t most);

// Applies argv[1..] in order. 0: go on. Else the exit code: 2 after one line on stderr, or 0 after
// help (-h, --help). `go_on` tells them apart.
struct Usage {
  bool go_on = true;
  int exit_code = 0;
};
Usage read_words(const Words& words, int argc, char** argv, std::string_view program);
// One line on stderr.
void complain(std::string_view program, std::string_view message);

}  // namespace zyphos
