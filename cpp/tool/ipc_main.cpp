// zyphos-ipc: two processes of one machine and what is between them: pipes, Unix sockets, or shared
// memory. `role=answer port=N` waits ("waiting N" on stdout) and answers; `role=ask port=N` brings
// the channel and measures: one JSON event a line, as zyphos-load has them (connected, window,
// result, error). Exit 0; 1: the other has gone, or it could not be set up; 2: usage; 130, 143:
// interrupted.
#include <poll.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <exception>
#include <string>

#include "ipc/answer.h"
#include "ipc/ask.h"
#include "ipc/watcher.h"
#include "net/clock.h"
#include "net/cpu.h"
#include "tool/ipc_words.h"
#include "tool/mapped_board.h"
#include "tool/process.h"

namespace {

constexpr const char* kProgram = "zyphos-ipc";

void print(const std::string& line) {
  std::fputs((line + "\n").c_str(), stdout);
  std::fflush(stdout);
}

int fail(const std::string& message, bool asks) {
  if (asks) print(zyphos::error_json(zyphos::errc_name(zyphos::Errc::system), message));
  zyphos::complain(kProgram, message);
  return 1;
}

// The process's end, while its main thread waits for a message: nothing is left to unwind.
[[noreturn]] void end(const std::string& why, int signals, bool asks) {
  int code = fail(why, asks);
  if (why == "interrupted") code = 128 + zyphos::take_signal(signals);
  ::_exit(code);
}

// Until a signal comes, or, where it is not held, the asker has gone: who leaves first must be the
// one that waits for the other's words.
void stay(const zyphos::Fd& control, int signals, bool held) {
  std::array<pollfd, 2> fds{pollfd{signals, POLLIN, 0}, pollfd{held ? -1 : control.get(), 0, 0}};
  ::poll(fds.data(), fds.size(), -1);
}

int answer(const zyphos::IpcSetting& setting, int signals) {
  std::uint16_t port = setting.port;
  const zyphos::Fd place = zyphos::ipc::meeting_place(port);
  print("waiting " + std::to_string(port));
  const zyphos::ipc::Met met = zyphos::ipc::wait_for_asker(place, signals);
  if (!met.channel) return 128 + zyphos::take_signal(signals);
  zyphos::ipc::Totals totals;
  {
    const zyphos::ipc::Watcher watcher(
        met.control, signals, [signals](const std::string& why) { end(why, signals, false); });
    totals = zyphos::ipc::answer_all(*met.channel, met.options.pattern);
  }
  // The asker may leave as soon as it has them: nobody must be watching for that any more.
  zyphos::ipc::say(met.control, totals);
  stay(met.control, signals, setting.hold);
  return 0;
}

int ask(const zyphos::IpcSetting& setting, int signals) {
  zyphos::MappedBoard board(setting.board_fd);
  const zyphos::ipc::Met met = zyphos::ipc::ask_at(setting.port, setting.ask.channel);
  zyphos::ipc::Ask ask(setting.ask, met, board.board().take());
  std::string result;
  {
    const zyphos::ipc::Watcher watcher(
        met.control, signals, [signals](const std::string& why) { end(why, signals, true); });
    ask.try_out();
    print(zyphos::connected_json(1, zyphos::clock_now()));
    print(zyphos::window_json(ask.start()));
    const bool answers = setting.ask.channel.pattern == zyphos::ipc::Pattern::ping_pong;
    result = answers ? to_json(ask.converse()) : to_json(ask.stream());
  }
  print(result);
  if (setting.hold) zyphos::hold_on(signals);
  return 0;
}

int run(const zyphos::IpcSetting& setting) {
  const zyphos::Fd signals = zyphos::signals_as_fd();
  if (setting.parent_death) zyphos::die_with_parent();
  if (!setting.cpus.empty()) zyphos::pin_thread(setting.cpus);
  return setting.role == "ask" ? ask(setting, signals.get()) : answer(setting, signals.get());
}

// Empty: fine.
std::string complaint(const zyphos::IpcSetting& setting) {
  if (setting.role.empty()) return "give role=answer or role=ask";
  if (setting.role == "ask" && setting.port == 0) return "give port=, where the other waits";
  return zyphos::ipc::complaint(setting.ask.channel);
}

}  // namespace

int main(int argc, char** argv) {
  zyphos::IpcSetting setting;
  const zyphos::Words words = zyphos::ipc_words(setting);
  const zyphos::Usage usage = zyphos::read_words(words, argc, argv, kProgram);
  if (!usage.go_on) return usage.exit_code;
  if (const std::string wrong = complaint(setting); !wrong.empty()) {
    zyphos::complain(kProgram, wrong);
    return 2;
  }
  try {
    return run(setting);
  } catch (const std::exception& error) {
    return fail(error.what(), setting.role == "ask");
  }
}
