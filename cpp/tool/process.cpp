#include "tool/process.h"

#include <grp.h>
#include <poll.h>
#include <pthread.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <string>
#include <system_error>

namespace zyphos {
namespace {

sigset_t ending_signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  return set;
}

}  // namespace

Fd signals_as_fd(int more) {
  sigset_t set = ending_signals();
  if (more != 0) sigaddset(&set, more);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  // A reader that has gone must not end the process before it has ended its own way.
  std::signal(SIGPIPE, SIG_IGN);
  Fd fd(signalfd(-1, &set, SFD_CLOEXEC));
  if (!fd) throw std::system_error(errno, std::generic_category(), "signalfd");
  return fd;
}

int take_signal(int fd) {
  signalfd_siginfo info{};
  while (::read(fd, &info, sizeof info) != static_cast<ssize_t>(sizeof info)) {
  }
  return static_cast<int>(info.ssi_signo);
}

void hold_on(int signals_fd) {
  std::array<char, 64> ignored{};
  std::array<pollfd, 2> fds{pollfd{STDIN_FILENO, POLLIN, 0}, pollfd{signals_fd, POLLIN, 0}};
  bool held = true;
  while (held) {
    poll(fds.data(), fds.size(), -1);
    held = fds[1].revents == 0 &&
           (fds[0].revents == 0 || read(STDIN_FILENO, ignored.data(), ignored.size()) > 0);
  }
}

void restore_signals() {
  const sigset_t set = ending_signals();
  std::signal(SIGINT, SIG_DFL);
  std::signal(SIGTERM, SIG_DFL);
  pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
}

void die_with_parent() { prctl(PR_SET_PDEATHSIG, static_cast<unsigned long>(SIGKILL), 0, 0, 0); }

void limit_descriptors(std::uint64_t most) {
  const rlimit limit{.rlim_cur = most, .rlim_max = most};
  if (setrlimit(RLIMIT_NOFILE, &limit) != 0) {
    throw std::system_error(errno, std::generic_category(),
                            "cannot allow " + std::to_string(most) + " descriptors");
  }
}

void limit_threads(std::uint64_t most) {
  constexpr uid_t kFirst = 1'000'000;  // beyond those of people and services
  const auto nobody = kFirst + static_cast<uid_t>(::getpid());
  const rlimit limit{.rlim_cur = most, .rlim_max = most};
  if (setrlimit(RLIMIT_NPROC, &limit) != 0 || ::setgroups(0, nullptr) != 0 ||
      ::setgid(nobody) != 0 || ::setuid(nobody) != 0) {
    throw std::system_error(errno, std::generic_category(),
                            "cannot become a user of " + std::to_string(most) + " threads");
  }
}

void complain(std::string_view program, std::string_view message) {
  const std::string line = std::string(program) + ": " + std::string(message) + "\n";
  std::fputs(line.c_str(), stderr);
}

Usage read_words(const Words& words, int argc, char** argv, std::string_view program) {
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    if (word == "-h" || word == "--help") {
      std::printf("usage: %s key=value ...\n%s", std::string(program).c_str(),
                  words.help().c_str());
      return {false, 0};
    }
    if (const auto applied = words.apply(word); !applied) {
      complain(program, applied.error());
      return {false, 2};
    }
  }
  return {};
}

}  // namespace zyphos
