// zyphos-datagram: UDP datagrams sent back to where they came from, by several ways into the kernel
// (`role=answer by=recvmsg|recvmmsg|gro|uring|packet|xdp`: "listening ADDRESS:PORT by MANNER"), and
// the load for it (`role=ask`: one JSON event a line, as zyphos-load has them). Exit 0; 1: it could
// not be set up, or nobody answers; 2: usage; 69 (EX_UNAVAILABLE): this machine cannot do it; 130,
// 143: interrupted.
#include <sysexits.h>

#include <cerrno>
#include <cstdio>
#include <exception>
#include <string>
#include <system_error>

#include "datagram/answerer.h"
#include "datagram/asker.h"
#include "datagram/not_here.h"
#include "net/clock.h"
#include "net/cpu.h"
#include "tool/datagram_words.h"
#include "tool/mapped_board.h"
#include "tool/process.h"

namespace {

constexpr const char* kProgram = "zyphos-datagram";

void print(const std::string& line) {
  std::fputs((line + "\n").c_str(), stdout);
  if (std::fflush(stdout) != 0) {
    throw std::system_error(errno, std::generic_category(), "cannot write to stdout");
  }
}

int answer(const zyphos::DatagramSetting& setting, int signals, zyphos::Counters& counters) {
  const auto answerer = zyphos::datagram::make_answerer(setting.answer, counters);
  print("listening " + answerer->address().text() + " by " + answerer->manner());
  answerer->run(signals);
  return 0;
}

int ask(const zyphos::DatagramSetting& setting, int signals, zyphos::Counters& counters) {
  zyphos::datagram::Asker asker(setting.ask, signals, counters);
  asker.try_out();
  print(zyphos::connected_json(1, zyphos::clock_now()));
  print(zyphos::window_json(asker.start()));
  const auto result = asker.run();
  if (!result) return 128 + zyphos::take_signal(signals);
  print(to_json(*result));
  if (setting.hold) zyphos::hold_on(signals);
  return 0;
}

int run(const zyphos::DatagramSetting& setting) {
  const zyphos::Fd signals = zyphos::signals_as_fd();
  if (setting.parent_death) zyphos::die_with_parent();
  if (!setting.cpus.empty()) zyphos::pin_thread(setting.cpus);
  zyphos::MappedBoard board(setting.board_fd);
  zyphos::Counters& counters = board.board().take();
  return setting.role == "ask" ? ask(setting, signals.get(), counters)
                               : answer(setting, signals.get(), counters);
}

int fail(const std::string& message, const zyphos::DatagramSetting& setting, int code) {
  if (setting.role == "ask") {
    print(zyphos::error_json(zyphos::errc_name(zyphos::Errc::system), message));
  }
  zyphos::complain(kProgram, message);
  return code;
}

}  // namespace

int main(int argc, char** argv) {
  zyphos::DatagramSetting setting;
  const zyphos::Words words = zyphos::datagram_words(setting);
  const zyphos::Usage usage = zyphos::read_words(words, argc, argv, kProgram);
  if (!usage.go_on) return usage.exit_code;
  if (const std::string wrong = zyphos::settle(setting); !wrong.empty()) {
    zyphos::complain(kProgram, wrong);
    return 2;
  }
  try {
    return run(setting);
  } catch (const zyphos::datagram::NotHere& error) {
    return fail(error.what(), setting, EX_UNAVAILABLE);
  } catch (const std::exception& error) {
    return fail(error.what(), setting, 1);
  }
}
