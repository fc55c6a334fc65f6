// zyphos-link: a link emulator between two network namespaces. First line on stdout: `ready
// left=INTERFACE right=INTERFACE`; the last, when SIGTERM or SIGINT has come or stop_fd has ended:
// one JSON line of totals, exit 0. Exit 1: it could not be set up, or an interface went; 2: usage.
#include <sched.h>

#include <cerrno>
#include <cstdio>
#include <exception>
#include <string>
#include <system_error>

#include "link/emulator.h"
#include "net/clock.h"
#include "net/cpu.h"
#include "tool/link_totals.h"
#include "tool/link_words.h"
#include "tool/mapped_board.h"
#include "tool/process.h"

namespace {

constexpr const char* kProgram = "zyphos-link";

void print(const std::string& line) {
  std::fputs((line + "\n").c_str(), stdout);
  if (std::fflush(stdout) != 0) {
    throw std::system_error(errno, std::generic_category(), "cannot write to stdout");
  }
}

void take_place(const zyphos::LinkSetting& setting) {
  if (!setting.cpus.empty()) zyphos::pin_thread(setting.cpus);
  if (setting.fifo_priority == 0) return;
  sched_param param{};
  param.sched_priority = setting.fifo_priority;
  if (sched_setscheduler(0, SCHED_FIFO, &param) != 0) {
    throw std::system_error(errno, std::generic_category(),
                            "cannot run as SCHED_FIFO " + std::to_string(setting.fifo_priority) +
                                " (needs CAP_SYS_NICE, a priority from 1 to 99, and the root cpu "
                                "cgroup)");
  }
}

zyphos::link::Tun end_of(const zyphos::LinkSetting& setting, const std::string& netns,
                         const char* side) {
  return zyphos::link::Tun({.netns = netns,
                            .name = setting.name + "-" + side,
                            .mtu = static_cast<int>(setting.emulator.mtu),
                            .tx_queue_packets = setting.tx_queue_packets});
}

int emulate(const zyphos::LinkSetting& setting) {
  const zyphos::Fd signals = zyphos::signals_as_fd();
  if (setting.parent_death) zyphos::die_with_parent();
  take_place(setting);
  zyphos::Mapped<zyphos::link::LinkBoard> board(setting.board_fd);
  const auto left = end_of(setting, setting.left_netns, "left");
  const auto right = end_of(setting, setting.right_netns, "right");
  zyphos::link::Emulator emulator(setting.emulator, left, right, board.board());
  print("ready left=" + left.name() + " right=" + right.name());
  const zyphos::Time start = zyphos::clock_now();
  emulator.run({signals.get(), setting.stop_fd});
  print(zyphos::totals_json(board.board().snapshot(), emulator.totals(),
                            zyphos::clock_now() - start, zyphos::thread_cpu_ns()));
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    zyphos::LinkSetting setting;
    const zyphos::Words words = zyphos::link_words(setting);
    const zyphos::Usage usage = zyphos::read_words(words, argc, argv, kProgram);
    if (!usage.go_on) return usage.exit_code;
    if (const std::string wrong = zyphos::complaint(setting); !wrong.empty()) {
      zyphos::complain(kProgram, wrong);
      return 2;
    }
    return emulate(setting);
  } catch (const std::exception& error) {
    zyphos::complain(kProgram, error.what());
    return 1;
  }
}
