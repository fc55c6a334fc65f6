// zyphos-serve: a real server of one engine and one protocol. First line on stdout: `listening
// ADDRESS:PORT`. SIGTERM or SIGINT: drains, exit 0; a second one ends it at once. Exit 1: it could
// not be set up; 2: usage.
#include <cerrno>
#include <cstdio>
#include <exception>
#include <system_error>

#include "tool/process.h"
#include "tool/server.h"

namespace {

constexpr const char* kProgram = "zyphos-serve";

int serve(const zyphos::ServeSetting& setting) {
  const zyphos::Fd signals = zyphos::signals_as_fd();
  if (setting.parent_death) zyphos::die_with_parent();
  if (setting.descriptors_max) zyphos::limit_descriptors(*setting.descriptors_max);
  zyphos::Server server(setting);
  std::printf("listening %s\n", server.address().text().c_str());
  // Fails also where the parent ended before die_with_parent() was reached.
  if (std::fflush(stdout) != 0) {
    throw std::system_error(errno, std::generic_category(), "cannot say where it listens");
  }
  zyphos::take_signal(signals.get());
  zyphos::restore_signals();
  server.stop();
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    zyphos::ServeSetting setting;
    const zyphos::Words words = zyphos::serve_words(setting);
    const zyphos::Usage usage = zyphos::read_words(words, argc, argv, kProgram);
    return usage.go_on ? serve(setting) : usage.exit_code;
  } catch (const std::exception& error) {
    zyphos::complain(kProgram, error.what());
    return 1;
  }
}
