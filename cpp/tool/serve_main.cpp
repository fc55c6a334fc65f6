// zyphos-serve: a real server of one engine and one protocol. First line on stdout: `listening
// ADDRESS:PORT`; where a folder is served, the second says where a browser finds it. SIGTERM or
// SIGINT: drains, exit 0; a second one ends it at once. SIGHUP: engine prefork replaces its
// workers, others end as by any SIGHUP. Exit 1: it could not be set up, or its processes have
// ended; 2: usage.
#include <poll.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <exception>
#include <stdexcept>
#include <system_error>

#include "tool/process.h"
#include "tool/server.h"
#include "tool/site_words.h"

namespace {

constexpr const char* kProgram = "zyphos-serve";

// Returns when a signal asks for the end.
void await_end(zyphos::Server& server, int signals) {
  pollfd waiting[] = {{.fd = signals, .events = POLLIN, .revents = 0},
                      {.fd = server.ended_fd(), .events = POLLIN, .revents = 0}};
  for (;;) {
    if (::poll(waiting, 2, -1) < 0) continue;
    if (waiting[0].revents != 0) {
      if (zyphos::take_signal(signals) != SIGHUP) return;
      server.reload();
    } else if (waiting[1].revents != 0) {
      throw std::runtime_error("the supervisor of its workers has ended, and they with it");
    }
  }
}

int serve(const zyphos::ServeSetting& setting) {
  const bool reloads = setting.engine == "prefork";
  const zyphos::Fd signals = zyphos::signals_as_fd(reloads ? SIGHUP : 0);
  if (setting.parent_death) zyphos::die_with_parent();
  if (setting.descriptors_max) zyphos::limit_descriptors(*setting.descriptors_max);
  zyphos::Server server(setting);
  if (setting.threads_max) {
    zyphos::limit_threads(*setting.threads_max);
    if (setting.parent_death) zyphos::die_with_parent();  // which another user's process forgets
  }
  std::printf("listening %s\n", server.address().text().c_str());
  if (!setting.site.root.empty()) {
    std::printf("serving %s at %s\n", setting.site.root.c_str(),
                zyphos::url_of(server.address()).c_str());
  }
  // Fails also where the parent ended before die_with_parent() was reached.
  if (std::fflush(stdout) != 0) {
    throw std::system_error(errno, std::generic_category(), "cannot say where it listens");
  }
  await_end(server, signals.get());
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
