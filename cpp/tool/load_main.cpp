// zyphos-load: the load generator on its own. stdout: one JSON event a line (connected, window,
// result, error). Exit 0; 1: it could not connect or be set up; 2: usage; 130, 143: interrupted,
// what was measured is printed.
#include <poll.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <exception>
#include <string>

#include "load/generator.h"
#include "net/clock.h"
#include "tool/load_words.h"
#include "tool/mapped_board.h"
#include "tool/process.h"

namespace {

constexpr const char* kProgram = "zyphos-load";

void print(const std::string& line) {
  std::fputs((line + "\n").c_str(), stdout);
  std::fflush(stdout);
}

// The signal that came first, or 0 when the threads have ended.
int wait_for_end(int done_fd, int signals_fd) {
  std::array<pollfd, 2> fds{pollfd{done_fd, POLLIN, 0}, pollfd{signals_fd, POLLIN, 0}};
  while (poll(fds.data(), fds.size(), -1) < 0 && errno == EINTR) {
  }
  return (fds[1].revents & POLLIN) != 0 ? zyphos::take_signal(signals_fd) : 0;
}

int measure(const zyphos::LoadSetting& setting) {
  const zyphos::Fd signals = zyphos::signals_as_fd();
  if (setting.parent_death) zyphos::die_with_parent();
  zyphos::MappedBoard board(setting.board_fd);
  zyphos::Generator generator(setting.load, board.board());
  const std::size_t connections = generator.connect();
  print(zyphos::connected_json(connections, zyphos::clock_now()));
  print(zyphos::window_json(generator.start()));
  const int signal = wait_for_end(generator.done_fd(), signals.get());
  if (signal != 0) {
    zyphos::restore_signals();
    generator.stop();
  }
  print(zyphos::to_json(generator.finish()));
  if (setting.hold && signal == 0) zyphos::hold_on(signals.get());
  return signal == 0 ? 0 : 128 + signal;
}

int fail(std::string_view errc, const char* message) {
  print(zyphos::error_json(errc, message));
  zyphos::complain(kProgram, message);
  return 1;
}

int run(const zyphos::LoadSetting& setting) {
  try {
    return measure(setting);
  } catch (const zyphos::CannotConnect& error) {
    return fail(zyphos::errc_name(error.error()), error.what());
  } catch (const std::exception& error) {
    return fail(zyphos::errc_name(zyphos::Errc::system), error.what());
  }
}

}  // namespace

int main(int argc, char** argv) {
  zyphos::LoadSetting setting;
  const zyphos::Words words = zyphos::load_words(setting);
  const zyphos::Usage usage = zyphos::read_words(words, argc, argv, kProgram);
  if (!usage.go_on) return usage.exit_code;
  if (const std::string wrong = zyphos::complaint(setting.load); !wrong.empty()) {
    zyphos::complain(kProgram, wrong);
    return 2;
  }
  return run(setting);
}
