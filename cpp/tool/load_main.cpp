// zyphos-load: the load generator on its own. stdout: one JSON event a line (connected, window,
// result, error). Exit 0; 1: it could not connect or be set up; 2: usage; 130, 143: interrupted,
// what was measured is printed. One of several processes is told on stdin, in one line, when its
// window begins (ns of CLOCK_MONOTONIC), so that all begin at the same time.
#include <poll.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <exception>
#include <optional>
#include <stdexcept>
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

// A number and the end of its line; empty: a signal came first, and is still to be taken.
std::optional<zyphos::Time> told_start(int signals_fd) {
  std::string line;
  std::array<char, 64> part{};
  std::array<pollfd, 2> fds{pollfd{STDIN_FILENO, POLLIN, 0}, pollfd{signals_fd, POLLIN, 0}};
  while (line.find('\n') == std::string::npos) {
    poll(fds.data(), fds.size(), -1);
    if (fds[1].revents != 0) return {};
    const ssize_t got = read(STDIN_FILENO, part.data(), part.size());
    if (got <= 0) throw std::runtime_error("stdin ended before it said when the window begins");
    line.append(part.data(), static_cast<std::size_t>(got));
  }
  std::int64_t start_ns = 0;
  const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), start_ns);
  if (error != std::errc{} || *end != '\n') {
    throw std::runtime_error("stdin must say when the window begins, in ns of CLOCK_MONOTONIC");
  }
  return zyphos::Time{start_ns};
}

zyphos::Window start(zyphos::Generator& generator, bool one_of_several, int signals_fd) {
  if (!one_of_several) return generator.start();
  const std::optional<zyphos::Time> begin = told_start(signals_fd);
  return begin ? generator.start(*begin) : generator.start();
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
  const bool one_of_several = setting.load.processes > 1;
  print(zyphos::window_json(start(generator, one_of_several, signals.get())));
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
