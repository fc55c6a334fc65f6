// For the bench: zyphos-link itself, as a run starts it, between two namespaces of this process. In
// a thread beside others each of its system calls would cost more (shared descriptors, points where
// a thread may be cancelled). Nothing is left behind, however the bench ends.
#pragma once

#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "link/namespaces_fixture.h"

namespace zyphos::link {

class LinkProgram {
 public:
  // `words`: as on its command line; `cpu`: where it runs. Throws std::system_error.
  LinkProgram(std::span<const std::string> words, int cpu)
      : board_fd_(memfd_create("zyphos-link-board", 0)) {
    throw_if(!board_fd_ || ftruncate(board_fd_.get(), bytes()) != 0, "memfd_create");
    void* memory = mmap(nullptr, LinkBoard::bytes(), PROT_READ, MAP_SHARED, board_fd_.get(), 0);
    throw_if(memory == MAP_FAILED, "mmap the board");
    board_ = memory;
    const std::string parent = "/proc/" + std::to_string(getpid());
    std::vector<std::string> all{program(),
                                 "left_netns=" + parent + left.path().substr(10),
                                 "right_netns=" + parent + right.path().substr(10),
                                 "cpus=" + std::to_string(cpu),
                                 "board_fd=" + std::to_string(board_fd_.get()),
                                 "parent_death=true"};
    all.insert(all.end(), words.begin(), words.end());
    start(all);
    bring_up(left, "zy0-left", kLeft);
    bring_up(right, "zy0-right", kRight);
  }
  LinkProgram(const LinkProgram&) = delete;
  LinkProgram& operator=(const LinkProgram&) = delete;
  ~LinkProgram() {
    stop();
    munmap(const_cast<void*>(board_), LinkBoard::bytes());  // NOLINT: mapped by us
  }

  static std::string program() {
    const auto folder = std::filesystem::read_symlink("/proc/self/exe").parent_path();
    return folder.parent_path() / "bin" / "zyphos-link";
  }

  LinkBoard::Snapshot stop() {
    if (process_ > 0) {
      rusage used{};
      kill(process_, SIGTERM);
      wait4(process_, nullptr, 0, &used);
      process_ = 0;
      cpu_ns_ = ns_of(used.ru_utime) + ns_of(used.ru_stime);
    }
    return LinkBoard::snapshot(board_);
  }
  // Of the whole process, its start too; after stop().
  std::int64_t cpu_ns() const { return cpu_ns_; }

  Namespace left;
  Namespace right;

 private:
  static off_t bytes() { return static_cast<off_t>(LinkBoard::bytes()); }
  static std::int64_t ns_of(const timeval& time) {
    return (time.tv_sec * std::int64_t{1'000'000} + time.tv_usec) * 1000;
  }

  // Returns when it has said that it is ready.
  void start(std::vector<std::string>& words) {
    std::vector<char*> arguments(words.size() + 1, nullptr);
    for (std::size_t at = 0; at < words.size(); ++at) arguments[at] = words[at].data();
    int ends[2] = {-1, -1};
    throw_if(pipe2(ends, O_CLOEXEC) != 0, "pipe2");
    output_ = Fd(ends[0]);
    Fd says(ends[1]);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, says.get(), STDOUT_FILENO);
    errno = posix_spawn(&process_, words[0].c_str(), &actions, nullptr, arguments.data(), environ);
    posix_spawn_file_actions_destroy(&actions);
    throw_if(errno != 0, words[0].c_str());
    says = Fd();
    char first = 0;
    throw_if(read(output_.get(), &first, 1) != 1, "read the emulator's first line");
  }

  Fd board_fd_;
  const void* board_ = nullptr;
  Fd output_;  // kept open: its totals go there
  pid_t process_ = 0;
  std::int64_t cpu_ns_ = 0;
};

}  // namespace zyphos::link
