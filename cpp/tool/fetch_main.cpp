// zyphos-fetch: what a URL costs, phase by phase. stdout: one JSON event a line, as zyphos-load has
// them (connected, window, result, error). Exit 0; 1: the first fetch failed, or it could not be
// set up; 2: usage; 130, 143: interrupted, what was measured is printed.
#include <cstdio>
#include <exception>
#include <string>

#include "fetch/run.h"
#include "net/clock.h"
#include "tool/fetch_words.h"
#include "tool/mapped_board.h"
#include "tool/process.h"

namespace {

constexpr const char* kProgram = "zyphos-fetch";

void print(const std::string& line) {
  std::fputs((line + "\n").c_str(), stdout);
  std::fflush(stdout);
}

int fail(zyphos::Errc errc, const std::string& message) {
  print(zyphos::error_json(zyphos::errc_name(errc), message));
  zyphos::complain(kProgram, message);
  return 1;
}

int measure(const zyphos::FetchSetting& setting) {
  const zyphos::Fd signals = zyphos::signals_as_fd();
  if (setting.parent_death) zyphos::die_with_parent();
  zyphos::MappedBoard board(setting.board_fd);
  zyphos::fetch::Waiter waiter(signals.get());
  zyphos::fetch::Run run(setting.fetch, waiter, board.board().take());
  if (const zyphos::Errc error = run.try_out(); error != zyphos::Errc::ok) {
    const std::string what = waiter.stopped() ? "interrupted" : std::string(errc_text(error));
    return fail(error, "cannot fetch " + setting.fetch.name + setting.fetch.path + ": " + what);
  }
  print(zyphos::connected_json(1, zyphos::clock_now()));
  print(zyphos::window_json(run.start()));
  print(zyphos::to_json(run.finish()));
  if (waiter.stopped()) return 128 + zyphos::take_signal(signals.get());
  if (setting.hold) zyphos::hold_on(signals.get());
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  zyphos::FetchSetting setting;
  const zyphos::Words words = zyphos::fetch_words(setting);
  const zyphos::Usage usage = zyphos::read_words(words, argc, argv, kProgram);
  if (!usage.go_on) return usage.exit_code;
  if (const std::string wrong = complaint(setting.fetch); !wrong.empty()) {
    zyphos::complain(kProgram, wrong);
    return 2;
  }
  try {
    return measure(setting);
  } catch (const std::exception& error) {
    return fail(zyphos::Errc::system, error.what());
  }
}
