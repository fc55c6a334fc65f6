// zyphos-reference: a server of known truth (cpp/reference/server.h). First line on stdout:
// `listening ADDRESS:PORT`; last, where the truth is kept: one JSON line of it. SIGTERM or SIGINT
// ends it, exit 0. Exit 1: it could not be set up; 2: usage.
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <exception>
#include <system_error>

#include "reference/server.h"
#include "tool/process.h"
#include "tool/reference_words.h"

namespace {

constexpr const char* kProgram = "zyphos-reference";

int serve(const zyphos::ReferenceSetting& setting) {
  const zyphos::Fd signals = zyphos::signals_as_fd();
  if (setting.parent_death) zyphos::die_with_parent();
  zyphos::reference::Server server(setting.options);
  std::printf("listening %s\n", server.address().text().c_str());
  // Fails also where the parent ended before die_with_parent() was reached.
  if (std::fflush(stdout) != 0) {
    throw std::system_error(errno, std::generic_category(), "cannot say where it listens");
  }
  server.run(signals.get());
  if (setting.options.keeps_truth()) std::printf("%s\n", server.truth_json().c_str());
  return 0;
}

int refuse(const std::string& why) {
  zyphos::complain(kProgram, why);
  return 2;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    zyphos::ReferenceSetting setting;
    const zyphos::Words words = zyphos::reference_words(setting);
    const zyphos::Usage usage = zyphos::read_words(words, argc, argv, kProgram);
    if (!usage.go_on) return usage.exit_code;
    const auto place = zyphos::place_of(setting.listen);
    if (!place) return refuse(place.error());
    setting.options.listen = place->address;
    setting.options.ipv6_only = place->ipv6_only;
    setting.options.device = setting.listen.device;
    if (setting.commands) setting.options.commands_fd = STDIN_FILENO;
    const std::string wrong = zyphos::reference::complaint(setting.options);
    return wrong.empty() ? serve(setting) : refuse(wrong);
  } catch (const std::exception& error) {
    zyphos::complain(kProgram, error.what());
    return 1;
  }
}
